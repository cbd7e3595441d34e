"""The folder appears whole or not at all, and says when it was changed."""

from pathlib import Path

import pytest

from slide_mobile import artifact as artifacts
from slide_mobile.artifact import Artifact, Manifest
from slide_mobile.errors import ArtifactError, OutputError


def names(folder: Path) -> list[str]:
    return sorted(p.name for p in folder.iterdir())


def test_the_folder_appears_when_the_block_ends_well(tmp_path: Path) -> None:
    with artifacts.staging(tmp_path / "out" / "a", force=False) as folder:
        (folder / "x").write_text("1")
        assert not (tmp_path / "out" / "a").exists()
    assert names(tmp_path / "out") == ["a"] and names(tmp_path / "out" / "a") == ["x"]


@pytest.mark.parametrize("reason", [RuntimeError, KeyboardInterrupt])
def test_nothing_is_left_when_the_block_ends_early(
    reason: type[BaseException], tmp_path: Path
) -> None:
    with pytest.raises(reason), artifacts.staging(tmp_path / "a", force=False) as folder:
        (folder / "x").write_text("1")
        raise reason
    assert names(tmp_path) == []


def test_an_existing_folder_is_kept_unless_forced(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    with (
        pytest.raises(OutputError, match="exists; .*--force"),
        artifacts.staging(tmp_path / "a", force=False),
    ):
        raise AssertionError("must not be entered")


def test_a_forced_replacement_that_fails_keeps_the_old_folder(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "old").write_text("1")
    with pytest.raises(RuntimeError), artifacts.staging(tmp_path / "a", force=True):
        raise RuntimeError
    assert names(tmp_path / "a") == ["old"]


def test_force_replaces_the_whole_folder(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "old").write_text("1")
    with artifacts.staging(tmp_path / "a", force=True) as folder:
        (folder / "new").write_text("1")
    assert names(tmp_path) == ["a"] and names(tmp_path / "a") == ["new"]


def test_what_a_killed_process_left_is_swept(tmp_path: Path) -> None:
    (tmp_path / ".a.partial-deadbeef").mkdir()
    (tmp_path / ".another.partial-deadbeef").mkdir()
    with artifacts.staging(tmp_path / "a", force=False):
        pass
    assert names(tmp_path) == [".another.partial-deadbeef", "a"]


def test_an_output_below_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with (
        pytest.raises(OutputError, match="cannot write to"),
        artifacts.staging(tmp_path / "file" / "a", force=False),
    ):
        raise AssertionError("must not be entered")


def test_a_full_disk_is_one_line_and_leaves_nothing(tmp_path: Path) -> None:
    with (
        pytest.raises(OutputError, match="No space left on device"),
        artifacts.staging(tmp_path / "a", force=False) as folder,
    ):
        (folder / "x").write_text("1")
        raise OSError(28, "No space left on device")
    assert names(tmp_path) == []


def test_the_digest_of_a_folder_sees_names_and_contents(tmp_path: Path) -> None:
    (tmp_path / "m").mkdir()
    (tmp_path / "m" / "a").write_text("1")
    first = artifacts.digest(tmp_path / "m")
    (tmp_path / "m" / "a").rename(tmp_path / "m" / "b")
    renamed = artifacts.digest(tmp_path / "m")
    (tmp_path / "m" / "b").write_text("2")
    assert len({first, renamed, artifacts.digest(tmp_path / "m")}) == 3


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "is not an artifact folder"),
        ("{", "cannot be read"),
        ("[]", "is not a manifest"),
        ('{"schema_version": 99}', "schema 99 is not 1"),
        ('{"schema_version": 1}', "the manifest is damaged"),
        ('{"schema_version": 1, "graph": 3, "golden": 4}', "the manifest is damaged"),
    ],
)
def test_what_is_no_artifact_is_refused_in_one_line(
    content: str | None, message: str, tmp_path: Path
) -> None:
    if content is not None:
        (tmp_path / "manifest.json").write_text(content)
    with pytest.raises(ArtifactError, match=message) as caught:
        Artifact.open(tmp_path)
    assert "\n" not in str(caught.value)


def test_a_file_in_place_of_the_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "model.tflite").write_text("")
    with pytest.raises(ArtifactError, match="give the artifact's folder"):
        Artifact.open(tmp_path / "model.tflite")


def test_fields_of_the_manifest_are_those_of_the_contract() -> None:
    required = {
        "schema_version", "model", "target", "precision", "backend", "file", "file_sha256",
        "size_bytes", "input", "output", "graph", "parity", "accuracy", "calibration", "golden",
        "toolchain", "created",
    }  # fmt: skip
    assert required <= set(Manifest.__dataclass_fields__)
