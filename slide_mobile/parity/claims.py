"""What a manifest says of its model file, held against the file.

The floors of a precision judge a file, and whoever can edit a manifest could choose lower ones. So
the precision is found again in the file, and with it the facts that `inspect` reads.
"""

from collections.abc import Iterator

from slide_mobile.artifact.folder import ArtifactFolder, size_bytes
from slide_mobile.errors import GateFailed
from slide_mobile.targets import registry
from slide_mobile.targets.converter import Converter

_MOST_SHARE = 0.01  # another release of a runtime may compute another operation in int8


def require(art: ArtifactFolder) -> None:
    """Raise GateFailed unless the model file is what the manifest says; raises ArtifactError."""
    wrong = next(_differences(art, registry.load(art.manifest.target)), None)
    if wrong is not None:
        what, said, found = wrong
        raise GateFailed(
            f"{art.model_path} has {what} {found}, the manifest says {said}: one of them was "
            "changed; convert the model again"
        )


def _differences(art: ArtifactFolder, converter: Converter) -> Iterator[tuple[str, object, object]]:
    """What the manifest says otherwise than the file: its name, there and here."""
    manifest, path = art.manifest, art.model_path
    yield from _unequal("precision", manifest.precision, converter.precision(path))
    yield from _unequal("the size in bytes", manifest.size_bytes, size_bytes(path))
    said, found = manifest.graph, converter.inspect(path)
    for name in sorted(said.ops | found.ops):
        yield from _unequal(f"{name} operations", said.ops.get(name, 0), found.ops.get(name, 0))
    yield from _unequal("the rank", said.max_rank, found.max_rank)
    if abs(said.int8_mac_fraction - found.int8_mac_fraction) > _MOST_SHARE:
        yield "the int8 share", said.int8_mac_fraction, found.int8_mac_fraction


def _unequal(what: str, said: object, found: object) -> Iterator[tuple[str, object, object]]:
    """The difference, if there is one."""
    if said != found:
        yield what, said, found
