"""Several instruments as tokens that join instrument, volume and pitch: "piano:v72:60".

Source: Payne 2019, https://openai.com/index/musenet (the scheme); its vocabulary was not
published, nor its clock: here waits count steps of absolute time, and the prefix tells style and
instruments one token each.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from typica.core.errors import ConfigError, DataError, did_you_mean
from typica.score.notes import DRUM_CHANNEL, Notes
from typica.score.pairing import Keystrokes, keystrokes, sounding, spread, waits_of, whole_numbers

PAD, START, END = 0, 1, 2
"""Numbers of the tokens that belong to no vocabulary's own."""

DRUMS = "drums"
PARTS = 128
"""Into how many equal parts a piece is divided."""

_SPECIALS = ("pad", "start", "end")
_FAMILIES: Mapping[str, Sequence[int]] = {
    "piano": range(0, 24),  # and what else is struck or has keys
    "guitar": range(24, 40),  # and bass
    "strings": range(40, 56),  # and voices
    "winds": range(56, 80),
    "synth": range(80, 128),  # and what belongs nowhere else
    DRUMS: (),
}


@dataclass(frozen=True)
class MultitrackCodec:
    """Notes of several instruments to tokens and back.

    Tokens stand in blocks: pad, start, end; styles; "with" each instrument; waits; notes, by
    instrument, then volume, then pitch, a volume of 0 being the release. At one step releases come
    before strikes, each in the order of instruments, then pitches.

    Attributes:
        instruments: The General MIDI programs that count as each instrument; its first is what it
            is decoded to. "drums" is what plays on the drum channel. 15 at most besides.
        styles: Names, as of composers, that a piece may begin with.
        volumes: Levels of velocity, the release not counted.
        steps_per_s: Steps of time a second.
        longest: The longest wait of one token, in steps.
        lowest: The lowest pitch that can be told.
        highest: The highest.
    """

    instruments: Mapping[str, Sequence[int]] = field(default_factory=lambda: dict(_FAMILIES))
    styles: tuple[str, ...] = ()
    volumes: int = 8
    steps_per_s: int = 24
    longest: int = 128
    lowest: int = 0
    highest: int = 127

    def __post_init__(self) -> None:
        self._check_instruments()
        if min(self.steps_per_s, self.longest) < 1 or not 1 <= self.volumes <= 127:
            raise ConfigError(f"steps, waits and volumes must be at least 1, got {self}")
        if not 0 <= self.lowest <= self.highest <= 127:
            raise ConfigError(f"pitches must lie in [0, 127], got {self}")
        used = -(-127 // self._bin)
        if used < self.volumes:
            raise ConfigError(f"of {self.volumes} volumes only {used} would be used: take {used}")

    def _check_instruments(self) -> None:
        count = len(self.instruments) - (DRUMS in self.instruments)
        if not self.instruments or count > 15:
            raise ConfigError(f"1 to 15 instruments and drums are possible, got {count}")
        programs = [program for own in self.instruments.values() for program in own]
        if len(set(programs)) < len(programs) or not set(programs) <= set(range(128)):
            raise ConfigError("each program, in [0, 127], belongs to one instrument alone")
        silent = [name for name, own in self.instruments.items() if not own and name != DRUMS]
        if silent:
            raise ConfigError(f"the instrument {silent[0]!r} has no programs")

    def __len__(self) -> int:
        return len(self.names)

    @property
    def pitches(self) -> int:
        """How many pitches can be told."""
        return self.highest - self.lowest + 1

    @property
    def _first_wait(self) -> int:
        return len(_SPECIALS) + len(self.styles) + len(self.instruments)

    @property
    def _first_note(self) -> int:
        return self._first_wait + self.longest

    @property
    def _bin(self) -> int:
        return -(-127 // self.volumes)

    @cached_property
    def _velocity(self) -> NDArray[np.int64]:
        """The velocity of each level, the middle of its bin; 0 for the release."""
        lower = 1 + np.arange(self.volumes) * self._bin
        return np.append(0, np.minimum(lower + self._bin // 2, 127))

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The name of each number."""
        return (
            *_SPECIALS,
            *(f"style:{style}" for style in self.styles),
            *(f"with:{name}" for name in self.instruments),
            *(f"wait:{steps}" for steps in range(1, self.longest + 1)),
            *(
                f"{name}:v{velocity}:{pitch}"
                for name in self.instruments
                for velocity in self._velocity.tolist()
                for pitch in range(self.lowest, self.highest + 1)
            ),
        )

    def encode(self, notes: Notes, style: str | None = None) -> NDArray[np.int64]:
        """Return the tokens of a piece: style, instruments, start, notes and waits, end.

        Raises:
            DataError: A program belongs to no instrument, or a pitch is out of range.
            ConfigError: There is no such style.
        """
        instrument, pitch = self._instrument(notes), notes.pitch.astype(np.int64)
        if np.any((pitch < self.lowest) | (pitch > self.highest)):
            raise DataError(f"these tokens tell pitches from {self.lowest} to {self.highest} alone")
        level = (notes.velocity.astype(np.int64) - 1) // self._bin + 1
        key = instrument * self.pitches + pitch - self.lowest
        told = keystrokes(notes, self.steps_per_s, key, level)
        return self._write(told, self._prefix(instrument, style))

    def _write(self, told: Keystrokes, prefix: list[int]) -> NDArray[np.int64]:
        waits, own, _ = spread(told.step, np.ones_like(told.step), self.longest)
        tokens = self._first_wait + waits - 1
        instrument, pitch = np.divmod(told.key, self.pitches)
        place = (instrument * (self.volumes + 1) + told.level) * self.pitches + pitch
        tokens[own] = self._first_note + place
        return np.concatenate([prefix, tokens, [END]]).astype(np.int64)

    def _prefix(self, instrument: NDArray[np.int64], style: str | None) -> list[int]:
        first = len(_SPECIALS)
        if style is not None and style not in self.styles:
            raise ConfigError(f"there is no style {style!r}: {did_you_mean(style, self.styles)}")
        told = [] if style is None else [first + self.styles.index(style)]
        used = sorted(set(instrument.tolist()))
        return [*told, *(first + len(self.styles) + index for index in used), START]

    def _instrument(self, notes: Notes) -> NDArray[np.int64]:
        table = np.full(129, -1)
        for index, (name, programs) in enumerate(self.instruments.items()):
            table[[*programs, *([128] if name == DRUMS else [])]] = index
        program = np.where(notes.channel == DRUM_CHANNEL, 128, notes.program.astype(np.int64))
        missing = program[table[program] < 0]
        if missing.size:
            what = DRUMS if missing[0] == 128 else f"program {missing[0]}"
            raise DataError(f"no instrument of these tokens plays {what}")
        return table[program]

    def decode(self, tokens: ArrayLike) -> Notes:
        """Return the notes of any tokens up to the first end, in order of onset.

        Of several open strikes of a key a release ends the first. Releases without a strike and
        notes without length are left out; what is never released ends with the tokens.

        Raises:
            DataError: A number is none of this vocabulary.
        """
        tokens = self._checked(tokens)
        step = np.cumsum(self._waits(tokens))
        instrument, level, pitch = self._parts(tokens)
        rows = np.flatnonzero(level >= 0)
        key = instrument[rows] * self.pitches + pitch[rows]
        strike, stop = sounding(step, rows, key, level[rows] > 0, np.inf)
        channel, program = self._channels()
        return Notes(
            pitch=(pitch[strike] + self.lowest).astype(np.uint8),
            onset_s=step[strike] / self.steps_per_s,
            offset_s=stop / self.steps_per_s,
            velocity=self._velocity[level[strike]].astype(np.uint8),
            channel=channel[instrument[strike]],
            program=program[instrument[strike]],
        ).in_order()

    def _checked(self, tokens: ArrayLike) -> NDArray[np.int64]:
        whole = whole_numbers(tokens, len(self), "tokens")
        ends = np.flatnonzero(whole == END)
        return whole[: ends[0] if ends.size else None]

    def _waits(self, tokens: NDArray[np.int64]) -> NDArray[np.int64]:
        return waits_of(tokens, self._first_wait, self.longest)

    def _parts(self, tokens: NDArray[np.int64]) -> tuple[NDArray[np.int64], ...]:
        """Return instrument, level and pitch of each token; a level of -1 where it is no note."""
        place = tokens - self._first_note
        rest, pitch = np.divmod(np.maximum(place, 0), self.pitches)
        instrument, level = np.divmod(rest, self.volumes + 1)
        return instrument, np.where(place < 0, -1, level), pitch

    def _channels(self) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        free = iter(channel for channel in range(16) if channel != DRUM_CHANNEL)
        names = self.instruments
        channel = [DRUM_CHANNEL if name == DRUMS else next(free, 15) for name in names]
        program = [0 if name == DRUMS else names[name][0] for name in names]
        return np.array(channel, np.uint8), np.array(program, np.uint8)

    def transposed(self, tokens: ArrayLike, semitones: int) -> NDArray[np.int64]:
        """Return tokens with all pitches moved but those of drums.

        Raises:
            DataError: A pitch would leave the range, or a number is none of this vocabulary.
        """
        whole = whole_numbers(tokens, len(self), "tokens")
        instrument, level, pitch = self._parts(whole)
        names = np.array(list(self.instruments))
        moves = (level >= 0) & (names[instrument] != DRUMS)
        moved = pitch[moves] + semitones
        if np.any((moved < 0) | (moved >= self.pitches)):
            raise DataError(f"{semitones} semitones move a pitch out of the range of these tokens")
        return whole + np.where(moves, semitones, 0)

    def positions(self, tokens: ArrayLike) -> Positions:
        """Return where each token of a whole piece stands; crops take their rows of it.

        Raises:
            DataError: A number is none of this vocabulary.
        """
        whole = whole_numbers(tokens, len(self), "tokens")
        waits = self._waits(whole)
        struck = self._parts(whole)[1] > 0
        before = np.cumsum(struck.astype(np.int64)) - struck
        waited = np.maximum.accumulate(np.where(waits > 0, before, 0))
        size = len(whole) - (len(whole) > 0 and whole[-1] == END)
        part = np.minimum(np.arange(len(whole)) * PARTS // max(size - 1, 1), PARTS - 1)
        return Positions(np.cumsum(waits), before - waited, part, PARTS - 1 - part)


class Positions(NamedTuple):
    """Where tokens stand in their piece, one number a token.

    Attributes:
        time: Steps that have passed, a wait's own included.
        chord: How many notes were struck since the last wait, the token's own not counted.
        part: Which of 128 equal parts of the piece, by tokens, it lies in, from 0.
        countdown: 127 less that: 0 in the last part.
    """

    time: NDArray[np.int64]
    chord: NDArray[np.int64]
    part: NDArray[np.int64]
    countdown: NDArray[np.int64]
