"""What the command line refuses: one line that says what to do, and nothing left behind."""

import os
import pickle
from pathlib import Path

import artifact_folders
import pytest
import torch
from calls import CONVERT, run
from click.testing import Result
from safetensors.torch import save_file

from slide_mobile import models


def assert_refused(result: Result, message: str, code: int = 2) -> None:
    assert result.exit_code == code, result.output
    lines = result.stderr.strip().splitlines()
    assert len(lines) == 1 and lines[0].startswith("error: "), result.output
    assert message in lines[0]
    assert result.stdout == ""


class Gadget:
    def __reduce__(self) -> tuple:
        return os.system, ("touch executed",)


def broken_checkpoints(folder: Path, weights: Path) -> dict[str, Path]:
    good = weights.read_bytes()
    nan = models.create("slide_swin_test").state_dict()
    nan["head.bias"][0] = torch.nan
    paths = {
        name: folder / name
        for name in (
            "missing.pth", "empty.pth", "cut.safetensors", "text.pth", "evil.pth", "other.pth",
            "nan.safetensors",
        )
    }  # fmt: skip
    paths["empty.pth"].write_bytes(b"")
    paths["cut.safetensors"].write_bytes(good[: len(good) // 2])
    paths["text.pth"].write_text("these are not weights\n")
    paths["evil.pth"].write_bytes(pickle.dumps({"model": Gadget()}))
    torch.save(models.create("slide_swin_demo").state_dict(), paths["other.pth"])
    save_file(nan, paths["nan.safetensors"])
    return paths


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("missing.pth", "missing.pth"),
        ("empty.pth", "empty"),
        ("cut.safetensors", "cut.safetensors"),
        ("text.pth", "text.pth"),
        ("evil.pth", "refused: the file wants to run posix.system"),
        ("other.pth", "these are weights of slide_swin_demo"),
        ("nan.safetensors", "head.bias"),
    ],
)
def test_a_bad_checkpoint_is_one_line(
    name: str, message: str, weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    path = broken_checkpoints(tmp_path, weights)[name]
    result = run(*CONVERT, "--checkpoint", path, "--out", tmp_path / "out")
    assert_refused(result, message)
    assert not (tmp_path / "out").exists()
    assert not (tmp_path / "executed").exists()


def test_a_parents_checkpoint_is_one_line_that_says_what_is_missing(tmp_path: Path) -> None:
    path = tmp_path / "pvt_tiny.pth"
    torch.save({"model": models.create("pvt_tiny").state_dict()}, path)
    result = run(
        "convert", "slide_pvt_tiny", "--to", "tflite", "--quiet", "--checkpoint", path,
        "--out", tmp_path / "out",
    )  # fmt: skip
    assert_refused(result, f"{path} holds pvt_tiny: slide_pvt_tiny also needs ")
    assert "the slide attention of stages 1 and 2 (18 tensors in block1.*.attn, " in result.stderr
    assert result.stderr.strip().endswith("or convert pvt_tiny")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["convert", "slide_swin_tny", "--to", "tflite", "--untrained"], "did you mean"),
        (["convert", "--to", "tflit"], "did you mean 'tflite'"),
        (["convert", "--to", "coreml", "--precision", "int8-dynamic"], "known: fp16, fp32, int8"),
        (
            ["convert", "--to", "onnx", "--backend", "xnnpack"],
            "no backend for onnx is named 'xnnpack'; known",
        ),
        (["convert", "--to", "tflite", "--precision", "int9"], "did you mean 'int8'"),
        (
            ["convert", "--to", "tflite", "--via", "tf"],
            "no exporter for tflite is named 'tf'; known: litert, onnx",
        ),
        (["convert", "--to", "tflite", "--backend", "gpu"], "known: xnnpack, xnnpack-fp16"),
        (["convert", "swin_tiny", "--to", "tflite"], "give --checkpoint FILE, or --untrained"),
        ([*CONVERT, "--untrained", "--input-size", "100"], "the nearest is 96x96"),
        ([*CONVERT, "--untrained", "--input-size", "big"], "--input-size takes N or HxW"),
        ([*CONVERT, "--untrained", "--input-size", "9" * 5000], "--input-size takes N or HxW"),
        ([*CONVERT, "--untrained", "--mean", "1,2"], "three numbers"),
        ([*CONVERT, "--untrained", "--mean", "123,116,103"], "divide by 255"),
        ([*CONVERT, "--untrained", "--std", "0,1,1"], "std positive"),
        ([*CONVERT, "--untrained", "--int8", "--calibration", "nowhere"], "is not a folder"),
        ([*CONVERT, "--untrained", "--labels", "nowhere.txt"], "labels nowhere.txt (No such file"),
        (["check", "nowhere"], "is not an artifact folder"),
        (["inspect", "nowhere"], "is not an artifact folder"),
        (["check", "nowhere", "--against", "x"], "is not an artifact folder"),
        (
            ["check", "x", "--against", "y", "--modules"],
            "leave out --checkpoint, --module and --modules",
        ),
        (["convert", "../../x", "--to", "tflite", "--untrained"], "no model is named '../../x'"),
        (
            ["convert", "--to", "tflite", "--precision", ""],
            "--precision takes names with commas between them",
        ),
    ],
    ids=lambda value: " ".join(value[-2:]) if isinstance(value, list) else "",
)
def test_a_wrong_call_is_one_line(
    arguments: list[str], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    result = run(*arguments, "--quiet") if "--quiet" not in arguments else run(*arguments)
    assert_refused(result, message)
    assert list(tmp_path.iterdir()) == []


def test_int8_of_a_users_checkpoint_needs_calibration(weights: Path, tmp_path: Path) -> None:
    result = run(*CONVERT, "--checkpoint", weights, "--int8", "--out", tmp_path)
    assert_refused(result, "give --calibration DIR")


def test_a_calibration_folder_without_images_is_one_line(weights: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    result = run(
        *CONVERT, "--checkpoint", weights, "--int8", "--calibration", tmp_path / "empty",
        "--out", tmp_path / "out",
    )  # fmt: skip
    assert_refused(result, "contains no images")


def test_labels_of_the_wrong_length_are_one_line(tmp_path: Path) -> None:
    (tmp_path / "labels.txt").write_text("a\nb\n")
    result = run(
        *CONVERT, "--untrained", "--labels", tmp_path / "labels.txt", "--out", tmp_path / "out"
    )
    assert_refused(result, "has 2 labels, the model has 5 classes")


def test_an_existing_folder_is_kept_without_force(tmp_path: Path) -> None:
    (tmp_path / "slide_swin_test-tflite-fp32").mkdir()
    assert_refused(run(*CONVERT, "--untrained", "--out", tmp_path), "replace it with --force")


def test_an_unwritable_output_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    result = run(*CONVERT, "--untrained", "--out", tmp_path / "file")
    assert_refused(result, "cannot create the folder")


def test_an_empty_label_is_named_by_its_line(tmp_path: Path) -> None:
    (tmp_path / "labels.txt").write_text("a\n\nb\nc\nd\n")
    result = run(
        *CONVERT, "--untrained", "--labels", tmp_path / "labels.txt", "--out", tmp_path / "out"
    )
    assert_refused(result, "has no label on line 2")


def test_a_time_that_is_none_is_refused_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "yesterday")
    assert_refused(run(*CONVERT, "--untrained"), "SOURCE_DATE_EPOCH=yesterday")


@pytest.mark.parametrize(
    "words",
    [
        ["inspect", "a"], ["check", "a"], ["check", "b", "--against", "a"], ["lab", "run", "a"],
        ["report", "a", "--out", "r.md"], ["embed", "a", "--app", "app"], ["lab", "cost", "a"],
        ["bench", "a", "--min-seconds", "0"],
    ],
    ids=" ".join,
)  # fmt: skip
def test_no_command_follows_a_link_in_an_artifact(
    words: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("app").mkdir()
    for name in ("a", "b"):
        artifact_folders.folder(Path(name))
    (tmp_path / "a" / "labels.txt").rename("labels")
    (tmp_path / "a" / "labels.txt").symlink_to("../labels")
    done = run(*words, "-q")
    assert done.exit_code == 1 and "labels.txt is a symbolic link" in done.stderr, done.stderr
