"""Notes: scores, piano rolls, and rendering them with a synthesiser."""
