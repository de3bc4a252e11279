"""Notes to sound, by a SoundFont synthesiser: deterministic, offline, from wheels alone.

The synthesiser is rustysynth in the package midirenderer; the sound bank, unless another is given,
TimGM6mb, which lies inside the package pretty_midi. It begins each note within 64 samples (1.3 ms)
after its onset, never before; what an instrument's own attack adds is part of its sound.
"""

from __future__ import annotations

import io
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from typica.core.errors import DataError, MissingFeatureError
from typica.score.installed import package_folder
from typica.score.midi import encode_midi
from typica.score.notes import Notes

RATE = 48_000
"""Sampling rate of what is rendered, in hertz: the synthesiser has no other."""

# Full channel volume, and no reverb or chorus: a note is over soon after its release, as a label
# says, and the future of a sample depends on less of its past.
_VOLUME = 7
_CONTROLS = {_VOLUME: 127, 91: 0, 93: 0}
_RINGING_S = 1.0
_FADE_S = 0.01
# Of the peak: -60 dB. What is softer after the last release counts as silence.
_SILENCE = 1e-3
# Tried in turn; the synthesiser plays 64 notes at once at most, which the last makes room for.
_SOFTER_DB = (0.0, 3.0, 6.0, 12.0, 24.0)


class Softened(NamedTuple):
    """What is played of notes that may be too loud together.

    Attributes:
        audio: Two channels, shape (samples, 2), at `RATE`.
        by_db: How much softer than `render` plays it is, in decibels.
    """

    audio: NDArray[np.float32]
    by_db: float


def default_soundfont() -> Path:
    """Return the sound bank that is used unless another is given: TimGM6mb, 6 MB, GPL-2.

    Raises:
        MissingFeatureError: pretty_midi, which carries it, is not installed.
    """
    return package_folder("pretty_midi", needed_for="rendering notes") / "TimGM6mb.sf2"


def render(notes: Notes, soundfont: Path | None = None) -> NDArray[np.float32]:
    """Play notes; equal notes give equal samples.

    After the last release the sound rings on until it is silent, for one second at most.

    Args:
        notes: What to play. Times are rounded to half a millisecond.
        soundfont: A SoundFont 2 file instead of the default.

    Returns:
        Two channels, shape (samples, 2), at `RATE`, from the notes' 0 s on. No notes, no samples.

    Raises:
        DataError: The sound is louder than samples can hold, or there is no such sound bank.
        MissingFeatureError: A package that is needed is not installed.
    """
    audio = _played(notes, soundfont, _CONTROLS[_VOLUME])
    if audio is None:
        raise DataError("the notes together are too loud: lower their velocities")
    return audio


def render_softened(notes: Notes, soundfont: Path | None = None) -> Softened:
    """Play notes as `render` does, all of them softer where together they would be too loud.

    Raises:
        DataError: There is no such sound bank.
        MissingFeatureError: A package that is needed is not installed.
    """
    for by_db in _SOFTER_DB:
        # Its gain is the square of the volume.
        volume = round(_CONTROLS[_VOLUME] * 10 ** (-by_db / 40))
        if (audio := _played(notes, soundfont, volume)) is not None:
            return Softened(audio, by_db)
    raise DataError("the notes together are too loud: lower their velocities")


def _played(notes: Notes, soundfont: Path | None, volume: int) -> NDArray[np.float32] | None:
    """Play notes at a volume of all channels; None where samples cannot hold it."""
    if not len(notes):
        return np.zeros((0, 2), dtype=np.float32)
    bank = _read(soundfont or default_soundfont())
    controls = _CONTROLS | {_VOLUME: volume}
    audio = _synthesise(bank, encode_midi(notes, controls=controls, rest_s=_RINGING_S))
    level = np.maximum(*np.abs(audio.T))
    peak = level.max(initial=0.0)
    if peak >= 32_767 / 32_768:
        return None
    audible = np.flatnonzero(level > _SILENCE * peak)
    return _faded(audio[: audible.max(initial=-1) + 1])


def _synthesise(bank: bytes, midi: bytes) -> NDArray[np.float32]:
    import soundfile

    try:
        import midirenderer
    except ImportError as error:
        raise MissingFeatureError("rendering notes", "midirenderer", "scores") from error
    try:
        wave = midirenderer.render_wave_from(bank, midi)
    except RuntimeError as error:
        raise DataError(f"the synthesiser refuses the sound bank: {error}") from error
    audio, rate = soundfile.read(io.BytesIO(wave), dtype="float32", always_2d=True)
    assert rate == RATE
    return audio


def _faded(audio: NDArray[np.float32]) -> NDArray[np.float32]:
    """Fade the last instant out, so that a sound still ringing does not end in a click."""
    length = min(len(audio), round(_FADE_S * RATE))
    if length:
        audio[-length:] *= np.linspace(1, 0, length, dtype=np.float32)[:, None]
    return audio


@lru_cache(maxsize=2)
def _read(soundfont: Path) -> bytes:
    try:
        return soundfont.read_bytes()
    except OSError as error:
        raise DataError(f"cannot read the sound bank {soundfont}: {error.strerror}") from error
