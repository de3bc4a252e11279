"""Struck chords of known notes, partials and attacks: the music of the studies of sound."""

from __future__ import annotations

import torch
from torch import Tensor

from typica.signal.oscillator import harmonic_oscillator

CHORDS = ((48, 64, 67, 72), (45, 60, 64, 69), (41, 60, 65, 69), (43, 59, 62, 67))
CHORD_S = 0.75
_PARTIALS, _ATTACK_S, _FALL = 24, 0.004, 3.0
_PEAK = 0.9


def struck_chords(rate: int) -> Tensor:
    """Play C, A minor, F and G as a struck string would sound, three seconds, shape (time,).

    Partial k has amplitude 1 / k and dies away the faster, the higher it is. It begins within
    4 ms; a chord rings on under the next.
    """
    length = round(CHORD_S * len(CHORDS) * rate)
    partials = torch.arange(1, _PARTIALS + 1)[:, None]
    audio = torch.zeros(length)
    for index, chord in enumerate(CHORDS):
        begin = round(index * CHORD_S * rate)
        since = torch.arange(length - begin) / rate
        fall = torch.exp(-_FALL * since * partials**0.5) / partials
        amplitudes = fall * (since / _ATTACK_S).clamp(max=1)
        for pitch in chord:
            hertz = torch.full_like(since, 440 * 2 ** ((pitch - 69) / 12))
            audio[begin:] += harmonic_oscillator(hertz, amplitudes, rate=rate)
    return _PEAK * audio / audio.abs().max()
