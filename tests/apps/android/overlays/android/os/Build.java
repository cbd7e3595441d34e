package android.os;

/**
 * As far as the app needs it, of API 36; the jar that the UI is compiled against is of API 23. Not
 * constants, which a compiler would copy into the app.
 */
public class Build {
    public static final String FINGERPRINT = String.valueOf("");
    public static final String HARDWARE = String.valueOf("");
    public static final String MANUFACTURER = String.valueOf("");
    public static final String MODEL = String.valueOf("");
    public static final String SOC_MANUFACTURER = String.valueOf("");
    public static final String SOC_MODEL = String.valueOf("");
    public static final String[] SUPPORTED_ABIS = {};

    public static class VERSION {
        public static final String RELEASE = String.valueOf("");
        public static final int SDK_INT = Integer.parseInt("35");
    }

    public static class VERSION_CODES {
        public static final int Q = 29;
        public static final int S = 31;
        public static final int TIRAMISU = 33;
    }
}
