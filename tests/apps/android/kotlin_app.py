"""Where the Android app's sources are, and what runs its core and backends on the JVM."""

import importlib.util
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jvm import Jvm
from proof import missing

HERE = Path(__file__).parent
REPOSITORY = HERE.parents[2]
APP = REPOSITORY / "apps" / "android_demo"
CONFORMANCE = REPOSITORY / "apps" / "conformance"
CORE = APP / "core/src/main/kotlin"
UI = APP / "app/src/main/kotlin"
FARM = APP / "app/src/farm/kotlin"  # what the build for device farms has besides
ON_DEVICE = APP / "app/src/androidTest/kotlin"
SDK = APP / "slide-mobile/src/main/kotlin"
BACKENDS = SDK / "dev/slidemobile/backend"
HARNESS = "dev.slidemobile.harness.HarnessKt"


def kotlin_files(folder: Path) -> list[Path]:
    """List the Kotlin sources below a folder; there must be some."""
    found = sorted(folder.rglob("*.kt"))
    assert found, folder
    return found


@dataclass(frozen=True, kw_only=True)
class Harness:
    """Runs the core and the backends on the JVM."""

    jvm: Jvm
    classpath: tuple[Path, ...]
    properties: dict[str, str | Path]
    out: Path

    def run(self, command: str, *arguments: Path | str) -> Any:
        """Run a command of Harness.kt, and return what it wrote."""
        written = self.out / f"{command}.json"
        written.unlink(missing_ok=True)
        done = self.jvm.run(
            HARNESS,
            [command, *arguments, written],
            classpath=self.classpath,
            properties=self.properties,
        )
        assert done.returncode == 0, done.stderr[-3000:]
        return json.loads(written.read_text())


def package(name: str) -> Path:
    """Find the folder of an installed package without importing it."""
    found = importlib.util.find_spec(name)
    if found is None or found.submodule_search_locations is None:
        missing(f"Android's backends on the JVM: no {name} in this Python")
    return Path(found.submodule_search_locations[0])
