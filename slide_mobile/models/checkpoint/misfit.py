"""Say in one line why a file does not fit a model, and what would."""

import re
from collections.abc import Mapping

from torch import Tensor

from slide_mobile.models.checkpoint import matching, parents, relatives
from slide_mobile.models.checkpoint.matching import Plan
from slide_mobile.models.checkpoint.unpickle import shown

__all__ = ["beside_backbone", "explain", "unknown"]

# What detectors and segmenters have beside their backbone (mmdetection, mmsegmentation, MMPose).
_BESIDE = re.compile(
    r"^(?:neck|rpn_head|roi_head|bbox_head|mask_head|keypoint_head|panoptic_head|decode_head"
    r"|auxiliary_head|query_head|language_model|pixel_decoder|data_preprocessor)\."
)
MOST_SHOWN = 2
_SUPPORTED = "Swin, PVT, PVTv2, CSwin, NAT and their Slide forms are supported"
_FEATURES = "convert the feature maps alone: --task features"


def beside_backbone(keys: Mapping[str, object]) -> dict[str, int]:
    """The parts of a detector that are not its backbone, with their numbers of tensors."""
    parts: dict[str, int] = {}
    for key in keys:
        if _BESIDE.match(key):
            part = key.partition(".")[0]
            parts[part] = parts.get(part, 0) + 1
    return parts


def explain(
    tensors: Mapping[str, Tensor],
    name: str,
    size: tuple[int, int],
    plan: Plan,
    *,
    headless: bool,
) -> str:
    """What continues a sentence that begins with the file; `plan` is that for the model."""
    relative = relatives.recognized(matching.shapes(tensors))
    if relative is not None:
        return _refused(relative)
    other, its_plan = matching.closest(tensors, headless=headless)
    found = parents.inheritance(tensors, name, size)
    if found is not None:
        known = not its_plan.mismatches
        return (
            f"holds {other if known else 'the parent of ' + name}: "
            f"{name} also needs {found.missing()}; train it "
            f"(slide_mobile.models.checkpoint.inherit){', or convert ' + other if known else ''}"
        )
    if not headless and (without := _backbone(tensors, name, size)):
        return without
    if other == name or not its_plan.likeness:
        hint = "no other model fits better"
    elif its_plan.mismatches:
        hint = f"the closest model is {other}, {_distance(its_plan)}"
    else:
        hint = f"these are weights of {other}"
    return f"does not fit {name}: {_listed(plan)}; {hint}"


def unknown(tensors: Mapping[str, Tensor], *, headless: bool) -> str:
    """Why no model fits; continues a sentence that begins with the file."""
    found = matching.shapes(tensors)
    relative = relatives.recognized(found)
    if relative is not None:
        return _refused(relative)
    other, plan = matching.closest(tensors, headless=headless)
    if not headless and (without := _backbone(tensors, other, plan.min_size)):
        return without
    if not plan.likeness:
        first = shown(", ".join(list(found)[:MOST_SHOWN]))
        return f"holds weights of no network that we know (such as {first}); {_SUPPORTED}"
    return f"fits no model; the closest is {other}, {_distance(plan)}: {_listed(plan)}"


def _refused(relative: relatives.Relative) -> str:
    why = f" ({relative.differs})" if relative.differs else ""
    return f"holds weights of {relative.name}, which is not supported{why}: {_SUPPORTED}"


def _backbone(tensors: Mapping[str, Tensor], name: str, size: tuple[int, int]) -> str:
    """What to do with a backbone that would fit without its classifier; empty if it would not."""
    parts = beside_backbone(tensors)
    if "head.weight" in tensors and not parts:
        return ""
    alone = {key: tensor for key, tensor in tensors.items() if not _BESIDE.match(key)}
    if matching.plan(alone, name, size, headless=True).mismatches:
        return ""
    if parts:
        kind = f"the file of a detector or segmenter ({', '.join(parts)})"
    else:
        kind = "a backbone"
        if any(key.startswith("outputs.") for key in tensors):
            kind = "the backbone of a detector (with a norm behind its stages)"
    return (
        f"has no classifier head (head.weight); it is {kind}: give the checkpoint of a "
        f"classifier, or {_FEATURES}"
    )


def _distance(plan: Plan) -> str:
    """How far a file is from a model."""
    return f"which differs in {len(plan.mismatches)} tensors"


def _listed(plan: Plan) -> str:
    """Of each kind of mismatch the first ones, and how many there are in all."""
    shown_lines: list[str] = []
    for lines in (plan.wrong, plan.missing, plan.surplus):
        shown_lines += lines[:MOST_SHOWN]
    rest = len(plan.mismatches) - len(shown_lines)
    more = ""
    if rest > 0:
        counts = {"missing": len(plan.missing), "not expected": len(plan.surplus)}
        told = [f"{count} {kind}" for kind, count in counts.items() if count > MOST_SHOWN]
        more = f"; and {rest} more" + (f" ({', '.join(told)} in all)" if told else "")
    return f"{'; '.join(shown_lines)}{more}"
