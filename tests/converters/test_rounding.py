"""Executors that round every result to fp16: on small programs by hand, and on a large channel."""

from pathlib import Path

import numpy as np
import pytest
import torch
from converted_once import ConvertedOnce
from installed import TARGETS
from numpy.typing import NDArray
from safetensors.torch import save_file
from torch import Tensor, nn

import slide_mobile
from slide_mobile import models, recipes
from slide_mobile.artifact import golden
from slide_mobile.deploy.export import export
from slide_mobile.errors import ArtifactError
from slide_mobile.parity.check_result import ParityFailed
from slide_mobile.parity.metrics import sqnr_db
from slide_mobile.parity.range_audit import RangeAudit
from slide_mobile.parity.source import ModelSource
from slide_mobile.pipeline import convert
from slide_mobile.targets import registry
from slide_mobile.targets.converter import Request
from slide_mobile.targets.format import Format

MODEL, SIZE = "slide_swin_test", (4, 4)
# Their runtimes on this machine compute fp16 files in fp32.
WIDE = ("onnx", "tflite")

pytestmark = pytest.mark.slow


class Squares(nn.Module):
    """(2 * mean)^2 of each color, times a scale that is applied in two steps."""

    def __init__(self, scale: float) -> None:
        super().__init__()
        self.register_buffer("two", torch.full((1, 3), 2.0))
        self.register_buffer("scale", torch.full((1, 3), scale))

    def forward(self, image: Tensor) -> Tensor:
        """(1, 3, H, W) -> (1, 3)."""
        x = image.mean((2, 3)) * self.two
        return (x * x) * self.scale * self.scale


def converted_squares(target: str, scale: float, folder: Path) -> Path:
    converter = registry.load(target)
    path = folder / f"model{converter.SUFFIX}"
    request = Request(
        recipe=recipes.lookup("fp16"),
        backend=next(iter(converter.BACKENDS)),
        via=next(iter(converter.EXPORTERS)),
        labels=("red", "green", "blue"),
        title="squares",
        description="no weights",
        version="1",
        facts={},
    )
    converter.convert(export(Squares(scale).eval(), SIZE, converter.LAYOUT), request, path)
    return path


def of_one_color(*color: int) -> NDArray[np.uint8]:
    return np.full((*SIZE, 3), color, np.uint8)


@pytest.mark.parametrize("target", TARGETS)
def test_values_over_65504_become_infinite(target: str, tmp_path: Path) -> None:
    converter, image = registry.load(target), of_one_color(16, 128, 255)
    path = converted_squares(target, 2.0**-5, tmp_path)
    found = converter.half_runner(path)(image)
    assert found.tolist() == [1.0, np.inf, np.inf]  # 32^2, 256^2 and 510^2 in between
    if target in WIDE:
        assert converter.runner(path)(image).tolist() == [1.0, 64.0, 510**2 / 1024]


@pytest.mark.parametrize("target", TARGETS)
def test_small_values_are_rounded_as_fp16_has_them(target: str, tmp_path: Path) -> None:
    path = converted_squares(target, 2.0**-14, tmp_path)
    found = registry.load(target).half_runner(path)(of_one_color(1, 3, 7))
    # 4, 36 and 196 times 2^-28; the smallest fp16 number is 2^-24.
    # Apple's runtime gives 0 for subnormal results.
    expected = [0.0, 0.0, 0.0] if target == "coreai" else [0.0, 2.0, 12.0]
    assert (found * 2.0**24).tolist() == expected


@pytest.mark.parametrize("target", TARGETS)
def test_a_file_is_a_little_worse_when_every_result_is_rounded(
    target: str, converted: ConvertedOnce
) -> None:
    art, converter = converted(target, "fp16"), registry.load(target)
    expected = golden.read(art).outputs["logits"]
    decibels = {}
    for run in (converter.half_runner(art.model_path), converter.runner(art.model_path)):
        found = np.stack([run(image) for image in golden.images(art)])
        decibels[run.runtime] = sqnr_db(expected, found)
    assert all(57 < db < 70 for db in decibels.values())
    half, *ordinary = decibels
    assert art.manifest.parity.runtime == half
    assert len(ordinary) == (target in WIDE)
    if ordinary:
        assert half.endswith(", every result rounded to fp16")
        assert decibels[half] < decibels[ordinary[0]] - 2


@pytest.mark.parametrize("target", WIDE)
def test_rounding_adds_nothing_but_casts(target: str, converted: ConvertedOnce) -> None:
    """Without the casts, which fp32 files get none of, the program computes what the file does."""
    art, converter = converted(target, "fp32"), registry.load(target)
    image = golden.image(art, art.manifest.golden[0])
    plain, rounded = converter.runner(art.model_path), converter.half_runner(art.model_path)
    db = sqnr_db(plain(image), rounded(image))
    assert db > 115 if target == "onnx" else 50 < db < 70  # a .tflite declares fp32 in any case


@pytest.mark.parametrize("target", TARGETS)
def test_a_damaged_file_is_refused(target: str, converted: ConvertedOnce, tmp_path: Path) -> None:
    converter = registry.load(target)
    path = tmp_path / f"model{converter.SUFFIX}"
    path.write_bytes(b"\0" * 100)
    with pytest.raises(ArtifactError):
        converter.half_runner(path)


@pytest.fixture(scope="module")
def large_channel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Weights whose residual stream has a channel of 900 on every token of stage 1."""
    state = models.create(MODEL).state_dict()
    state["patch_embed.norm.bias"][5] = 900
    path = tmp_path_factory.mktemp("weights") / "large.safetensors"
    save_file(state, path)
    return path


@pytest.mark.parametrize(
    "target",
    [
        pytest.param(target, marks=pytest.mark.full_size if target == "executorch" else ())
        for target in TARGETS
    ],
)
def test_a_large_channel_is_converted_right(
    target: str, large_channel: Path, tmp_path: Path
) -> None:
    source = ModelSource(MODEL, checkpoint=large_channel)
    art = slide_mobile.convert(source, to=Format(target, "fp16"), out=tmp_path)
    assert art.manifest.parity.sqnr_db > 60
    assert "the stream of stage 1 16 times smaller for fp16" in art.manifest.notes[-1]
    result = slide_mobile.check(art.root, checkpoint=large_channel)
    assert result.passed and result.runtime == art.manifest.parity.runtime
    assert min(row.sqnr_db for row in result.modules) > 45


@pytest.mark.parametrize(
    "target",
    [
        pytest.param(target, marks=() if target in WIDE else pytest.mark.full_size)
        for target in TARGETS
    ],
)
def test_a_large_channel_is_refused_where_it_overflows(
    target: str, large_channel: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(convert.range_audit, "audit", lambda ref, pixels: RangeAudit())
    source = ModelSource(MODEL, checkpoint=large_channel)
    with pytest.raises(ParityFailed, match=r"worst modules: .*layers\.") as caught:
        slide_mobile.convert(source, to=Format(target, "fp16"), out=tmp_path)
    assert caught.value.result.parity.sqnr_db < 0
