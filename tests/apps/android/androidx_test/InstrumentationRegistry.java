package androidx.test.platform.app;

import android.app.Instrumentation;
import android.os.Bundle;

/**
 * As far as the app's tests on a device use it. Declared as in android/android-test,
 * runner/monitor/java/androidx/test/platform/app/InstrumentationRegistry.java.
 */
public final class InstrumentationRegistry {
    public static Instrumentation getInstrumentation() {
        throw new UnsupportedOperationException();
    }

    public static Bundle getArguments() {
        throw new UnsupportedOperationException();
    }

    private InstrumentationRegistry() {}
}
