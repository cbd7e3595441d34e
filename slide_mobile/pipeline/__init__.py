"""The four operations on models and artifacts: convert, check, compare and inspect."""
