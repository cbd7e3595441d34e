"""Files of the Android app that tests read."""

import xml.etree.ElementTree as ElementTree

from kotlin_app import APP, SDK, UI

MODULE = APP / "app"
ANDROID = "{http://schemas.android.com/apk/res/android}"


def manifest(build: str) -> ElementTree.Element:
    """The app's manifest of one kind of build."""
    return ElementTree.parse(MODULE / "src" / build / "AndroidManifest.xml").getroot()


def source(name: str) -> str:
    """The Kotlin file of this name, of the library or of the app."""
    (path,) = (path for root in (SDK, UI) for path in root.rglob(name))
    return path.read_text(encoding="utf-8")
