"""The verbs: convert, check, compare and inspect. Each reads from top to bottom."""
