"""Modules that at least two systems use."""
