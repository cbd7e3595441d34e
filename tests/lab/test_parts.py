"""Parts of labs: folders of the cache by their pins, and wheels for another CPU."""

import zipfile
from pathlib import Path

import pytest
from fake_lab import part

from slide_mobile.errors import EnvironmentMissing
from slide_mobile.lab import parts
from slide_mobile.lab.catalogue import LABS
from slide_mobile.targets import cached_folders

PARTS = dict.fromkeys(part for lab in LABS.values() for part in lab.parts)


def test_a_part_has_one_folder_that_its_pins_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(cached_folders.FOLDER_VARIABLE, str(tmp_path))
    one = part("one")
    assert one.root.parent == tmp_path and one.root.name.startswith("lab-one-")
    assert not one.is_made
    cached_folders.build(one.root, one.make)
    assert one.is_made


def test_every_part_is_described_and_has_a_folder_of_its_own() -> None:
    for named in ({found.name for found in PARTS}, {found.root for found in PARTS}):
        assert len(named) == len(PARTS) >= 2
    for found in PARTS:
        assert found.purpose and found.size_bytes > 1e6 and found.pins()


def wheel(folder: Path, version: str) -> str:
    """A requirement that pip downloads without a network."""
    path = folder / f"answer-{version}-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        info = f"answer-{version}.dist-info"
        archive.writestr("answer.py", "VALUE = 42\n")
        head = f"Metadata-Version: 2.1\nName: answer\nVersion: {version}\n"
        archive.writestr(f"{info}/METADATA", f"{head}Requires-Dist: nowhere-to-be-found==1\n")
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n")
        archive.writestr(f"{info}/RECORD", "")
    return f"answer @ {path.as_uri()}"


@pytest.mark.slow
def test_wheels_are_unpacked_without_what_they_depend_on(tmp_path: Path) -> None:
    site = tmp_path / "site"
    parts.unpack_wheels(site, [wheel(tmp_path, "1.0")])
    found = {path.relative_to(site).parts[0] for path in site.rglob("*")}
    assert found == {"answer.py", "answer-1.0.dist-info"}
    assert not (tmp_path / ".wheels").exists()


@pytest.mark.slow
def test_a_wheel_that_is_not_to_be_had_is_one_line(tmp_path: Path) -> None:
    missing = f"answer @ {(tmp_path / 'answer-1.0-py3-none-any.whl').as_uri()}"
    with pytest.raises(EnvironmentMissing, match=r"^pip could not download answer @ ") as caught:
        parts.unpack_wheels(tmp_path / "site", [missing])
    assert caught.value.exit_code == 3 and not (tmp_path / "site").exists()
