"""Reference form to deploy form: the same function in convolutions and matmuls, rank <= 4.

`deploy` copies the model and applies `rewrites` to its modules, in order. Each rewrite is exact
and has a file of its own, whose docstring shows the graph before and after.
"""

import copy
from collections.abc import Callable
from functools import partial

import torch
from torch import nn

from slide_mobile.deploy.centre_norms import centre_norms
from slide_mobile.deploy.channels_first import channels_first
from slide_mobile.deploy.fix_positions import fix_positions
from slide_mobile.deploy.fold_affine import fold_affine
from slide_mobile.deploy.fold_layer_scale import fold_layer_scale
from slide_mobile.deploy.fold_pixels import fold_pixels
from slide_mobile.deploy.forms import PLAIN, Forms
from slide_mobile.deploy.map_convs import map_convs
from slide_mobile.deploy.map_embeds import map_embeds
from slide_mobile.deploy.matrix_stages import matrix_stages
from slide_mobile.deploy.merge_patches import merge_patches
from slide_mobile.deploy.merge_paths import merge_paths
from slide_mobile.deploy.scale_stream import NO_HEADROOM, Headroom, scale_stream
from slide_mobile.deploy.split_taps import choose_taps, split_taps
from slide_mobile.deploy.static_neighbourhoods import static_neighbourhoods
from slide_mobile.deploy.static_reductions import static_reductions
from slide_mobile.deploy.static_stripes import static_stripes
from slide_mobile.deploy.static_windows import static_windows
from slide_mobile.preprocess import IMAGENET, Normalization
from slide_mobile.tasks import Layout

# Returns what replaces a module (the module itself, changed in place, or a new one), or None where
# it does not apply.
Rewrite = Callable[[nn.Module], nn.Module | None]


def rewrites(
    *,
    normalization: Normalization = IMAGENET,
    layout: Layout = "NHWC",
    forms: Forms = PLAIN,
    headroom: Headroom = NO_HEADROOM,
) -> tuple[Rewrite, ...]:
    """List every rewrite of `deploy`, in the order in which they are applied."""
    channels_first_only = (
        partial(matrix_stages, forms=forms),
        channels_first,  # last: the other rewrites look for linears
    )
    return (
        merge_paths,
        split_taps,  # after merge_paths: it splits one convolution each for K and V
        static_windows,
        static_reductions,
        static_stripes,
        static_neighbourhoods,
        map_embeds,
        map_convs,
        fix_positions,  # after map_embeds: it adds the positions to a MapEmbed
        fold_layer_scale,
        fold_affine,  # after the attentions: it looks for their separate q, k and v
        centre_norms,  # after fold_affine: it takes norms without gamma and beta
        merge_patches,
        # after centre_norms and merge_patches: it looks for their scales
        partial(scale_stream, headroom=headroom),
        partial(fold_pixels, by=normalization),
        partial(choose_taps, forms=forms),
        *(channels_first_only if layout == "NCHW" else ()),
    )


@torch.no_grad()
def deploy(
    model: nn.Module,
    *,
    normalization: Normalization = IMAGENET,
    layout: Layout = "NHWC",
    forms: Forms = PLAIN,
    headroom: Headroom = NO_HEADROOM,
) -> nn.Module:
    """Return the deploy form of an eval-mode model; the argument is untouched.

    It takes raw RGB in 0..255, (1, 3, H, W), where the model takes images normalized by
    `normalization`. `layout` is the layout of the feature maps inside, and `forms` says how each
    attention is written (`forms.chosen`). `headroom` makes the values of a stage smaller, for
    hardware that computes in fp16 (`ranges.headroom`). Raises ValueError for a model in training
    mode.
    """
    if model.training:
        raise ValueError("deploy() needs a model in eval mode: call model.eval() first")
    model = copy.deepcopy(model).requires_grad_(False)
    for rewrite in rewrites(
        normalization=normalization, layout=layout, forms=forms, headroom=headroom
    ):
        model = apply(rewrite, model)
    return model.requires_grad_(False).eval()


def apply(rewrite: Rewrite, model: nn.Module) -> nn.Module:
    """Apply one rewrite to every module, the root last, and return the rewritten model."""
    for name, module in reversed(list(model.named_modules())):
        new = rewrite(module)
        if new is None or new is module:
            continue
        if not name:
            return new
        model.set_submodule(name, new)
    return model
