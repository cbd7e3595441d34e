"""Core AI assets: their bytes, their metadata, their weights, and what is refused."""

import asyncio
import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import installed
import numpy as np
import pytest
import torch
from torch import Tensor, nn

from slide_mobile import recipes
from slide_mobile.deploy.export import export
from slide_mobile.errors import ArtifactError
from slide_mobile.parity.metrics import sqnr_db
from slide_mobile.targets import registry
from slide_mobile.targets.converter import Request

if "coreai" in installed.MISSING:
    pytest.skip(installed.MISSING["coreai"], allow_module_level=True)

SIZE = (8, 12)
IMAGE = np.random.default_rng(0).integers(0, 256, (*SIZE, 3), dtype=np.uint8)

pytestmark = pytest.mark.slow


class Net(nn.Module):
    """A thin and a thick convolution, a linear, and a constant that is no parameter."""

    def __init__(self) -> None:
        super().__init__()
        self.embed, self.thick, self.head = (
            nn.Conv2d(3, 32, 4, stride=4), nn.Conv2d(32, 64, 1), nn.Linear(64, 20),
        )  # fmt: skip
        self.shift = torch.ones(32, 1, 1)

    def forward(self, image: Tensor) -> Tensor:
        """(1, 3, H, W) -> (1, 20)."""
        return self.head(self.thick(self.embed(image / 255) + self.shift).mean((2, 3)))


@pytest.fixture(scope="module")
def net() -> Net:
    torch.manual_seed(0)
    return Net().eval().requires_grad_(False)


Written = Callable[[str], Path]


@pytest.fixture(scope="module")
def written(net: Net, tmp_path_factory: pytest.TempPathFactory) -> Written:
    """The net in a precision; all are made of one exported program."""
    folder, program = tmp_path_factory.mktemp("coreai"), export(net, SIZE, "NCHW")

    def write(precision: str) -> Path:
        path = folder / precision / "model.aimodel"
        if not path.exists():
            path.parent.mkdir()
            request = Request(
                recipe=recipes.lookup(precision), backend="aimodel", via="coreai-torch",
                labels=tuple(map(str, range(20))), title="net", description="random weights",
                version="1", facts={"family": "none"},
            )  # fmt: skip
            registry.load("coreai").convert(program, request, path)
        return path

    return write


@pytest.mark.parametrize(
    ("precision", "floor_db"),
    [("fp16", 57), ("fp32", 120), ("int8-weights", 35), ("palette6", 31), ("palette4", 14)],
)
def test_a_file_computes_what_pytorch_does(
    precision: str, floor_db: float, net: Net, written: Written
) -> None:
    converter, path = registry.load("coreai"), written(precision)
    expected = net(torch.from_numpy(IMAGE).permute(2, 0, 1)[None].float()).numpy()[0]
    assert sqnr_db(expected, converter.runner(path)(IMAGE)) > floor_db
    assert converter.precision(path) == precision
    found = converter.activations(path, IMAGE)
    assert {name: x.size for name, x in found.items()} == {
        "embed": 32 * 2 * 3, "thick": 64 * 2 * 3, "head": 20,
    }  # fmt: skip
    np.testing.assert_allclose(found["head"].ravel(), converter.runner(path)(IMAGE), rtol=2e-3)


def test_a_runner_can_be_called_from_an_event_loop(written: Written) -> None:
    async def run() -> np.ndarray:
        return registry.load("coreai").runner(written("fp32"))(IMAGE)

    assert asyncio.run(run()).shape == (20,)


def test_only_thick_layers_are_compressed(written: Written) -> None:
    graph = registry.load("coreai").inspect(written("int8-weights"))
    (weights,) = (line for line in graph.findings if line.startswith("weights of"))
    assert weights == "weights of convolutions and linears: si8 0.00 MB, f16 0.00 MB"
    assert graph.ops["blockwise_shift_scale"] == 2 and graph.min_runtime == "iOS 27"
    assert graph.max_rank == 4 and graph.int8_mac_fraction == 0


def test_nothing_of_this_machine_or_of_this_hour_is_in_a_file(written: Written) -> None:
    path = written("fp16")
    told = json.loads((path / "metadata.json").read_text())
    assert "creationDate" not in told and told["author"] == "slide-mobile"
    assert told["creatorDefinedMetadata"]["labels"][:2] == ["0", "1"]
    content = (path / "main.mlirb").read_bytes()
    assert b"constant_" in content  # large constants have names by place, not by a seeded hash
    assert b"resource_" not in content and b".py" not in content
    assert (path / "main.hash").read_bytes() == hashlib.sha256(content).digest()


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("main.mlirb", b"ML\xefR", "does not have the sha256"),
        ("main.hash", b"", "does not have the sha256"),
        ("metadata.json", b"{", "is damaged"),
        ("more", b"", "should contain main.mlirb, main.hash, metadata.json"),
    ],
)
def test_a_damaged_asset_is_refused_in_one_line(
    name: str, content: bytes, reason: str, written: Written, tmp_path: Path
) -> None:
    path = Path(shutil.copytree(written("fp32"), tmp_path / "model.aimodel"))
    (path / name).write_bytes(content)
    with pytest.raises(ArtifactError, match=reason) as caught:
        registry.load("coreai").activations(path, IMAGE)
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 500


def test_an_image_of_another_size_is_refused(written: Written) -> None:
    with pytest.raises(ArtifactError, match=r"takes images of float32 \[1, 3, 8, 12\]"):
        registry.load("coreai").runner(written("fp32"))(IMAGE[:4])
