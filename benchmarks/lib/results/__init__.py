"""The files in benchmarks/results: a module for each, with its class and its table."""
