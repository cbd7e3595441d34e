"""Debian's packages, unpacked by the real dpkg-deb; apt is a script that has the packages."""

import os
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from slide_mobile.errors import EnvironmentMissing
from slide_mobile.lab import debian
from slide_mobile.lab.debian import Packages

needs_dpkg = pytest.mark.skipif(shutil.which("dpkg-deb") is None, reason="not a Debian")
PACKAGES = Packages(suite="trixie", architecture="arm64", names=("one", "two"))
FILES = ("usr/bin/tool", "usr/lib/deep/a.so", "usr/share/doc/one/copyright")


def package(folder: Path, name: str, version: str) -> None:
    """A package with FILES, and a link to one of them."""
    tree = folder / name
    for file in FILES:
        path = tree / file.replace("one", name)
        path.parent.mkdir(parents=True)
        path.write_text(f"{name} {file}")
    (tree / "usr/lib/deep/link.so").symlink_to("a.so")
    (tree / "DEBIAN").mkdir()
    fields = {
        "Package": name, "Version": version, "Architecture": "arm64", "Maintainer": "a test",
        "Description": "a test",
    }  # fmt: skip
    text = "".join(f"{field}: {value}\n" for field, value in fields.items())
    (tree / "DEBIAN/control").write_text(text)
    build = ["dpkg-deb", "--root-owner-group", "--build", str(tree), str(folder)]
    subprocess.run(build, check=True, capture_output=True)
    shutil.rmtree(tree)


APT = """#!/bin/sh
if [ "$1" = indextargets ]; then echo "${REPOSITORIES:-http://a.mirror/debian}"; exit; fi
echo "$*" >> "$NOTES/calls"
if [ "$2" = update ]; then
    cp "$APT_CONFIG" "$(dirname "$APT_CONFIG")/sources.list" "$NOTES"
    exit
fi
if [ -n "$HANGS" ]; then exec sleep 60; fi
shift 2
for name; do
    cp "$NOTES"/debs/"$name"_*.deb . 2> /dev/null && continue
    echo "Reading package lists..." >&2
    echo "E: Unable to locate package $name" >&2
    exit 100
done
"""


@pytest.fixture
def notes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the script that is apt finds packages, and notes how it was called."""
    programs, notes = tmp_path / "bin", tmp_path / "notes"
    programs.mkdir()
    (notes / "debs").mkdir(parents=True)
    (programs / "apt-get").write_text(APT)
    (programs / "apt-get").chmod(0o755)
    package(notes / "debs", "one", "1:2.0-3")
    package(notes / "debs", "two", "4")
    monkeypatch.setenv("PATH", f"{programs}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("NOTES", str(notes))
    return notes


def files(root: Path) -> set[str]:
    return {p.relative_to(root).as_posix() for p in root.rglob("*") if not p.is_dir()}


@needs_dpkg
def test_packages_are_unpacked_and_their_versions_noted(notes: Path, tmp_path: Path) -> None:
    root = tmp_path / "root"
    debian.unpack(root, PACKAGES)
    assert files(root) == {
        "packages.txt", "usr/bin/tool", "usr/lib/deep/a.so", "usr/lib/deep/link.so",
        "usr/share/doc/one/copyright", "usr/share/doc/two/copyright",
    }  # fmt: skip
    assert (root / "packages.txt").read_text() == "one 1:2.0-3 arm64\ntwo 4 arm64\n"
    assert (debian.version(root, "one"), debian.version(root, "two")) == ("1:2.0-3", "4")


@needs_dpkg
def test_only_the_files_that_are_asked_for_stay(notes: Path, tmp_path: Path) -> None:
    root = tmp_path / "root"
    debian.unpack(root, replace(PACKAGES, names=("one",), keep=("usr/bin/*", "usr/lib/*/l*.so")))
    assert files(root) == {"packages.txt", "usr/bin/tool", "usr/lib/deep/link.so"}
    assert debian.version(root, "one") == "1:2.0-3"


@needs_dpkg
def test_several_sets_of_packages_share_a_root(notes: Path, tmp_path: Path) -> None:
    root = tmp_path / "root"
    debian.unpack(root, replace(PACKAGES, names=("one",), keep=("usr/bin/tool",)))
    debian.unpack(root, replace(PACKAGES, names=("two",)))
    assert (debian.version(root, "one"), debian.version(root, "two")) == ("1:2.0-3", "4")
    assert "usr/share/doc/two/copyright" in files(root)


@needs_dpkg
def test_apt_knows_only_the_suite_and_the_architecture(notes: Path, tmp_path: Path) -> None:
    debian.unpack(tmp_path / "root", PACKAGES)
    assert (notes / "calls").read_text().splitlines() == ["-q update", "-q download one two"]
    source = f"deb [signed-by={debian.KEYRING}] http://a.mirror/debian trixie main\n"
    assert (notes / "sources.list").read_text() == source
    settings = dict(line.split(" ", 1) for line in (notes / "apt.conf").read_text().splitlines())
    assert settings["APT::Architecture"] == settings["APT::Architectures"] == '"arm64";'
    # Nothing of the machine's own apt is read or written.
    inside = f'"{tmp_path}/root/.apt'
    for name in ("Etc::sourcelist", "State::status", "State::lists", "Cache"):
        assert settings[f"Dir::{name}"].startswith(inside)
    for name in ("sourceparts", "preferencesparts"):
        assert settings[f"Dir::Etc::{name}"] == '"/dev/null";'


@needs_dpkg
def test_a_package_that_is_not_there_is_one_line(notes: Path, tmp_path: Path) -> None:
    with pytest.raises(EnvironmentMissing) as caught:
        debian.unpack(tmp_path / "root", replace(PACKAGES, names=("none",)))
    assert str(caught.value) == "apt-get -q download failed: E: Unable to locate package none"
    assert caught.value.exit_code == 3
    assert not (tmp_path / "root/.apt").exists()


@needs_dpkg
def test_a_mirror_that_does_not_answer_is_one_line(
    notes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HANGS", "yes")
    monkeypatch.setattr(debian, "_SECONDS", 2)
    with pytest.raises(EnvironmentMissing, match=r"^apt-get -q download did not end within 2 s; "):
        debian.unpack(tmp_path / "root", PACKAGES)


@pytest.mark.parametrize("tool", ["apt-get", "dpkg-deb"])
def test_a_machine_without_debian_s_tools_is_told_which_one_it_lacks(
    tool: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in {"apt-get", "dpkg-deb"} - {tool}:
        (tmp_path / name).write_text("#!/bin/sh\nexit 1\n")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(EnvironmentMissing, match=f"need {tool}, which is not here$") as caught:
        debian.unpack(tmp_path / "root", PACKAGES)
    assert caught.value.exit_code == 3 and not (tmp_path / "root").exists()


@needs_dpkg
@pytest.mark.parametrize(
    ("repositories", "mirror"),
    [
        ("http://m/debian-security http://m/debian/ http://other/debian", "http://m/debian/"),
        ("http://archive.ubuntu.com/ubuntu/", "http://deb.debian.org/debian"),
        (" ", "http://deb.debian.org/debian"),
    ],
)
def test_the_mirror_is_the_machine_s_own_or_debian_s(
    repositories: str, mirror: str, notes: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REPOSITORIES", repositories)
    assert debian.mirror() == mirror


def test_other_files_to_keep_are_other_pins() -> None:
    changes = ({"suite": "sid"}, {"architecture": "amd64"}, {"names": ("one",)}, {"keep": ("a",)})
    pins = {PACKAGES.pins, *(replace(PACKAGES, **change).pins for change in changes)}
    assert len(pins) == 5
