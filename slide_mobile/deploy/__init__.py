"""Exact rewrites of a reference model into convolutions and matmuls of rank four at most."""

from slide_mobile.deploy.rewriting import deploy as deploy
