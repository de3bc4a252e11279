"""Searches for likely sequences, and draws of several at once."""
