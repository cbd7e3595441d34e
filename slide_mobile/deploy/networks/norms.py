"""Norms in a network of the user.

before   layer_norm(x), which ExecuTorch's delegate does not take
after    (x - mean) * rsqrt(sum((x - mean)^2) + C eps) * (sqrt(C) gamma) + beta, as centre_norms

before   batch_norm(conv(x))
after    conv'(x), with the norm in its weights
"""

from collections.abc import Iterator

import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from slide_mobile.deploy.centre_norms import WholeNorm
from slide_mobile.deploy.layout import sums_as_products
from slide_mobile.tasks import Layout


def applies(module: nn.Module) -> bool:
    """Whether a module is a LayerNorm over the last axis."""
    return type(module) is nn.LayerNorm and len(module.normalized_shape) == 1


def replacements(module: nn.Module, layout: Layout) -> Iterator[nn.Module]:
    """Yield what may replace a LayerNorm over the last axis."""
    assert isinstance(module, nn.LayerNorm)
    whole = nn.LayerNorm(module.normalized_shape, module.eps)
    if module.weight is not None:
        whole.weight = module.weight
    if module.bias is not None:
        whole.bias = module.bias
    found = WholeNorm(whole)
    yield sums_as_products(found) if layout == "NCHW" else found


@torch.no_grad()
def fold_batch_norms(root: nn.Module, image: Tensor) -> list[str]:
    """Fold each BatchNorm2d into the convolution whose result it takes, in place.

    Returns the paths of the norms. That nothing else reads the result, the caller has to prove.
    """
    found = _pairs(root, image)
    for conv, norm in found:
        first, second = root.get_submodule(conv), root.get_submodule(norm)
        assert isinstance(first, nn.Conv2d) and isinstance(second, nn.BatchNorm2d)
        root.set_submodule(conv, fuse_conv_bn_eval(first, second).requires_grad_(False))
        root.set_submodule(norm, nn.Identity())
    return [norm for _, norm in found]


def _pairs(root: nn.Module, image: Tensor) -> list[tuple[str, str]]:
    """Paths of convolutions and of the norms that take their results, in one run."""
    results: dict[int, tuple[str, Tensor]] = {}  # the tensors are kept, so that no id is reused
    runs: dict[str, int] = {}
    pairs: list[tuple[str, str]] = []
    handles = []
    for path, module in root.named_modules():

        def look(_: nn.Module, args: tuple[Tensor, ...], result: Tensor, path: str = path) -> None:
            runs[path] = runs.get(path, 0) + 1
            if isinstance(root.get_submodule(path), nn.Conv2d):
                results[id(result)] = (path, result)
            elif (source := results.get(id(args[0]))) is not None:
                pairs.append((source[0], path))

        if type(module) in (nn.Conv2d, nn.BatchNorm2d):
            handles.append(module.register_forward_hook(look))
    root(image)
    for handle in handles:
        handle.remove()
    return [pair for pair in pairs if all(runs[path] == 1 for path in pair)]
