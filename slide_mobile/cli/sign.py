"""slide-mobile sign and slide-mobile verify."""

from pathlib import Path
from typing import TYPE_CHECKING

import click
from msgspec import Struct
from rich.console import Console

from slide_mobile.artifact.documents import Sha256, Text
from slide_mobile.cli.printing import escape, print_facts, print_next
from slide_mobile.cli.session import Session
from slide_mobile.cli.verb import verb

if TYPE_CHECKING:
    from slide_mobile.signing import Verification

SIGN_EXAMPLES = """
\b
Examples:
  openssl ecparam -name prime256v1 -genkey -noout -out release.pem
  slide-mobile sign artifacts/slide_swin_demo-tflite-int8 --key release.pem
  slide-mobile sign artifacts/slide_swin_demo-coreml-fp16 --key release.pem \\
      --json
"""
VERIFY_EXAMPLES = """
\b
Examples:
  openssl ec -in release.pem -pubout -out release.pub
  slide-mobile verify artifacts/slide_swin_demo-tflite-int8 --key release.pub
  slide-mobile verify artifacts/slide_swin_demo-tflite-int8 --key old.pub \\
      --key new.pub
"""
COLOURS = {"authentic": "green", "unsigned": "yellow", "forged": "red"}


class SignDocument(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The object of `sign --json`."""

    artifact: Text
    signature: Text
    manifest_sha256: Sha256


@click.command(epilog=SIGN_EXAMPLES)
@click.argument("artifact", type=click.Path(path_type=Path))
@click.option(
    "--key",
    required=True,
    type=click.Path(path_type=Path),
    help="Private key in PEM, on the curve P-256, P-384 or P-521. The apps take P-256.",
)
@verb
def sign(session: Session, artifact: Path, key: Path) -> None:
    """Sign every file of ARTIFACT with your private key.

    Writes model.sig into the folder, in the format of OpenSSF Model Signing. Sign last: any change
    of the folder makes the signature wrong. The password of an encrypted key is read from
    SLIDE_MOBILE_KEY_PASSWORD. Nothing is sent anywhere.
    """
    from slide_mobile import signing
    from slide_mobile.artifact.folder import ArtifactFolder

    session.progress("sign the files")
    path = signing.sign(artifact, key)
    document = SignDocument(
        artifact=str(artifact),
        signature=str(path),
        manifest_sha256=ArtifactFolder.open(artifact).manifest_sha256,
    )
    session.emit(document, lambda console: _print_signed(console, document))


@click.command(epilog=VERIFY_EXAMPLES)
@click.argument("artifact", type=click.Path(path_type=Path))
@click.option(
    "--key",
    "keys",
    required=True,
    multiple=True,
    type=click.Path(path_type=Path),
    help="Public key in PEM that you trust; can be repeated.",
)
@verb
def verify(session: Session, artifact: Path, keys: tuple[Path, ...]) -> int:
    """Say whether ARTIFACT was signed with a key that you trust.

    "authentic" means that the owner of the key signed exactly these files. Exit code 1 means that
    the artifact is unsigned, or that the signature is forged: of other files, or by another key.
    """
    from slide_mobile import signing

    session.progress("verify the signature")
    found = signing.verify(artifact, keys)
    session.emit(found, lambda console: _print_verified(console, found))
    return 0 if found.status == "authentic" else 1


def _print_signed(console: Console, document: SignDocument) -> None:
    """Print where the signature is, and the command that verifies it."""
    console.print(f"[bold green]signed[/]  {escape(document.signature)}")
    print_next(console, ("slide-mobile", "verify", document.artifact, "--key", "PUBLIC_KEY"))


def _print_verified(console: Console, found: "Verification") -> None:
    """Print the verdict, and what it rests on."""
    colour = COLOURS[found.status]
    console.print(f"[bold {colour}]{found.status}[/]  {escape(found.artifact)}")
    facts = [
        ("signed by", found.key),
        ("reason", found.reason),
        ("manifest", found.manifest_sha256),
    ]
    print_facts(console, [(name, escape(text)) for name, text in facts if text is not None])
