"""Run an .aimodel with the runtime in Apple's coreai-core: on a CPU, on Linux and on macOS.

In an fp16 program every tensor is fp16, and so is every result that this runtime hands on. It takes
seconds for an image where a phone takes milliseconds, so it is a proof and never a latency.
"""

import asyncio
import importlib.metadata
from collections.abc import Coroutine, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from coreai.authoring import AIModelAsset
from coreai.runtime import NDArray as Tensor
from numpy.typing import NDArray

from slide_mobile.preprocess import Pixels, planar
from slide_mobile.targets.converter import RawOutputs, Runner
from slide_mobile.tasks import LOGITS, STAGES, Layout
from slide_mobile_converters.coreai import operations, reading

RUNTIME = f"Apple's Core AI runtime {importlib.metadata.version('coreai-core')}, CPU"
INPUT = "image"
_LAYOUT: Layout = "NCHW"

T = TypeVar("T")
Outputs = Mapping[str, NDArray[np.generic]]


def runner(path: Path, *, threads: int | None = None) -> Runner:
    """Apple's runtime on the CPU; `threads` has no effect, for it has no such option.

    Raises ArtifactError for a damaged asset, and when called if the asset cannot be run.
    """
    reading.program(path)  # refuses what cannot be run
    with reading.readable(path):
        function = loaded(reading.asset(path))

    def run(image: Pixels) -> RawOutputs:
        with reading.readable(path):
            return _wanted(called(function, image))

    return Runner(call=run, runtime=RUNTIME, layout=_LAYOUT)


def loaded(asset: AIModelAsset) -> Any:
    """The function of an asset, compiled for this machine."""

    async def load() -> Any:
        async with asset.executable() as model:  # its files may go: they are mapped into memory
            return model.load_function(operations.ENTRY)

    return _finished(load())


def called(function: Any, image: Pixels) -> Outputs:
    """All outputs for one image; raises ValueError if the function wants another input."""
    pixels = planar(image)
    described = function.desc
    if list(described.input_names) != [INPUT]:
        raise ValueError(f"its inputs are {', '.join(described.input_names)}, not {INPUT!r}")
    wanted = described.input_descriptor(INPUT)
    if list(wanted.shape) != list(pixels.shape) or wanted.dtype != "float32":
        raise ValueError(f"it takes images of {wanted.dtype} {list(wanted.shape)}")

    async def call() -> Outputs:
        found = await function({INPUT: Tensor(pixels)})
        return {name: np.array(x.numpy()) for name, x in found.items()}

    return _finished(call())


def _finished(coroutine: Coroutine[Any, Any, T]) -> T:
    """The result of a coroutine; the caller may run in an event loop, as a notebook does."""
    with ThreadPoolExecutor(1) as other:
        return other.submit(asyncio.run, coroutine).result()


def _wanted(outputs: Outputs) -> RawOutputs:
    """The maps of the stages, or else the logits; raises ValueError if there are neither."""
    names = [name for name in STAGES if name in outputs] or [LOGITS]
    if names[0] not in outputs:
        raise ValueError(
            f"it has no output {LOGITS!r}; its outputs are {', '.join(sorted(outputs))}"
        )
    return {name: outputs[name] for name in names}
