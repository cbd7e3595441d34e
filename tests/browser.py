"""A Chromium to test pages in: the machine's own, or Debian's packages in a cache folder.

The packages are unpacked, not installed. SLIDE_MOBILE_APPS_CACHE names another folder than
build/apps. Where there is none to be had the tests are skipped, in CI (which sets CI) they fail.
"""

import contextlib
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parent.parent
PACKAGE = "chromium-headless-shell"
NAMES = (PACKAGE, "chromium", "chromium-browser", "google-chrome")
# It renders our own page only, and root has no sandbox.
FLAGS = ("--no-sandbox", "--disable-gpu")


@contextlib.contextmanager
def chromium(*flags: str) -> Iterator[Any]:
    """A running browser, as Playwright drives it; `flags` are further options of its own."""
    playwright = pytest.importorskip("playwright.sync_api")
    program, libraries = _program()
    environment = {**os.environ, "LD_LIBRARY_PATH": libraries} if libraries else None
    with playwright.sync_playwright() as driver:
        launched = driver.chromium.launch(
            executable_path=str(program), args=[*FLAGS, *flags], env=environment
        )
        try:
            yield launched
        finally:
            launched.close()


def _program() -> tuple[Path, str]:
    """The browser, and the folders of libraries that it needs beside the machine's."""
    for name in NAMES:
        if found := shutil.which(name):
            return Path(found), ""
    cache = Path(os.environ.get("SLIDE_MOBILE_APPS_CACHE") or ROOT / "build" / "apps") / "chromium"
    try:
        if not (cache / "whole").exists():
            _unpack(cache)
    except (OSError, subprocess.SubprocessError) as error:
        message = f"no Chromium on this machine, and Debian's cannot be had: {error}"
        if "CI" in os.environ:
            pytest.fail(message)
        pytest.skip(message)
    libraries = cache / "root/usr/lib/x86_64-linux-gnu"
    (program,) = cache.glob("root/usr/lib/chromium/chromium-headless-shell")
    return program, f"{libraries}:{libraries / 'pulseaudio'}"


def _unpack(cache: Path) -> None:
    """Fetch the package with what this machine lacks of its needs, and unpack all of it."""
    archives = cache / "archives"
    (archives / "partial").mkdir(parents=True, exist_ok=True)
    options = ("--option", f"Dir::Cache::archives={archives.resolve()}")
    fetch = ("apt-get", "install", "--download-only", "--yes", "--no-install-recommends", *options)
    done = subprocess.run([*fetch, PACKAGE], capture_output=True, check=False, timeout=600)
    if done.returncode:  # the list of packages is old, or was never fetched
        subprocess.run(["apt-get", "update"], capture_output=True, check=True, timeout=600)
        subprocess.run([*fetch, PACKAGE], capture_output=True, check=True, timeout=600)
    for archive in sorted(archives.glob("*.deb")):
        command = ("dpkg", "--extract", archive, cache / "root")
        subprocess.run(command, capture_output=True, check=True, timeout=600)
    (cache / "whole").touch()
