"""The articles' figures and claims, one short file each."""
