"""Notes: scores, pedals, piano rolls, events, grids, tunes, and rendering with a synthesiser."""
