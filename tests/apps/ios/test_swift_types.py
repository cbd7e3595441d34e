"""Screens and backends, type-checked in Swift 6 mode against stubs of Apple's frameworks.

It proves that they are consistent with the stubs, and what a compiler proves of isolation and
sendability; it does not prove that the stubs are the frameworks (test_stub_names.py does a part).
"""

import re
import subprocess
from pathlib import Path

import pytest
from swift_build import APP, BRIDGE, CHECKOUT, CORE, HERE, LIBRARY, STUBS, SWIFT, succeeded
from swift_root import REPOSITORY, WORK, SwiftRoot

SOURCES = CHECKOUT / "apps/ios_demo/SlideMeasure"
# One compiler for all files, which continues after a file with an error.
WHOLE = "-whole-module-optimization"
# A file of the app, a text in it, and a mistake to replace the text.
MISTAKES = (
    ("Backends/CoreMLModel.swift", "outputBackings", "outputBackingss"),
    ("Backends/CoreMLBackend.swift", ".cpuAndNeuralEngine", ".neuralEngineOnly"),
    ("Backends/ExecuTorchBackend.swift", "module.forward()", "module.forwards()"),
    ("Screens/LatencyChart.swift", "LineMark", "LineMarks"),
    # Swift 6 mode: the model's queue may not touch what the main thread shows.
    ("AppModel.swift", "models = await task.value", "models = task.value"),
)


@pytest.fixture(scope="module")
def stubs(executorch_module: SwiftRoot) -> SwiftRoot:
    for name in STUBS:
        command = [*LIBRARY, "-module-name", name, "-Ilib", f"{HERE}/stubs/{name}.swift"]
        succeeded(executorch_module.run([*command, "-o", f"lib/{name}.swiftmodule"]))
    return executorch_module


@pytest.fixture(scope="module")
def app_module(stubs: SwiftRoot) -> subprocess.CompletedProcess[str]:
    """Compile the whole app to a module that its unit tests can import: lib/SlideMeasure."""
    return compiled(
        stubs, app_sources({}), "-emit-module", WHOLE, "-enable-testing",
        "-warnings-as-errors", "-o", "lib/SlideMeasure.swiftmodule",
        "-disable-bridging-pch",  # its temporary name would be written into the module
    )  # fmt: skip


@pytest.fixture(scope="module")
def mistaken(stubs: SwiftRoot, work: Path) -> str:
    """Compile the app with every mistake at once, and give what the compiler says."""
    (work / "mistakes").mkdir()
    replaced = {}
    for name, good, bad in MISTAKES:
        text = (SOURCES / name).read_text()
        assert good in text
        file = f"mistakes/{Path(name).name}"
        (work / file).write_text(text.replace(good, bad))
        replaced[name] = f"{WORK}/{file}"
    done = compiled(stubs, app_sources(replaced), "-typecheck", WHOLE)
    assert done.returncode != 0
    return done.stdout + done.stderr


def app_sources(replaced: dict[str, str]) -> list[str]:
    """List every Swift file of the app, some replaced by others."""
    names = [path.relative_to(SOURCES).as_posix() for path in sorted(SOURCES.rglob("*.swift"))]
    return [replaced.get(name, f"{APP}/{name}") for name in names]


def compiled(swift: SwiftRoot, sources: list[str], *more: str) -> subprocess.CompletedProcess[str]:
    search = ["-Ilib", "-I", f"{HERE}/engine"]
    return swift.run([
        *SWIFT, "-module-name", "SlideMeasure", "-parse-as-library", *BRIDGE, *search,
        *more, *sources,
    ])  # fmt: skip


def test_the_app_type_checks_without_a_warning(
    app_module: subprocess.CompletedProcess[str],
) -> None:
    succeeded(app_module)


@pytest.mark.parametrize("name", [name for name, _, _ in MISTAKES])
def test_a_mistake_is_found(mistaken: str, name: str) -> None:
    assert re.search(rf"mistakes/{Path(name).name}:\d+:\d+: error: ", mistaken), mistaken[-6000:]


def test_the_unit_tests_type_check(
    stubs: SwiftRoot, app_module: subprocess.CompletedProcess[str]
) -> None:
    succeeded(app_module)
    folder = CHECKOUT / "apps/ios_demo/SlideMeasureTests"
    tests = [f"{REPOSITORY}/{p.relative_to(CHECKOUT)}" for p in sorted(folder.glob("*.swift"))]
    command = [*SWIFT, "-typecheck", "-parse-as-library", "-module-name", "SlideMeasureTests"]
    search = ["-Ilib", "-I", f"{HERE}/engine", *testing_flags(stubs), *BRIDGE]
    succeeded(stubs.run([*command, *search, *tests]))


def test_the_core_type_checks_with_apples_cryptography(core_module: SwiftRoot) -> None:
    """On Linux the core is built without CryptoKit, and what stands for it is another branch."""
    (core_module.writable[WORK] / "cryptokit").mkdir()
    command = [*LIBRARY, "-module-name", "CryptoKit", f"{HERE}/stubs/CryptoKit.swift"]
    succeeded(core_module.run([*command, "-o", "cryptokit/CryptoKit.swiftmodule"]))
    folder = CHECKOUT / "apps/ios_demo/Core/Sources/SlideCore"
    sources = [f"{CORE}/Sources/SlideCore/{path.name}" for path in sorted(folder.glob("*.swift"))]
    flags = ["-typecheck", "-parse-as-library", "-module-name", "SlideCore", "-Icryptokit"]
    succeeded(core_module.run([*SWIFT, *flags, "-warnings-as-errors", WHOLE, *sources]))


def testing_flags(swift: SwiftRoot) -> list[str]:
    """Return the flags that load the macros of swift-testing."""
    listed = succeeded(swift.run(["find", "/usr/libexec/swift", "-name", "libTestingMacros.so"]))
    plugin = Path(listed.strip())
    return ["-plugin-path", str(plugin.parent)]
