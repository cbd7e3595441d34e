"""Inputs of a conversion, and files that compute something else: one line, nothing left."""

import json
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from calls_in_process import outcome
from fake_converter import FakeConverter, install
from hostile_files import KINDS, put

from slide_mobile.errors import ArtifactError, CheckpointError
from slide_mobile.models.checkpoint import safetensors_header
from slide_mobile.parity import running
from slide_mobile.targets.converter import Runner
from slide_mobile.tasks import Outputs, Task, output_names

FAKE = ("convert", "slide_swin_test", "--to", "fake", "--out", "out")


@pytest.fixture(autouse=True)
def fake(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    install(monkeypatch, FakeConverter())
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("option", ["--labels", "--checkpoint", "--calibration"])
def test_an_input_that_is_something_else(option: str, kind: str, tmp_path: Path) -> None:
    path = put(kind, tmp_path / "given")
    words = [*FAKE, option, path] + ([] if option == "--checkpoint" else ["--untrained"])
    if option == "--calibration":
        words.append("--int8")
    code, lines = outcome(*words)
    assert code == 2 and len(lines) == 1 and str(path) in lines[0], lines
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("report", ["parity", "lab"])
def test_a_folder_in_place_of_a_report_is_said_at_once(report: str, tmp_path: Path) -> None:
    (tmp_path / f"out/slide_swin_test-fake-fp32.{report}.json/x").mkdir(parents=True)
    code, lines = outcome(*FAKE, "--untrained")
    assert code == 2 and "is a folder" in lines[0] and len(lines) == 1
    assert len(list((tmp_path / "out").iterdir())) == 1


@pytest.mark.parametrize("name", ["x" * 256, "y/" * 3000, "\udcff" * 200, "a\nb"])
@pytest.mark.parametrize(
    "words",
    [
        [*FAKE, "--untrained", "--out"],
        [*FAKE, "--untrained", "--labels"],
        [*FAKE, "--checkpoint"],
        [*FAKE, "--untrained", "--int8", "--calibration"],
        ["check"],
        ["inspect"],
        ["bench"],
        ["bench", "--import"],
        ["bench", "x", "--baseline"],
        ["embed", "x", "--app"],
        ["embed", "--app", ".", "--remove"],
        ["report", "x", "--out"],
        ["report", "--out", "r.md", "--bench"],
        ["release"],
        ["lab"],
    ],
    ids=lambda words: "-".join(w for w in words if w not in FAKE[1:]),
)
def test_a_name_that_no_file_can_have(words: list[str], name: str) -> None:
    code, lines = outcome(*words, name)
    if name in {"a\nb", "\udcff" * 200} and words[-1] == "--out" and words[0] == "convert":
        assert code == 0  # a folder may be named so
        return
    assert code in {1, 2} and len(lines) <= 2 and max(map(len, lines), default=0) <= 310, lines


def runner(outputs: Callable[[int], Outputs]) -> Runner:
    count = iter(range(100))
    return Runner(call=lambda image: outputs(next(count)), runtime="a test", layout="NHWC")


@pytest.mark.parametrize("task", ["classify", "features"])
@pytest.mark.parametrize(
    "shape", [(), (3,), (1,), (0, 3), (2, 3), (1, 0), (1, 2, 3), (1, 2, 3, 0), (1, 1, 1, 1, 1)]
)
def test_outputs_of_another_shape_are_refused(shape: tuple[int, ...], task: Task) -> None:
    found = dict.fromkeys(output_names(task), np.zeros(shape, np.float32))
    pixels = np.zeros((2, 4, 4, 3), np.uint8)
    with pytest.raises(ArtifactError, match="has the shape"):
        running.run(runner(lambda _: found), pixels, task)


def test_outputs_that_change_their_shape_are_refused() -> None:
    pixels = np.zeros((3, 4, 4, 3), np.uint8)
    changing = runner(lambda n: {"logits": np.zeros((1, 2 + n), np.float32)})
    with pytest.raises(ArtifactError, match="change their shape"):
        running.run(changing, pixels, "classify")


@pytest.mark.parametrize("classes", [1, 4, 6, 1000])
def test_another_number_of_logits_is_one_line(
    classes: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert outcome(*FAKE, "--untrained")[0] == 0
    monkeypatch.setattr(
        FakeConverter, "runner",
        lambda *_, **__: runner(lambda n: {"logits": np.ones((1, classes), np.float32)}),
    )  # fmt: skip
    for words in (["check"], ["report", "--out", "r.html"]):
        code, lines = outcome(words[0], "out/slide_swin_test-fake-fp32", *words[1:])
        assert code in {1, 2} and len(lines) == 1 and "have the shape" in lines[0], lines


def header(tensors: object, size: int | None = None) -> bytes:
    data = json.dumps(tensors).encode()
    return struct.pack("<Q", len(data) if size is None else size) + data


ONE = {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}


@pytest.mark.parametrize(
    "data",
    [
        header({"a": ONE | {"shape": [1] * 1_000_000}}),
        header({"a": ONE | {"shape": [-1]}}),
        header({"a": ONE | {"shape": [1 << 64]}}),
        header({"a": ONE | {"shape": "1"}}),
        header({"a": 1}),
        header([]),
        header({f"t{n}": ONE for n in range(10_001)}),
        header({}, size=(1 << 64) - 1),
        header({}, size=1 << 23 | 1),
        struct.pack("<Q", 100_000) + b"{" + b'"a":{' * 20_000,
        struct.pack("<Q", 12) + b'{"a":1,"a":1}',
        b"",
    ],
    ids=range(12),
)
def test_an_absurd_header_is_refused_at_once(data: bytes, tmp_path: Path) -> None:
    path = tmp_path / "w.safetensors"
    path.write_bytes(data)
    with pytest.raises(CheckpointError):
        safetensors_header.require_sane(path)
    code, lines = outcome(*FAKE, "--checkpoint", path)
    assert code == 2 and len(lines) == 1
