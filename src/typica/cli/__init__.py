"""The command line: words, no logic."""
