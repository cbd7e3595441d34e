"""What we read from a library's checkpoint computes what the library itself computes.

The libraries are installed aside, each at one version (tools/foreign_checkpoints/libraries.py);
transformers is a development dependency.
"""

from pathlib import Path

import pytest
import safetensors.torch
import torch
from torch import Tensor

from slide_mobile.models import checkpoint
from slide_mobile.models.layers.backbone import without_head
from slide_mobile.parity import metrics
from tools.foreign_checkpoints import libraries

# The lowest measured: 123 dB, for the last map of mmdetection's PVTs.
MIN_SQNR_DB = 110
CASES = {"timm": 4, "transformers": 6, "torchvision": 3, "openmmlab": 4}


@pytest.mark.parametrize(
    "library",
    [
        pytest.param("transformers", marks=pytest.mark.slow),
        *(pytest.param(one, marks=pytest.mark.sources) for one in CASES if one != "transformers"),
    ],
)
def test_a_library_and_we_compute_the_same(library: str, tmp_path: Path) -> None:
    libraries.make(library, tmp_path)
    files = [path for path in sorted(tmp_path.glob("*.*")) if ".outputs." not in path.name]
    assert len(files) == CASES[library]
    for path in files:
        case = path.stem.removesuffix("_saved")
        expected = safetensors.torch.load_file(tmp_path / f"{case}.outputs.safetensors")
        images = expected.pop("images")
        found = computed(path, images, headless="logits" not in expected)
        assert found.keys() == expected.keys()
        for name, values in expected.items():
            db = metrics.sqnr_db(values.numpy(), found[name].numpy())
            print(f"{library} {path.name} {name}: {db:.1f} dB")
            assert db >= MIN_SQNR_DB, (path.name, name)


def computed(path: Path, images: Tensor, *, headless: bool) -> dict[str, Tensor]:
    """The logits, or the maps, of the model that the file itself names."""
    weights = checkpoint.read(path)
    name = checkpoint.identify(weights, headless=headless)
    assert name == path.stem.removesuffix("_saved").removesuffix("_features")
    size = (images.shape[2], images.shape[3])
    model = checkpoint.fit(weights, name, input_size=size, headless=headless).model
    with torch.inference_mode():
        if not headless:
            return {"logits": model(images)}
        return {f"stage{i}": x for i, x in enumerate(without_head(model)(images), 1)}
