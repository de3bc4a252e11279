"""Sound to sound: another format, rate or coding, block by block."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from typica.actions.conversion.account import Outcome, Wishes, count, listed
from typica.core.errors import DataError
from typica.data.audiofile import open_audio
from typica.data.pcm import FASTEST, SLOWEST
from typica.data.sound_file import Account, Coding, coding_for, coding_of, write_sound
from typica.signal.resample import resample_blocks

Blocks = Iterator[NDArray[np.float32]]

CODINGS = ("pcm", "mulaw", "float")


class Heard(NamedTuple):
    """A sound file being read.

    Attributes:
        blocks: Float32 (frames, channels), at `rate`.
        rate: In hertz.
        channels: How many there are.
        was: The rate of the file, in hertz.
    """

    blocks: Blocks
    rate: int
    channels: int
    was: int


def hear(source: Path, rate: int | None = None) -> Heard:
    """Begin to read a sound file, at its own rate or another.

    Raises:
        DataError: It cannot be read, holds no samples, or claims a rate that is none.
    """
    file = open_audio(source)
    if not SLOWEST <= file.rate <= FASTEST:
        raise DataError(f"broken sound file: it claims {file.rate} samples a second")
    if rate is not None and not SLOWEST <= rate <= FASTEST:
        raise DataError(f"--rate must lie within {SLOWEST} and {FASTEST} Hz; got {rate}")
    first = next(file.blocks, None)
    if first is None:
        raise DataError("holds no samples")
    channels, target = first.shape[1], rate or file.rate
    blocks = resample_blocks(chain([first], file.blocks), file.rate, target, channels=channels)
    return Heard(blocks, target, channels, file.rate)


def sound_to_sound(source: Path, target: Path, wishes: Wishes) -> Outcome:
    """Convert a sound file to another."""
    kind = None if wishes.form is None else wishes.chosen(CODINGS, "pcm")
    was = coding_of(source)
    coding = coding_for(target, bits=wishes.bits, kind=kind, like=was)
    heard = hear(source, wishes.rate)
    account = write_sound(
        target, heard.blocks, rate=heard.rate, channels=heard.channels, coding=coding
    )
    if account.error is None:
        account = compared(account, hear(source, wishes.rate).blocks, open_audio(target).blocks)
    lost = [*_resampled(heard), *_unread(was), *rounded(account, coding)]
    figures = figures_of(account) | {"rate": heard.rate, "coding": coding.words}
    if not lost:
        whole = count(account.samples, "sample") + " of each channel" * (heard.channels > 1)
        told = f"nothing is lost: {target.name} holds {whole}, bit for bit"
        return Outcome(True, told, figures)
    return Outcome(False, f"lost: {listed(lost)}", figures)


def figures_of(account: Account) -> dict[str, float | int | str]:
    """Return what is told of an account for programs."""
    ratio = {} if account.ratio_db is None else {"signal_to_noise_db": account.ratio_db}
    return {"samples": account.samples, "clipped": account.clipped, **ratio}


def compared(account: Account, blocks: Blocks, written: Blocks) -> Account:
    """Return an account with the error that is heard when a file is read again.

    Codings that hear more than one sample at a time may shift or cut: what is missing at the end
    counts as silence.
    """
    error, held = 0.0, np.zeros((0, 0), np.float32)
    for block in blocks:
        if not held.shape[1]:
            held = np.zeros((0, block.shape[1]), np.float32)
        parts = [held]
        while sum(map(len, parts)) < len(block):
            part = next(written, None)
            if part is None:
                part = np.zeros((len(block), block.shape[1]), np.float32)
            parts.append(part)
        joined = np.concatenate(parts)
        error += float(np.sum(np.square(joined[: len(block)] - block.astype(np.float64))))
        held = joined[len(block) :]
    return Account(account.samples, account.clipped, account.power, error)


def rounded(account: Account, coding: Coding) -> list[str]:
    """Tell what is lost in the samples of a file."""
    if not account.error and account.error is not None:
        return []
    kind = "what is finer than" if coding.bits else "what is left out by"
    swing = f", {count(account.clipped, 'value')} beyond full scale being clipped"
    return [f"{kind} {coding.words}{swing if account.clipped else ''} ({_ratio(account)})"]


def _ratio(account: Account) -> str:
    if account.ratio_db is None:
        return "of silence, all"
    return f"signal-to-noise ratio {account.ratio_db:.1f} dB"


def _resampled(heard: Heard) -> list[str]:
    if heard.rate == heard.was:
        return []
    if heard.rate < heard.was:
        return [f"what lies above {heard.rate / 2:g} Hz (resampled from {heard.was} Hz)"]
    return [f"the very samples, between which others stand now (resampled from {heard.was} Hz)"]


def _unread(was: Coding) -> list[str]:
    return [] if was.is_read_whole else [f"what is finer than 24 bits in {was.words}"]
