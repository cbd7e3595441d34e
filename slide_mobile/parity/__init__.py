"""Parity: compare the outputs of a model file with PyTorch's, and judge them by the floors."""
