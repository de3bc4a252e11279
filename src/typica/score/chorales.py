"""Bach's chorales, read from the scores that the package music21 carries.

music21 is asked for its parser alone: its own caches and settings are neither read nor written.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from typica.core.errors import DataError, MissingFeatureError
from typica.score.installed import package_folder
from typica.score.notes import DRUM_CHANNEL, Note, Notes

COLLECTED = range(253, 439)
"""BWV numbers of the collected chorales: 186, each for four voices and nothing else."""

_FEATURE = "reading Bach's chorales"
_NOT_CHORALES = {"bwv846"}
_VELOCITY = 80
# Quarters: far below the shortest note, above the rounding of a triplet's length.
_INSTANT = 1e-4


def chorale_files() -> dict[str, Path]:
    """Return the scores by name, such as "bwv66.6", in the order of their BWV numbers.

    Raises:
        MissingFeatureError: music21 is not installed.
        DataError: It is installed without its scores.
    """
    folder = package_folder("music21", needed_for=_FEATURE) / "corpus" / "bach"
    paths = [path for path in folder.glob("bwv*.mxl") if path.stem not in _NOT_CHORALES]
    if not paths:
        raise DataError(f"{folder} holds no chorales: install music21 with its corpus")
    return {path.stem: path for path in sorted(paths, key=lambda path: _numbers(path.stem))}


def _numbers(name: str) -> list[tuple[int, str]]:
    return [(int(digits or 0), rest) for digits, rest in re.findall(r"(\d+)|(\D+)", name)]


def read_chorale(path: Path, *, quarters_per_minute: float = 80.0) -> Notes:
    """Read the notes of a score: one channel a part, from the top, all at one tempo and velocity.

    Repeats are not played again, fermatas not held, ornaments not played. Tied notes are one.

    Raises:
        DataError: The score cannot be read; the message is the reason alone.
        MissingFeatureError: music21 is not installed.
    """
    try:
        from music21 import converter
    except ImportError as error:
        raise MissingFeatureError(_FEATURE, "music21", "scores") from error
    # Not `converter.parse`, which makes a folder for pickled scores whether it keeps one or not.
    converted = converter.Converter()
    try:
        converted.parseFileNoPickle(path)
    # On damaged scores music21 raises whatever its parser trips over.
    except Exception as error:
        raise DataError(f"not a score that can be read: {error}") from error
    quarter_s = 60 / quarters_per_minute
    notes = []
    score: Any = converted.stream
    for channel, part in zip(_CHANNELS, score.parts, strict=False):
        for pitch, start, end in _voice(part):
            notes.append(Note(pitch, start * quarter_s, end * quarter_s, _VELOCITY, channel))
    return Notes.of(notes).in_order()


_CHANNELS = [channel for channel in range(16) if channel != DRUM_CHANNEL]


def _voice(part: Any) -> list[tuple[int, float, float]]:
    """Return pitch, beginning and end of each note of a part, in quarters."""
    spans: list[tuple[int, float, float]] = []
    last_of_pitch: dict[int, int] = {}
    for element in part.flatten().notes:
        start = float(element.offset)
        end = start + float(element.duration.quarterLength)
        if end - start < _INSTANT:  # a grace note
            continue
        for note in element.notes if element.isChord else [element]:
            pitch = note.pitch.midi
            tied_to = last_of_pitch.get(pitch) if _ends_tie(note) else None
            if tied_to is not None and abs(spans[tied_to][2] - start) < _INSTANT:
                spans[tied_to] = (pitch, spans[tied_to][1], end)
                continue
            last_of_pitch[pitch] = len(spans)
            spans.append((pitch, start, end))
    return spans


def _ends_tie(note: Any) -> bool:
    return note.tie is not None and note.tie.type in ("continue", "stop")
