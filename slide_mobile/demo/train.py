"""Train the demo: `python -m slide_mobile.demo.train --out slide_swin_demo.safetensors`.

Two phases, because a CPU trains this: first at half the side, four times as cheap, then at full
size from those weights. Each has its own warm-up and cosine. Writes the weights (parameters
only, fp32) and `card.json` beside them, which says how they came about and what they reach.
"""

import argparse
import hashlib
import json
import math
import os
import platform
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import PIL
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from safetensors.torch import save_file
from torch import Tensor, nn

from slide_mobile import models
from slide_mobile.demo.fast_attention import accelerate
from slide_mobile.demo.outliers import measure
from slide_mobile.demo.render import (
    HELD_OUT_COUNT,
    HELD_OUT_SEED,
    INPUT_PX,
    LABELS,
    TRAIN_SEED,
    render_many,
)
from slide_mobile.errors import UsageError
from slide_mobile.preprocess import IMAGENET, normalize

MODEL = "slide_swin_demo"
LABEL_SMOOTHING = 0.05
# Low, and none for biases, norms and tables: a strongly decayed network would round too well.
WEIGHT_DECAY = 0.02
CLIP_NORM = 2.0
# Of the training split, beyond the images trained on: a measure of progress.
PROGRESS_COUNT = 480
REPORT_EVERY = 200
THREADS = 2
BATCH = 64


@dataclass(frozen=True, kw_only=True)
class Phase:
    """One cycle of warm-up and cosine at one image size; threads take `share` images at a time."""

    size_px: int
    steps: int
    share: int
    last_rate: float
    peak_rate: float = 1.5e-3
    warmup: int = 200

    def rate(self, step: int) -> float:
        """Learning rate of a step, from 0."""
        if step < self.warmup:
            return self.peak_rate * (step + 1) / self.warmup
        done = (step - self.warmup) / max(self.steps - self.warmup, 1)
        return (
            self.last_rate + (self.peak_rate - self.last_rate) * (1 + math.cos(math.pi * done)) / 2
        )


Images = NDArray[np.uint8]
Labels = NDArray[np.int64]


def main() -> None:
    """Render, train, measure, save."""
    parser = argparse.ArgumentParser(description="Train the demo model on rendered shapes.")
    parser.add_argument("--out", type=Path, required=True, help="the .safetensors file to write")
    parser.add_argument("--images", type=int, default=48_000, help="rendered once, then augmented")
    parser.add_argument("--cache", type=Path, help="a .npy file that keeps them between runs")
    parser.add_argument("--half-steps", type=int, default=3000, help="at half the side")
    parser.add_argument("--steps", type=int, default=3000, help="at full size")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    started = time.monotonic()
    torch.manual_seed(options.seed)

    images, labels = _render(options.images + PROGRESS_COUNT, options.cache)
    half = Phase(size_px=INPUT_PX // 2, steps=options.half_steps, share=32, last_rate=3e-4)
    full = Phase(size_px=INPUT_PX, steps=options.steps, share=16, last_rate=1e-6)
    model: nn.Module | None = None
    for phase in (half, full):
        size = (phase.size_px, phase.size_px)
        begun = models.create(MODEL, input_size=size, seed=options.seed)
        _widen(begun)
        if model is not None:
            _inherit(begun, model)
        model = begun
        _train(model, phase, images, labels, options.seed, options.out, started)
    assert model is not None
    finish(model, options.out, vars(options), time.monotonic() - started)


def finish(model: nn.Module, out: Path, options: dict[str, object], wall_s: float) -> None:
    """Measure the weights in the published form of the model, save them and their card."""
    reference = models.create(MODEL)
    reference.load_state_dict(model.state_dict())
    images, labels = render_many(HELD_OUT_SEED, HELD_OUT_COUNT)
    top1 = float((predict(reference, images) == labels).mean())
    save(reference, out)
    card = {
        "model": MODEL,
        "command": "python -m slide_mobile.demo.train "
        + " ".join(
            f"--{k.replace('_', '-')} {v}" for k, v in options.items() if k not in ("out", "cache")
        ),
        "seed": options["seed"],
        "steps": options["steps"],
        "held_out_images": HELD_OUT_COUNT,
        "held_out_top1": round(top1, 5),
        "largest_outlier": measure(reference, images[:256])[0].as_dict(),
        "train_wall_s": round(wall_s),
        "versions": {
            "python": platform.python_version(),
            "torch": torch.__version__,
            "numpy": np.__version__,
            "pillow": PIL.__version__,
        },
        "weights_sha256": hashlib.sha256(out.read_bytes()).hexdigest(),
    }
    out.with_name("card.json").write_text(json.dumps(card, indent=2) + "\n", encoding="utf-8")
    print(json.dumps(card, indent=2), flush=True)


def predict(model: nn.Module, images: Images) -> Labels:
    """Class numbers of (N, H, W, 3) images."""
    found = []
    with torch.inference_mode():
        for start in range(0, len(images), 120):
            batch = torch.from_numpy(normalize(images[start : start + 120], IMAGENET))
            found.append(model(batch).argmax(1).numpy())
    return np.concatenate(found)


def save(model: nn.Module, path: Path) -> None:
    """Write the parameters, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(path.name + ".part")
    save_file({name: p.detach().contiguous() for name, p in model.named_parameters()}, partial)
    os.replace(partial, path)


def _render(count: int, cache: Path | None) -> tuple[Images, Labels]:
    if cache is not None and cache.exists():
        images: Images = np.load(cache)
        if len(images) != count:
            raise UsageError(f"{cache} holds {len(images)} images, not {count}: remove it")
        return images, np.arange(count) % len(LABELS)
    images, labels = render_many(TRAIN_SEED, count, progress=_report_rendering)
    if cache is not None:
        np.save(cache, images)
    return images, labels


def _widen(model: nn.Module) -> None:
    # The published deviation of 0.02 is meant for hundreds of channels: with 24 it silences every
    # block, and training begins with a long plateau. Here every linear layer keeps the variance.
    for module in model.modules():
        if isinstance(module, nn.Linear):
            nn.init.trunc_normal_(module.weight, std=module.in_features**-0.5)


def _inherit(model: nn.Module, trained: nn.Module) -> None:
    # The last stage's table depends on its map's size: it starts anew.
    fresh = model.state_dict()
    kept = {
        n: p for n, p in trained.state_dict().items() if n in fresh and p.shape == fresh[n].shape
    }
    kept = {n: p for n, p in kept.items() if n in dict(model.named_parameters())}
    model.load_state_dict(kept, strict=False)


def _train(
    model: nn.Module,
    phase: Phase,
    images: Images,
    labels: Labels,
    seed: int,
    out: Path,
    started: float,
) -> None:
    accelerate(model).train()
    weights: list[Tensor] = [p for p in model.parameters() if p.requires_grad]
    decayed = [p for n, p in model.named_parameters() if p.requires_grad and _decays(n, p)]
    spared = [p for n, p in model.named_parameters() if p.requires_grad and not _decays(n, p)]
    groups = [
        {"params": decayed, "weight_decay": WEIGHT_DECAY},
        {"params": spared, "weight_decay": 0.0},
    ]
    optimizer = torch.optim.AdamW(groups, betas=(0.9, 0.98))
    rng = np.random.default_rng((seed, phase.size_px))
    batches = _batches(rng, len(images) - PROGRESS_COUNT, BATCH)
    loss_sum = 0.0
    # Each thread differentiates its share of the batch with one core: the cores meet once a step,
    # not in every operator, which matters on a machine that does other work too.
    with ThreadPoolExecutor(THREADS, initializer=torch.set_num_threads, initargs=(1,)) as pool:
        for step in range(phase.steps):
            shares = next(batches).reshape(-1, phase.share)
            seeds = rng.integers(0, 2**31, len(shares))
            jobs = [
                pool.submit(_gradients, model, weights, images[share], labels[share], phase, s)
                for share, s in zip(shares, seeds, strict=True)
            ]
            results = [job.result() for job in jobs]
            for group in optimizer.param_groups:
                group["lr"] = phase.rate(step)
            for weight, *parts in zip(weights, *(grads for _, grads in results), strict=True):
                weight.grad = torch.stack(parts).mean(0)
            nn.utils.clip_grad_norm_(weights, CLIP_NORM)
            optimizer.step()
            loss_sum += sum(loss for loss, _ in results) / len(results)
            if (step + 1) % REPORT_EVERY == 0 or step + 1 == phase.steps:
                _report(model, phase, step + 1, loss_sum / REPORT_EVERY, images, labels, started)
                loss_sum = 0.0
                save(model, out)


def _decays(name: str, parameter: Tensor) -> bool:
    return parameter.ndim > 1 and "table" not in name


def _batches(rng: np.random.Generator, count: int, batch: int) -> Iterator[NDArray[np.int64]]:
    while True:
        order = rng.permutation(count)
        yield from order[: count - count % batch].reshape(-1, batch)


def _gradients(
    model: nn.Module,
    weights: list[Tensor],
    images: Images,
    labels: Labels,
    phase: Phase,
    seed: int,
) -> tuple[float, tuple[Tensor, ...]]:
    x = _augment(images, phase.size_px, np.random.default_rng(seed))
    with torch.autocast("cpu", torch.bfloat16):
        logits = model(x)
    loss = F.cross_entropy(
        logits.float(), torch.from_numpy(labels), label_smoothing=LABEL_SMOOTHING
    )
    return loss.item(), torch.autograd.grad(loss, weights)


def _augment(images: Images, size_px: int, rng: np.random.Generator) -> Tensor:
    # Every label survives mirrors and quarter turns, and colour carries none.
    x = torch.from_numpy(normalize(images, IMAGENET))
    if size_px != x.shape[-1]:
        x = F.avg_pool2d(x, x.shape[-1] // size_px)
    kinds = torch.from_numpy(rng.integers(0, 2, (3, len(x), 1, 1, 1)).astype(bool))
    x = torch.where(kinds[0], x.flip(2), x)
    x = torch.where(kinds[1], x.flip(3), x)
    x = torch.where(kinds[2], x.transpose(2, 3), x)
    channels = torch.from_numpy(rng.permuted(np.tile(np.arange(3), (len(x), 1)), axis=1))
    x = x[torch.arange(len(x))[:, None], channels]
    gain = torch.from_numpy(rng.uniform(0.8, 1.2, (len(x), 1, 1, 1)).astype(np.float32))
    shift = torch.from_numpy(rng.uniform(-0.3, 0.3, (len(x), 3, 1, 1)).astype(np.float32))
    return x * gain + shift


def _report(
    model: nn.Module,
    phase: Phase,
    step: int,
    loss: float,
    images: Images,
    labels: Labels,
    started: float,
) -> None:
    tail = images[-PROGRESS_COUNT:]
    if phase.size_px != INPUT_PX:
        n, by = len(tail), INPUT_PX // phase.size_px
        blocks = tail.reshape(n, phase.size_px, by, phase.size_px, by, 3)
        tail = blocks.mean((2, 4)).astype(np.uint8)
    top1 = (predict(model, tail) == labels[-PROGRESS_COUNT:]).mean()
    print(
        f"{phase.size_px} px  step {step}/{phase.steps}  loss {loss:.3f}  "
        f"top-1 {100 * top1:.1f} %  {time.monotonic() - started:.0f} s",
        flush=True,
    )


def _report_rendering(done: int, total: int) -> None:
    if sys.stderr.isatty() or done == total:
        print(f"\rrendered {done}/{total}", end="\n" if done == total else "", file=sys.stderr)


if __name__ == "__main__":
    main()
