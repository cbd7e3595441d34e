"""Which runtime an app has, and which one a file needs."""

from pathlib import Path

import pytest

from slide_mobile.artifact import releases
from slide_mobile.artifact.releases import Runtimes
from slide_mobile.errors import UsageError

APPS = Path(__file__).parents[2] / "apps"


@pytest.mark.parametrize(
    ("runtime", "oldest", "covers"),
    [
        ("1.4.1", "1.4.1", True), ("1.10", "1.9.9", True), ("1.4", "1.4.0", True),
        ("1.4.0", "1.4.1", False), ("2.23.0", "2.3.0", True), ("17.4", "iOS 18", False),
        ("iOS 18", "iOS 17", True), ("", "1", False), ("1", "soon", False),
    ],
)  # fmt: skip
def test_versions_are_numbers(runtime: str, oldest: str, covers: bool) -> None:
    assert releases.covers(runtime, oldest) == covers


def test_the_demo_apps_say_what_they_link() -> None:
    assert releases.read(APPS / "android_demo").release("tflite") == "2.23.0"
    assert releases.read(APPS / "ios_demo").release("executorch") == "1.4.1"
    assert releases.read(APPS / "ios_demo").release("tflite") is None


def test_an_app_that_says_nothing_or_nonsense(tmp_path: Path) -> None:
    assert releases.read(tmp_path) == Runtimes()
    for text in ("", "[]", '{"tflight": "1"}', '{"tflite": 1}'):
        (tmp_path / releases.FILE).write_text(text)
        with pytest.raises(UsageError, match="does not say which runtimes the app has"):
            releases.read(tmp_path)
