"""PyTorch over many images, a thread a core.

Each thread computes its own images: threads that share an operator wait for each other in every
one of them, which is ten times slower where a core is busy otherwise.
"""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

T = TypeVar("T")


def each(
    compute: Callable[[T], NDArray[np.float32]], parts: Sequence[T]
) -> Iterator[NDArray[np.float32]]:
    """What `compute` gives for each part, in order."""
    threads = torch.get_num_threads()
    pool = ThreadPoolExecutor(threads, initializer=torch.set_num_threads, initargs=(1,))
    try:
        yield from pool.map(compute, parts)
    finally:
        pool.shutdown(cancel_futures=True)
        torch.set_num_threads(threads)


def logits(deployed: nn.Module, pixels: Sequence[NDArray[np.uint8]]) -> NDArray[np.float32]:
    """(H, W, 3) bytes each -> (N, num_classes), of a deploy form, one at a time as on a phone."""

    @torch.no_grad()
    def run(image: NDArray[np.uint8]) -> NDArray[np.float32]:
        maps = torch.from_numpy(image[None].astype(np.float32)).permute(0, 3, 1, 2)
        row: NDArray[np.float32] = deployed(maps).numpy()
        return row

    return np.concatenate(list(each(run, pixels)))
