"""What the tests of both apps share: a cache for toolchains, and artifacts to run.

They install what they need below one folder (`cache`) and never touch the machine outside it. What
cannot be had is skipped loudly by `proof.missing`, and fails where CI is set: a green run must have
proved something.
"""

import os
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from converted_once import ConvertedOnce
from proof import facts, show, unproved
from proof import missing as missing

import slide_mobile
from slide_mobile.targets.format import Format

REPOSITORY = Path(__file__).parents[2]
CACHE_VARIABLE = "SLIDE_MOBILE_APPS_CACHE"
# A folder of ready artifacts, `<model>-<target>-<precision>`, to convert none in repeated runs.
ARTIFACTS_VARIABLE = "SLIDE_MOBILE_APPS_ARTIFACTS"


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.apps)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    for fact in facts:
        terminalreporter.write_line(fact)
    for reason in dict.fromkeys(unproved):
        terminalreporter.write_line(f"NOT PROVED: {reason}", yellow=True, bold=True)


@pytest.fixture(scope="session")
def cache() -> Iterator[Path]:
    """The folder that keeps toolchains between runs; its size is reported at the end."""
    root = Path(os.environ.get(CACHE_VARIABLE, REPOSITORY / "build" / "apps")).resolve()
    root.mkdir(parents=True, exist_ok=True)
    begin = time.monotonic()
    yield root
    size = int(subprocess.check_output(["du", "-smx", root], text=True).split()[0])
    minutes = (time.monotonic() - begin) / 60
    show(f"apps: {minutes:.1f} minutes, {size} MB of toolchains in {root.name}/")


@pytest.fixture(scope="session")
def demo_artifacts(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str, str], Path]:
    """`demo_artifacts(target, precision)`: the folder of the demo model, converted once a run.

    It is read-only; a test that damages an artifact copies it first.
    """
    ready = os.environ.get(ARTIFACTS_VARIABLE)
    out = Path(ready) if ready else tmp_path_factory.mktemp("artifacts")

    def artifact(target: str, precision: str) -> Path:
        folder = out / f"slide_swin_demo-{target}-{precision}"
        if not folder.is_dir():
            slide_mobile.convert("slide_swin_demo", to=Format(target, precision), out=out)
        return folder

    return artifact


@pytest.fixture(scope="session")
def small_artifacts(converted: ConvertedOnce) -> Callable[[str, str], Path]:
    """`small_artifacts(target, precision)`: the folder of a small untrained model; read-only."""
    return lambda target, precision: converted(target, precision).root
