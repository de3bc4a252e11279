"""Recordings read part by part: what lies around a part that matters to it, and coding in parts."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

LENGTH = 1 << 16  # samples coded at once: memory stays bounded


def around(begin: int, end: int, margin: int, hop: int) -> tuple[int, int]:
    """Return where samples begin and end that decide the codes from `begin` to `end`.

    These and the margin on both sides, in whole codes; the end may lie beyond that of a recording.
    """
    return max(0, begin - margin) // hop * hop, -(-(end + margin) // hop) * hop


def frames_around(
    begin: int, end: int, hop: int, before: int, after: int, whole: int
) -> tuple[int, int]:
    """Return where the frames begin and end that samples are told of.

    Args:
        begin: Of the samples.
        end: Of them.
        hop: Samples a frame.
        before: Frames before a place that change what is told there.
        after: Frames after it that do.
        whole: How many frames there are.

    Returns:
        Where the frames begin, which is below 0 where as many lie before all there are; and where
        they end.
    """
    return begin // hop - before, min(-(-end // hop) + after, whole)


def coded_in_parts(
    code: Callable[[Tensor], Tensor], x: Tensor, hop: int, margin: int, length: int = LENGTH
) -> Tensor:
    """Return the codes of examples, coded part by part: memory is that of a part and the codes.

    Args:
        code: Makes examples (batch, channels, time) codes (batch, frames).
        x: Examples of any length.
        hop: Samples a code.
        margin: Samples on either side of those that a code stands for that may change it.
        length: Samples of a part, if the margin is no longer; in whole codes.
    """
    length, time = -(-max(length, margin) // hop) * hop, x.shape[-1]
    if time <= length:
        return code(x)
    found = []
    for begin in range(0, time, length):
        end = min(begin + length, time)
        start, stop = around(begin, end, margin, hop)
        first = (begin - start) // hop
        found.append(code(x[..., start:stop])[:, first : first - (begin - end) // hop])
    return torch.cat(found, 1)
