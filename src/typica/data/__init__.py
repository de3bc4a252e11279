"""Corpora, their preparation into shards, and the crops that training reads."""
