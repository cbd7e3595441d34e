"""Run inside a library: builds its models, and writes their weights and what they compute.

    python -m tools.foreign_checkpoints.building LIBRARY FOLDER OUT

For each model, OUT gets `<case>.pth` (or .safetensors), as the library's users save it, and
`<case>.outputs.safetensors` with the images and the outputs, in the order in which we give them.
Norms and biases get random values: defaults make wrong namings look right.
"""

import functools
import importlib
import sys
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from torch import Tensor, nn

SIDE = 224
CLASSES = 10
Maker = Callable[[], nn.Module]


def main() -> None:
    """Write every case of the library."""
    library, folder, out = sys.argv[1], sys.argv[2], Path(sys.argv[3])
    sys.path.append(folder)
    for case, make in LIBRARIES[library]().items():
        torch.manual_seed(0)
        model = _randomised(make())
        # mmdetection shifts windows also where one covers the map; no detector runs so small.
        side = 2 * SIDE if case == "swin_tiny_features" else SIDE
        images = torch.randn(2, 3, side, side, generator=torch.Generator().manual_seed(1))
        with torch.inference_mode():
            outputs = _named(model(images))
        safetensors.torch.save_file(
            {"images": images, **outputs}, out / f"{case}.outputs.safetensors"
        )
        torch.save(model.state_dict(), out / f"{case}.pth")
        if library == "transformers":  # its files do not have the keys of its modules
            pretrained: Any = model
            pretrained.save_pretrained(out / case)
            written = out / case / "model.safetensors"
            written.rename(out / f"{case}_saved.safetensors")


def _randomised(model: nn.Module) -> nn.Module:
    """Move every norm, bias and table away from its default."""
    draw = torch.Generator().manual_seed(2)
    with torch.no_grad():
        for parameter in model.parameters():
            spread = 0.3 if parameter.ndim == 1 else 0.02
            parameter.add_(spread * torch.randn(parameter.shape, generator=draw))
    model.eval()  # which returns None in mmdetection
    return model


def _named(found: object) -> dict[str, Tensor]:
    """Logits, or the maps of the stages as (B, H, W, C)."""
    logits = getattr(found, "logits", found)
    if isinstance(logits, Tensor):
        return {"logits": logits.contiguous()}
    assert isinstance(logits, tuple | list)
    return {f"stage{i}": x.permute(0, 2, 3, 1).contiguous() for i, x in enumerate(logits, 1)}


def _timm() -> dict[str, Maker]:
    _without_compiled_operators()
    timm: Any = importlib.import_module("timm")
    models = {
        "swin_tiny": "swin_tiny_patch4_window7_224",
        "swin_small": "swin_small_patch4_window7_224",
        "pvt_v2_b1": "pvt_v2_b1",
        "pvt_v2_b2": "pvt_v2_b2",
    }
    make = functools.partial(functools.partial, timm.create_model, num_classes=CLASSES)
    return {name: make(model) for name, model in models.items()}


def _transformers() -> dict[str, Maker]:
    hf: Any = importlib.import_module("transformers")
    sizes = {"hidden_sizes": [64, 128, 320, 512], "num_attention_heads": [1, 2, 5, 8]}
    depths = [2, 2, 2, 2]
    return {
        "swin_tiny": lambda: hf.SwinForImageClassification(hf.SwinConfig(num_labels=CLASSES)),
        "pvt_tiny": lambda: hf.PvtForImageClassification(
            hf.PvtConfig(num_labels=CLASSES, depths=depths)
        ),
        "pvt_v2_b1": lambda: hf.PvtV2ForImageClassification(
            hf.PvtV2Config(num_labels=CLASSES, depths=depths, **sizes)
        ),
    }


def _torchvision() -> dict[str, Maker]:
    _without_compiled_operators()
    found: Any = importlib.import_module("torchvision.models")
    return {
        "swin_tiny": lambda: found.swin_t(num_classes=CLASSES),
        "swin_small": lambda: found.swin_s(num_classes=CLASSES),
        "swin_base": lambda: found.swin_b(num_classes=CLASSES),
    }


def _openmmlab() -> dict[str, Maker]:
    _without_compiled_operators()
    mmcv_ops = types.ModuleType("mmcv._ext")
    mmcv_ops.__getattr__ = _nothing  # type: ignore[method-assign]
    sys.modules["mmcv._ext"] = mmcv_ops
    # Its language models need a transformers of version 4, and we run none of them.
    sys.modules["mmpretrain.models.multimodal"] = types.ModuleType("multimodal")
    pretrain = importlib.import_module("mmpretrain.models")
    swin = importlib.import_module("mmdet.models.backbones.swin")
    pvt = importlib.import_module("mmdet.models.backbones.pvt")
    head = {
        "type": "LinearClsHead",
        "num_classes": CLASSES,
        "in_channels": 768,
        "loss": {"type": "CrossEntropyLoss"},
    }
    return {
        "swin_tiny": lambda: pretrain.ImageClassifier(
            backbone={"type": "SwinTransformer", "arch": "tiny", "img_size": SIDE},
            neck={"type": "GlobalAveragePooling"},
            head=head,
        ),
        "swin_tiny_features": swin.SwinTransformer,
        "pvt_tiny_features": lambda: pvt.PyramidVisionTransformer(num_layers=[2, 2, 2, 2]),
        "pvt_v2_b1_features": lambda: pvt.PyramidVisionTransformerV2(
            embed_dims=64, num_layers=[2, 2, 2, 2]
        ),
    }


def _nothing(name: str) -> Callable[..., None]:
    """Stand for a compiled operator, which none of these models calls."""
    if name.startswith("__"):
        raise AttributeError(name)
    return lambda *_, **__: None


def _without_compiled_operators() -> None:
    """Let torchvision be imported where its compiled library is for another build of torch.

    The modules that we run are Python; only detection's operators are compiled.
    """
    register = torch.library.register_fake

    def skipping(name: Any, *args: Any, **kwargs: Any) -> Any:
        if isinstance(name, str) and name.startswith("torchvision::"):
            return lambda function: function
        return register(name, *args, **kwargs)

    torch.library.register_fake = skipping


LIBRARIES: dict[str, Callable[[], dict[str, Maker]]] = {
    "timm": _timm,
    "transformers": _transformers,
    "torchvision": _torchvision,
    "openmmlab": _openmmlab,
}

if __name__ == "__main__":
    main()
