"""Puts this folder on the path: the tests in lib/ find benchmark_rows.py here."""
