"""Engines for transformers whose queries see a few keys each."""
