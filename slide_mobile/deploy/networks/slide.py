"""Slide Attention in a network of the user: the published class, ours, or one that is registered.

    before   two depthwise convolutions, tensors of rank 6, softmax over dim 3
    after    our deploy form, tap by tap at rank 4 (split_taps), between permutes if they are needed

The published classes take (B, L, C), (B, H, W, C) or, in DAT, (B, C, H, W), and DAT's returns
(x, None, None). Which it is, the proof decides: every reading that fits the shape is tried.
"""

from collections.abc import Callable, Iterator, Mapping

import torch
from torch import Tensor, nn

from slide_mobile.deploy.channels_first import turn
from slide_mobile.deploy.forms import Forms
from slide_mobile.deploy.merge_paths import merge_paths
from slide_mobile.deploy.networks.calls import Call
from slide_mobile.deploy.split_taps import choose_taps, split_taps
from slide_mobile.models.layers.slide_attention import SlideAttention, shift_kernel
from slide_mobile.tasks import Layout

Tensors = Mapping[str, Tensor]
Mapped = Callable[[nn.Module], Tensors]

_QKV, _PROJ, _POSITION = "qkv.weight", "proj.weight", "relative_position_bias_table"
_SHIFT, _LEARNED, _LEARNED_V = "dep_conv", "dep_conv1", "dep_conv2"
_REGISTERED: dict[type[nn.Module], Mapped] = {}


def slide_attention(kind: type[nn.Module]) -> Callable[[Mapped], Mapped]:
    """Register a class that computes Slide Attention under other names.

    The decorated function takes a module of that class and returns its tensors by the published
    names. `qkv.weight` (3C, C) has its rows by head, and within a head those of q, k and v;
    `dep_conv1.weight` is (d * k * k, 1, k, k), and `relative_position_bias_table`
    (1, heads, 1, k * k, 1, 1). What else is missing has its neutral value: `dep_conv` is the pure
    shift, biases are zero, and `scale` is d ** -0.5. The mapping is proved for each module, so a
    wrong one changes nothing.
    """

    def register(mapped: Mapped) -> Mapped:
        _REGISTERED[kind] = mapped
        return mapped

    return register


def applies(module: nn.Module) -> bool:
    """Whether a module has the tensors of Slide Attention, or is of a class that is registered."""
    return _tensors(module) is not None


def replacements(
    module: nn.Module, call: Call, layout: Layout, forms: Forms
) -> Iterator[nn.Module]:
    """Yield what may replace a module, for each way to read its input."""
    tensors, shape = _tensors(module), call.shape
    if tensors is None or shape is None:
        return
    ours = _ours(tensors)
    for read in _readings(module, shape, ours.dim):
        merged = merge_paths(ours)
        assert merged is not None
        taps = split_taps(merged)
        assert taps is not None
        choose_taps(taps, forms)
        yield PlacedAttention(turn(taps) if layout == "NCHW" else taps, read, layout, call.shaped)


class PlacedAttention(nn.Module):
    """An attention on maps, where the network has tokens or maps of another layout."""

    def __init__(
        self,
        attn: nn.Module,
        read: tuple[str, tuple[int, int]],
        layout: Layout,
        shaped: Callable[[Tensor], object],
    ) -> None:
        """`read` is how the input is laid out, "tokens", "NHWC" or "NCHW", and the map's size."""
        super().__init__()
        self.attn, self.layout, self.shaped = attn, layout, shaped
        self.axes, self.size = read

    def forward(self, x: Tensor, *_: object, **__: object) -> object:
        """What the replaced module takes -> what it returns."""
        maps = x.reshape(x.shape[0], *self.size, x.shape[-1]) if self.axes == "tokens" else x
        last = self.axes != "NCHW"
        if last and self.layout == "NCHW":
            out = self.attn(maps.permute(0, 3, 1, 2)).permute(0, 2, 3, 1)
        elif not last and self.layout == "NHWC":
            out = self.attn(maps.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)
        else:
            out = self.attn(maps)
        return self.shaped(out.reshape(x.shape) if self.axes == "tokens" else out)


def _tensors(module: nn.Module) -> Tensors | None:
    """The tensors of a module that looks like Slide Attention, by the published names."""
    for kind, mapped in _REGISTERED.items():
        if isinstance(module, kind):
            return mapped(module)
    own = module.state_dict()
    position = own.get(_POSITION)
    if not {_QKV, _PROJ, f"{_SHIFT}.weight", f"{_LEARNED}.weight"} <= own.keys():
        return None
    if position is None or position.ndim != 6:
        return None
    scale = getattr(module, "scale", None)
    return own if not isinstance(scale, float) else {**own, "scale": torch.tensor(scale)}


def _ours(tensors: Tensors) -> SlideAttention:
    """Our SlideAttention with these tensors."""
    rows, dim = tensors[_QKV].shape
    position = tensors[_POSITION]
    side = round(position.shape[3] ** 0.5)
    attn = SlideAttention(
        dim,
        position.shape[1],
        side,
        dim_reduction=dim * 3 // rows,
        separate_v=f"{_LEARNED_V}.weight" in tensors,
        lepe="get_v.weight" in tensors,
    )
    filled = {name: torch.zeros_like(x) for name, x in attn.state_dict().items()}
    filled[f"{_SHIFT}.weight"] = shift_kernel(attn.head_dim, side)
    known = {name: x.detach().clone() for name, x in tensors.items() if name in filled}
    attn.load_state_dict(filled | known)
    attn.scale = float(tensors["scale"]) if "scale" in tensors else attn.scale
    return attn.eval().requires_grad_(False)


def _readings(
    module: nn.Module, shape: tuple[int, ...], dim: int
) -> Iterator[tuple[str, tuple[int, int]]]:
    """The ways to read an input of this shape, with the size of the map."""
    if len(shape) == 3 and shape[2] == dim:
        length = shape[1]
        heights = [n for n in range(1, length + 1) if length % n == 0]
        given = getattr(module, "input_resolution", None)
        if isinstance(given, tuple | list) and given[0] in heights:
            heights = [int(given[0])]
        for height in sorted(heights, key=lambda n: max(n, length // n)):  # square first
            yield "tokens", (height, length // height)
    if len(shape) == 4:
        if shape[3] == dim:
            yield "NHWC", (shape[1], shape[2])
        if shape[1] == dim:
            yield "NCHW", (shape[2], shape[3])
