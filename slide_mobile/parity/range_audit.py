"""Range audit: which modules compute values that are large for fp16, and what is done about it."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from slide_mobile.deploy import ranges
from slide_mobile.deploy.forms import PLAIN
from slide_mobile.deploy.scale_stream import NO_HEADROOM, Headroom
from slide_mobile.models.layers.backbone import Backbone
from slide_mobile.parity.reference import Reference

SAMPLES = 8  # `check` repeats the audit on the golden images, which are as many
NAMED = 2


@dataclass(frozen=True, kw_only=True)
class RangeAudit:
    """The headroom that a model's stages get, and which modules have values over `ranges.BIG`.

    `scaled` is a line that names those which were made smaller, `large` one that names those which
    are still large; each is empty if there are none.
    """

    headroom: Headroom = NO_HEADROOM
    scaled: str = ""
    large: str = ""

    @property
    def notes(self) -> tuple[str, ...]:
        """The lines, for the manifest."""
        return tuple(filter(None, (self.scaled, self.large)))


def audit(ref: Reference, pixels: NDArray[np.uint8]) -> RangeAudit:
    """Measure the ranges of a model on the first of these images, (N, H, W, 3) bytes."""
    images = [
        torch.from_numpy(image[None].astype(np.float32)).permute(0, 3, 1, 2)
        for image in pixels[:SAMPLES]
    ]
    deployed = ref.deployed("NHWC", PLAIN)
    found = ranges.peaks(deployed, images)
    before = _by_module(ref.model, deployed, found)
    if not before:
        return RangeAudit()
    if not isinstance(deployed, Backbone):  # a network of the user is not scaled
        return RangeAudit(large=f"fp16 ends at 65504: {_listed(before)}")
    headroom = ranges.headroom(deployed, found)
    deployed = ref.deployed("NHWC", PLAIN, headroom)
    after = _by_module(ref.model, deployed, ranges.peaks(deployed, images))
    scaled = {name: peak for name, peak in before.items() if name not in after}
    return RangeAudit(
        headroom=headroom,
        scaled=f"{_described(headroom)} smaller for fp16: {_listed(scaled)}" if scaled else "",
        large=f"fp16 ends at 65504: {_listed(after)}" if after else "",
    )


def _by_module(reference: nn.Module, deployed: nn.Module, found: ranges.Peaks) -> dict[str, float]:
    """Return the peaks over BIG by the path of the reference's module, largest first."""
    known = {path for path, _ in reference.named_modules()}
    named: dict[str, float] = {}
    for path, module in deployed.named_modules():
        peak = found.get(module, 0.0)
        if peak > ranges.BIG:
            while path not in known:
                path = path.rpartition(".")[0]
            named[path] = max(named.get(path, 0.0), peak)
    return dict(sorted(named.items(), key=lambda item: -item[1]))


def _described(headroom: Headroom) -> str:
    """Say which values were made smaller, by stage."""
    parts = []
    for number, (stream, embed) in enumerate(
        zip(headroom.stream, headroom.embed, strict=True), start=1
    ):
        if stream:
            parts.append(f"the stream of stage {number} {2**stream} times")
        if embed:
            parts.append(f"its embedding {2**embed} times")
    return ", ".join(parts)


def _listed(peaks: dict[str, float]) -> str:
    """Name the modules with the largest values, and count the rest."""
    more = len(peaks) - NAMED
    shown = ", ".join(f"{path} reaches {peak:.3g}" for path, peak in list(peaks.items())[:NAMED])
    return shown + (f" and {more} more" if more > 0 else "")
