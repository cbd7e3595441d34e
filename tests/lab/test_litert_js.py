"""LiteRT.js in the cache: fetched by npm, checked by its digest, and no more than a page needs."""

import base64
import hashlib
import os
import stat
import tarfile
from dataclasses import replace
from pathlib import Path

import pytest

from slide_mobile.errors import EnvironmentMissing
from slide_mobile.lab import catalogue
from slide_mobile.lab.browser import CORE, LITERT_JS, WEB, NpmPackage, unpack

NPM = """#!/bin/sh
case "$*" in *missing*) echo "npm error" >&2; echo "no such package" >&2; exit 1;; esac
cp {archive} .
"""


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> NpmPackage:
    """A package, and an npm that knows it."""
    inside, programs = tmp_path / "package", tmp_path / "bin"
    for name in ("package.json", "dist/index.js", "dist/index.js.map", "wasm/a.wasm"):
        (inside / name).parent.mkdir(parents=True, exist_ok=True)
        (inside / name).write_text(name)
    archive = tmp_path / "small.tgz"
    with tarfile.open(archive, "w:gz") as tar:
        tar.add(inside, "package")
    programs.mkdir()
    (programs / "npm").write_text(NPM.format(archive=archive))
    (programs / "npm").chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}{os.pathsep}{os.environ['PATH']}")
    digest = base64.b64encode(hashlib.sha512(archive.read_bytes()).digest()).decode()
    return replace(CORE, sha512=digest)


def test_only_the_files_that_a_page_needs_are_kept(package: NpmPackage, tmp_path: Path) -> None:
    root = tmp_path / "part"
    unpack(root, package)
    found = [p.relative_to(root).as_posix() for p in sorted(root.rglob("*")) if p.is_file()]
    assert found == ["core/dist/index.js", "core/package.json", "core/wasm/a.wasm"]
    assert stat.S_IMODE((root / "core/wasm/a.wasm").stat().st_mode) == 0o644


def test_another_archive_than_the_pinned_one_is_refused(
    package: NpmPackage, tmp_path: Path
) -> None:
    with pytest.raises(EnvironmentMissing, match="sha512 differs") as caught:
        unpack(tmp_path / "part", replace(package, sha512=CORE.sha512))
    assert caught.value.exit_code == 3
    assert list((tmp_path / "part").iterdir()) == []


def test_a_package_that_npm_has_not_is_one_line(package: NpmPackage, tmp_path: Path) -> None:
    with pytest.raises(EnvironmentMissing, match=r"missing@2\.5\.3: no such package$"):
        unpack(tmp_path / "part", replace(package, name="missing"))


def test_without_npm_the_error_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(EnvironmentMissing, match="install npm"):
        unpack(tmp_path / "part", CORE)


def test_the_lab_of_this_name_is_set_up_by_its_part() -> None:
    assert catalogue.choose(["web"]) == (WEB,)
    assert WEB.parts == (LITERT_JS,) and all("sha512-" in pin for pin in LITERT_JS.pins())
