"""Engines for recurrent tiers above a perceptron."""
