"""Slide-Transformer vision models on phones: convert, check, benchmark."""

__version__ = "0.1.0"
