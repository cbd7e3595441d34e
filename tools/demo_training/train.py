"""Train the demo model on rendered shapes.

    python -m tools.demo_training.train [--out slide_mobile/demo/slide_swin_demo.safetensors]
        [--card tools/demo_training/card.json] [--cache IMAGES.npy] [--images 48000]
        [--half-steps 2800] [--steps 2600] [--seed 0]

Trains on a CPU, hence in two phases: first at half the side, four times as cheap, then at full
size from those weights. Each has its own warm-up and cosine. Writes the weights (parameters only,
fp32), and a card that says how they were made and what they reach.
"""

import argparse
import math
import multiprocessing
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch
import torch.distributed as dist
import torch.nn.functional as F
from numpy.typing import NDArray
from safetensors.torch import load_file
from torch import Tensor, nn

from slide_mobile import models
from slide_mobile.demo.render import INPUT_PX, LABELS, TRAIN_SEED, render_many
from slide_mobile.demo.weights import WEIGHTS
from slide_mobile.errors import UsageError
from slide_mobile.models.slide_swin import SwinTransformer
from slide_mobile.preprocess import IMAGENET, normalize
from tools.demo_training import card
from tools.demo_training.card import Images, Labels, predict, save
from tools.demo_training.fast_attention import accelerate

MODEL = "slide_swin_demo"
LABEL_SMOOTHING = 0.05
# Low, and none for biases, norms and tables: strong decay would make a network that quantises
# better than real ones do.
WEIGHT_DECAY = 0.02
CLIP_NORM = 2.0
# Images of the training split that are not trained on: they measure progress.
PROGRESS_COUNT = 480
REPORT_EVERY = 200
BATCH = 64
# Processes of one thread each: threads of one process wait for each other in every operator.
PROCESSES = 2


@dataclass(frozen=True, kw_only=True)
class Phase:
    """One cycle of warm-up and cosine at one image size; rates are learning rates."""

    size_px: int
    steps: int
    last_rate: float
    peak_rate: float = 1e-3
    warmup: int = 100

    def rate(self, step: int) -> float:
        """The learning rate of a step, counted from 0."""
        if step < self.warmup:
            return self.peak_rate * (step + 1) / self.warmup
        done = (step - self.warmup) / max(self.steps - self.warmup, 1)
        return (
            self.last_rate + (self.peak_rate - self.last_rate) * (1 + math.cos(math.pi * done)) / 2
        )


@dataclass(frozen=True, kw_only=True)
class Run:
    """What the training processes share; `meeting` is the address where they find each other."""

    meeting: str
    cache: Path
    phases: Sequence[Phase]
    seed: int
    out: Path
    started: float


def main() -> None:
    """Render, train, measure and save."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--out", type=Path, default=WEIGHTS, help="file of weights to write")
    parser.add_argument("--card", type=Path, default=card.CARD, help="card to write")
    parser.add_argument(
        "--images", type=int, default=48_000, help="number of images, rendered once and augmented"
    )
    parser.add_argument("--cache", type=Path, help=".npy file that keeps the images between runs")
    parser.add_argument("--half-steps", type=int, default=2800, help="steps at half the image side")
    parser.add_argument("--steps", type=int, default=2600, help="steps at full size")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    started = time.time()
    half = Phase(size_px=INPUT_PX // 2, steps=options.half_steps, last_rate=3e-4)
    full = Phase(size_px=INPUT_PX, steps=options.steps, last_rate=1e-6)
    with tempfile.TemporaryDirectory() as folder:
        cache = options.cache or Path(folder) / "images.npy"
        render(options.images + PROGRESS_COUNT, cache)
        run = Run(
            meeting=(Path(folder) / "meeting").as_uri(),
            cache=cache,
            phases=(half, full),
            seed=options.seed,
            out=options.out,
            started=started,
        )
        spawn = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(PROCESSES, mp_context=spawn) as pool:
            list(pool.map(partial(_work, run), range(PROCESSES)))
    model = models.create(MODEL)
    model.load_state_dict(load_file(options.out), strict=False)
    numbers = {name: n for name, n in vars(options).items() if isinstance(n, int)}
    found = card.describe(model, options.out, options=numbers, wall_s=time.time() - started)
    card.write(found, options.card)
    print(options.card.read_text())


def render(count: int, cache: Path) -> None:
    """Render the training images, unless the cache holds them; raises UsageError."""
    if not cache.exists():
        np.save(cache, render_many(TRAIN_SEED, count, progress=_report_rendering)[0])
    elif (held := len(np.load(cache, mmap_mode="r"))) != count:
        raise UsageError(f"{cache} holds {held} images, not {count}: remove it")


def _work(run: Run, rank: int) -> None:
    """Train in one of the processes; the first one reports and saves."""
    torch.set_num_threads(1)
    torch.manual_seed(run.seed)
    dist.init_process_group("gloo", init_method=run.meeting, rank=rank, world_size=PROCESSES)
    images = np.load(run.cache, mmap_mode="r")
    labels = np.arange(len(images)) % len(LABELS)
    model: nn.Module | None = None
    for phase in run.phases:
        begun = models.create(MODEL, input_size=(phase.size_px, phase.size_px), seed=run.seed)
        assert isinstance(begun, SwinTransformer)
        _prepare(begun)
        if model is not None:
            inherit(begun, model)
        model = accelerate(begun).train()
        for step, loss in enumerate(_train(model, phase, images, labels, run.seed, rank), 1):
            if rank == 0 and (step % REPORT_EVERY == 0 or step == phase.steps):
                _report(model, phase, step, loss, images, labels, run.started)
                save(model, run.out)
    dist.destroy_process_group()


def _prepare(model: SwinTransformer) -> None:
    """Give a new model the weights that it starts from."""
    # The published deviation of 0.02 is meant for hundreds of channels: with 24 it silences every
    # block. Here every linear layer keeps the variance.
    for module in model.modules():
        if isinstance(module, nn.Linear):
            nn.init.trunc_normal_(module.weight, std=module.in_features**-0.5)
    # Colour says nothing about shape: patches begin as edge filters, blind to a flat ground. The
    # bias keeps the LayerNorm behind them from blowing noise up. From PyTorch's own start the
    # loss is still at chance after 25,000 images; from this one it falls after 5,000.
    patches = model.patch_embed.proj
    assert patches.bias is not None
    with torch.no_grad():
        patches.weight.sub_(patches.weight.mean((2, 3), keepdim=True)).mul_(3)
        nn.init.normal_(patches.bias, std=0.5)


def inherit(model: nn.Module, trained: nn.Module) -> None:
    """Copy every parameter that has the same shape in both models."""
    # The last stage's table depends on the size of its map: it starts anew.
    fresh = model.state_dict()
    kept = {
        n: p for n, p in trained.state_dict().items() if n in fresh and p.shape == fresh[n].shape
    }
    kept = {n: p for n, p in kept.items() if n in dict(model.named_parameters())}
    model.load_state_dict(kept, strict=False)


def _train(
    model: nn.Module, phase: Phase, images: Images, labels: Labels, seed: int, rank: int
) -> Iterator[float]:
    """Train for one phase; yields the smoothed loss after every step."""
    named = [(n, p) for n, p in model.named_parameters() if p.requires_grad]
    weights = [p for _, p in named]
    groups = [
        {"params": [p for n, p in named if _decays(n, p)], "weight_decay": WEIGHT_DECAY},
        {"params": [p for n, p in named if not _decays(n, p)], "weight_decay": 0.0},
    ]
    optimizer = torch.optim.AdamW(groups, betas=(0.9, 0.98))
    batches = _batches(np.random.default_rng((seed, phase.size_px)), len(images) - PROGRESS_COUNT)
    rng = np.random.default_rng((seed, phase.size_px, rank))
    smoothed = float(np.log(len(LABELS)))
    for step in range(phase.steps):
        mine = np.sort(next(batches).reshape(PROCESSES, -1)[rank])
        x = augment(images[mine], phase.size_px, rng)
        with torch.autocast("cpu", torch.bfloat16):
            logits = model(x).float()
        loss = F.cross_entropy(
            logits, torch.from_numpy(labels[mine]), label_smoothing=LABEL_SMOOTHING
        )
        grads = torch.autograd.grad(loss, weights)
        shared = torch.cat([grad.flatten() for grad in grads])
        dist.all_reduce(shared)
        nn.utils.vector_to_parameters(shared / PROCESSES, grads)
        for weight, grad in zip(weights, grads, strict=True):
            weight.grad = grad
        for group in optimizer.param_groups:
            group["lr"] = phase.rate(step)
        nn.utils.clip_grad_norm_(weights, CLIP_NORM)
        optimizer.step()
        smoothed += 0.02 * (loss.item() - smoothed)
        yield smoothed


def _decays(name: str, parameter: Tensor) -> bool:
    """Whether weight decay applies: to matrices and kernels."""
    return parameter.ndim > 1 and "table" not in name


def _batches(rng: np.random.Generator, count: int) -> Iterator[NDArray[np.int64]]:
    """Batches of image numbers without end, in a new order each epoch."""
    while True:
        order = rng.permutation(count)
        yield from order[: count - count % BATCH].reshape(-1, BATCH)


def augment(images: Images, size_px: int, rng: np.random.Generator) -> Tensor:
    """(N, H, W, 3) bytes -> (N, 3, size_px, size_px), each mirrored, turned and recoloured."""
    # Every label survives mirrors and quarter turns, and colour says nothing about it.
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
    """Print the progress of a phase."""
    tail = images[-PROGRESS_COUNT:]
    if phase.size_px != INPUT_PX:
        n, by = len(tail), INPUT_PX // phase.size_px
        blocks = tail.reshape(n, phase.size_px, by, phase.size_px, by, 3)
        tail = blocks.mean((2, 4)).astype(np.uint8)
    top1 = (predict(model, tail) == labels[-PROGRESS_COUNT:]).mean()
    print(
        f"{phase.size_px} px  step {step}/{phase.steps}  loss {loss:.3f}  "
        f"top-1 {100 * top1:.1f} %  {time.time() - started:.0f} s",
        flush=True,
    )


def _report_rendering(done: int, total: int) -> None:
    """Print how many images are rendered, in one line on a terminal."""
    if sys.stderr.isatty() or done == total:
        print(f"\rrendered {done}/{total}", end="\n" if done == total else "", file=sys.stderr)


if __name__ == "__main__":
    main()
