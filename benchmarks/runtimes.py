"""Which older TFLite runtimes run our files, and compute what PyTorch computes.

    python -m slide_mobile.targets.environments tflite-runtime-2.14 tensorflow-2.17 ...
    python -m benchmarks.runtimes [--via-onnx] [--artifacts DIR]

Every precision of the models runs on every runtime, each in a process of its own: an old runtime
may abort on a new file. slide_swin_test has padded windows, which the others have not at their
own size. A run counts where its logits for the artifact's golden images are within the
precision's floor of PyTorch's. The operations of files that count are what `inspect` takes for
confirmed: they are written to the converter, as confirmed.json.
"""

import argparse
import itertools
import json
import re
import signal
import subprocess
import tempfile
from collections import defaultdict
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from PIL import Image

import slide_mobile
from benchmarks import provenance
from slide_mobile.artifact.folder import Artifact
from slide_mobile.parity.metrics import sqnr_db
from slide_mobile.parity.reference import DEMO
from slide_mobile.recipes import RECIPES
from slide_mobile.targets import environments, registry
from slide_mobile_converters.tflite import operations, versions

RUNTIMES = ("tflite-runtime-2.14", "tensorflow-2.17", "tensorflow-2.18", "tensorflow-2.19")
MODELS = (DEMO, "slide_swin_test", "slide_swin_tiny")
PRECISIONS = registry.load("tflite").BACKENDS["xnnpack"]
WORKER = Path(__file__).with_name("run_tflite.py")
_MOST_WORDS = 300  # characters of an error


@dataclass(frozen=True, kw_only=True)
class Row:
    """One file on one runtime; `error` is its last line where it did not run."""

    model: str
    precision: str
    via: str
    runtime: str
    release: str | None
    works: bool
    sqnr_db: float | None = None
    error: str | None = None


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/runtimes.json"))
    parser.add_argument("--via-onnx", action="store_true", help="the demo by onnx2tf too (slow)")
    parser.add_argument(
        "--artifacts",
        type=Path,
        help="keep the artifacts here, and use them (empty it after a change to a converter)",
    )
    options = parser.parse_args()
    for runtime in RUNTIMES:
        environments.python_of(runtime)  # all are there, or none is tried
    asked = list(itertools.product(MODELS, ("litert",), PRECISIONS))
    asked += itertools.product((DEMO,) * options.via_onnx, ("onnx",), PRECISIONS)
    rows: list[Row] = []
    confirmed: dict[str, set[str]] = defaultdict(set)
    with tempfile.TemporaryDirectory() as scratch:
        # Those of another table of forms have other operations.
        kept = (options.artifacts or Path(scratch)) / provenance.sha256()[:12]
        for model, via, precision in asked:
            artifact = converted(model, via, precision, kept / via)
            subgraphs, _ = operations.parse(artifact.model_path.read_bytes())
            for runtime in RUNTIMES:
                row = run(artifact, runtime, via)
                rows.append(row)
                print(json.dumps(asdict(row)), flush=True)
                if row.works and row.release is not None:
                    for op in (op for ops in subgraphs for op in ops):
                        confirmed[versions.signature(op)].add(row.release)
    document = {
        provenance.FORMS: provenance.sha256(),
        "rows": [asdict(row) for row in rows],
    }
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
    table = {name: versions.in_order(confirmed[name]) for name in sorted(confirmed)}
    lines = [f"  {json.dumps(name)}: {json.dumps(releases)}" for name, releases in table.items()]
    versions.CONFIRMED.write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")


def converted(model: str, via: str, precision: str, out: Path) -> Artifact:
    """The artifact in `out`, made where it is not there."""
    root = out / f"{model}-tflite-{precision}"
    if root.exists():
        artifact = Artifact.open(root)
        artifact.verify()
        return artifact
    return slide_mobile.convert(
        model, untrained=model != DEMO, target="tflite", precision=precision, via=via, out=out
    )


def run(artifact: Artifact, runtime: str, via: str) -> Row:
    """The artifact's golden images on one runtime, beside PyTorch's logits for them."""
    manifest = artifact.manifest
    expected = np.array([golden.logits for golden in manifest.golden], np.float32)
    images = np.stack([np.asarray(Image.open(artifact.root / g.file)) for g in manifest.golden])
    with tempfile.TemporaryDirectory() as name:
        given, made = Path(name, "images.npy"), Path(name, "logits.npy")
        np.save(given, images)
        python = str(environments.python_of(runtime))
        done = subprocess.run(
            [python, "-I", str(WORKER), str(artifact.model_path), str(given), str(made)],
            capture_output=True,
            text=True,
            errors="replace",
        )
        release = next(iter(done.stdout.split()), None)
        if done.returncode != 0:
            return Row(
                model=manifest.model["name"],
                precision=manifest.precision,
                via=via,
                runtime=runtime,
                release=release,
                works=False,
                error=_last_words(done, artifact.root),
            )
        db = sqnr_db(expected, np.load(made))
    return Row(
        model=manifest.model["name"],
        precision=manifest.precision,
        via=via,
        runtime=runtime,
        release=release,
        works=bool(db >= RECIPES[manifest.precision].min_sqnr_db),
        sqnr_db=round(db, 1),
    )


def _last_words(done: subprocess.CompletedProcess[str], root: Path) -> str:
    """Why a run ended, without the paths of this machine."""
    said = " ".join(done.stderr.replace(str(root), "").split())
    error = re.search(r".*\b(\w+Error: .*)", said)
    words = error[1] if error else said[-_MOST_WORDS:]
    if done.returncode < 0:
        words = f"{signal.Signals(-done.returncode).name}: {words}"
    return words[:_MOST_WORDS] or "no word"


if __name__ == "__main__":
    main()
