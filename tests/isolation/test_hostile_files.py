"""Hostile files end in a result or in one line of ours, within seconds, whatever they do."""

import hashlib
import shutil
import time
from pathlib import Path

import hostile
import installed
import pytest
from converted_once import ConvertedOnce

from slide_mobile.errors import ArtifactError, CheckpointError, SlideMobileError
from slide_mobile.models import checkpoint
from slide_mobile.pipeline.check import check

pytestmark = [pytest.mark.isolated, pytest.mark.slow]

CHECKPOINTS = hostile.checkpoints()
# The kinds of harm; `make test-slow` tries the others, too.
IN_CI = ("nested key", "shared key", "QInt8Storage", "many dimensions")
FILES = [("tflite", "fp32"), ("tflite", "int8"), ("executorch", "fp32"), ("onnx", "int8")]
FILES += [("coreml", "fp16")]
SEEDS = range(3)
MOST_SECONDS = 100.0  # on a busy machine; 3 on a quiet one


@pytest.mark.parametrize(
    "name",
    [pytest.param(n, marks=() if n in IN_CI else pytest.mark.full_size) for n in CHECKPOINTS],
)
def test_a_hostile_checkpoint_is_one_line(name: str, tmp_path: Path) -> None:
    path = tmp_path / "evil.pth"
    path.write_bytes(CHECKPOINTS[name])
    before = time.monotonic()
    with pytest.raises(CheckpointError) as caught:
        checkpoint.fit(checkpoint.read(path), "slide_swin_test")
    assert time.monotonic() - before < MOST_SECONDS
    assert str(path) in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize(("target", "precision"), FILES)
def test_a_damaged_model_file_is_a_verdict_or_one_line(
    target: str, precision: str, seed: int, converted: ConvertedOnce, tmp_path: Path
) -> None:
    root = hostile.damaged(converted(target, precision), tmp_path / "a", seed)
    before = time.monotonic()
    try:
        check(root, samples="golden", modules=False)
    except SlideMobileError as error:
        assert "\n" not in str(error)
    assert time.monotonic() - before < MOST_SECONDS


@pytest.mark.skipif("coreai" in installed.MISSING, reason=installed.MISSING.get("coreai", ""))
def test_a_file_that_aborts_apples_parser_is_one_line(
    converted: ConvertedOnce, tmp_path: Path
) -> None:
    root = Path(shutil.copytree(converted("coreai", "fp32").root, tmp_path / "a"))
    program = root / "model.aimodel" / "main.mlirb"
    content = program.read_bytes()[:-2000]
    program.write_bytes(content)
    program.with_name("main.hash").write_bytes(hashlib.sha256(content).digest())
    hostile.resealed(root)
    with pytest.raises(ArtifactError, match="ended the process that read it: SIGABRT"):
        check(root, samples="golden", modules=False)
