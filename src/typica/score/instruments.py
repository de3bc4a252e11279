"""Names of General MIDI instruments that suit music in several voices."""

from __future__ import annotations

from typica.core.errors import ConfigError, did_you_mean

PROGRAMS = {
    "piano": 0,
    "electric piano": 4,
    "harpsichord": 6,
    "vibraphone": 11,
    "organ": 19,
    "guitar": 24,
    "strings": 48,
    "choir": 52,
    "brass": 61,
    "clarinet": 71,
    "flute": 73,
}
"""The General MIDI program of each, counted from 0."""


def program_of(instrument: str) -> int:
    """Return the General MIDI program of an instrument.

    Raises:
        ConfigError: No instrument has that name.
    """
    if instrument not in PROGRAMS:
        near = did_you_mean(instrument, PROGRAMS)
        raise ConfigError(f"there is no instrument {instrument!r}: {near}")
    return PROGRAMS[instrument]
