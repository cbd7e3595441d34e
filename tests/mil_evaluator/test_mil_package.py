"""Files that are not what they should be: one line each, never a traceback of protobuf."""

import shutil
from pathlib import Path

import coremltools as ct
import numpy as np
import pytest
import torch
from coremltools.converters.mil import Builder
from torch import nn

import mil_evaluator

MODEL = Path("Data/com.apple.CoreML/model.mlmodel")
WEIGHTS = Path("Data/com.apple.CoreML/weights/weight.bin")
SEED = 4
FLIPS = 60


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A package with weights in a file."""
    model = nn.Sequential(nn.Conv2d(3, 16, 3), nn.ReLU(), nn.Conv2d(16, 4, 3)).eval()
    exported = torch.export.export(model, (torch.rand(1, 3, 8, 8),)).run_decompositions({})
    path = tmp_path_factory.mktemp("whole") / "net.mlpackage"
    converted = ct.convert(exported, minimum_deployment_target=ct.target.iOS17)
    converted.save(str(path))
    return path


@pytest.fixture
def package(whole: Path, tmp_path: Path) -> Path:
    """A copy to damage."""
    return Path(shutil.copytree(whole, tmp_path / "net.mlpackage"))


def refusal(path: Path) -> str:
    """The one line that loading fails with."""
    with pytest.raises(mil_evaluator.UnsupportedProgram) as caught:
        mil_evaluator.load(path)
    assert isinstance(caught.value, ValueError)
    message = str(caught.value)
    assert "\n" not in message
    assert str(path) in message
    return message


def test_the_specification_alone_finds_its_weights(package: Path) -> None:
    assert mil_evaluator.load(package / MODEL).outputs == mil_evaluator.load(package).outputs


def test_nothing_there(tmp_path: Path) -> None:
    assert "does not exist" in refusal(tmp_path / "gone.mlpackage")


def test_a_folder_without_a_manifest(tmp_path: Path) -> None:
    assert "is not a Core ML package" in refusal(tmp_path)


@pytest.mark.parametrize("manifest", ["", "[]", "{}", '{"rootModelIdentifier": "x"}', "\x00"])
def test_a_manifest_that_says_nothing(package: Path, manifest: str) -> None:
    (package / "Manifest.json").write_text(manifest)
    assert "is not a Core ML package" in refusal(package)


def test_a_missing_specification(package: Path) -> None:
    (package / MODEL).unlink()
    assert "lacks com.apple.CoreML/model.mlmodel" in refusal(package)


def test_missing_weights(package: Path) -> None:
    (package / WEIGHTS).unlink()
    assert "lacks weights/weight.bin" in refusal(package)


@pytest.mark.parametrize("kept", [0, 1, 64, 100, 500])
def test_truncated_weights(package: Path, kept: int) -> None:
    (package / WEIGHTS).write_bytes((package / WEIGHTS).read_bytes()[:kept])
    assert "cannot be read" in refusal(package)


def test_an_empty_specification(package: Path) -> None:
    (package / MODEL).write_bytes(b"")
    assert "holds no model, not an ML program" in refusal(package)


def test_a_specification_of_noise(package: Path) -> None:
    (package / MODEL).write_bytes(np.random.default_rng(SEED).bytes(2000))
    refusal(package)


@pytest.mark.parametrize("part", [0.1, 0.5, 0.9, 0.99])
def test_a_truncated_specification(package: Path, part: float) -> None:
    content = (package / MODEL).read_bytes()
    (package / MODEL).write_bytes(content[: int(len(content) * part)])
    refusal(package)


def test_flipped_bytes_load_or_are_refused_in_one_line(package: Path) -> None:
    content = (package / MODEL).read_bytes()
    draw = np.random.default_rng(SEED)
    refused = 0
    for place in draw.integers(0, len(content), FLIPS):
        damaged = bytearray(content)
        damaged[place] ^= 1 << draw.integers(8)
        (package / MODEL).write_bytes(damaged)
        try:
            mil_evaluator.load(package)
        except mil_evaluator.UnsupportedProgram as error:
            refused += 1
            assert "\n" not in str(error)
    assert refused > FLIPS // 4


def test_names_with_line_breaks_are_still_one_line(package: Path) -> None:
    content = (package / MODEL).read_bytes()
    assert b"relu" in content
    (package / MODEL).write_bytes(content.replace(b"\x04relu", b"\x04r\n\nu"))
    assert "cannot be evaluated: r  u" in refusal(package)


def test_a_neural_network_is_not_an_ml_program(tmp_path: Path) -> None:
    spec = ct.proto.Model_pb2.Model()
    spec.specificationVersion = 4
    spec.neuralNetwork.SetInParent()
    (tmp_path / "old.mlmodel").write_bytes(spec.SerializeToString())
    assert "holds a Core ML neuralNetwork, not an ML program" in refusal(tmp_path / "old.mlmodel")


def test_operations_without_a_rule_are_named(tmp_path: Path) -> None:
    @Builder.program(input_specs=[Builder.TensorSpec((1,))], opset_version=ct.target.iOS17)
    def drawn(x):  # type: ignore[no-untyped-def]
        noise = Builder.random_normal(shape=[3])
        grown = Builder.while_loop(
            _cond=lambda y: Builder.less(x=Builder.reduce_sum(x=y), y=9.0),
            _body=lambda y: Builder.add(x=y, y=1.0),
            loop_vars=(x,),
        )
        return Builder.add(x=noise, y=grown)

    converted = ct.convert(drawn, convert_to="mlprogram", minimum_deployment_target=ct.target.iOS17)
    converted.save(str(tmp_path / "drawn.mlpackage"))
    message = refusal(tmp_path / "drawn.mlpackage")
    assert message.endswith("operation types that cannot be evaluated: random_normal, while_loop")
