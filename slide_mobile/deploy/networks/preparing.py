"""Prepare a network of the user for a target: the same function, rewritten where that is proved.

Every module is offered to the rewrites that look for its structure. What they make is run beside
the module, on random inputs like those that the module gets in the network; only if both compute
the same does it take the module's place. Everything else is left to the exporter.
"""

import copy
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from slide_mobile.artifact.own_network import LeftAlone, Rewritten
from slide_mobile.deploy.forms import Forms
from slide_mobile.deploy.networks import norms, slide, windows
from slide_mobile.deploy.networks.calls import WRONG_DB, Call, Measure, proof, record
from slide_mobile.deploy.networks.network import Network
from slide_mobile.tasks import Layout

# The floor of every rewrite, the same as for the models of the catalogue. A wrong reading of a
# module is below 30 dB; rounding alone leaves 120 dB and more.
MIN_SQNR_DB = 100


@dataclass(frozen=True, kw_only=True)
class Prepared:
    """A network in the form in which it is exported, and what became of its modules."""

    network: nn.Module
    rewritten: tuple[Rewritten, ...] = ()
    left: tuple[LeftAlone, ...] = ()


@dataclass(frozen=True, kw_only=True)
class _Rewrite:
    """A rewrite: which modules look as if it applied, and what may replace one that was called."""

    name: str
    applies: Callable[[nn.Module], bool]
    forms: Callable[[nn.Module, Call], Iterator[nn.Module]]


@torch.no_grad()
def prepare(
    network: Network, images: Sequence[Tensor], *, layout: Layout, forms: Forms, measure: Measure
) -> Prepared:
    """Rewrite a copy of a network, and prove each rewrite; `images` are inputs, (1, 3, H, W).

    `measure` gives the SQNR of an output, in dB.
    """
    network = copy.deepcopy(network).requires_grad_(False).eval()
    network.layout = layout
    chosen = _candidates(network, _rewrites(layout, forms))
    runs = [record(network, image, tuple(chosen)) for image in images]
    rewritten, left = [], []
    for path, rewrite in chosen.items():
        calls = [call for run in runs for call in run[path]]
        found = _tried(network, path, rewrite, calls, measure)
        rewritten += [found] if isinstance(found, Rewritten) else []
        left += [found] if isinstance(found, LeftAlone) else []
    folded = _with_folded_norms(network, images, measure)
    return Prepared(
        network=folded.network,
        rewritten=(*rewritten, *folded.rewritten),
        left=(*left, *folded.left),
    )


def _rewrites(layout: Layout, forms: Forms) -> tuple[_Rewrite, ...]:
    """Every rewrite of a module; the first that applies is tried."""
    return (
        _Rewrite(
            name="Slide Attention, tap by tap",
            applies=slide.applies,
            forms=lambda module, call: slide.replacements(module, call, layout, forms),
        ),
        _Rewrite(
            name="window attention at rank 4",
            applies=windows.applies,
            forms=lambda module, call: windows.replacements(module, call, layout),
        ),
        _Rewrite(
            name="LayerNorm as sums over the channels",
            applies=norms.applies,
            forms=lambda module, call: norms.replacements(module, layout),
        ),
    )


def _candidates(network: Network, rewrites: Sequence[_Rewrite]) -> Mapping[str, _Rewrite]:
    """The rewrite to try for each module that looks as if one applied, by path."""
    found: dict[str, _Rewrite] = {}
    for path, module in network.named_modules():
        inside = any(path.startswith(f"{outer}.") for outer in found)
        rewrite = next((one for one in rewrites if not inside and one.applies(module)), None)
        if rewrite is not None:
            found[path] = rewrite
    return found


def _tried(
    network: Network, path: str, rewrite: _Rewrite, calls: Sequence[Call], measure: Measure
) -> Rewritten | LeftAlone | None:
    """Replace one module if that is proved; None for a module that the network never calls."""
    if not calls:
        return None
    name, old, call = network.own_path(path), network.get_submodule(path), calls[0]
    if not all(call.same(other) for other in calls):
        return LeftAlone(module=name, reason=f"{rewrite.name}: its calls differ in their arguments")
    best = WRONG_DB
    for new in rewrite.forms(old, call):
        best = max(best, db := proof(old, new.eval(), call, measure))
        if db >= MIN_SQNR_DB:
            network.set_submodule(path, new.requires_grad_(False))
            return Rewritten(module=name, rewrite=rewrite.name, sqnr_db=round(db, 1))
    said = "its input has another form" if best == WRONG_DB else f"it would give {best:.1f} dB"
    return LeftAlone(module=name, reason=f"{rewrite.name}: {said}")


def _with_folded_norms(network: Network, images: Sequence[Tensor], measure: Measure) -> Prepared:
    """Fold batch norms into convolutions; the whole network proves that nothing else reads them."""
    folded = copy.deepcopy(network)
    paths = [network.own_path(path) for path in norms.fold_batch_norms(folded, images[0])]
    if not paths:
        return Prepared(network=network)
    pairs = [pair for x in images for pair in zip(network(x), folded(x), strict=True)]
    db = min(measure(a.numpy(), b.numpy()) for a, b in pairs)
    if db < MIN_SQNR_DB:
        reason = f"BatchNorm into the convolution before it: it would give {db:.1f} dB"
        return Prepared(
            network=network, left=tuple(LeftAlone(module=path, reason=reason) for path in paths)
        )
    into = "BatchNorm into the convolution before it"
    return Prepared(
        network=folded,
        rewritten=tuple(
            Rewritten(module=path, rewrite=into, sqnr_db=round(db, 1)) for path in paths
        ),
    )
