"""ExecuTorch's runtime for 64-bit Arm, without torch."""
