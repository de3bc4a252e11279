"""Systems that draw symbol after symbol."""
