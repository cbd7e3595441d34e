package dev.slidemobile.measure

import android.app.Activity
import android.content.Intent
import android.os.Bundle
import android.view.View
import android.view.ViewGroup
import android.widget.RadioGroup
import dev.slidemobile.measure.screens.MeasureScreen
import dev.slidemobile.measure.screens.ModelsScreen
import dev.slidemobile.measure.screens.Screen
import dev.slidemobile.measure.screens.ShareScreen
import dev.slidemobile.measure.screens.TryScreen
import dev.slidemobile.measure.screens.VerifyScreen

/** Five screens and the row of buttons between them. */
class MainActivity : Activity() {
    private val measure get() = application as MeasureApplication
    private lateinit var screens: Map<Int, Screen>
    private lateinit var content: ViewGroup

    override fun onCreate(savedInstanceState: Bundle?) {
        super.onCreate(savedInstanceState)
        setContentView(R.layout.main)
        val root: View = findViewById(R.id.root)
        content = root.find(R.id.content)
        screens = mapOf(
            R.id.tab_models to ModelsScreen(this, content),
            R.id.tab_measure to MeasureScreen(this, content),
            R.id.tab_verify to VerifyScreen(this, content),
            R.id.tab_try to TryScreen(this, content),
            R.id.tab_share to ShareScreen(this, content),
        )
        val tabs = root.find<RadioGroup>(R.id.tabs)
        tabs.setOnCheckedChangeListener { _, id -> show(id) }
        val chosen = savedInstanceState?.getInt(CHOSEN, 0) ?: 0
        // Check first: the listener shows the screen.
        tabs.check(if (chosen in screens) chosen else R.id.tab_models)
    }

    override fun onStart() {
        super.onStart()
        measure.changed = { screens.values.forEach { it.update() } }
        measure.changed()  // a task may have ended while this was not on the screen
    }

    /** Stops measuring: an app that is not on the screen computes with lowered clocks. */
    override fun onStop() {
        super.onStop()
        measure.changed = {}
        if (!isChangingConfigurations) measure.running?.cancel()
    }

    override fun onSaveInstanceState(outState: Bundle) {
        super.onSaveInstanceState(outState)
        val tabs: View = findViewById(R.id.tabs)
        outState.putInt(CHOSEN, (tabs as RadioGroup).checkedRadioButtonId)
        (screens[R.id.tab_try] as TryScreen).save(outState)
    }

    override fun onRestoreInstanceState(savedInstanceState: Bundle) {
        super.onRestoreInstanceState(savedInstanceState)
        (screens[R.id.tab_try] as TryScreen).restore(savedInstanceState)
    }

    @Deprecated("AndroidX's contracts replace it; this app is without AndroidX")
    override fun onActivityResult(requestCode: Int, resultCode: Int, data: Intent?) {
        @Suppress("DEPRECATION")
        super.onActivityResult(requestCode, resultCode, data)
        if (resultCode != RESULT_OK) return
        (screens[R.id.tab_try] as TryScreen).photoTaken(requestCode, data)
    }

    private fun show(id: Int) {
        val screen = screens[id] ?: return
        content.removeAllViews()
        content.addView(screen.view)
        screen.shown()
    }

    private companion object {
        const val CHOSEN = "chosen"
    }
}
