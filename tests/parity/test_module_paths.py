"""The operations of a file get the paths of their modules in PyTorch."""

import pytest

from slide_mobile.parity import module_paths


@pytest.mark.parametrize(
    ("told", "path"),
    [
        ("0.0.attn.qkv", "layers.0.blocks.0.attn.qkv"),
        ("0.0.attn.qkv.split", "layers.0.blocks.0.attn.qkv.split"),
        ("layers.0.blocks.1", "layers.0.blocks.1"),
        ("0", "layers.0"),
        ("head", "head"),
        ("(between operations)", "(between operations)"),
        ("", ""),
    ],
)
def test_modules_get_their_paths_in_pytorch(told: str, path: str) -> None:
    paths = module_paths.module_paths("slide_swin_test")
    assert module_paths.in_pytorch(told, paths) == path


def test_a_model_that_is_not_registered_has_no_known_paths() -> None:
    assert module_paths.module_paths("a model of yours") == {}
