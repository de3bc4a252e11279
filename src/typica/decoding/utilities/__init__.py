"""How good one sequence is where another was meant: what minimum Bayes risk decides by."""
