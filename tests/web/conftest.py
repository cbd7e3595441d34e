"""A LiteRT.js of a few bytes, for tests that write sites and run nothing."""

from pathlib import Path

import pytest

from slide_mobile.lab.browser import LITERT_JS
from slide_mobile.targets import cached_folders

FILES = ("core/dist/index.js", "core/wasm/litert.wasm", "wasm-utils/dist/index.js")


@pytest.fixture
def empty_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache in which nothing is set up."""
    monkeypatch.setenv(cached_folders.FOLDER_VARIABLE, str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def litert_js(empty_cache: Path) -> Path:
    """A cache in which LiteRT.js is set up."""
    for name in FILES:
        path = LITERT_JS.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    return LITERT_JS.root
