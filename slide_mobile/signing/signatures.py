"""Sign an artifact folder, and verify the signature of one."""

import contextlib
import os
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Literal

from msgspec import Struct
from msgspec.structs import replace

from slide_mobile.artifact import atomic, documents
from slide_mobile.artifact import keys as key_files
from slide_mobile.artifact.documents import DocumentError, Sha256, Text
from slide_mobile.artifact.folder import BOM, LAB, SIGNATURE, ArtifactFolder, names
from slide_mobile.artifact.manifest import MANIFEST
from slide_mobile.errors import GateFailed, OutputError, UsageError
from slide_mobile.isolation import files, limits
from slide_mobile.isolation.files import StrPath
from slide_mobile.signing.bom import bom
from slide_mobile.targets import environments

ENVIRONMENT = "model-signing"
PASSWORD_VARIABLE = "SLIDE_MOBILE_KEY_PASSWORD"

_WORKER = Path(__file__).with_name("worker.py")
_SECONDS = 300.0
_MOST_SIGNATURE_BYTES = 1 << 23  # lists 10,000 files

Status = Literal["authentic", "unsigned", "forged"]


class Verification(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a signature says about a folder.

    "authentic": the owner of a trusted key signed exactly these files. "unsigned": there is no
    signature. "forged": there is one, and it is of other files or by another key; `reason` says so.
    """

    artifact: Text
    status: Status
    manifest_sha256: Sha256
    key: Text | None = None  # the file of the trusted key that fits
    reason: Text | None = None


class _Said(Struct, frozen=True):
    """The worker's line of JSON."""

    error: Text | None


def sign(artifact: StrPath, key: StrPath) -> Path:
    """Sign every file of an artifact with a private key (PEM, P-256, P-384 or P-521).

    First, what made the file is written to `bom.cdx.json`. The signature becomes `model.sig` in the
    folder. Both replace older ones. An encrypted key needs its password in
    SLIDE_MOBILE_KEY_PASSWORD. Raises ArtifactError, GateFailed (integrity), UsageError for a key
    that cannot be used, EnvironmentMissing, OutputError.
    """
    root, key = Path(artifact), Path(key)
    opened = ArtifactFolder.open(root)
    opened.verify()
    ours = {MANIFEST, *opened.manifest.files, BOM, LAB, SIGNATURE}
    if foreign := [name for name in names(root) if name not in ours]:
        raise UsageError(f"{root / foreign[0]} is not part of the artifact: remove it, then sign")
    _require_key(key, private=True)
    made_of = documents.encode(bom(opened))
    with _replaced(root / BOM, made_of), tempfile.TemporaryDirectory() as scratch:
        signature = Path(scratch) / SIGNATURE
        if error := _call("sign", root, signature, key):
            raise UsageError(f"cannot sign {root} with {key}: {error}")
        atomic.write_file(root / SIGNATURE, signature.read_bytes())
    return root / SIGNATURE


@contextlib.contextmanager
def _replaced(path: Path, data: bytes) -> Iterator[None]:
    """Write a file; if the block fails, what was there before is there again."""
    try:
        before = files.read(path, most=documents.MOST_BYTES) if os.path.lexists(path) else None
    except OSError as error:
        raise OutputError(f"cannot replace {path}: {error.strerror}") from error
    try:
        atomic.write_file(path, data)
        yield
    except BaseException:
        path.unlink(missing_ok=True)
        if before is not None:
            atomic.write_file(path, before)
        raise


def verify(artifact: StrPath, keys: Sequence[StrPath]) -> Verification:
    """Say whether one of these public keys (PEM) vouches for every byte of an artifact.

    Raises ArtifactError, UsageError for a file that is no public key, EnvironmentMissing.
    """
    root, trusted = Path(artifact), files.paths(keys)
    opened = ArtifactFolder.open(root)
    for key in trusted:
        _require_key(key, private=False)

    def found(status: Status, key: Path | None = None, reason: str | None = None) -> Verification:
        """The result for this folder."""
        return Verification(
            artifact=str(root),
            status=status,
            manifest_sha256=opened.manifest_sha256,
            key=None if key is None else str(key),
            reason=reason,
        )

    path = root / SIGNATURE
    if not path.exists() and not path.is_symlink():
        return found("unsigned")
    try:
        content = files.read(path, most=_MOST_SIGNATURE_BYTES)
    except OSError as error:
        return found("forged", reason=f"the signature cannot be read ({error.strerror})")
    reasons: list[str] = []
    with tempfile.TemporaryDirectory() as scratch:
        signature = Path(scratch) / SIGNATURE
        signature.write_bytes(content)
        for key in trusted:
            wrong = _call("verify", root, signature, key)
            if wrong is None:
                return _agreeing(opened, found("authentic", key=key))
            reasons.append(wrong)
    # Of several keys, only the one that fits tells what is wrong with the files.
    told = [reason for reason in reasons if "another key" not in reason] or reasons
    return found("forged", reason=told[0] if told else "no key was given")


def _agreeing(artifact: ArtifactFolder, found: Verification) -> Verification:
    """The result, unless a signed folder does not match its own manifest."""
    try:
        artifact.verify()
    except GateFailed as error:
        return replace(found, status="forged", key=None, reason=str(error))
    return found


def _require_key(path: Path, *, private: bool) -> None:
    """Raise UsageError unless a file looks like a key in PEM of this kind."""
    kind = "private" if private else "public"
    text = key_files.read(path)
    if b"-----BEGIN" not in text or (b"PRIVATE KEY-----" in text) != private:
        raise UsageError(f"{path} is not a {kind} key in PEM")


def _call(verb: str, root: Path, signature: Path, key: Path) -> str | None:
    """Run the worker in its environment; what it says was wrong, None for nothing."""
    given = {
        "folder": str(root.absolute()),
        "signature": str(signature),
        "key": str(key.absolute()),
        "password": os.environ.get(PASSWORD_VARIABLE),
    }
    try:
        done = subprocess.run(
            [environments.python_of(ENVIRONMENT), "-I", _WORKER, verb],
            input=documents.encode(given),
            capture_output=True,
            timeout=_SECONDS,
            preexec_fn=limits.limited,
            check=False,
        )
        return documents.decode(done.stdout, _Said).error
    except subprocess.TimeoutExpired:
        return f"model-signing did not end in {_SECONDS:.0f} s"
    except DocumentError:
        lines = done.stderr.decode(errors="replace").splitlines()
        return f"model-signing failed ({lines[-1][:200] if lines else done.returncode})"
