"""The artifact folder: a model file, its manifest, and golden images with recorded outputs."""
