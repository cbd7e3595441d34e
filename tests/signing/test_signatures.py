"""Signatures without the package that makes them: what is refused, and what a verdict needs."""

from pathlib import Path

import pytest
from artifact_folders import folder
from calls_in_process import outcome

from slide_mobile import signing
from slide_mobile.errors import EnvironmentMissing, GateFailed, UsageError
from slide_mobile.signing import signatures
from slide_mobile.targets import cached_folders

PRIVATE = b"-----BEGIN EC PRIVATE KEY-----\nAAAA\n-----END EC PRIVATE KEY-----\n"
PUBLIC = b"-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n"


@pytest.fixture
def keys(tmp_path: Path) -> tuple[Path, Path]:
    """Files that look like a private and a public key."""
    private, public = tmp_path / "release.pem", tmp_path / "release.pub"
    private.write_bytes(PRIVATE)
    public.write_bytes(PUBLIC)
    return private, public


@pytest.fixture
def says(monkeypatch: pytest.MonkeyPatch) -> dict[str, str | None]:
    """What model-signing says, by the name of the key; it signs with a fixed text."""
    answers: dict[str, str | None] = {}

    def call(verb: str, root: Path, signature: Path, key: Path) -> str | None:
        if verb == "sign":
            signature.write_text("signed")
        return answers.get(key.name)

    monkeypatch.setattr(signatures, "_call", call)
    return answers


def test_a_signature_is_written_and_verified(
    tmp_path: Path, keys: tuple[Path, Path], says: dict[str, str | None]
) -> None:
    art = folder(tmp_path / "a")
    assert signing.verify(art.root, keys[1:]).status == "unsigned"
    assert signing.sign(art.root, keys[0]) == art.root / "model.sig"
    found = signing.verify(art.root, keys[1:])
    assert (found.status, found.key) == ("authentic", str(keys[1]))
    assert found.manifest_sha256 == art.manifest_sha256
    art.verify()  # the signature is no file of the manifest


def test_any_of_the_trusted_keys_is_enough_and_the_best_reason_is_told(
    tmp_path: Path, keys: tuple[Path, Path], says: dict[str, str | None]
) -> None:
    art, other = folder(tmp_path / "a"), tmp_path / "other.pub"
    other.write_bytes(PUBLIC)
    signing.sign(art.root, keys[0])
    says["other.pub"] = "the signature was made with another key"
    assert signing.verify(art.root, [other, keys[1]]).status == "authentic"
    says["release.pub"] = "labels.txt was changed"
    found = signing.verify(art.root, [other, keys[1]])
    assert (found.status, found.reason) == ("forged", "labels.txt was changed")
    assert signing.verify(art.root, [other]).reason == "the signature was made with another key"


def test_a_signed_folder_must_match_its_manifest(
    tmp_path: Path, keys: tuple[Path, Path], says: dict[str, str | None]
) -> None:
    art = folder(tmp_path / "a")
    signing.sign(art.root, keys[0])
    (art.root / "labels.txt").write_text("other\nlabels\n")
    found = signing.verify(art.root, keys[1:])
    assert found.status == "forged" and "does not match the manifest" in str(found.reason)
    with pytest.raises(GateFailed, match="does not match the manifest"):
        signing.sign(art.root, keys[0])


def test_keys_are_not_mixed_up(
    tmp_path: Path, keys: tuple[Path, Path], says: dict[str, str | None]
) -> None:
    art = folder(tmp_path / "a")
    with pytest.raises(UsageError, match=r"release.pub is not a private key in PEM"):
        signing.sign(art.root, keys[1])
    with pytest.raises(UsageError, match=r"release.pem is not a public key in PEM"):
        signing.verify(art.root, keys[:1])
    with pytest.raises(UsageError, match="cannot read the key"):
        signing.sign(art.root, tmp_path / "none.pem")
    assert not (art.root / "model.sig").exists()


def test_what_signs_is_installed_by_a_command(
    tmp_path: Path, keys: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(cached_folders.FOLDER_VARIABLE, str(tmp_path / "none"))
    art = folder(tmp_path / "a")
    with pytest.raises(EnvironmentMissing, match="doctor --install model-signing"):
        signing.sign(art.root, keys[0])


def test_what_is_no_part_of_the_artifact_is_not_signed(
    tmp_path: Path, keys: tuple[Path, Path], says: dict[str, str | None]
) -> None:
    art = folder(tmp_path / "a")
    (art.root / "lab.json").write_text("{}")  # of the command lab
    signing.sign(art.root, keys[0])
    (art.root / "notes.txt").write_text("x")
    with pytest.raises(UsageError, match=r"notes.txt is not part of the artifact"):
        signing.sign(art.root, keys[0])


@pytest.mark.parametrize(("answer", "code"), [(None, 0), ("model.tflite was changed", 1)])
def test_embed_takes_what_is_authentic(
    answer: str | None, code: int, tmp_path: Path, keys: tuple[Path, Path],
    says: dict[str, str | None],
) -> None:  # fmt: skip
    art, app = folder(tmp_path / "a"), tmp_path / "app"
    (app / "app").mkdir(parents=True)
    (app / "settings.gradle.kts").touch()
    signing.sign(art.root, keys[0])
    says["release.pub"] = answer
    found, lines = outcome("embed", art.root, "--app", app, "--require-signature", keys[1])
    assert found == code, lines
    if code:
        assert lines == [
            f"error: {art.root} is forged (model.tflite was changed): nothing was embedded"
        ]
    assert len(list(app.rglob("model.sig"))) == (0 if code else 1)


def test_commands_have_exit_codes(
    tmp_path: Path, keys: tuple[Path, Path], says: dict[str, str | None]
) -> None:
    art = folder(tmp_path / "a")
    assert outcome("verify", art.root, "--key", keys[1])[0] == 1
    assert outcome("sign", art.root, "--key", keys[0])[0] == 0
    assert outcome("verify", art.root, "--key", keys[1])[0] == 0
    assert outcome("sign", art.root, "--key", keys[1])[0] == 2


@pytest.mark.parametrize("before", [None, b"{}"])
def test_a_signing_that_fails_leaves_the_folder_as_it_was(
    before: bytes | None, tmp_path: Path, keys: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    root = folder(tmp_path / "a").root
    if before is not None:
        (root / "bom.cdx.json").write_bytes(before)
    seen = {path: path.read_bytes() for path in root.rglob("*") if path.is_file()}
    monkeypatch.setattr(signatures, "_call", lambda *_: "no")
    with pytest.raises(UsageError, match="cannot sign"):
        signing.sign(root, keys[0])
    assert {path: path.read_bytes() for path in root.rglob("*") if path.is_file()} == seen
