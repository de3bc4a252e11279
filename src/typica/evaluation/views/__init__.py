"""Recordings and scores as pictures: what `typica look` draws."""
