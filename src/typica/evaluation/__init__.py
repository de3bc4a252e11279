"""Likelihoods, baselines and measures of samples, and the report of a run."""
