"""The Kotlin core: compiled, and its JUnit tests run, on a plain JVM."""

import re
import subprocess
from pathlib import Path

import pytest
from jvm import Jvm
from kotlin_app import APP, CONFORMANCE, CORE, FARM, ON_DEVICE, SDK, UI, Harness, kotlin_files

KNOWN = ("java.", "kotlin.", "com.fasterxml.jackson.core.")
LONGEST_FILE, LONGEST_LINE = 300, 100
ALL = (CORE, SDK, UI, FARM, ON_DEVICE)


def test_the_core_knows_nothing_of_android() -> None:
    for path in kotlin_files(CORE):
        imported = re.findall(r"^import ([\w.]+)", path.read_text(encoding="utf-8"), re.M)
        foreign = [name for name in imported if not name.startswith(KNOWN)]
        assert not foreign, f"{path.name} imports {foreign}"


def test_junit(jvm: Jvm, core: Path, classes: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tests = kotlin_files(APP / "core/src/test/kotlin")
    compiled = jvm.compile(tests, classes / "core_tests", classpath=[core, *jvm.junit], friend=core)
    done = _console(jvm, core, compiled)
    counts = dict(re.findall(r"\[ +(\d+) (tests \w+) +\]", done.stdout))
    numbers = {name: int(count) for count, name in counts.items()}
    with capsys.disabled():
        print("\n" + "\n".join(line for line in done.stdout.splitlines() if "overhead" in line))
        print(f"JUnit: {numbers}")
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]
    written = sum(path.read_text(encoding="utf-8").count("@Test") for path in tests)
    assert numbers["tests successful"] == written > 30


def test_between_two_runs_there_is_less_than_5_microseconds(harness: Harness) -> None:
    """Measured: 0.04 microseconds, and less than 100 bytes, for the growing lists of latencies."""
    measured = harness.run("overhead")
    assert measured["runs"] == 20_000
    assert 0 < measured["whole_us"] < 5, measured
    assert measured["allocated_bytes_per_run"] < 256, measured


def test_files_are_short() -> None:
    for path in (file for root in ALL for file in kotlin_files(root)):
        lines = path.read_text(encoding="utf-8").splitlines()
        assert len(lines) <= LONGEST_FILE, path.name
        longest = max(lines, key=len)
        assert len(longest) <= LONGEST_LINE, f"{path.name}: {longest}"


def test_no_model_is_in_the_code() -> None:
    """Neither input sizes nor ImageNet's mean and standard deviation."""
    for path in (file for root in ALL for file in kotlin_files(root)):
        found = re.findall(r"\b(?:224|128|0\.485|0\.229|123\.675)\b", path.read_text())
        assert not found, f"{path.name}: {found}"


def _console(jvm: Jvm, core: Path, tests: Path) -> subprocess.CompletedProcess[str]:
    return jvm.run(
        "org.junit.platform.console.ConsoleLauncher",
        ["--scan-classpath", tests, "--disable-banner", "--details=tree", "--disable-ansi-colors"],
        classpath=[core, tests, *jvm.junit],
        properties={"conformance": CONFORMANCE},
    )
