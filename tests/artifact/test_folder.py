"""An artifact folder: opening it, and refusing it if one of its files was changed."""

import hashlib
import os
import re
from pathlib import Path

import pytest
from artifact_folders import folder, rewrite

from slide_mobile.artifact.folder import ArtifactFolder, digest, digests
from slide_mobile.errors import ArtifactError, GateFailed


def test_the_digest_of_a_folder_sees_names_and_contents(tmp_path: Path) -> None:
    (tmp_path / "m").mkdir()
    (tmp_path / "m" / "a").write_text("1")
    first = digest(tmp_path / "m")
    (tmp_path / "m" / "a").rename(tmp_path / "m" / "b")
    renamed = digest(tmp_path / "m")
    (tmp_path / "m" / "b").write_text("2")
    assert len({first, renamed, digest(tmp_path / "m")}) == 3


def test_the_digest_of_a_folder_takes_names_that_are_not_utf8(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("1")
    first = digest(tmp_path)
    (tmp_path / os.fsdecode(b"\xff")).write_text("")
    assert digest(tmp_path) != first


def test_the_digest_of_a_file_is_that_of_sha256sum(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"x" * 3_000_000)
    assert digest(tmp_path / "a") == hashlib.sha256(b"x" * 3_000_000).hexdigest()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "is not an artifact folder"),
        ("{", "is not JSON"),
        ("[]", "the manifest is damaged: expected `object`"),
        ("[" * 100_000, "it is nested too deeply"),
        ('{"schema_version": NaN}', "NaN is not a JSON number"),
        ('{"schema_version": 99}', "schema 99 is not 5: update slide-mobile"),
        ('{"schema_version": 4}', "schema 4 is not 5: convert the model again"),
        ('{"schema_version": 5}', "the manifest is damaged"),
    ],
)
def test_what_is_no_artifact_is_refused_in_one_line(
    content: str | None, message: str, tmp_path: Path
) -> None:
    if content is not None:
        (tmp_path / "manifest.json").write_text(content)
    with pytest.raises((ArtifactError, GateFailed), match=message) as caught:
        ArtifactFolder.open(tmp_path)
    broken = re.search("damaged", str(caught.value)) is not None
    assert caught.value.exit_code == (1 if broken else 2)
    assert "\n" not in str(caught.value) and str(caught.value).count(str(tmp_path)) == 1


def test_a_file_in_place_of_the_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "model.tflite").write_text("")
    with pytest.raises(ArtifactError, match="give the artifact's folder"):
        ArtifactFolder.open(tmp_path / "model.tflite")


def test_a_whole_folder_is_verified(tmp_path: Path) -> None:
    art = folder(tmp_path)
    art.verify()
    assert art.labels == ("cat", "dog") and art.input_size == (8, 9)
    assert repr(art) == f"<Artifact {tmp_path}: {art.manifest!r}>"


def test_the_digest_of_the_manifest_is_over_its_bytes(tmp_path: Path) -> None:
    art = folder(tmp_path)
    path = tmp_path / "manifest.json"
    assert art.manifest_sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    path.write_bytes(path.read_bytes() + b"\n")
    again = ArtifactFolder.open(tmp_path)
    assert again.manifest == art.manifest and again.manifest_sha256 != art.manifest_sha256


@pytest.mark.parametrize("name", ["model.tflite", "labels.txt", "golden/00.ppm"])
def test_every_file_is_held_to_the_manifest(name: str, tmp_path: Path) -> None:
    art = folder(tmp_path)
    path = tmp_path / name
    path.write_bytes(path.read_bytes() + b"1")
    with pytest.raises(GateFailed, match=f"{name} does not match the manifest: its sha256 is"):
        art.verify()
    path.unlink()
    with pytest.raises(GateFailed, match=f"{name} is missing; convert the model again"):
        art.verify()


def test_a_pipe_in_place_of_a_file_is_missing(tmp_path: Path) -> None:
    art = folder(tmp_path)
    (tmp_path / "model.tflite").unlink()
    os.mkfifo(tmp_path / "model.tflite")
    with pytest.raises(GateFailed, match="is missing"):
        art.verify()


@pytest.mark.parametrize("kind", ["pipe", "device"])
def test_a_manifest_that_is_no_file_is_refused(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "manifest.json"
    os.mkfifo(path) if kind == "pipe" else path.symlink_to("/dev/zero")
    with pytest.raises(ArtifactError, match=r"manifest\.json \(it is a .*, not a file\)"):
        ArtifactFolder.open(tmp_path)


def test_a_package_holds_no_file_that_is_not_listed(tmp_path: Path) -> None:
    folder(tmp_path)
    (tmp_path / "model.tflite").unlink()
    package = tmp_path / "model.mlpackage"
    (package / "Data").mkdir(parents=True)
    (package / "Data/weights.bin").write_bytes(b"1")
    rewrite(tmp_path, file="model.mlpackage")
    art = ArtifactFolder.open(tmp_path)
    art.verify()
    assert "model.mlpackage/Data/weights.bin" in art.manifest.files
    (package / "Data/more.bin").write_bytes(b"2")
    with pytest.raises(GateFailed, match=r"more\.bin is not listed in the manifest; remove it"):
        art.verify()
    (package / "Data/more.bin").unlink()
    (package / "linked").symlink_to(tmp_path / "golden")  # a folder with files in it
    with pytest.raises(GateFailed, match=r"linked is not listed in the manifest; remove it"):
        art.verify()


def test_a_note_beside_the_files_does_no_harm(tmp_path: Path) -> None:
    art = folder(tmp_path)
    (tmp_path / "README.txt").write_text("ours")
    art.verify()


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (b"cat\ndog\nbird\n", "has 3 labels for 2 classes"),
        (b"cat\n\xff\n", "labels.txt is not UTF-8"),
    ],
)
def test_labels_that_are_not_one_a_class_are_refused(
    labels: bytes, message: str, tmp_path: Path
) -> None:
    with pytest.raises(GateFailed, match=message):
        folder(tmp_path, labels=labels).verify()


def test_a_file_that_cannot_be_read_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: Path) -> str:
        raise PermissionError(13, "Permission denied")

    art = folder(tmp_path)
    art.verify()
    monkeypatch.setattr("slide_mobile.artifact.folder.digest", refuse)
    with pytest.raises(GateFailed, match=r"cannot read .*\(Permission denied\)"):
        art.verify()


def test_every_file_but_the_manifest_has_a_digest(tmp_path: Path) -> None:
    folder(tmp_path)
    assert set(digests(tmp_path)) == {"model.tflite", "labels.txt", "golden/00.ppm"}


def test_a_path_that_is_not_utf8_is_written_as_an_escape(tmp_path: Path) -> None:
    note = f"{os.fsdecode(bytes([0xFF]))} cannot be read"
    art = folder(tmp_path, notes=[note])
    assert art.manifest.notes == (note,)


@pytest.mark.parametrize("name", ["manifest.json", "labels.txt", "model.tflite", "golden"])
def test_a_link_in_an_artifact_is_refused(name: str, tmp_path: Path) -> None:
    root = folder(tmp_path / "a").root
    (root / name).rename(tmp_path / "elsewhere")
    (root / name).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(GateFailed, match=f"{name} is a symbolic link, which an artifact cannot"):
        ArtifactFolder.open(root).verify()


def test_a_link_to_an_artifact_is_one(tmp_path: Path) -> None:
    folder(tmp_path / "a")
    (tmp_path / "latest").symlink_to("a")
    ArtifactFolder.open(tmp_path / "latest").verify()
