"""The building blocks that model families share: attention layers and the backbone."""
