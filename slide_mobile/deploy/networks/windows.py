"""Swin's window attention in a network of the user, found by the names of its tensors.

    before   one qkv linear split through rank 5, bias gathered by index, mask added at rank 5
    after    three linears, bias and mask as constants, products of rank 4 or less

The published module, timm's too, takes the tokens of all windows, (windows, N, C), and the mask of
a shifted block; torchvision's takes a map (B, H, W, C), and cuts the windows itself.
"""

from collections.abc import Iterator

import torch
from torch import Tensor, nn

from slide_mobile.deploy.matrix_stages import MatrixWindows
from slide_mobile.deploy.networks.calls import Call
from slide_mobile.deploy.split_taps import linear
from slide_mobile.deploy.static_windows import (
    StaticWindowAttention,
    WindowConstants,
    static_windows,
)
from slide_mobile.models.layers.window_attention import WindowAttention
from slide_mobile.tasks import Layout

_TENSORS = {"qkv.weight", "proj.weight", "relative_position_bias_table"}


class WindowTokens(StaticWindowAttention):
    """Multi-head attention inside windows that the network has cut."""

    def forward(self, x: Tensor, *_: object, **__: object) -> Tensor:
        """(windows, N, C) -> (windows, N, C)."""
        return self.proj(self.attend(self.q(x), self.k(x), self.v(x)))


class WindowTokensOfRank3(WindowTokens):
    """The same with products of rank 3, the only ones that ExecuTorch's partitioner takes."""

    products = MatrixWindows.products


def applies(module: nn.Module) -> bool:
    """Whether a module has the tensors of Swin's window attention."""
    own = module.state_dict()
    return (
        own.keys() >= _TENSORS
        and own["relative_position_bias_table"].ndim == 2
        and "relative_position_index" in dict(module.named_buffers(recurse=False))
    )


def replacements(module: nn.Module, call: Call, layout: Layout) -> Iterator[nn.Module]:
    """Yield what may replace a module, for each way to read its input."""
    shape = call.shape or ()
    if len(shape) == 3:
        yield from _of_windows(module, shape, call, layout)
    window = getattr(module, "window_size", None)
    if len(shape) == 4 and isinstance(window, list | tuple) and window[0] == window[1]:
        yield from _of_maps(module, shape, int(window[0]))


def _of_windows(
    module: nn.Module, shape: tuple[int, ...], call: Call, layout: Layout
) -> Iterator[nn.Module]:
    """The attention on tokens that are in windows already."""
    own, (windows, n, dim) = module.state_dict(), shape
    table = own["relative_position_bias_table"]
    heads, index = table.shape[1], module.get_buffer("relative_position_index")
    if index.numel() != n * n or own["qkv.weight"].shape[0] != 3 * dim:
        return
    masks = [x for x in (*call.others, *call.named.values()) if isinstance(x, Tensor)]
    scale = torch.tensor([float(getattr(module, "scale", (dim // heads) ** -0.5)), 1.0, 1.0])
    rows = own["qkv.weight"].reshape(3, dim, dim) * scale[:, None, None]
    bias = own.get("qkv.bias", torch.zeros(3 * dim)).reshape(3, dim) * scale[:, None]
    position = table[index.flatten()].reshape(n, n, heads).permute(2, 0, 1)[None].contiguous()
    constants = WindowConstants(
        num_heads=heads,
        window=1,
        shift=0,
        map_size=(windows, n),
        padded_size=(windows, n),
        padding=None,
        position_bias=position,
        mask=masks[0].reshape(-1, 1, n, n) if masks else None,
    )
    if masks and len(masks[0]) != windows:
        return  # a mask for the windows of one image, and more than one image
    q, k, v = (linear(r, b) for r, b in zip(rows, bias, strict=True))
    kind = WindowTokensOfRank3 if layout == "NCHW" else WindowTokens
    yield kind(constants, proj=module.get_submodule("proj"), q=q, k=k, v=v)


def _of_maps(module: nn.Module, shape: tuple[int, ...], window: int) -> Iterator[nn.Module]:
    """The attention on a map; it is left channels last, as the network has it."""
    own, (_, height, width, dim) = module.state_dict(), shape
    table = own["relative_position_bias_table"]
    if own["qkv.weight"].shape != (3 * dim, dim) or table.shape[0] != (2 * window - 1) ** 2:
        return
    shifts = getattr(module, "shift_size", (0, 0))
    if not isinstance(shifts, list | tuple) or shifts[0] != shifts[1]:
        return
    shift = 0 if window >= min(height, width) else int(shifts[0])
    ours = WindowAttention(dim, table.shape[1], window, map_size=(height, width), shift=shift)
    names = ours.state_dict().keys() - {"relative_position_index"}
    filled = {name: own.get(name, torch.zeros_like(ours.state_dict()[name])) for name in names}
    ours.load_state_dict({**ours.state_dict(), **filled})
    found = static_windows(ours.eval().requires_grad_(False))
    assert found is not None
    yield found
