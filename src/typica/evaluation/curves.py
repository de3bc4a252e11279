"""Learning curves, read from a run's log."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

METRICS = Path("log") / "metrics.jsonl"


class Curve(NamedTuple):
    """A figure over the course of training: bits a sample at steps, in their order."""

    steps: list[int]
    bits: list[float]


class Curves(NamedTuple):
    """What a run's log tells.

    Attributes:
        train: Bits of the training batches, means since the last line.
        valid: Bits on held-out crops, always the same.
        steps: Steps taken in all.
        seconds: What they took.
    """

    train: Curve
    valid: Curve
    steps: int
    seconds: float

    @property
    def has_bits(self) -> bool:
        """Whether there is anything to draw: models of codes log bits a code, not a sample."""
        return bool(self.train.bits or self.valid.bits)


def read_curves(run: Path) -> Curves:
    """Read the log of a run, or of the run that a checkpoint belongs to; empty if it has none."""
    folder = next((one for one in (run, *run.parents[:2]) if (one / METRICS).is_file()), run)
    train, valid = Curve([], []), Curve([], [])
    steps, seconds = 0, 0.0
    for line in _lines(folder / METRICS):
        steps, seconds = max(steps, line["step"]), max(seconds, line.get("seconds") or 0.0)
        for curve, name in ((train, "bits"), (valid, "valid/bits")):
            if line.get(name) is not None:
                curve.steps.append(line["step"])
                curve.bits.append(line[name])
    return Curves(train, valid, steps, seconds)


def _lines(path: Path) -> Iterator[dict[str, Any]]:
    if not path.is_file():
        return
    for line in path.read_text().splitlines():
        try:
            yield json.loads(line)
        except ValueError:  # cut short by a crash: the curve goes on without it
            continue
