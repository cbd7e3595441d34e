"""Screens and backends, type-checked in Swift 6 mode against stubs of Apple's frameworks.

It proves that they are consistent with the stubs, and what a compiler proves of isolation and
sendability; it does not prove that the stubs are the frameworks (test_stub_names.py does a part).
"""

from pathlib import Path

import pytest
from swift_build import APP, BRIDGE, CHECKOUT, HERE, LIBRARY, STUBS, SWIFT, succeeded
from swift_root import REPOSITORY, WORK, SwiftRoot

SOURCES = CHECKOUT / "apps/ios_demo/SlideMeasure"


@pytest.fixture(scope="module")
def stubs(executorch_module: SwiftRoot) -> SwiftRoot:
    for name in STUBS:
        command = [*LIBRARY, "-module-name", name, "-Ilib", f"{HERE}/stubs/{name}.swift"]
        succeeded(executorch_module.run([*command, "-o", f"lib/{name}.swiftmodule"]))
    return executorch_module


def app_sources(replaced: dict[str, str]) -> list[str]:
    """Every Swift file of the app, some replaced by others."""
    names = [path.relative_to(SOURCES).as_posix() for path in sorted(SOURCES.rglob("*.swift"))]
    return [replaced.get(name, f"{APP}/{name}") for name in names]


def check(swift: SwiftRoot, sources: list[str], *more: str) -> tuple[int, str]:
    search = ["-Ilib", "-I", f"{HERE}/engine"]
    done = swift.run([
        *SWIFT, "-module-name", "SlideMeasure", "-parse-as-library", *BRIDGE, *search,
        *more, *sources,
    ])  # fmt: skip
    return done.returncode, done.stdout + done.stderr


def test_the_app_type_checks_without_a_warning(stubs: SwiftRoot) -> None:
    code, output = check(stubs, app_sources({}), "-typecheck", "-warnings-as-errors")
    assert code == 0, output[-6000:]


@pytest.mark.parametrize(
    ("name", "good", "bad"),
    [
        ("Backends/CoreMLModel.swift", "outputBackings", "outputBackingss"),
        ("Backends/CoreMLBackend.swift", ".cpuAndNeuralEngine", ".neuralEngineOnly"),
        ("Backends/ExecuTorchBackend.swift", "module.forward()", "module.forwards()"),
        ("Screens/LatencyChart.swift", "LineMark", "LineMarks"),
        # Swift 6 mode: the model's queue may not touch what the main thread shows.
        ("Screens/MeasureModel.swift", "Task { @MainActor [weak self] in self?", "Task { self."),
    ],
)
def test_a_mistake_is_found(stubs: SwiftRoot, work: Path, name: str, good: str, bad: str) -> None:
    text = (SOURCES / name).read_text()
    assert good in text
    (work / "Mistake.swift").write_text(text.replace(good, bad))
    code, output = check(stubs, app_sources({name: f"{WORK}/Mistake.swift"}), "-typecheck")
    assert code != 0
    assert "Mistake.swift" in output


def test_the_unit_tests_type_check(stubs: SwiftRoot) -> None:
    code, output = check(
        stubs,
        app_sources({}),
        "-emit-module",
        "-enable-testing",
        "-disable-bridging-pch",  # its temporary name would be written into the module
        "-o",
        "lib/SlideMeasure.swiftmodule",
    )
    assert code == 0, output[-6000:]
    tests = f"{REPOSITORY}/apps/ios_demo/SlideMeasureTests/AppTests.swift"
    command = [*SWIFT, "-typecheck", "-parse-as-library", "-module-name", "SlideMeasureTests"]
    search = ["-Ilib", "-I", f"{HERE}/engine", *testing_flags(stubs), *BRIDGE]
    succeeded(stubs.run([*command, *search, tests]))


def testing_flags(swift: SwiftRoot) -> list[str]:
    """Where the macros of swift-testing lie in the toolchain."""
    listed = succeeded(swift.run(["find", "/usr/libexec/swift", "-name", "libTestingMacros.so"]))
    plugin = Path(listed.strip())
    return ["-plugin-path", str(plugin.parent)]
