"""The namings of other libraries, as data.

Each was compared with its library's own outputs (tests/models/checkpoint/sources), at the version
that stands with it. A table holds one network, because what a key means depends on its network.
"""

from dataclasses import replace

from slide_mobile.models.checkpoint.naming import Naming

__all__ = ["NAMINGS", "naming_of"]

# huggingface/pytorch-image-models 1.0.31: models/swin_transformer.py, models/pvt_v2.py. Swin's
# merging moved from the end of a stage to the start of the next in 0.9; files before that have the
# official names, but for the head.
_TIMM_SWIN = Naming(
    source="timm",
    network="Swin",
    signs=(r"^layers\.3\.downsample\.reduction\.", r"\.attn\.relative_position_bias_table$"),
    renames=(
        (r"^layers\.(\d+)\.downsample\.", "layers.<1-1>.downsample."),
        (r"^head\.fc\.", "head."),
    ),
)
_TIMM_PVT_V2 = Naming(
    source="timm",
    network="PVTv2",
    signs=(r"^stages\.0\.blocks\.0\.attn\.kv\.", r"^stages\.1\.downsample\.proj\."),
    renames=(
        (r"^patch_embed\.", "patch_embed1."),
        (r"^stages\.(\d+)\.downsample\.", "patch_embed<1+1>."),
        (r"^stages\.(\d+)\.blocks\.", "block<1+1>."),
        (r"^stages\.(\d+)\.norm\.", "norm<1+1>."),
        (r"\.mlp\.dwconv\.", ".mlp.dwconv.dwconv."),
    ),
)
# The official PVTs have 1e-6 in their blocks, and PyTorch's 1e-5 in embeddings and reductions.
_EPS = ((r"^patch_embed\d\.norm$|\.attn\.norm$", 1e-6),)
# huggingface/transformers 5.23: models/swin, pvt and pvt_v2. Files of version 4 name attention and
# MLP of Swin in another way, and 5 still writes those names.
_HF_SWIN = Naming(
    source="transformers",
    network="Swin",
    signs=(r"embeddings\.patch_embeddings\.projection\.", r"encoder\.layers\.\d+\.blocks\."),
    renames=(
        (r"^swin\.", ""),
        (r"^embeddings\.patch_embeddings\.projection\.", "patch_embed.proj."),
        (r"^embeddings\.norm\.", "patch_embed.norm."),
        (r"^encoder\.layers\.", "layers."),
        (r"\.layernorm_before\.", ".norm1."),
        (r"\.layernorm_after\.", ".norm2."),
        (r"\.attention\.(?:self\.query|q_proj)\.(\w+)$", ".attn.qkv.<1>[0]"),
        (r"\.attention\.(?:self\.key|k_proj)\.(\w+)$", ".attn.qkv.<1>[1]"),
        (r"\.attention\.(?:self\.value|v_proj)\.(\w+)$", ".attn.qkv.<1>[2]"),
        (r"\.attention\.(?:output\.dense|o_proj)\.", ".attn.proj."),
        (r"\.attention\.(?:self|relative_position_bias)\.(relative_\w+)$", ".attn.<1>"),
        (r"\.intermediate\.dense\.", ".mlp.fc1."),
        (r"\.output\.dense\.", ".mlp.fc2."),
        (r"^layernorm\.", "norm."),
        (r"^classifier\.", "head."),
    ),
)
_HF_PVT = Naming(
    source="transformers",
    network="PVT",
    signs=(r"encoder\.patch_embeddings\.0\.projection\.", r"encoder\.block\.0\.0\.attention\."),
    renames=(
        (r"^pvt\.", ""),
        (r"^encoder\.patch_embeddings\.(\d+)\.position_embeddings$", "pos_embed<1+1>"),
        (r"^encoder\.patch_embeddings\.\d+\.cls_token$", "cls_token"),
        (r"^encoder\.patch_embeddings\.(\d+)\.projection\.", "patch_embed<1+1>.proj."),
        (r"^encoder\.patch_embeddings\.(\d+)\.layer_norm\.", "patch_embed<1+1>.norm."),
        (r"^encoder\.block\.(\d+)\.", "block<1+1>."),
        (r"^encoder\.layer_norm\.", "norm."),
        (r"\.layer_norm_([12])\.", ".norm<1>."),
        (r"\.attention\.self\.query\.", ".attn.q."),
        (r"\.attention\.self\.key\.(\w+)$", ".attn.kv.<1>[0]"),
        (r"\.attention\.self\.value\.(\w+)$", ".attn.kv.<1>[1]"),
        (r"\.attention\.self\.sequence_reduction\.", ".attn.sr."),
        (r"\.attention\.self\.layer_norm\.", ".attn.norm."),
        (r"\.attention\.output\.dense\.", ".attn.proj."),
        (r"\.mlp\.dense([12])\.", ".mlp.fc<1>."),
        (r"^classifier\.", "head."),
    ),
    eps=_EPS,
)
_HF_PVT_V2 = Naming(
    source="transformers",
    network="PVTv2",
    signs=(r"encoder\.layers\.0\.patch_embedding\.proj\.", r"\.blocks\.0\.attention\.query\."),
    renames=(
        (r"^pvt_v2\.", ""),
        (r"^encoder\.layers\.(\d+)\.patch_embedding\.layer_norm\.", "patch_embed<1+1>.norm."),
        (r"^encoder\.layers\.(\d+)\.patch_embedding\.", "patch_embed<1+1>."),
        (r"^encoder\.layers\.(\d+)\.blocks\.", "block<1+1>."),
        (r"^encoder\.layers\.(\d+)\.layer_norm\.", "norm<1+1>."),
        (r"\.layer_norm_([12])\.", ".norm<1>."),
        (r"\.attention\.query\.", ".attn.q."),
        (r"\.attention\.key\.(\w+)$", ".attn.kv.<1>[0]"),
        (r"\.attention\.value\.(\w+)$", ".attn.kv.<1>[1]"),
        (r"\.attention\.spatial_reduction\.", ".attn.sr."),
        (r"\.attention\.layer_norm\.", ".attn.norm."),
        (r"\.attention\.proj\.", ".attn.proj."),
        (r"\.mlp\.dense([12])\.", ".mlp.fc<1>."),
        (r"^classifier\.", "head."),
    ),
    eps=_EPS,
)
# pytorch/vision 0.28: models/swin_transformer.py. Stages and merging alternate in one list.
_TORCHVISION_SWIN = Naming(
    source="torchvision",
    network="Swin",
    signs=(r"^features\.0\.0\.weight$", r"^features\.1\.0\.attn\.relative_position_bias_table$"),
    renames=(
        (r"^features\.0\.0\.", "patch_embed.proj."),
        (r"^features\.0\.2\.", "patch_embed.norm."),
        *((rf"^features\.{2 * i + 1}\.", f"layers.{i}.blocks.") for i in range(4)),
        *((rf"^features\.{2 * i + 2}\.", f"layers.{i}.downsample.") for i in range(3)),
        (r"\.mlp\.0\.", ".mlp.fc1."),
        (r"\.mlp\.3\.", ".mlp.fc2."),
    ),
)
# open-mmlab/mmpretrain 1.2, mmdetection 3.3, mmsegmentation 1.2. Patch merging reads nn.Unfold.
_OPENMMLAB_SWIN = Naming(
    source="OpenMMLab",
    network="Swin",
    signs=(r"^patch_embed\.projection\.", r"^stages\.0\.blocks\.0\.attn\.w_msa\."),
    renames=(
        (r"^patch_embed\.projection\.", "patch_embed.proj."),
        (r"^stages\.", "layers."),
        (r"\.attn\.w_msa\.", ".attn."),
        (r"\.ffn\.layers\.0\.0\.", ".mlp.fc1."),
        (r"\.ffn\.layers\.1\.", ".mlp.fc2."),
        (r"^norm3\.", "norm."),
        (r"^head\.fc\.", "head."),
    ),
    unfolded=r"\.downsample\.(?:norm\.\w+|reduction\.weight)$",
)
# Detectors normalize the map of each stage (or of some) for what reads it; a classifier has norm3.
# mmdetection shifts windows even where one covers the whole map, as no other code does (38 dB in
# stage 4 at 224 pixels); at a detector's sizes the maps are larger.
_OF_DETECTOR = (r"^norm(\d)\.", "outputs.<1>.")
_OPENMMLAB_SWIN_DETECTOR = replace(
    _OPENMMLAB_SWIN,
    network="Swin of a detector",
    signs=(*_OPENMMLAB_SWIN.signs, r"^norm[0-2]\."),
    renames=(_OF_DETECTOR, *_OPENMMLAB_SWIN.renames),
)
# SwinTransformer/Swin-Transformer-Object-Detection, and the official names of a Slide-Swin in one.
_SWIN_DETECTOR = Naming(
    source="Swin's detection code",
    network="Swin of a detector",
    signs=(r"^patch_embed\.proj\.", r"^layers\.0\.blocks\.0\.attn\.qkv", r"^norm[0-3]\."),
    renames=(_OF_DETECTOR,),
)
_OPENMMLAB_PVT = Naming(
    source="OpenMMLab",
    network="PVT",
    signs=(r"^layers\.0\.1\.0\.pos_embed$", r"\.attn\.attn\.in_proj_weight$"),
    renames=(
        (r"^layers\.(\d+)\.0\.projection\.", "patch_embed<1+1>.proj."),
        (r"^layers\.(\d+)\.0\.norm\.", "patch_embed<1+1>.norm."),
        (r"^layers\.(\d+)\.1\.0\.pos_embed$", "pos_embed<1+1>"),
        (r"^layers\.(\d+)\.1\.(\d+)\.", "block<1+1>.<2-1>."),
        (r"\.attn\.attn\.out_proj\.", ".attn.proj."),
        (r"\.ffn\.layers\.0\.", ".mlp.fc1."),
        (r"\.ffn\.layers\.3\.", ".mlp.fc2."),
    ),
    splits=((r"\.attn\.attn\.in_proj_(\w+)$", ((".attn.q.<1>", 1), (".attn.kv.<1>", 2))),),
    matrices=r"\.mlp\.fc[12]\.weight$",
    eps=_EPS,
)
_OPENMMLAB_PVT_V2 = Naming(
    source="OpenMMLab",
    network="PVTv2",
    signs=(r"^layers\.0\.1\.0\.norm1\.", r"^layers\.0\.2\.weight$", r"\.in_proj_weight$"),
    renames=(
        (r"^layers\.(\d+)\.0\.projection\.", "patch_embed<1+1>.proj."),
        (r"^layers\.(\d+)\.0\.norm\.", "patch_embed<1+1>.norm."),
        (r"^layers\.(\d+)\.2\.", "norm<1+1>."),
        (r"^layers\.(\d+)\.1\.", "block<1+1>."),
        (r"\.attn\.attn\.out_proj\.", ".attn.proj."),
        (r"\.ffn\.layers\.0\.", ".mlp.fc1."),
        (r"\.ffn\.layers\.1\.", ".mlp.dwconv.dwconv."),
        (r"\.ffn\.layers\.4\.", ".mlp.fc2."),
    ),
    splits=_OPENMMLAB_PVT.splits,
    matrices=_OPENMMLAB_PVT.matrices,
    eps=_EPS,
)

NAMINGS: tuple[Naming, ...] = (
    _TIMM_SWIN,
    _TIMM_PVT_V2,
    _HF_SWIN,
    _HF_PVT,
    _HF_PVT_V2,
    _TORCHVISION_SWIN,
    _OPENMMLAB_SWIN_DETECTOR,
    _OPENMMLAB_SWIN,
    _SWIN_DETECTOR,
    _OPENMMLAB_PVT,
    _OPENMMLAB_PVT_V2,
)


def naming_of(keys: list[str]) -> Naming | None:
    """The naming of a file's keys, without prefixes; None for the official one."""
    return next((naming for naming in NAMINGS if naming.fits(keys)), None)
