"""Checkpoints of other libraries, made by them, with what they compute: proof for the namings."""
