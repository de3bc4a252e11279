"""What a conversion is asked and what it tells."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path

from typica.core.errors import ConfigError, did_you_mean


@dataclass(frozen=True)
class Wishes:
    """What a user may ask for; None where he did not.

    Attributes:
        form: Which form, as in "mel": of an archive, or of a sound file's samples.
        rate: Sampling rate in hertz.
        bits: Of each sample.
        window: Length of a frame in samples.
        hop: Samples from one frame to the next.
        bands: Number of mel bands.
        iterations: Of Griffin-Lim, where a phase must be found.
        frames: Frames or steps a second of notes.
        grid: Steps of a quarter that written notes are rounded to.
        tempo: Quarters a minute of a tune.
        tune: Which tune of an ABC file, from 1.
        channel: Which channel is written as a melody.
        soundfont: A SoundFont file to play notes with.
    """

    form: str | None = None
    rate: int | None = None
    bits: int | None = None
    window: int | None = None
    hop: int | None = None
    bands: int | None = None
    iterations: int | None = None
    frames: int | None = None
    grid: int | None = None
    tempo: float | None = None
    tune: int | None = None
    channel: int | None = None
    soundfont: Path | None = None

    @property
    def asked(self) -> list[str]:
        """Names of what was asked for, as options of the command line are called."""
        return [option(one.name) for one in fields(self) if getattr(self, one.name) is not None]

    def chosen(self, known: Sequence[str], default: str) -> str:
        """Return the form, of those that are known.

        Raises:
            ConfigError: It is none of them.
        """
        name = self.form or default
        if name not in known:
            raise ConfigError(f"there is no --as {name} here: {did_you_mean(name, known)}")
        return name

    def check_only(self, takes: Sequence[str], what: str) -> None:
        """Refuse what means nothing for a conversion.

        Args:
            takes: Names of options that mean something.
            what: The conversion, in words.

        Raises:
            ConfigError: Something else was asked for.
        """
        wrong = [name for name in self.asked if name not in takes]
        if wrong:
            hint = f"it takes {', '.join(takes)}" if takes else "it takes no options"
            verb = "means" if len(wrong) == 1 else "mean"
            raise ConfigError(f"{' and '.join(wrong)} {verb} nothing {what}: {hint}")


def option(name: str) -> str:
    """Return how a wish is called on the command line."""
    return {"form": "--as"}.get(name, f"--{name}")


@dataclass(frozen=True)
class Outcome:
    """What became of a file.

    Attributes:
        exact: Whether what went in comes back from what came out, to the bit or the quantum told.
        told: One sentence: what is lost and how much of it, or that nothing is.
        figures: What was measured, by name.
    """

    exact: bool
    told: str
    figures: Mapping[str, float | int | str] = field(default_factory=dict)


Converter = Callable[[Path, Path, Wishes], Outcome]


def listed(parts: Sequence[str]) -> str:
    """Join parts of a sentence."""
    *most, last = parts
    return f"{', '.join(most)} and {last}" if most else last


def count(number: int, what: str) -> str:
    """Return a number of things, as in "1 note" and "2 notes"."""
    return f"{number} {what}{'' if number == 1 else 's'}"


def in_decibels(value: float) -> str:
    """Return a ratio in words, also where there is no error, or no sound."""
    if math.isnan(value):
        return "a ratio of nothing, for it is silence"
    return f"{value:.1f} dB"


def finite(figures: Mapping[str, float | int | str]) -> dict[str, float | int | str]:
    """Return the figures that are numbers or words: of silence some are none."""
    return {
        name: value
        for name, value in figures.items()
        if isinstance(value, str) or math.isfinite(value)
    }
