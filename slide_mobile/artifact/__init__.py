"""The artifact folder: a model file, its manifest, and the golden images that prove it."""
