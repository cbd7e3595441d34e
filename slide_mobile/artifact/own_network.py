"""What the manifest says about a network of the user: what was rewritten, and what was left."""

from msgspec import Struct

from slide_mobile.artifact.documents import Decibels, Name, Text


class Rewritten(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A module of the user's network that was rewritten, and its SQNR against what it replaced."""

    module: Name
    rewrite: Text
    sqnr_db: Decibels


class LeftAlone(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A module that was left to the exporter although something about it costs, and what."""

    module: Name
    reason: Text


class OwnNetwork(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A network of the user: where it comes from, and what became of its modules."""

    source: Text
    rewritten: tuple[Rewritten, ...]
    left: tuple[LeftAlone, ...]
