"""Whole networks: the program that coremltools wrote computes what PyTorch computes."""

import math
from collections.abc import Callable
from pathlib import Path

import coremltools as ct
import numpy as np
import pytest
import torch
import transformers as hf
from numpy.typing import NDArray
from torch import Tensor, nn

import mil_evaluator
from mil_evaluator.replay import replay

SIZE, CLASSES = 64, 5
# Measured: 1e-7 to 1.1e-6 of the largest logit; 43 to 69 dB in fp16. Swin v2 has 43 dB: its
# attention logits are cosines times up to 100.
MAX_RELATIVE_ERROR = 3e-6
MIN_FLOAT16_SQNR_DB = 40.0
# Against MIL's own reference on the same inputs; measured up to 6e-7 (sums in another order).
MAX_REPLAY_DIFFERENCE = 3e-6

STAGES = {"hidden_sizes": [8, 16, 24, 32], "depths": [1, 1, 1, 1], "num_labels": CLASSES}
WINDOWS = {
    "image_size": SIZE,
    "embed_dim": 16,
    "depths": [2, 2],
    "num_heads": [2, 4],
    "window_size": 4,
    "num_labels": CLASSES,
}
PYRAMID = {**STAGES, "num_attention_heads": [1, 2, 2, 4]}

IN_CI = ("swin", "convnext", "segformer", "resnet")  # all others come with `make test-slow`
NETWORKS: dict[str, Callable[[], nn.Module]] = {
    "vit": lambda: hf.ViTForImageClassification(
        hf.ViTConfig(
            hidden_size=32,
            num_hidden_layers=2,
            num_attention_heads=4,
            intermediate_size=64,
            image_size=SIZE,
            num_labels=CLASSES,
        )
    ),
    "swin": lambda: hf.SwinForImageClassification(hf.SwinConfig(**WINDOWS)),
    "swinv2": lambda: hf.Swinv2ForImageClassification(hf.Swinv2Config(**WINDOWS)),
    "convnext": lambda: hf.ConvNextForImageClassification(hf.ConvNextConfig(**STAGES)),
    "segformer": lambda: hf.SegformerForSemanticSegmentation(
        hf.SegformerConfig(**PYRAMID, decoder_hidden_size=16)
    ),
    "resnet": lambda: hf.ResNetForImageClassification(hf.ResNetConfig(**STAGES, embedding_size=8)),
    "pvt": lambda: hf.PvtForImageClassification(hf.PvtConfig(**PYRAMID, image_size=SIZE)),
    "poolformer": lambda: hf.PoolFormerForImageClassification(hf.PoolFormerConfig(**STAGES)),
    "focalnet": lambda: hf.FocalNetForImageClassification(
        hf.FocalNetConfig(
            image_size=SIZE,
            embed_dim=16,
            depths=[1, 1],
            focal_levels=[2, 2],
            focal_windows=[3, 3],
            num_labels=CLASSES,
        )
    ),
}


class Logits(nn.Module):
    """Wrap a Hugging Face model so that it returns its logits."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, x: Tensor) -> Tensor:
        """(1, 3, H, W) -> (1, classes, ...)."""
        return self.model(x).logits


def network(name: str) -> nn.Module:
    """Build a network with random weights, and statistics that reveal a wrong fold."""
    torch.manual_seed(0)
    model = Logits(NETWORKS[name]()).eval()
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.normal_(0, 0.1)
            module.running_var.uniform_(0.5, 1.5)
    return model


def exported(model: nn.Module, x: Tensor) -> torch.export.ExportedProgram:
    """Export without the aten.alias of torch 2.13, which coremltools 9 does not support."""
    program = torch.export.export(model, (x,)).run_decompositions({})
    for node in list(program.graph.nodes):
        if node.target == torch.ops.aten.alias.default:
            node.replace_all_uses_with(node.args[0])
            program.graph.erase_node(node)
    return program


def saved(program: torch.export.ExportedProgram, precision: ct.precision, path: Path) -> Path:
    """Convert the program to Core ML for iOS 17, and save it."""
    converted = ct.convert(
        program,
        inputs=[ct.TensorType(name="x", shape=(1, 3, SIZE, SIZE))],
        minimum_deployment_target=ct.target.iOS17,
        compute_precision=precision,
    )
    converted.save(str(path))
    return path


def sqnr_db(found: NDArray[np.float32], expected: NDArray[np.float32]) -> float:
    return 10 * math.log10((expected**2).sum() / ((expected - found) ** 2).sum())


@pytest.mark.slow
@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=() if name in IN_CI else pytest.mark.full_size) for name in NETWORKS],
)
def test_a_network_computes_what_pytorch_computes(name: str, tmp_path: Path) -> None:
    model, x = network(name), torch.randn(1, 3, SIZE, SIZE)
    with torch.no_grad():
        expected = model(x).numpy()
    program = exported(model, x)
    fed = {"x": x.numpy()}

    path = saved(program, ct.precision.FLOAT32, tmp_path / "fp32.mlpackage")
    loaded = mil_evaluator.load(path)
    found = loaded.run(fed)[loaded.outputs[0]]
    assert np.abs(found - expected).max() <= MAX_RELATIVE_ERROR * np.abs(expected).max()

    compared = replay(path, fed).compared
    assert max(each.difference for each in compared.values()) <= MAX_REPLAY_DIFFERENCE

    half = mil_evaluator.load(saved(program, ct.precision.FLOAT16, tmp_path / "fp16.mlpackage"))
    rounded = half.run(fed, precision="float16")[half.outputs[0]]
    assert np.isfinite(rounded).all()
    assert sqnr_db(rounded, expected) >= MIN_FLOAT16_SQNR_DB
