"""Notes to sound, by a synthesiser, and sound to notes, by tracking its pitch."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from typica.actions.conversion.account import Outcome, Wishes, count, listed
from typica.actions.conversion.room import check_fits
from typica.actions.conversion.score import (
    NOT_PLAYED,
    choose_tune,
    play_tune,
    read_midi,
    tempo_of,
    write_midi,
)
from typica.actions.conversion.sound import figures_of, hear, rounded
from typica.core.errors import DataError
from typica.data.sound_file import coding_for, write_sound
from typica.score.notes import Notes
from typica.score.pedal import sustained
from typica.score.synthesis import RATE, render_softened
from typica.score.tracked import Segmentation
from typica.signal.pitch_network import HOP, track_pitch
from typica.signal.pitch_network import RATE as HEARD_RATE
from typica.signal.resample import resample

_TEMPO = 120.0
_SILENCE = 1e-10
_BLOCK = 1 << 16
_FRAME = 40  # bytes for each moment of two channels: as a file, as numbers, and resampled


def midi_to_sound(source: Path, target: Path, wishes: Wishes) -> Outcome:
    """Play a MIDI file by a synthesiser; pedals hold notes."""
    read = read_midi(source)
    lost = ["which notes these are (hearing tells: back to MIDI one voice is tracked)"]
    lost += [f"{read.signs.bends} pitch bends and pressures"] * (read.signs.bends > 0)
    return _rendered(sustained(read.performance), target, wishes, lost)


def abc_to_sound(source: Path, target: Path, wishes: Wishes) -> Outcome:
    """Play a tune by a synthesiser."""
    tune = choose_tune(source, wishes.tune)
    return _rendered(play_tune(tune, tempo_of(tune, wishes)), target, wishes, [NOT_PLAYED])


def _rendered(notes: Notes, target: Path, wishes: Wishes, lost: list[str]) -> Outcome:
    if not len(notes):
        raise DataError("it holds no notes")
    last_s = notes.duration_s
    check_fits(_FRAME * RATE * last_s, "sound", f"its last note ends at {last_s:.0f} s")
    rate = wishes.rate or RATE
    coding = coding_for(target, bits=wishes.bits)
    audio, softer_db = render_softened(notes, wishes.soundfont)
    if not len(audio):
        raise DataError("the sound bank is silent at these notes: choose another by --soundfont")
    if rate != RATE:
        audio = resample(torch.from_numpy(audio.T.copy()), RATE, rate).numpy().T
    blocks = np.array_split(audio, max(1, len(audio) // _BLOCK))
    account = write_sound(target, blocks, rate=rate, channels=2, coding=coding)
    lost += [f"{softer_db:g} dB of loudness, for all together are too loud"] * (softer_db > 0)
    lost += rounded(account, coding) if account.clipped else []
    figures = figures_of(account) | {"notes": len(notes), "softened_db": softer_db}
    return Outcome(False, f"lost: {listed(lost)}", figures)


def sound_to_midi(source: Path, target: Path, wishes: Wishes) -> Outcome:
    """Track the pitch of one voice, and write it as notes."""
    heard = hear(source, HEARD_RATE)
    audio = torch.from_numpy(np.concatenate([block.mean(axis=1) for block in heard.blocks]))
    if not torch.isfinite(audio).all():
        raise DataError("holds values that are not finite numbers")
    track = track_pitch(audio, rate=HEARD_RATE)
    voiced = track.voiced.numpy()
    level_db = _levels_db(audio.numpy(), len(voiced))
    notes = Segmentation().notes(track.frequency.numpy(), voiced, level_db, HOP / HEARD_RATE)
    if not len(notes):
        raise DataError("no pitch is heard in it: what can be tracked is one voice, 47 to 2094 Hz")
    write_midi(target, notes, tempo=_TEMPO)
    share = float(voiced.mean())
    lost = [
        "timbre, chords, slides within a semitone, and what is shorter than 60 ms",
        f"all that has no pitch ({1 - share:.0%} of the time)",
    ]
    told = f"lost: {listed(lost)}; {count(len(notes), 'note')} of one voice, as an estimate"
    return Outcome(False, told, {"notes": len(notes), "voiced": share})


def _levels_db(audio: NDArray[np.float32], frames: int) -> NDArray[np.float32]:
    """Return the level around the middle of each frame, in decibels."""
    padded = np.pad(audio, (HOP, HOP + max(0, frames * HOP - len(audio))))
    windows = np.lib.stride_tricks.sliding_window_view(padded, 2 * HOP)[::HOP][:frames]
    power = np.einsum("ij,ij->i", windows, windows) / (2 * HOP)
    return 10 * np.log10(power + _SILENCE).astype(np.float32)
