"""Decisions by expected utility: minimum Bayes risk."""
