"""Damaged and foreign files: each gives an error of one line, never a traceback of protobuf."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import coremltools as ct
import numpy as np
import pytest
import torch
from coremltools.converters.mil import Builder
from torch import nn

import mil_evaluator
from mil_evaluator.loading import _decompressed

MODEL = Path("Data/com.apple.CoreML/model.mlmodel")
WEIGHTS = Path("Data/com.apple.CoreML/weights/weight.bin")
SEED = 4
FLIPS = 60


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A package whose weights are in a file."""
    model = nn.Sequential(nn.Conv2d(3, 16, 3), nn.ReLU(), nn.Conv2d(16, 4, 3)).eval()
    exported = torch.export.export(model, (torch.rand(1, 3, 8, 8),)).run_decompositions({})
    path = tmp_path_factory.mktemp("whole") / "net.mlpackage"
    converted = ct.convert(exported, minimum_deployment_target=ct.target.iOS17)
    converted.save(str(path))
    return path


@pytest.fixture
def package(whole: Path, tmp_path: Path) -> Path:
    """A copy of the package for a test to damage."""
    return Path(shutil.copytree(whole, tmp_path / "net.mlpackage"))


def refusal(path: Path) -> str:
    """Return the one-line message with which loading fails."""
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


@pytest.mark.parametrize(
    "manifest", ["", "[]", "{}", '{"rootModelIdentifier": "x"}', "\x00", "[" * 100_000]
)
def test_a_manifest_that_says_nothing(package: Path, manifest: str) -> None:
    (package / "Manifest.json").write_text(manifest)
    assert "is not a Core ML package" in refusal(package)


def test_a_missing_specification(package: Path) -> None:
    (package / MODEL).unlink()
    assert "has no com.apple.CoreML/model.mlmodel" in refusal(package)


def pointing(package: Path, model: str) -> Path:
    """Return the package with a manifest that names this path as its root."""
    manifest = json.loads((package / "Manifest.json").read_bytes())
    manifest["itemInfoEntries"][manifest["rootModelIdentifier"]]["path"] = model
    (package / "Manifest.json").write_text(json.dumps(manifest))
    return package


def test_the_specification_is_the_one_that_the_manifest_names(package: Path) -> None:
    other = mil_evaluator.specification(package)
    other.description.metadata.author = "another"
    (package / MODEL.parent / "other.mlmodel").write_bytes(other.SerializeToString())
    pointing(package, "com.apple.CoreML/other.mlmodel")
    assert mil_evaluator.specification(package) == other
    (package / MODEL).unlink()
    assert mil_evaluator.load(package).outputs


@pytest.mark.parametrize(
    "outside",
    [
        lambda package: "../../outside/" + str(MODEL),
        lambda package: str(package.parent / "outside" / MODEL),
        lambda package: "../Manifest.json",
    ],
    ids=["relative", "absolute", "beside"],
)
def test_a_model_outside_the_packages_data_is_refused(
    package: Path, outside: Callable[[Path], str]
) -> None:
    shutil.copytree(package, package.parent / "outside")
    assert "refers to a model outside its Data folder" in refusal(
        pointing(package, outside(package))
    )


@pytest.mark.parametrize("file", [MODEL, WEIGHTS, WEIGHTS.parent, Path("Data"), Path("Data/more")])
def test_symbolic_links_in_a_package_are_refused(package: Path, file: Path) -> None:
    elsewhere = package.parent / "elsewhere"
    if (package / file).exists():
        shutil.move(package / file, elsewhere)
    (package / file).symlink_to(elsewhere)
    assert f"has a symbolic link, {file};" in refusal(package)


def test_an_unknown_colour_space(tmp_path: Path) -> None:
    exported = torch.export.export(nn.ReLU(), (torch.rand(1, 3, 8, 8),)).run_decompositions({})
    image = ct.ImageType(name="image", shape=(1, 3, 8, 8))
    path = tmp_path / "net.mlpackage"
    ct.convert(exported, inputs=[image], minimum_deployment_target=ct.target.iOS17).save(str(path))
    spec = mil_evaluator.specification(path)
    spec.description.input[0].type.imageType.colorSpace = 1000
    (path / MODEL).write_bytes(spec.SerializeToString())
    assert "unknown color space, 1000" in refusal(path)


def test_missing_weights(package: Path) -> None:
    (package / WEIGHTS).unlink()
    assert "has no weights/weight.bin" in refusal(package)


@pytest.mark.parametrize("kept", [0, 1, 64, 100, 500])
def test_truncated_weights(package: Path, kept: int) -> None:
    (package / WEIGHTS).write_bytes((package / WEIGHTS).read_bytes()[:kept])
    assert "cannot be read" in refusal(package)


def test_an_empty_specification(package: Path) -> None:
    (package / MODEL).write_bytes(b"")
    assert "has no model; convert the model with" in refusal(package)


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
    message = refusal(tmp_path / "old.mlmodel")
    assert "has a Core ML neuralNetwork instead of an ML program" in message


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


def test_weights_that_cannot_be_decompressed_are_one_line() -> None:
    given = {"data": torch.zeros(2, 3), "scale": torch.ones(7, 1)}
    operation = mil_evaluator.Operation(
        type="constexpr_blockwise_shift_scale",
        name="weight",
        inputs={name: name for name in given},
        outputs=("weight",),
        shapes=((2, 3),),
        dtypes=("fp32",),
    )
    with pytest.raises(mil_evaluator.UnsupportedProgram, match="'weight' cannot be computed"):
        _decompressed((operation,), given)


def test_a_few_bytes_that_ask_for_gigabytes_are_refused(tmp_path: Path) -> None:
    @Builder.program(input_specs=[Builder.TensorSpec((2,))], opset_version=ct.target.iOS17)
    def prog(x):
        return Builder.tile(x=x, reps=[3])

    path = tmp_path / "net.mlpackage"
    ct.convert(prog, minimum_deployment_target=ct.target.iOS17).save(str(path))
    spec = ct.proto.Model_pb2.Model()
    spec.ParseFromString((path / MODEL).read_bytes())
    (block,) = spec.mlProgram.functions["main"].block_specializations.values()
    (reps,) = (op for op in block.operations if op.outputs[0].name.endswith("reps_0"))
    reps.attributes["val"].immediateValue.tensor.ints.values[:] = [1 << 28]
    (path / MODEL).write_bytes(spec.SerializeToString())
    assert f"claims the shape [{2 << 28}]" in refusal(path)


def test_a_package_is_read_once_until_a_byte_of_it_changes(package: Path, tmp_path: Path) -> None:
    first = mil_evaluator.load(package)
    same = Path(shutil.copytree(package, tmp_path / "same.mlpackage"))
    assert mil_evaluator.load(package) is first is mil_evaluator.load(same)
    weights = bytearray((same / WEIGHTS).read_bytes())
    weights[-1] ^= 1
    (same / WEIGHTS).write_bytes(weights)
    other = mil_evaluator.load(same)
    assert other is not first and mil_evaluator.load(package) is not other


def test_what_was_read_before_does_not_make_a_link_good(package: Path, tmp_path: Path) -> None:
    mil_evaluator.load(package)
    elsewhere = (package / WEIGHTS).rename(tmp_path / "elsewhere")
    (package / WEIGHTS).symlink_to(elsewhere)
    assert "has a symbolic link" in refusal(package)


def test_weights_beside_a_lone_specification_are_read_again(package: Path) -> None:
    first = mil_evaluator.load(package / MODEL)
    assert mil_evaluator.load(package / MODEL) is not first
