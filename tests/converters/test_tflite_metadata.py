"""What attach() writes into a .tflite file, read back by other readers than its own."""

import dataclasses
import io
import zipfile
from pathlib import Path
from typing import Any

import flatbuffers
import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import nn

from slide_mobile.errors import ArtifactError, UsageError

litert_torch = pytest.importorskip("litert_torch")
pytest.importorskip("ai_edge_quantizer")

from ai_edge_litert import schema_py_generated as schema  # noqa: E402
from ai_edge_litert.interpreter import Interpreter  # noqa: E402
from ai_edge_quantizer import quantizer, recipe  # noqa: E402

from slide_mobile import recipes  # noqa: E402
from slide_mobile.targets.converter import Request  # noqa: E402
from slide_mobile_converters.tflite.metadata import attach, labels  # noqa: E402

SHAPE = (1, 8, 12, 3)
REQUEST = Request(
    recipe=recipes.lookup("fp32"),
    backend="xnnpack",
    via="litert",
    title="slide_test",
    description="seven classes, für Tests",
    version="1.2.3",
    facts={},
    labels=("ant", "bee", "cat on a mat", "dög", "eel", "fox", "gnu"),
)


@pytest.fixture(scope="session")
def plain(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A float classifier as the converter writes it."""
    torch.manual_seed(0)
    module = nn.Sequential(nn.Flatten(), nn.Linear(8 * 12 * 3, 2000), nn.ReLU(), nn.Linear(2000, 7))
    path = tmp_path_factory.mktemp("plain") / "model.tflite"
    litert_torch.convert(module.eval(), (torch.zeros(SHAPE),)).export(str(path))
    return path.read_bytes()


@pytest.fixture(scope="session")
def dynamic(plain: bytes, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The same in dynamic int8; the quantizer puts weights of this size behind the flatbuffer."""
    folder = tmp_path_factory.mktemp("dynamic")
    (folder / "float.tflite").write_bytes(plain)
    model = quantizer.Quantizer(str(folder / "float.tflite"), recipe.dynamic_wi8_afp32())
    model.quantize().export_model(str(folder / "model.tflite"))
    return (folder / "model.tflite").read_bytes()


def run(model: bytes) -> NDArray[np.float32]:
    """Logits of one fixed image."""
    interpreter = Interpreter(model_content=model)
    interpreter.allocate_tensors()
    image = np.random.default_rng(0).uniform(0, 255, SHAPE).astype(np.float32)
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], image)
    interpreter.invoke()
    logits: NDArray[np.float32] = interpreter.get_tensor(
        interpreter.get_output_details()[0]["index"]
    )
    return logits


def entries(model: bytes) -> dict[str, bytes]:
    """Metadata entries of the model by name."""
    file = schema.Model.GetRootAs(model)
    found = {}
    for index in range(file.MetadataLength()):
        entry = file.Metadata(index)
        found[entry.Name().decode()] = file.Buffers(entry.Buffer()).DataAsNumpy().tobytes()
    return found


def test_results_stay_bit_identical(plain: bytes) -> None:
    np.testing.assert_array_equal(run(attach(plain, REQUEST)), run(plain))


def test_results_stay_bit_identical_where_weights_lay_behind_the_flatbuffer(
    dynamic: bytes,
) -> None:
    file = schema.Model.GetRootAs(dynamic)
    assert any(file.Buffers(i).Offset() > 1 for i in range(file.BuffersLength()))
    np.testing.assert_array_equal(run(attach(dynamic, REQUEST)), run(dynamic))


def test_every_constant_is_aligned_to_16_bytes(plain: bytes, dynamic: bytes) -> None:
    for model in (plain, dynamic):
        file = schema.Model.GetRootAs(attach(model, REQUEST))
        buffers = [file.Buffers(index) for index in range(file.BuffersLength())]
        starts = [b._tab.Vector(b._tab.Offset(4)) for b in buffers if b.DataLength()]
        assert len(starts) > 4
        assert [start % 16 for start in starts] == [0] * len(starts)


def test_the_same_arguments_give_the_same_bytes(plain: bytes) -> None:
    assert attach(plain, REQUEST) == attach(plain, REQUEST)


def test_attaching_again_changes_nothing(plain: bytes) -> None:
    once = attach(plain, REQUEST)
    assert attach(once, REQUEST) == once


def test_attaching_again_replaces_what_was_attached(plain: bytes, tmp_path: Path) -> None:
    first = dataclasses.replace(REQUEST, labels=tuple("abcdefg"), backend="xnnpack-fp16")
    path = tmp_path / "model.tflite"
    path.write_bytes(attach(attach(plain, first), REQUEST))
    assert labels(path) == list(REQUEST.labels)
    assert "reduced_precision_support" not in entries(path.read_bytes())


def test_labels_are_a_stored_zip_entry_without_a_date(plain: bytes) -> None:
    with zipfile.ZipFile(io.BytesIO(attach(plain, REQUEST))) as archive:
        (entry,) = archive.infolist()
        text = archive.read("labels.txt").decode()
    assert (entry.filename, entry.compress_type) == ("labels.txt", zipfile.ZIP_STORED)
    assert entry.date_time == (1980, 1, 1, 0, 0, 0)
    assert text == "ant\nbee\ncat on a mat\ndög\neel\nfox\ngnu\n"


def test_labels_are_read_back(plain: bytes, tmp_path: Path) -> None:
    path = tmp_path / "model.tflite"
    path.write_bytes(attach(plain, REQUEST))
    assert labels(path) == list(REQUEST.labels)


def test_a_file_without_labels_is_refused_in_one_line(plain: bytes, tmp_path: Path) -> None:
    path = tmp_path / "model.tflite"
    path.write_bytes(plain)
    with pytest.raises(ArtifactError, match=r"has no labels\.txt; convert"):
        labels(path)


def test_entries_of_the_converter_are_kept(plain: bytes) -> None:
    before, after = entries(plain), entries(attach(plain, REQUEST))
    assert {key: after[key] for key in before} == before
    assert before.keys() == after.keys() - {"TFLITE_METADATA"}


def test_the_fp16_hint_is_written_only_on_request(plain: bytes) -> None:
    asked = dataclasses.replace(REQUEST, backend="xnnpack-fp16")
    assert entries(attach(plain, asked))["reduced_precision_support"] == b"fp16accfp16"
    assert "reduced_precision_support" not in entries(attach(plain, REQUEST))


# Reading TFLITE_METADATA with flatbuffers' generic tables; a field's slot is 4 + 2 * its number in
# metadata_schema.fbs. tflite-support 0.4.4's MetadataDisplayer and the schema of mediapipe 1.2.2
# read the same values from such a file.


def child(table: Any, field: int) -> Any:
    """The table at a field."""
    position = table.Pos + table.Offset(4 + 2 * field)
    return flatbuffers.table.Table(table.Bytes, table.Indirect(position))


def only(table: Any, field: int) -> Any:
    """The one table in a vector of tables."""
    offset = table.Offset(4 + 2 * field)
    assert table.VectorLen(offset) == 1
    return flatbuffers.table.Table(table.Bytes, table.Indirect(table.Vector(offset)))


def text(table: Any, field: int) -> str:
    """The string at a field."""
    value: bytes = table.String(table.Offset(4 + 2 * field) + table.Pos)
    return value.decode()


def enum(table: Any, field: int) -> int:
    """The one-byte enum at a field."""
    value: int = table.GetSlot(4 + 2 * field, 0, flatbuffers.number_types.Uint8Flags)
    return value


def floats(table: Any, field: int) -> list[float]:
    """The vector of floats at a field."""
    flags = flatbuffers.number_types.Float32Flags
    return list(table.GetVectorAsNumpy(flags, table.Offset(4 + 2 * field)))


@pytest.fixture(scope="session")
def metadata(plain: bytes) -> Any:
    """The ModelMetadata table of a described file."""
    content = entries(attach(plain, REQUEST))["TFLITE_METADATA"]
    assert content[4:8] == b"M001"
    return flatbuffers.table.Table(content, int.from_bytes(content[:4], "little"))


def test_metadata_describes_the_model(metadata: Any) -> None:
    found = [text(metadata, field) for field in (0, 1, 2, 4, 5, 7)]
    assert found == [
        "slide_test",
        "seven classes, für Tests",
        "1.2.3",
        "slide-mobile",
        "Apache-2.0",
        "1.0.0",
    ]


def test_metadata_describes_the_image_as_raw_rgb(metadata: Any) -> None:
    image = only(only(metadata, 3), 2)
    content, unit, stats = child(image, 3), only(image, 4), child(image, 5)
    assert text(image, 0) == "image"
    assert (enum(content, 0), enum(child(content, 1), 0)) == (2, 1)  # ImageProperties, RGB
    assert enum(unit, 0) == 1  # NormalizationOptions
    assert (floats(child(unit, 1), 0), floats(child(unit, 1), 1)) == ([0.0], [1.0])
    assert (floats(stats, 0), floats(stats, 1)) == ([255.0], [0.0])  # max, min


def test_metadata_ties_the_labels_to_the_logits(metadata: Any) -> None:
    logits = only(only(metadata, 3), 3)
    file = only(logits, 6)
    assert text(logits, 0) == "logits"
    assert (text(file, 0), enum(file, 2)) == ("labels.txt", 2)  # TENSOR_AXIS_LABELS


@pytest.mark.parametrize("count", [0, 6, 8])
def test_labels_must_match_the_classes(plain: bytes, count: int) -> None:
    request = dataclasses.replace(REQUEST, labels=("x",) * count)
    with pytest.raises(UsageError, match=f"{count} labels for 7 classes"):
        attach(plain, request)


@pytest.mark.parametrize("bad", ["", "two\nlines", "ends\r"])
def test_a_label_must_be_one_line(plain: bytes, bad: str) -> None:
    request = dataclasses.replace(REQUEST, labels=(*"abcdef", bad))
    with pytest.raises(UsageError, match="not one line of text"):
        attach(plain, request)
