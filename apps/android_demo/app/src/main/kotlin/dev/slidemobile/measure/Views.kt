package dev.slidemobile.measure

import android.view.View
import android.widget.AdapterView
import android.widget.ArrayAdapter
import android.widget.Spinner

/** Finds a view by its id. */
inline fun <reified T : View> View.find(id: Int): T {
    val view: View = findViewById(id)
    return view as T
}

/** Shows [texts], and keeps the choice if it is still among them. */
fun Spinner.offer(texts: List<String>) {
    val chosen = selectedItem
    val adapter = ArrayAdapter(context, android.R.layout.simple_spinner_item, texts)
    adapter.setDropDownViewResource(android.R.layout.simple_spinner_dropdown_item)
    this.adapter = adapter
    setSelection(texts.indexOf(chosen).coerceAtLeast(0))
}

fun Spinner.onChosen(action: (Int) -> Unit) {
    onItemSelectedListener = object : AdapterView.OnItemSelectedListener {
        override fun onItemSelected(
            parent: AdapterView<*>?, view: View?, position: Int, id: Long,
        ) = action(position)

        override fun onNothingSelected(parent: AdapterView<*>?) = Unit
    }
}
