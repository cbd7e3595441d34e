"""The operations on models and artifacts: convert, check, compare, inspect and predict."""
