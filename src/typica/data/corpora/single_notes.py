"""Single notes of many instruments, as in NSynth: each pitch and loudness of each instrument."""

from __future__ import annotations

from collections.abc import Sequence

from typica.core.errors import ConfigError
from typica.data import rendered
from typica.data.source import Fact, Item, Sound, Source
from typica.score.instruments import PROGRAMS, program_of
from typica.score.notes import Note, Notes

HELD_S, LENGTH_S = 3.0, 4.0
_BYTES = 4 * 48_000 * 4


class SingleNotes(Source):
    """Notes held for three seconds, with a second of silence or ringing after them.

    A note struck twice as hard is mostly the same sound, louder: all velocities of a pitch of an
    instrument stay in one split. Where levels are scaled to one peak, little tells them apart.

    Args:
        instruments: What plays them; it becomes the label.
        pitches: MIDI pitches.
        velocities: How hard they are struck, in [1, 127].

    Raises:
        ConfigError: There is no such instrument, or a number is out of range.
    """

    name = "single_notes"
    licence = "the notes: CC0-1.0; sound bank: TimGM6mb, GPL-2"
    needs = rendered.NEEDS
    has_notes = True
    class_names = ("instrument", "pitch", "velocity")

    def __init__(
        self,
        instruments: Sequence[str] = tuple(PROGRAMS),
        pitches: Sequence[int] = range(36, 85),
        velocities: Sequence[int] = (50, 100),
    ) -> None:
        self.programs = {instrument: program_of(instrument) for instrument in instruments}
        self.pitches, self.velocities = tuple(pitches), tuple(velocities)
        if not (self.programs and self.pitches and self.velocities):
            raise ConfigError("instruments, pitches and velocities must name at least one each")
        if not all(0 <= pitch <= 127 for pitch in self.pitches):
            raise ConfigError(f"pitches must be in [0, 127], got {self.pitches}")
        if not all(1 <= velocity <= 127 for velocity in self.velocities):
            raise ConfigError(f"velocities must be in [1, 127], got {self.velocities}")
        self.made = (
            f"single notes of four seconds, pitches {min(self.pitches)} to {max(self.pitches)}, "
            f"on {len(self.programs)} General MIDI instruments, played by a synthesiser "
            f"(midirenderer, sound bank TimGM6mb, no reverb)"
        )

    @property
    def is_ready(self) -> bool:
        """Whether sound bank and synthesiser are installed."""
        return rendered.are_installed(*rendered.PACKAGES)

    def items(self) -> list[Item]:
        """List the notes: INSTRUMENT-PITCH-VELOCITY, as NSynth names its own."""
        means = rendered.means()
        return [
            Item(f"{instrument}-{pitch:03d}-{velocity:03d}", _BYTES, f"{means} {program} grouped")
            for instrument, program in self.programs.items()
            for pitch in self.pitches
            for velocity in self.velocities
        ]

    def open(self, item: Item) -> Sound:
        """Play a note."""
        instrument, pitch, velocity = item.id.rsplit("-", 2)
        note = Note(int(pitch), 0.0, HELD_S, int(velocity), program=self.programs[instrument])
        facts: dict[str, Fact] = dict(
            instrument=instrument, pitch=note.pitch, velocity=note.velocity
        )
        sound = rendered.play(Notes.of([note]), instrument, length_s=LENGTH_S)
        return sound._replace(facts=facts, group=f"{instrument}-{pitch}")
