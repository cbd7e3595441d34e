"""What each precision keeps of the demo model: parity, agreement, task top-1, size.

    python -m benchmarks.demo [--out benchmarks/results/demo.json]

Converts the bundled model in every precision and copies the numbers of the manifests. Accuracy is
on the 2,400 held-out drawings.
"""

import argparse
import json
import tempfile
from pathlib import Path

import slide_mobile
from slide_mobile.recipes import RECIPES


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/demo.json"))
    options = parser.parse_args()
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for precision in RECIPES:
            manifest = slide_mobile.convert(
                target="tflite", precision=precision, out=Path(folder)
            ).manifest
            assert manifest.accuracy is not None
            rows.append(
                {
                    "precision": precision,
                    "sqnr_db": manifest.parity["sqnr_db"],
                    "max_abs": manifest.parity["max_abs"],
                    "top1_agreement": manifest.parity["top1_agreement"],
                    "top1": manifest.accuracy["top1"],
                    "reference_top1": manifest.accuracy["reference_top1"],
                    "images": manifest.accuracy["images"],
                    "size_bytes": manifest.size_bytes,
                    "partitions": manifest.graph.partitions,
                    "int8_mac_fraction": manifest.graph.int8_mac_fraction,
                    "min_runtime": manifest.graph.min_runtime,
                    "toolchain": dict(manifest.toolchain),
                }
            )
            print(json.dumps(rows[-1]), flush=True)
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps({"rows": rows}, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
