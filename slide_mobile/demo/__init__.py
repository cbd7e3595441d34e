"""The bundled demo: a trained `slide_swin_demo`, and the renderer of the images it classifies."""
