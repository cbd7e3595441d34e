"""Signatures by the real model-signing, in an environment that the tests make."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from artifact_folders import folder

from slide_mobile import signing
from slide_mobile.artifact.folder import ArtifactFolder
from slide_mobile.errors import UsageError
from slide_mobile.signing import signatures
from slide_mobile.signing.signatures import ENVIRONMENT, PASSWORD_VARIABLE
from slide_mobile.targets import environments

pytestmark = pytest.mark.apps
REPOSITORY = Path(__file__).parents[2]


@pytest.fixture(scope="module", autouse=True)
def environment() -> None:
    """Make the environment unless it exists."""
    environments.create(ENVIRONMENT)


def pair(path: Path, curve: str = "prime256v1") -> tuple[Path, Path]:
    """A new private key, and its public key."""
    make = ["openssl", "ecparam", "-name", curve, "-genkey", "-noout", "-out", path]
    subprocess.run(make, check=True)
    public = path.with_suffix(".pub")
    subprocess.run(["openssl", "ec", "-in", path, "-pubout", "-out", public], check=True,
                   capture_output=True)  # fmt: skip
    return path, public


@pytest.mark.parametrize("curve", ["prime256v1", "secp384r1", "secp521r1"])
def test_a_signed_folder_is_authentic(tmp_path: Path, curve: str) -> None:
    private, public = pair(tmp_path / "release.pem", curve)
    root = folder(tmp_path / "a").root
    signing.sign(root, private)
    assert signing.verify(root, [public]).status == "authentic"
    moved = root.rename(tmp_path / "elsewhere")
    assert signing.verify(moved, [public]).status == "authentic"


def test_every_change_is_found(tmp_path: Path) -> None:
    private, public = pair(tmp_path / "release.pem")
    root = folder(tmp_path / "a").root
    signing.sign(root, private)
    for path in sorted(p for p in root.rglob("*") if p.is_file() and p.name != "manifest.json"):
        before = path.read_bytes()
        middle = len(before) // 2
        path.write_bytes(before[:middle] + bytes([before[middle] ^ 1]) + before[middle + 1 :])
        assert signing.verify(root, [public]).status == "forged", path
        path.write_bytes(before)
    for name in (".git/config", "extra", "golden/99.ppm"):
        (root / name).parent.mkdir(exist_ok=True)
        (root / name).write_text("x")
        found = signing.verify(root, [public])
        assert found.status == "forged" and f"{name} was added" in str(found.reason)
        (root / name).unlink()
    (root / "link").symlink_to("/etc/passwd")
    assert signing.verify(root, [public]).status == "forged"
    (root / "link").unlink()
    (root / ".git").rmdir()
    assert signing.verify(root, [public]).status == "authentic"


def test_a_resealed_artifact_is_forged(tmp_path: Path) -> None:
    private, public = pair(tmp_path / "release.pem")
    signed, other = folder(tmp_path / "a"), folder(tmp_path / "b", labels=b"dog\ncat\n")
    signing.sign(signed.root, private)
    (other.root / "model.sig").write_bytes((signed.root / "model.sig").read_bytes())
    ArtifactFolder.open(other.root).verify()  # by itself it is whole
    found = signing.verify(other.root, [public])
    assert found.status == "forged" and "labels.txt was changed" in str(found.reason)


def test_another_key_and_a_damaged_signature(tmp_path: Path) -> None:
    private, public = pair(tmp_path / "release.pem")
    _, other = pair(tmp_path / "other.pem")
    root = folder(tmp_path / "a").root
    signing.sign(root, private)
    assert signing.verify(root, [other]).reason == "the signature was made with another key"
    assert signing.verify(root, [other, public]).status == "authentic"
    for content in (b"", b"{}", b"[" * 100_000, b"\xff", b"null"):
        (root / "model.sig").write_bytes(content)
        assert signing.verify(root, [public]).status == "forged", content[:9]


CASES = json.loads((REPOSITORY / "apps/conformance/signatures.json").read_text())["cases"]


@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
def test_the_apps_find_what_model_signing_finds(tmp_path: Path, case: dict[str, Any]) -> None:
    for name, text in case["files"].items():
        (tmp_path / "signed" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "signed" / name).write_text(text)
    signature = tmp_path / "model.sig"
    signature.write_text(case["signature"] or "")
    keys = [tmp_path / f"{i}.pub" for i in range(len(case["keys"]))]
    for key, text in zip(keys, case["keys"], strict=True):
        key.write_text(text)
    said = [signatures._call("verify", tmp_path / "signed", signature, key) for key in keys]
    if case["signature"] is None or not keys:
        assert case["status"] in {"unsigned", "unchecked"}
    elif case["status"] == "authentic":
        assert None in said
    elif not case["reason"].startswith("the signature is"):  # there the apps are stricter
        assert None not in said and case["reason"] in said


def test_an_encrypted_key_needs_its_password(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    private, public = pair(tmp_path / "release.pem")
    locked = tmp_path / "locked.pem"
    subprocess.run(["openssl", "ec", "-in", private, "-aes256", "-passout", "pass:secret",
                    "-out", locked], check=True, capture_output=True)  # fmt: skip
    root = folder(tmp_path / "a").root
    with pytest.raises(UsageError, match="set SLIDE_MOBILE_KEY_PASSWORD"):
        signing.sign(root, locked)
    monkeypatch.setenv(PASSWORD_VARIABLE, "secret")
    signing.sign(root, locked)
    assert signing.verify(root, [public]).status == "authentic"
