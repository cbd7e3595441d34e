"""Reference models, by name: the paper's operators with the official state dict."""

import torch
from torch import nn

# Each registers its models.
from slide_mobile.models import slide_cswin as slide_cswin
from slide_mobile.models import slide_nat as slide_nat
from slide_mobile.models import slide_pvt as slide_pvt
from slide_mobile.models import slide_pvt_v2 as slide_pvt_v2
from slide_mobile.models import slide_swin as slide_swin
from slide_mobile.models.registry import Paper as Paper
from slide_mobile.models.registry import Spec as Spec
from slide_mobile.models.registry import names as names
from slide_mobile.models.registry import spec as spec


def create(
    name: str,
    *,
    input_size: tuple[int, int] | None = None,
    num_classes: int | None = None,
    seed: int = 0,
    **options: object,
) -> nn.Module:
    """Build a model in eval mode, with seeded random weights (norms and biases included).

    `input_size` is (height, width) in pixels; it and `num_classes` default to the registry's.
    The global random state is left as it was. Raises UnknownName, UsageError.
    """
    entry = spec(name)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = entry.build(
            input_size=input_size or entry.input_size,
            num_classes=entry.num_classes if num_classes is None else num_classes,
            **options,
        )
    return model.eval()
