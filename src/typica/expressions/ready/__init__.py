"""Ready-made expressions: values of a kind, whatever the optimiser does to their leaves."""
