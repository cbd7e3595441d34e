"""Run PyTorch on many images, with one thread per core.

Each thread computes whole images. If threads shared each operator instead, they would wait for each
other in every operator, which is ten times slower when another program uses one of the cores.
"""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

T = TypeVar("T")
R = TypeVar("R")

Rows = NDArray[np.float32]


def each(compute: Callable[[T], R], parts: Sequence[T]) -> Iterator[R]:
    """Yield the result of `compute` for each part, in order."""
    threads = torch.get_num_threads()
    pool = ThreadPoolExecutor(threads, initializer=torch.set_num_threads, initargs=(1,))
    try:
        yield from pool.map(compute, parts)
    finally:
        pool.shutdown(cancel_futures=True)
        torch.set_num_threads(threads)


def outputs(deployed: nn.Module, pixels: Sequence[NDArray[np.uint8]]) -> tuple[Rows, ...]:
    """Images (H, W, 3) -> logits (N, num_classes), or maps in the layout of the deploy form.

    Runs one image at a time, as on a phone.
    """

    @torch.no_grad()
    def run(image: NDArray[np.uint8]) -> tuple[Rows, ...]:
        return arrays(
            deployed(torch.from_numpy(image[None].astype(np.float32)).permute(0, 3, 1, 2))
        )

    found = list(each(run, pixels))
    return tuple(np.concatenate(rows) for rows in zip(*found, strict=True))


def arrays(found: Tensor | tuple[Tensor, ...]) -> tuple[Rows, ...]:
    """Return a model's outputs as arrays; a single output gives a tuple of one."""
    return tuple(x.numpy() for x in (found if isinstance(found, tuple) else (found,)))
