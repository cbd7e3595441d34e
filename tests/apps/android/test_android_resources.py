"""What the app's manifests, layouts, colors and strings say, read from the sources."""

import re
import xml.etree.ElementTree as ElementTree
from pathlib import Path

from android_sources import ANDROID, MODULE, manifest, source
from kotlin_app import APP, CORE, UI, kotlin_files


def test_no_other_app_can_start_a_measurement() -> None:
    """adb's shell has DUMP (frameworks/base, packages/Shell/AndroidManifest.xml)."""
    assert _exported("main") == {
        ".MainActivity": None,
        ".HeadlessActivity": "android.permission.DUMP",
    }


def test_firebase_can_start_a_game_loop_of_the_farms_build_only() -> None:
    """As the documentation of Test Lab asks: "Get started with Game Loop tests"."""
    assert _exported("farm") == {".GameLoopActivity": None}
    (loops,) = manifest("farm").iter("meta-data")
    assert loops.get(f"{ANDROID}name") == "com.google.test.loops"
    core = next(CORE.rglob("Farm.kt")).read_text(encoding="utf-8")
    scenarios = core[core.index("SCENARIOS = listOf(") : core.index("private const val WAIT")]
    assert loops.get(f"{ANDROID}value") == str(scenarios.count("mapOf("))
    (activity,) = manifest("farm").iter("activity")
    (asked,) = activity.iter("intent-filter")
    assert [(e.tag, sorted(e.attrib.values())) for e in asked] == [
        ("action", ["com.google.intent.action.TEST_LOOP"]),
        ("category", ["android.intent.category.DEFAULT"]),
        ("data", ["application/javascript"]),
    ]


def test_day_and_night_have_the_same_colors_and_styles() -> None:
    for name in ("colors", "themes"):
        day, night = (
            {e.get("name") for e in ElementTree.parse(_values(folder, name)).getroot()}
            for folder in ("values", "values-night")
        )
        assert day == night and day


def test_text_is_scaled_and_pictures_are_described() -> None:
    layouts = sorted((MODULE / "src/main/res/layout").glob("*.xml"))
    assert len(layouts) == 8
    for path in layouts:
        elements = list(ElementTree.parse(path).iter())
        labelled = {element.get(f"{ANDROID}labelFor") for element in elements}
        for element in elements:
            size = element.get(f"{ANDROID}textSize", "1sp")
            assert size.endswith("sp"), f"{path.name}: {size}"
            kind = element.tag.split(".")[-1]
            if kind in {"ImageView", "ChartView"}:
                assert element.get(f"{ANDROID}contentDescription"), f"{path.name}: {element.tag}"
            if kind in {"Spinner", "EditText"}:
                # A screen reader would read the description instead of the value.
                assert element.get(f"{ANDROID}contentDescription") is None, path.name
                assert element.get(f"{ANDROID}id") in labelled, f"{path.name}: {element.tag}"
            for name in ("text", "contentDescription"):
                literal = element.get(f"{ANDROID}{name}", "@string/")
                assert literal.startswith("@string/"), f"{path.name}: {literal}"
    styles = ElementTree.parse(_values("values", "styles")).getroot()
    sizes = [item.text for item in styles.iter("item") if item.get("name") == "android:textSize"]
    assert sizes and all(size is not None and size.endswith("sp") for size in sizes)


def test_every_string_is_used() -> None:
    text = "".join(path.read_text(encoding="utf-8") for path in kotlin_files(UI))
    for path in (MODULE / "src/main").rglob("*.xml"):
        text += path.read_text(encoding="utf-8")
    for element in ElementTree.parse(_values("values", "strings")).getroot():
        name = element.get("name")
        assert re.search(rf"R\.(string|plurals)\.{name}\b|@string/{name}\b", text), name


def test_artifacts_are_where_embed_puts_them() -> None:
    from slide_mobile.artifact.apps import ANDROID_FOLDER

    store = source("ArtifactStore.kt")
    assets, _, folder = ANDROID_FOLDER.rpartition("/")
    assert assets == "app/src/main/assets" and f'const val ASSETS = "{folder}"' in store
    ignored = (APP / ".gitignore").read_text()
    assert f"{ANDROID_FOLDER}/*" in ignored


def _exported(build: str) -> dict[str | None, str | None]:
    """The activities that others may start, and the permission that they need for it."""
    return {
        element.get(f"{ANDROID}name"): element.get(f"{ANDROID}permission")
        for element in manifest(build).iter()
        if element.get(f"{ANDROID}exported") == "true"
    }


def _values(folder: str, name: str) -> Path:
    return MODULE / "src/main/res" / folder / f"{name}.xml"
