"""Made-up chorales: four voices on random progressions, where notes are needed and no score."""

from __future__ import annotations

import numpy as np

from typica.score.notes import Note, Notes

# Degrees of the major scale, and where each may go: the plainest rules of harmony.
_FOLLOWING = {
    1: (2, 4, 5, 6),
    2: (5,),
    4: (1, 2, 5),
    5: (1, 6),
    6: (2, 4),
}
_SCALE = (0, 2, 4, 5, 7, 9, 11)
# The lowest pitch of each voice from the top: an octave and a bit above it is within its reach.
_FLOORS = (62, 57, 50, 41)
_VELOCITY = 80


def random_progression(
    generator: np.random.Generator, chords: int = 8, *, chord_s: float = 0.75
) -> Notes:
    """Write a progression from and to the tonic of a random major key, in four voices.

    Voices move as little as they can; equal pitches that follow one another are struck again.

    Args:
        generator: What the key, the chords and the first position are drawn from.
        chords: How many chords, at least 2; the last lasts twice as long.
        chord_s: Length of a chord in seconds.

    Returns:
        Notes in order, four at a time, soprano to bass on channels 0 to 3.
    """
    tonic = int(generator.integers(12))
    pitches = [floor + int(generator.integers(12)) for floor in _FLOORS]
    notes = []
    for index, degree in enumerate(_degrees(generator, chords)):
        triad = [(tonic + _SCALE[(degree - 1 + third) % 7]) % 12 for third in (0, 2, 4)]
        pitches = _led(pitches, triad)
        start_s = index * chord_s
        end_s = start_s + (2 if index == chords - 1 else 1) * chord_s
        for channel, pitch in enumerate(pitches):
            notes.append(Note(pitch, start_s, end_s, _VELOCITY, channel))
    return Notes.of(notes).in_order()


def _degrees(generator: np.random.Generator, chords: int) -> list[int]:
    degrees = [1]
    while len(degrees) < chords - 2:
        degrees.append(int(generator.choice(_FOLLOWING[degrees[-1]])))
    return [*degrees[: chords - 2], 5, 1]


def _led(pitches: list[int], triad: list[int]) -> list[int]:
    """Move the upper voices to the nearest tones of a triad, the bass to its root."""
    upper = [_nearest(pitch, triad, floor) for pitch, floor in zip(pitches, _FLOORS, strict=True)][
        :-1
    ]
    return [*upper, _nearest(pitches[-1], triad[:1], _FLOORS[-1])]


def _nearest(pitch: int, tones: list[int], floor: int) -> int:
    reach = [tone for tone in range(floor, floor + 16) if tone % 12 in tones]
    return min(reach, key=lambda tone: abs(tone - pitch))
