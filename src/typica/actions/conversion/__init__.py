"""Converters from one kind of file to another, each saying what it lost."""
