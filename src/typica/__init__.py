"""typica."""
