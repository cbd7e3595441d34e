"""The bundled weights: every parameter of `slide_swin_demo`; its buffers follow from its size."""

from pathlib import Path

WEIGHTS = Path(__file__).with_name("slide_swin_demo.safetensors")  # tools/demo_training/card.json
