package dev.slidemobile.measure

import android.content.Intent
import android.os.Bundle
import androidx.test.platform.app.InstrumentationRegistry
import dev.slidemobile.core.Farm
import org.junit.Test

/**
 * A headless start as an instrumentation, for device farms that run nothing else. The arguments
 * that begin with `slide_` are its extras: `-e slide_runs 100`. The document is where it otherwise
 * is.
 */
class HeadlessTest {
    private val instrumentation = InstrumentationRegistry.getInstrumentation()

    @Test
    fun measures() {
        val intent = Intent(instrumentation.targetContext, HeadlessActivity::class.java)
            .addFlags(Intent.FLAG_ACTIVITY_NEW_TASK)
        for ((name, value) in Farm.extras(arguments())) intent.putExtra(name, value as String)
        val activity = instrumentation.startActivitySync(intent) as HeadlessActivity
        activity.outcome.get()  // throws the reason, if it failed
    }

    /** `am instrument -e` gives texts. */
    private fun arguments(): Map<String, Any?> {
        val bundle: Bundle = InstrumentationRegistry.getArguments()
        return bundle.keySet().associateWith { bundle.getString(it) }
    }
}
