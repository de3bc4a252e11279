"""Compiled samplers: the numbers of a trained module, at a speed of their own."""
