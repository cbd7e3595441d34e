"""Networks that we do not support, recognized so that a refusal can call them by their name.

A table over keys, after prefixes were taken off. A sign is a pattern of a key, or a pattern with
the end of the shape that the key must have.
"""

import re
from dataclasses import dataclass

from slide_mobile.models.checkpoint.variants import Shapes

__all__ = ["Relative", "recognized"]

Sign = str | tuple[str, tuple[int, ...]]


@dataclass(frozen=True, kw_only=True)
class Relative:
    """A network: its name, how it differs from what we support, and the signs that it needs."""

    name: str
    differs: str = ""
    signs: tuple[Sign, ...]


_RELATIVES = (
    Relative(
        name="SwinV2",
        differs="its attention compares directions, with positions from an MLP",
        signs=(r"\.logit_scale$", r"\.(?:cpb_mlp|continuous_position_bias_mlp)\."),
    ),
    Relative(name="SwinV2-CR", differs="positions come from an MLP", signs=(r"\.meta_mlp\.",)),
    Relative(name="Swin-MLP", differs="it has no attention", signs=(r"\.spatial_mlp\.weight$",)),
    Relative(
        name="Swin-L", differs="Swin is supported up to Base",
        signs=((r"^patch_embed\.proj\.weight$", (192, 3, 4, 4)), r"^layers\.0\.blocks\."),
    ),
    Relative(
        name="PVTv2-Linear",
        differs="its keys are pooled to 7x7",
        signs=((r"(?:^block1\.0|^stages\.0\.blocks\.0)\.attn\.sr\.weight$", (1, 1)),),
    ),
    Relative(
        name="PVTv2-B0", differs="PVTv2 is supported from B1",
        signs=((r"^patch_embed1\.proj\.weight$", (32, 3, 7, 7)),
               (r"^block1\.0\.mlp\.fc1\.weight$", (256, 32))),
    ),
    Relative(
        name="MiT (SegFormer)", differs="its MLPs are narrower than PVTv2's",
        signs=((r"^patch_embed1\.proj\.weight$", (3, 7, 7)),
               (r"^block1\.0\.mlp\.fc1\.weight$", (256, 64))),
    ),
    Relative(name="MiT (SegFormer)", signs=(r"^segformer\.encoder\.",)),
    Relative(
        name="DiNAT",
        differs="the dilation of its neighborhoods is not in the weights",
        signs=(r"^dinat\.",),
    ),
    Relative(
        name="DiNAT-s",
        differs="it has Swin's embeddings",
        signs=(r"^levels\.0\.blocks\.0\.attn\.rpb$", (r"^patch_embed\.proj\.weight$", (3, 4, 4))),
    ),
    Relative(
        name="NAT as transformers names it",
        differs="give the authors' file",
        signs=(r"encoder\.levels\.0\.layers\.0\.attention\.self\.rpb$",),
    ),
    Relative(name="Twins", signs=(r"^pos_block\.0\.proj\.", r"^(?:patch_embeds|blocks)\.0\.")),
    Relative(
        name="a FLatten or Agent Transformer", differs="its attention is linear",
        signs=(r"\.attn\.(?:dwc|an_bias|positional_encoding)\b",),
    ),
    Relative(name="ACmix", differs="it adds a convolution", signs=(r"\.attn\.rate1$",)),
    Relative(name="DAT", differs="its attention is deformable", signs=(r"\.conv_offset\.",)),
    Relative(name="MaxViT", signs=(r"\.attn_grid\.|\.grid_attention\.",)),
    Relative(name="ConvNeXt", signs=(r"stages\.\d+\.(?:blocks\.)?\d+\.(?:conv_dw|dwconv)\.",)),
    Relative(name="EfficientNet or MobileNet", signs=(r"^conv_stem\.", r"^blocks\.0\.0\.")),
    Relative(name="ResNet", signs=(r"^layer1\.0\.conv1\.weight$", r"^bn1\.weight$")),
    Relative(name="CLIP", signs=(r"^(?:visual|vision_model)\.", r"^(?:text_model|token_embed)")),
    Relative(name="BEiT", signs=(r"^blocks\.0\.gamma_1$", r"^cls_token$")),
    Relative(name="ViT or DeiT", signs=(r"^blocks\.0\.attn\.qkv\.", r"^pos_embed$")),
    Relative(name="ViT or DeiT", signs=(r"embeddings\.cls_token$", r"encoder\.layer\.0\.")),
    Relative(name="ViT", signs=(r"^encoder\.layers\.encoder_layer_0\.",)),
)  # fmt: skip


def recognized(found: Shapes) -> Relative | None:
    """The relative whose signs are all among a file's tensors; None if there is none."""
    for relative in _RELATIVES:
        if all(_seen(sign, found) for sign in relative.signs):
            return relative
    return None


def _seen(sign: Sign, found: Shapes) -> bool:
    pattern, end = (sign, ()) if isinstance(sign, str) else sign
    return any(
        re.search(pattern, key) and (not end or shape[-len(end) :] == end)
        for key, shape in found.items()
    )
