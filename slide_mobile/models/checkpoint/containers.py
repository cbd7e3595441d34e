"""Find the weights in what a training script saved, and choose between raw and averaged ones.

A file may hold both: the weights of the last step, and their moving average, which is what authors
evaluate. Which key holds which is a habit of each library, so it is a table (WAYS).
"""

from collections.abc import Mapping
from dataclasses import dataclass

from slide_mobile.errors import CheckpointError
from slide_mobile.models.checkpoint import prefixes
from slide_mobile.models.checkpoint.unpickle import Stored, Unreadable, shown
from slide_mobile.tasks import Weights

__all__ = ["one_network", "unwrap"]

# Keys under which training scripts store the weights, when there is no choice.
CONTAINERS = (
    "state_dict", "model", "model_state_dict", "module", "net", "network", "weights", "params",
    "state_dict_ema", "model_ema", "ema_state_dict", "ema", "ema_model", "params_ema",
)  # fmt: skip
_AVERAGED = CONTAINERS[-6:]
Path = tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Way:
    """How a library stores both: the paths of either, and a key that only its files have."""

    source: str
    raw: Path
    averaged: Path
    mark: str = ""


WAYS = (
    # lightning 2.6, callbacks/weight_averaging.py: the average takes the place of the weights.
    Way(
        source="Lightning's WeightAveraging",
        raw=("current_model_state",),
        averaged=("state_dict",),
    ),
    # mmengine 0.10.7, hooks/ema_hook.py: _swap_ema_state_dict before the file is saved.
    Way(
        source="OpenMMLab's EMAHook",
        raw=("ema_state_dict",),
        averaged=("state_dict",),
        mark="meta",
    ),
    Way(source="timm", raw=("state_dict",), averaged=("state_dict_ema",)),
    Way(source="Slide-Transformer's main_ema.py", raw=("model",), averaged=("state_dict_ema",)),
    Way(source="torchvision's and DeiT's scripts", raw=("model",), averaged=("model_ema",)),
    Way(source="", raw=("model",), averaged=("ema", "module")),
    Way(source="", raw=("model",), averaged=("ema_model",)),
    Way(source="", raw=("model",), averaged=("ema_state_dict",)),
    Way(source="", raw=("model",), averaged=("ema",)),
    Way(source="", raw=("state_dict",), averaged=("ema_state_dict",)),
    Way(source="", raw=("state_dict",), averaged=("model_ema",)),
    Way(source="", raw=("model_state_dict",), averaged=("ema_state_dict",)),
    Way(source="", raw=("model_state_dict",), averaged=("ema_model_state_dict",)),
    Way(source="BasicSR", raw=("params",), averaged=("params_ema",)),
)
# Averages beside the weights in one dict, under a name in which the dots are replaced: prefix,
# what a dot becomes, and which of both the plain name holds.
_TWINS: tuple[tuple[str, str, str, Weights], ...] = (
    ("mmcv 1's EMAHook", "ema_", "_", "ema"),
    ("latent diffusion's LitEma", "model_ema.", "", "raw"),
)
_NONE = "has no averaged weights: leave out --weights ema"


def unwrap(
    root: object, weights: Weights | None, notes: list[str]
) -> tuple[Mapping[str, object], bool]:
    """Return the innermost dict of tensors, and whether it is what `weights` asks for.

    A choice adds a line to `notes`. Raises CheckpointError if there is none, or not of the kind
    that was asked for.
    """
    chosen = False
    for _ in range(len(CONTAINERS)):  # a file may contain itself
        if not isinstance(root, dict):
            break
        way = _way(root)
        if way is not None and not chosen:
            root, chosen = _take(root, way, weights, notes), True
            continue
        # An empty dict is an unused container; an empty object of a class is a pickled module.
        inner = {c: root[c] for c in CONTAINERS if isinstance(root.get(c), dict)}
        found = [c for c, value in inner.items() if value or type(value) is not dict]
        if not found:
            break
        if found[0] in _AVERAGED and not chosen:
            if weights == "raw":
                raise CheckpointError("has averaged weights only: leave out --weights raw")
            chosen = True
        root = root[found[0]]
    state = _weights_of(root)
    if not state:
        raise CheckpointError(
            f"holds {shown(_described(root))} instead of weights; save the state_dict() of the "
            "model"
        )
    if not chosen and (both := _untwined(state, weights, notes)) is not None:
        return both, True
    return state, chosen


def one_network(
    keys: list[str], weights: Weights | None, notes: list[str], *, chosen: bool
) -> dict[str, str]:
    """Return the plain name of each key of one network; `keys` are without wrappers.

    Several networks in one dict are the weights and their average, told by their prefixes. Raises
    CheckpointError for others.
    """
    roots = prefixes.roots(keys)
    root = roots[0] if roots else ""
    if len(roots) > 1:
        averaged = [one for one in roots if prefixes.is_averaged(one)]
        raw = [one for one in roots if one not in averaged]
        if len(averaged) != 1 or len(raw) != 1:
            raise CheckpointError(
                f"holds {len(roots)} networks ({shown(', '.join(roots))}); save the state_dict() "
                "of one"
            )
        taken, left = (raw, averaged) if weights == "raw" else (averaged, raw)
        root = taken[0]
        notes.append(_said("raw" if taken is raw else "ema", root, left[0], ""))
        keys = [key for key in keys if not key.startswith(left[0]) or (not left[0])]
        if not left[0]:  # the other network has no prefix: only what is under ours is kept
            keys = [key for key in keys if key.startswith(root)]
    elif weights == "ema" and not chosen and not prefixes.is_averaged(root):
        raise CheckpointError(_NONE)
    return {key: prefixes.plain(key, root) for key in keys}


def _way(root: Mapping[object, object]) -> Way | None:
    """The first way of the table that the file follows."""
    for way in WAYS:
        both = all(isinstance(_at(root, path), dict) for path in (way.raw, way.averaged))
        if both and (not way.mark or way.mark in root):
            return way
    return None


def _take(
    root: Mapping[object, object], way: Way, weights: Weights | None, notes: list[str]
) -> object:
    """Choose, and say so."""
    taken, left = (way.raw, way.averaged) if weights == "raw" else (way.averaged, way.raw)
    notes.append(_said(weights or "ema", ".".join(taken), ".".join(left), way.source))
    return _at(root, taken)


def _said(which: Weights, taken: str, left: str, source: str) -> str:
    """The note on a choice."""
    kind, other = ("raw", "averaged") if which == "raw" else ("averaged", "raw")
    opposite = "ema" if which == "raw" else "raw"
    by = f", in the way of {source}" if source else ""
    return (
        f"{kind} weights taken from {shown(taken) or 'the plain names'!r}{by}; --weights "
        f"{opposite} takes the {other} ones in {shown(left) or 'the plain names'!r}"
    )


def _at(root: object, path: Path) -> object:
    """What a path of keys leads to; None where it leads nowhere, or to an empty dict."""
    for key in path:
        root = root.get(key) if isinstance(root, dict) else None
    return root if not isinstance(root, dict) or root or type(root) is not dict else None


def _weights_of(root: object) -> dict[str, object]:
    """The tensors of a dict, by name."""
    state = root.items() if isinstance(root, dict) else ()
    return {k: v for k, v in state if isinstance(k, str) and isinstance(v, Stored | Unreadable)}


def _untwined(
    state: dict[str, object], weights: Weights | None, notes: list[str]
) -> dict[str, object] | None:
    """Choose between weights and averages that are side by side; None if there is no choice."""
    for source, prefix, dot, plain in _TWINS:
        twins = {}
        for key in state:
            short = key.removeprefix("model.") if prefix == "model_ema." else key
            if (twin := prefix + short.replace(".", dot)) in state and twin != key:
                twins[key] = twin
        if len(twins) < 2:
            continue
        which = weights or "ema"
        names = ("the plain names", f"{prefix}*")
        taken, left = names if which == plain else names[::-1]
        notes.append(_said(which, taken, left, source))
        kept = {key: value for key, value in state.items() if not key.startswith(prefix)}
        if which != plain:
            kept |= {key: state[twin] for key, twin in twins.items()}
        return kept
    return None


def _described(root: object) -> str:
    """What a file holds that has no weights."""
    if type(root) is dict:
        return f"a dict of {', '.join(map(str, list(root)[:5])) or 'nothing'}"
    if isinstance(root, Stored | Unreadable):
        return "one tensor without a name"
    return f"a pickled {type(root).__module__}.{type(root).__name__}"
