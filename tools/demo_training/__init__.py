"""How the bundled demo model was trained: `python -m tools.demo_training.train`.

Writes slide_mobile/demo/slide_swin_demo.safetensors and, beside this file, card.json, which says
what the weights reach. Takes 40 minutes on two cores.
"""
