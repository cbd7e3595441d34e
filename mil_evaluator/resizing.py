"""Resize images by nearest neighbor and bilinear sampling, on MIL's sampling grids."""

from collections.abc import Mapping

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from mil_evaluator.rule import Function


def upsample_nearest_neighbor(
    x: Tensor, scale_factor_height: float = 1, scale_factor_width: float = 1
) -> Tensor:
    """(..., H, W) -> (..., floor(H * scale), floor(W * scale))."""
    return resize_nearest_neighbor(x, *_scaled(x, scale_factor_height, scale_factor_width))


def resize_nearest_neighbor(x: Tensor, target_size_height: int, target_size_width: int) -> Tensor:
    """(..., H, W) -> (..., target height, target width): element floor(i * in / out).

    MIL's docstring does not define the grid. This is PyTorch's grid, because coremltools converts
    PyTorch's nearest to this operation.
    """
    for axis, size in ((-2, target_size_height), (-1, target_size_width)):
        places = torch.arange(size) * x.shape[axis] // size
        x = x.index_select(axis, places)
    return x


def upsample_bilinear(
    x: Tensor,
    scale_factor_height: float = 1,
    scale_factor_width: float = 1,
    align_corners: bool = True,
    half_pixel_centers: bool | None = None,
) -> Tensor:
    """(..., H, W) -> (..., floor(H * scale), floor(W * scale)).

    The sampling grid uses the ratio of the two sizes, not the given scale. `half_pixel_centers`
    defaults to the opposite of `align_corners`.
    """
    height, width = _scaled(x, scale_factor_height, scale_factor_width)
    if align_corners:
        mode = "STRICT_ALIGN_CORNERS"
    else:
        mode = "DEFAULT" if half_pixel_centers is False else "UNALIGN_CORNERS"
    return resize_bilinear(x, height, width, mode)


def resize_bilinear(
    x: Tensor,
    target_size_height: int = 1,
    target_size_width: int = 1,
    sampling_mode: str = "DEFAULT",
) -> Tensor:
    """(..., H, W) -> (..., target height, target width)."""
    for axis, size in ((-2, target_size_height), (-1, target_size_width)):
        x = _interpolated(x, axis, size, sampling_mode)
    return x


def resize(
    x: Tensor,
    shape: list[int],
    resized_dims: int,
    interpolation_mode: str = "LINEAR",
    sampling_mode: str = "DEFAULT",
) -> Tensor:
    """Resize the last `resized_dims` dimensions; a size of 0 keeps a dimension.

    With NEAREST_NEIGHBOR, DEFAULT rounds grid points down, and other modes round to the nearest,
    half up.
    """
    for axis in range(-resized_dims, 0):
        size = shape[axis] or x.shape[axis]
        if interpolation_mode == "LINEAR":
            x = _interpolated(x, axis, size, sampling_mode)
        else:
            offset = 0.0 if sampling_mode == "DEFAULT" else 0.5
            grid = _grid(x.shape[axis], size, sampling_mode)
            # Rounding errors must not push a grid point below an integer.
            x = x.index_select(axis, (grid + offset + 1e-9).floor().long())
    return x


def resample(
    x: Tensor,
    coordinates: Tensor,
    sampling_mode: str,
    padding_mode: str,
    padding_value: float,
    coordinates_mode: str,
    align_corners: bool,
) -> Tensor:
    """(B, C, H, W), (B, H2, W2, 2) -> (B, C, H2, W2): sample x at the (x, y) coordinates."""
    h, w = x.shape[-2:]
    grid = coordinates.float()
    if coordinates_mode == "unnormalized":
        # 0 and size - 1 are the centers of the first and last pixel, whatever align_corners says.
        grid = 2 * grid / torch.tensor([max(w - 1, 1), max(h - 1, 1)]) - 1
        if not align_corners:
            grid = grid * torch.tensor([(w - 1) / w, (h - 1) / h])
    elif coordinates_mode == "normalized_zero_to_one":
        grid = 2 * grid - 1
    shifted = x - padding_value if padding_mode == "constant" else x
    padding = {"constant": "zeros", "symmetric": "reflection"}.get(padding_mode, padding_mode)
    y = F.grid_sample(shifted, grid, sampling_mode, padding, align_corners)
    return y + padding_value if padding_mode == "constant" else y


def _scaled(x: Tensor, height: float, width: float) -> tuple[int, int]:
    """Return the output size (height, width) for these scales."""
    # MIL infers the size in fp32, where 1.4 * 5 is exactly 7 and not slightly less.
    return int(np.float32(height) * x.shape[-2]), int(np.float32(width) * x.shape[-1])


def _grid(size: int, target: int, sampling_mode: str) -> Tensor:
    """Return the position of each output element in the input, (target,) in float64.

    The formulas are those of MIL's resize_bilinear (coremltools, iOS15/image_resizing.py).
    """
    place = torch.arange(target, dtype=torch.float64)
    if sampling_mode in ("STRICT_ALIGN_CORNERS", "ALIGN_CORNERS"):
        if target == 1:
            alone = 0.0 if sampling_mode == "STRICT_ALIGN_CORNERS" else (size - 1) / 2
            return torch.full_like(place, alone)
        grid = place * (size - 1) / (target - 1)
    elif sampling_mode == "DEFAULT":
        grid = place * size / target
    elif sampling_mode == "OFFSET_CORNERS":
        grid = (place + 0.5) * max(1, size - 1) / target
    else:
        assert sampling_mode == "UNALIGN_CORNERS", sampling_mode
        grid = (place + 0.5) * size / target - 0.5
    return grid.clamp(0, size - 1)


def _interpolated(x: Tensor, axis: int, target: int, sampling_mode: str) -> Tensor:
    """Resample one axis linearly."""
    grid = _grid(x.shape[axis], target, sampling_mode)
    below = grid.floor().long()
    above = (below + 1).clamp(max=x.shape[axis] - 1)
    weight = (grid - below).float().reshape(-1, *[1] * (-axis - 1))
    low, high = x.index_select(axis, below).float(), x.index_select(axis, above).float()
    return low + weight * (high - low)


RULES: Mapping[str, Function] = {
    "upsample_nearest_neighbor": upsample_nearest_neighbor,
    "resize_nearest_neighbor": resize_nearest_neighbor,
    "upsample_bilinear": upsample_bilinear,
    "resize_bilinear": resize_bilinear,
    "resize": resize,
    "resample": resample,
}
