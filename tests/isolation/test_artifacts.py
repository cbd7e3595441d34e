"""What runs an artifact's file in a child takes an artifact as well as a folder's path."""

import pickle
import shutil
from pathlib import Path

import numpy as np
import pytest
from converted_once import ConvertedOnce

import slide_mobile
from slide_mobile.artifact import golden
from slide_mobile.lab import half, subject
from slide_mobile.pipeline.artifact import Artifact
from slide_mobile.report import entries

pytestmark = [pytest.mark.isolated, pytest.mark.slow]


@pytest.fixture
def loaded(converted: ConvertedOnce) -> Artifact:
    """An artifact that holds a loaded model, which no child can be sent."""
    art = Artifact.load(converted("onnx", "fp32").root)
    art.predict(golden.image(art, art.manifest.golden[0]))
    return art


def test_a_lab_s_subject_is_run_here(loaded: Artifact) -> None:
    found = subject.load(loaded, 1)
    assert found.artifact is loaded and np.isfinite(found.host["logits"]).all()


def test_in_half_precision(loaded: Artifact) -> None:
    assert half._run(loaded, subject.load(loaded, 1).inputs)


def test_compare_check_and_inspect(loaded: Artifact, tmp_path: Path) -> None:
    other = shutil.copytree(loaded.root, tmp_path / loaded.root.name)
    assert slide_mobile.compare([loaded, Artifact.load(other)])
    assert slide_mobile.check(loaded).parity.passed
    assert loaded.inspect() == loaded.manifest.graph


def test_a_report(loaded: Artifact) -> None:
    assert entries._ranges(loaded) == ()


def test_a_copy_is_equal(loaded: Artifact) -> None:
    copied = pickle.loads(pickle.dumps(loaded))
    assert copied == loaded and type(copied) is Artifact
