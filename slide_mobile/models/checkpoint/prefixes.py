"""Prefixes that wrappers and training scripts put on keys, taken off until the network's are left.

Wrappers of PyTorch stand anywhere in a key. What a script puts in front is its own choice of words,
so the network's first convolution tells where its keys begin.
"""

import re
from collections.abc import Collection

__all__ = ["is_averaged", "plain", "roots", "unwrapped"]

# torch.compile, activation checkpointing, FSDP, DDP and AveragedModel.
_WRAPPERS = re.compile(
    r"(?:^|(?<=\.))(?:_orig_mod|_checkpoint_wrapped_module|_fsdp_wrapped_module|_forward_module"
    r"|module)\."
)
_WORDS = re.compile(r"^(?:(?:model|net|network|backbone)\.)+")
# The first convolution of every network whose naming we know (namings.py).
_FIRST = re.compile(
    r"^(?P<root>(?:.*\.)?)(?:patch_embed1?\.proj(?:\.0)?|patch_embed\.projection"
    r"|stage1_conv_embed\.0|features\.0\.0|layers\.0\.0\.projection"
    r"|embeddings\.patch_embeddings\.projection|encoder\.patch_embeddings\.0\.projection"
    r"|encoder\.layers\.0\.patch_embedding\.proj)\.weight$"
)
_AVERAGED_WORDS = frozenset(
    {"ema", "ema_model", "model_ema", "ema_net", "net_ema", "averaged_model", "swa_model",
     "teacher", "_average_model"}
)  # fmt: skip


def unwrapped(key: str) -> str:
    """The key without the names of wrappers, anywhere in it."""
    return _WRAPPERS.sub("", key)


def plain(key: str, root: str) -> str:
    """The key without the network's prefix, and without the usual words in front."""
    return _WORDS.sub("", key.removeprefix(root))


def roots(keys: Collection[str]) -> tuple[str, ...]:
    """The prefixes under which a network begins, such as "model.net."; most often one."""
    found = (_FIRST.match(key) for key in keys)
    return tuple(dict.fromkeys(match["root"] for match in found if match is not None))


def is_averaged(root: str) -> bool:
    """Whether a prefix says that averaged weights are under it."""
    return not _AVERAGED_WORDS.isdisjoint(root.split("."))
