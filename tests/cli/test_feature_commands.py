"""--task features on the command line: convert, check, inspect, and what is refused."""

import json
from pathlib import Path

import pytest
from calls import run

CONVERT = ["convert", "slide_pvt_v2_test", "--to", "onnx", "--task", "features", "--quiet"]
SIZE = ["--untrained", "--input-size", "64x128"]


@pytest.fixture(scope="module")
def artifact(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("out")
    done = run(*CONVERT, *SIZE, "--out", out)
    assert done.exit_code == 0, done.output
    for stage in range(1, 5):
        assert f"\n  stage{stage}     1" in done.stdout  # so many dB above a hundred
    assert "dB in the worst output (floor 90, goal 110)" in done.stdout
    assert "top-1" not in done.stdout
    (root,) = out.iterdir()
    return root


@pytest.mark.slow
def test_check_reports_each_map(artifact: Path) -> None:
    done = run("check", artifact, "--json", "-q")
    result = json.loads(done.stdout)
    assert done.exit_code == 0 and result["passed"] and result["modules"]
    assert result["top1_agreement"] is None and result["accuracy"] is None
    assert {output["name"] for output in result["outputs"]} == {f"stage{i}" for i in range(1, 5)}
    assert min(output["sqnr_db"] for output in result["outputs"]) == result["sqnr_db"] > 110
    text = run("check", artifact, "-q").stdout
    assert "stage3" in text and "top-1" not in text


@pytest.mark.slow
def test_inspect_lists_the_outputs(artifact: Path) -> None:
    text = run("inspect", artifact, "-q").stdout
    assert "output     stage2 1x32x8x16 NCHW float32\n" in text
    document = json.loads(run("inspect", artifact, "--json", "-q").stdout)
    assert document["task"] == "features" and len(document["outputs"]) == 4


@pytest.mark.slow
def test_one_flipped_bit_is_found(artifact: Path) -> None:
    path = artifact / "model.onnx"
    good = path.read_bytes()
    path.write_bytes(good[:1000] + bytes([good[1000] ^ 1]) + good[1001:])
    try:
        done = run("check", artifact, "-q")
    finally:
        path.write_bytes(good)
    assert done.exit_code == 1 and "does not match the manifest" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([*SIZE, "--labels", __file__], "features have none: leave it out"),
        ([*SIZE, "--task", "segment"], "'segment' is not one of 'classify', 'features'"),
        (["--untrained", "--input-size", "60x100"], "the nearest is 64x96"),
    ],
)
def test_what_makes_no_sense_is_refused(arguments: list[str], message: str, tmp_path: Path) -> None:
    done = run(*CONVERT, "--out", tmp_path / "out", *arguments)
    assert done.exit_code == 2 and message in done.stderr
    assert not (tmp_path / "out").exists()
