"""The result of `lab cost`: an estimate of what one inference costs on a core of a phone."""

from typing import Literal

from msgspec import Struct

from slide_mobile.artifact.documents import Count, Name, NonNegative, Positive, Sha256, Text


class CacheTraffic(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Bytes between a cache and the next level, out of a model of the caches.

    `read` and `claimed` came in, to be read or to be written to; `written` went out.
    """

    name: Name
    cache_bytes: Positive
    read_bytes: Count
    claimed_bytes: Count
    written_bytes: Count


class CostOfOperation(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An operation in execution order, by LiteRT's name; `module` is its path in PyTorch.

    `compute_cycles` assume all data in the first cache; `memory_cycles` come on top.
    """

    name: Name
    module: Text
    instructions: Count
    compute_cycles: NonNegative
    memory_cycles: NonNegative


class CostOfModule(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """All operations of a module together, without those of modules inside it."""

    module: Text
    operations: Positive
    compute_cycles: NonNegative
    memory_cycles: NonNegative


class CostDocument(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An estimate, not a measurement: nothing here ran on a phone.

    One inference on one thread. `core` is the name of the core, `chip` where its caches are from,
    `executed_by` what counted, and `simulated_by` whose model of the core gave the cycles. Sums are
    over all operations; what LiteRT does between them is left out.
    """

    schema_version: Literal[1] = 1
    kind: Literal["estimate"] = "estimate"
    artifact: Text
    manifest_sha256: Sha256
    core: Name
    chip: Text
    executed_by: Text
    simulated_by: Text
    instructions: Count
    compute_cycles: NonNegative
    memory_cycles: NonNegative
    caches: tuple[CacheTraffic, ...]
    modules: tuple[CostOfModule, ...]
    operations: tuple[CostOfOperation, ...]

    @property
    def cycles(self) -> float:
        """Cycles of computing and of memory."""
        return self.compute_cycles + self.memory_cycles
