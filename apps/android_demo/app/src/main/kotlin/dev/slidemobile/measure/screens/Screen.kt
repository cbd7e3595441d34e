package dev.slidemobile.measure.screens

import android.app.Activity
import android.view.View
import android.view.ViewGroup
import dev.slidemobile.measure.MeasureApplication

/** One of the app's screens: a layout, brought up to date each time it is shown. */
abstract class Screen(protected val activity: Activity, parent: ViewGroup, layout: Int) {
    val view: View = activity.layoutInflater.inflate(layout, parent, false)

    protected val measure get() = activity.application as MeasureApplication

    abstract fun shown()

    /** Called when a task has ended that outlives the screen, which may not be on display. */
    open fun update() = Unit

    protected fun text(id: Int, vararg values: Any): String = activity.getString(id, *values)
}
