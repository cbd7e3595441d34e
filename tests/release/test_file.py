"""A wrong release file: one line that says what is wrong, and nothing is started."""

from pathlib import Path

import pytest
from click.testing import CliRunner
from files import HEAD, TFLITE, written

from slide_mobile.cli import main

WITH_BENCH = HEAD + TFLITE + "[bench]\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("=", "is not TOML"),
        ("a = " + "[" * 100_000, "is nested too deeply"),
        ("", "has no [[model]]"),
        (HEAD, "has no [[target]]"),
        (
            HEAD + TFLITE + TFLITE,
            "asks for slide_swin_test-tflite-fp32 twice; remove one of the two",
        ),
        ("job = 2\n" + HEAD + TFLITE, "did you mean 'jobs'?"),
        (HEAD + "precison = 1\n" + TFLITE, "no key of [[model]] in"),
        (WITH_BENCH + "run = 1", "no key of [bench] in"),
        (HEAD + '[[target]]\nto = "tflit"\nprecisions = ["fp32"]', "did you mean 'tflite'?"),
        (HEAD + '[[target]]\nto = "tflite"', "target[0]: object missing required field `prec"),
        (HEAD + '[[target]]\nto = "tflite"\nprecisions = []', "target[0].precisions: expected"),
        (
            HEAD + '[[target]]\nprecisions = ["fp32"]',
            "target[0]: object missing required field `to",
        ),
        ("[[model]]\nuntrained = true\n" + TFLITE, "model[0]: object missing required field `name"),
        (HEAD + '[[target]]\nto = "tflite"\nprecisions = ["int4"]', "named 'int4'"),
        (WITH_BENCH + 'fail_over = "5%"', "fail_over needs a baseline"),
        (HEAD + TFLITE + '[report]\nformats = ["pdf"]', "no report format is named 'pdf'"),
        ("memory_gb = 0\n" + HEAD + TFLITE, "memory_gb: expected `float` > 0.0"),
        ("memory_gb = nan\n" + HEAD + TFLITE, "memory_gb: expected `float` > 0.0"),
        ("memory_gb = inf\n" + HEAD + TFLITE, "memory_gb: expected `float` <= "),
        ('memory_gb = "8"\n' + HEAD + TFLITE, "memory_gb: expected `float | null`, got `str`"),
        (HEAD.replace("1", "0", 1) + TFLITE, "jobs: expected `int` >= 1"),
        (HEAD.replace("1", "true", 1) + TFLITE, "jobs: expected `int | null`, got `bool`"),
        ("out = 5\n" + HEAD + TFLITE, "out: expected `str`, got `int`"),
        ("model = 5\n" + TFLITE, "model: expected `array`, got `int`"),
        (HEAD + 'checkpoint = "none.pth"\n' + TFLITE, "none.pth does not exist"),
        (HEAD + "checkpoint = 5\n" + TFLITE, "model[0].checkpoint: expected `str | null`, got"),
        (HEAD + "mean = [0.5, 0.5, 0.5]\n" + TFLITE, "model[0].mean: expected `str | null`, got"),
        (HEAD + 'mean = "1,2"\n' + TFLITE, "takes three numbers such as 0.5,0.5,0.5"),
        (HEAD.replace("64x96", "64y") + TFLITE, "--input-size takes N or HxW"),
        (HEAD + "calibration_samples = 99999\n" + TFLITE, "--calibration-samples must be 1 to"),
        ('[[model]]\nname = "slide_swin_tyni"\n' + TFLITE, "did you mean 'slide_swin_tiny'?"),
        (HEAD + TFLITE + '[report]\nformats = "html"', "report.formats: expected `array`, got"),
        (HEAD + TFLITE + "[report]\nformats = [[1]]", "report.formats[0]: expected `str`, got"),
        (WITH_BENCH + "min_runs = 10", "min-runs must be 30 to"),
        (WITH_BENCH + 'min_seconds = "3"', "bench.min_seconds: expected `float`, got `str`"),
        (WITH_BENCH + "min_seconds = inf", "min-seconds must be"),
        (WITH_BENCH + 'threads = "2"', "bench.threads: expected `int`, got `str`"),
        (WITH_BENCH + "baseline = 5", "bench.baseline: expected `str | null`, got `int`"),
        (WITH_BENCH + 'baseline = "b.json"', "b.json does not exist"),
        (WITH_BENCH + 'fail_over = "much"', "a percentage such as 5%, not 'much'"),
        (
            WITH_BENCH + 'baseline = "build/release/bench.json"',
            "keep the baseline elsewhere",
        ),
    ],
)
def test_a_wrong_file_is_one_line_and_nothing_is_started(
    text: str, message: str, tmp_path: Path
) -> None:
    done = CliRunner().invoke(main, ["release", "--quiet", str(written(tmp_path, text))])
    assert done.exit_code == 2 and done.stdout == "", done.output
    (line,) = done.stderr.splitlines()
    assert message in line
    assert [path.name for path in tmp_path.iterdir()] == ["release.toml"]
