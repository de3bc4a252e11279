"""Compiled samplers: the numbers of a trained module, at a speed of their own."""

from typica.engines.compiler import compile, engine_for

__all__ = ["compile", "engine_for"]
