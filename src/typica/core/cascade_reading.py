"""Reading recordings with a cascade, part by part, as if each had been read in one piece."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from typica.core.cascade import Cascade
from typica.core.parts import around, frames_around


class Reading(NamedTuple):
    """What the lowest level hears of a part of a recording, and what it is told there.

    Attributes:
        own: Its symbols, (count, length).
        codes: Of the level above, those around the part, (count, frames).
        past: Symbols from the beginning of `codes` to that of the part.
    """

    own: Tensor
    codes: Tensor
    past: int


def readings(
    cascade: Cascade,
    symbols: Tensor,
    render: Callable[[Tensor], Tensor],
    length: int,
    before: Tensor,
) -> Iterator[Reading]:
    """Read a recording part by part: each with so much of the rest as its codes depend on.

    Args:
        cascade: Reads; of at least two levels.
        symbols: The whole recording, (count, time).
        render: Makes them audio, (count, channels, time).
        length: Symbols of a part: a multiple of the samples that a symbol of the lowest level
            stands for.
        before: Codes that the lowest level was told before the recording, (count, frames).
    """
    told, frame = cascade.telling[-1], cascade.frame
    step = told.hop * frame
    whole = -(-symbols.shape[1] // cascade.hop) * cascade.hop // step  # it ends in silence
    for begin in range(0, symbols.shape[1], length):
        end = min(begin + length, symbols.shape[1])
        first, last = frames_around(begin, end, step, told.before, told.after, whole)
        start, heard = _heard_around(cascade, symbols, render, max(0, first) * step, last * step)
        codes = heard[-2][:, max(0, first) - start // step : last - start // step]
        if first < 0:
            codes = torch.cat([before[:, max(0, before.shape[1] + first) :], codes], 1)
        past = begin // frame - (last - codes.shape[1]) * told.hop
        own = heard[-1][:, (begin - start) // frame : -(-(end - start) // frame)]
        yield Reading(own, codes, past)


def _heard_around(
    cascade: Cascade,
    symbols: Tensor,
    render: Callable[[Tensor], Tensor],
    begin: int,
    end: int,
) -> tuple[int, list[Tensor]]:
    """Read from `begin` to `end` and the margin on both sides; return where that starts, too."""
    start, stop = around(begin, end, cascade.margin, cascade.hop)
    x = render(symbols[:, start:stop])
    with torch.no_grad():
        return start, cascade.read(F.pad(x, (0, -x.shape[-1] % cascade.hop)))
