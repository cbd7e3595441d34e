"""Release files for the tests: pieces of TOML, and plans made without one."""

from pathlib import Path

from slide_mobile.parity.source import CalibrationImages, ModelSource
from slide_mobile.release.commands import STEPS
from slide_mobile.release.plan import Cell, Plan
from slide_mobile.release.records import Record
from slide_mobile.targets.format import Format

ROOT = Path(__file__).parents[2]
HEAD = 'jobs = 1\n[[model]]\nname = "slide_swin_test"\nuntrained = true\ninput_size = "64x96"\n'
TFLITE = '[[target]]\nto = "tflite"\nprecisions = ["fp32"]\n'
ONNX = '[[target]]\nto = "onnx"\nprecisions = ["fp32"]\n'
BOTH = '[[target]]\nto = "onnx"\nprecisions = ["fp32", "fp16"]\n'  # converted the fastest
BENCH = "[bench]\nmin_seconds = 0.05\nmin_runs = 32\nmax_seconds = 0.0\n"
PHONE = ROOT / "apps/conformance/bench/valid/android.json"


def written(folder: Path, text: str) -> Path:
    path = folder / "release.toml"
    path.write_text(text)
    return path


def cell(name: str, gigabytes: float = 1.0) -> Cell:
    return Cell(
        name=name,
        source=ModelSource("m"),
        to=Format("t", "p"),
        calibration=CalibrationImages(),
        images=None,
        labs=(),
        fingerprint="",
        memory_bytes=gigabytes * 1e9,
    )


def plan(out: Path, *names: str) -> Plan:
    every = tuple(map(cell, names))
    return Plan(out=out, memory_bytes=1.0, jobs=1, cells=every, bench=None)


def record(name: str, manifest_sha256: str = "0") -> Record:
    return Record(name=name, fingerprint="", done=STEPS, manifest_sha256=manifest_sha256)
