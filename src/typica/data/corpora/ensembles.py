"""Chorales of Bach on ensembles of four instruments, a voice each, with who plays what when."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from typica.data import rendered
from typica.data.corpora.chorales import Chorales
from typica.data.source import Item, Sound
from typica.score.chorales import chorale_files

ENSEMBLES = {
    "strings": (40, 40, 41, 42),  # violins, viola, cello
    "woodwind": (73, 68, 71, 70),  # flute, oboe, clarinet, bassoon
    "brass": (56, 60, 57, 58),  # trumpet, horn, trombone, tuba
    "choir": (52, 52, 53, 53),
    "mixed": (73, 40, 60, 42),  # flute, violin, horn, cello
}
"""The General MIDI programs of soprano, alto, tenor and bass, counted from 0."""


class Ensembles(Chorales):
    """The chorales of `chorales`, on five ensembles by turns; the ensemble is the label."""

    name = "ensembles"
    track_kinds = {}
    has_notes = True

    def __init__(self, count: int = 48, quarters_per_minute: float = 80.0) -> None:
        super().__init__(count, quarters_per_minute=quarters_per_minute)
        self.made = self.made.replace("piano", f"ensembles ({', '.join(ENSEMBLES)}) by turns")

    def items(self) -> list[Item]:
        """List the chorales; what plays a voice is part of what decides how each sounds."""
        return [
            item._replace(stamp=f"{item.stamp} {ENSEMBLES[self._instrument(item.id)]}")
            for item in super().items()
        ]

    def open(self, item: Item) -> Sound:
        """Play a chorale; the program of each note is the instrument of its voice."""
        ensemble = self._instrument(item.id)
        notes = self._notes(chorale_files()[item.id])
        programs = np.array(ENSEMBLES[ensemble], np.uint8)
        scored = replace(notes, program=programs[notes.channel % len(programs)])
        return rendered.play(scored, ensemble)

    def _instrument(self, chorale: str) -> str:
        return tuple(ENSEMBLES)[self._turn(chorale) % len(ENSEMBLES)]
