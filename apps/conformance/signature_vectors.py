"""Signed folders, some of them forged: signatures.json, which holds real signatures.

    python apps/conformance/signature_vectors.py [FILE]

A signature is another one each time it is made, so make.py does not call this: the committed file
stays until the cases change. Needs openssl and `slide-mobile doctor --install model-signing`.
"""

import base64
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from slide_mobile.artifact import documents
from slide_mobile.signing import signatures
from slide_mobile.targets import environments

Json = dict[str, Any]

FILES = {"labels.txt": "cat\ndog\n", "golden/00.ppm": "P6\n1 1\n255\nabc", "model.bin": "weights"}
CURVES = ("prime256v1", "secp384r1", "secp521r1")


def main() -> None:
    """Write the vectors."""
    path = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).with_name("signatures.json")
    with tempfile.TemporaryDirectory() as scratch:
        lines = ",\n".join(json.dumps(case) for case in cases(Path(scratch)))
    path.write_text(f'{{"cases": [\n{lines}\n]}}\n', encoding="utf-8")


def cases(scratch: Path) -> list[Json]:
    """Each has a name, the folder's files, its model.sig, the trusted keys, and what is found."""
    made = {curve: pair(scratch / f"{curve}.pem", curve) for curve in CURVES}
    signed = {curve: signature(scratch, private) for curve, (private, _) in made.items()}
    (_, ours), (_, other) = made[CURVES[0]], pair(scratch / "other.pem", CURVES[0])
    real = signed[CURVES[0]]
    bundle = json.loads(real)

    def case(name: str, status: str, reason: str | None = None, **given: Any) -> Json:
        usual = {"files": FILES, "signature": real, "keys": [ours]}
        return {"name": name, **usual, **given, "status": status, "reason": reason}

    def forged(name: str, reason: str, **given: Any) -> Json:
        return case(name, "forged", reason, **given)

    damaged, unknown = "the signature is damaged", (
        "the signature is of a kind that this app does not know"
    )  # fmt: skip
    changed = "the signature was changed after it was made"
    without = {name: text for name, text in FILES.items() if name != "labels.txt"}
    return [
        *(case(curve, "authentic", signature=signed[curve], keys=[made[curve][1]])
          for curve in CURVES),
        case("the second of two keys", "authentic", keys=[other, ours]),
        case("no signature", "unsigned", signature=None),
        case("no signature and no key", "unsigned", signature=None, keys=[]),
        case("no key", "unchecked", keys=[]),
        forged("another key", "the signature was made with another key", keys=[other]),
        forged("a file changed", "labels.txt was changed",
               files={**FILES, "labels.txt": "dog\ncat\n"}),
        forged("a file added", "extra.txt was added", files={**FILES, "extra.txt": "x"}),
        forged("a hidden file added", ".git/config was added", files={**FILES, ".git/config": "x"}),
        forged("a file added beside others", "golden/99.ppm was added",
               files={**FILES, "golden/99.ppm": "x"}),
        forged("a file missing", "labels.txt is missing", files=without),
        forged("a byte of the signature", changed, signature=edited(bundle, flip_signature)),
        forged("a byte of the statement", changed, signature=edited(bundle, flip_statement)),
        forged("no bytes of a signature", changed, signature=edited(bundle, no_signature)),
        forged("empty", damaged, signature=""),
        forged("no object", damaged, signature="null"),
        forged("no bundle", damaged, signature="{}"),
        forged("cut", damaged, signature=real[: len(real) // 2]),
        forged("nested", damaged, signature="[" * 10_000),
        forged("no base64", damaged, signature=edited(bundle, no_base64)),
        forged("two signatures", unknown, signature=edited(bundle, two_signatures)),
        forged("another type of payload", unknown, signature=edited(bundle, other_payload)),
    ]  # fmt: skip


def pair(path: Path, curve: str) -> tuple[Path, str]:
    """A new private key, and its public key in PEM."""
    make = ["openssl", "ecparam", "-name", curve, "-genkey", "-noout", "-out", str(path)]
    subprocess.run(make, check=True)
    public = ["openssl", "ec", "-in", str(path), "-pubout"]
    return path, subprocess.run(public, check=True, capture_output=True, text=True).stdout


def signature(scratch: Path, key: Path) -> str:
    """What model-signing writes for the usual files."""
    folder = scratch / "folder"
    for name, text in FILES.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    out = scratch / "model.sig"
    given = {"folder": str(folder), "signature": str(out), "key": str(key), "password": None}
    worker = Path(signatures.__file__).with_name("worker.py")
    command = [str(environments.python_of(signatures.ENVIRONMENT)), "-I", str(worker), "sign"]
    subprocess.run(command, input=documents.encode(given), check=True, capture_output=True)
    return out.read_text()


def edited(bundle: Json, edit: Any) -> str:
    """The text of a bundle after an edit of its envelope."""
    copy = json.loads(json.dumps(bundle))
    edit(copy["dsseEnvelope"])
    return json.dumps(copy)


def flip_signature(envelope: Json) -> None:
    """Change the last byte of the signature, which stays well-formed."""
    data = bytearray(base64.b64decode(envelope["signatures"][0]["sig"]))
    data[-1] ^= 1
    envelope["signatures"][0]["sig"] = base64.b64encode(data).decode()


def flip_statement(envelope: Json) -> None:
    """Change the digest of a file."""
    text = base64.b64decode(envelope["payload"]).decode()
    statement = json.loads(text)
    old = statement["predicate"]["resources"][0]["digest"]
    new = old[:-1] + ("0" if old[-1] != "0" else "1")
    envelope["payload"] = base64.b64encode(text.replace(old, new).encode()).decode()


def no_signature(envelope: Json) -> None:
    """Leave nothing of the signature."""
    envelope["signatures"][0]["sig"] = ""


def no_base64(envelope: Json) -> None:
    """Put what is no base64 in the place of the payload."""
    envelope["payload"] = "#" + envelope["payload"]


def two_signatures(envelope: Json) -> None:
    """Sign twice."""
    envelope["signatures"] *= 2


def other_payload(envelope: Json) -> None:
    """Name another type."""
    envelope["payloadType"] = "application/json"


if __name__ == "__main__":
    main()
