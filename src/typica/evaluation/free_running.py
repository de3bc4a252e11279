"""How a model fares when it plays by itself: several streams, and what befalls them.

The loss is measured along recordings. A model that plays goes along its own sound instead, and
may come to where no recording ever was and from where nothing leads back: silence, a loop, noise.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from typica.core.engine import Engine
from typica.core.progress import SILENT, Progress
from typica.core.randomness import Randomness
from typica.evaluation.copying import Copy, CopyIndex, copied_share
from typica.evaluation.health import (
    LOWEST_LEVEL_DB,
    mean_flatness,
    repetition,
    silence,
    spectral_distance_db,
)
from typica.signal.loudness import clipped_share, level_db
from typica.typicality.monitor.grid import Grid
from typica.typicality.monitor.hearing import as_mono, steps_of
from typica.typicality.monitor.monitor import Monitor
from typica.typicality.monitor.watch import Alarm

STUCK = ("silence", "loop")
FARTHEST_DB = 60.0  # a silent stream has no spectrum: it counts as this far from all others


@dataclass(frozen=True)
class Stream:
    """What befell one stream.

    Attributes:
        traps: Share of its time in each kind of trap, by name, such as "silence" or "loop": in
            windows that were beyond a limit.
        alarms: How often it fell into one.
        level_db: Root mean square, decibels of full scale.
        distance_db: How far its mean spectrum lies from that of recordings.
        repetition: See `typica.evaluation.health.repetition`; None for silence.
        entropy: Mean conditional entropy of the model, bits a sample.
        clipped: Share of samples at full scale, be it the outermost of 8-bit levels.
        copies: What of it is in the training recordings; None where that was not looked for.
        copied: Share of its time that those make up.
        silent: Share of frames of 20 ms under -60 dB; None where that was not measured.
        flatness: Mean spectral flatness of its sounding frames; None for silence, too.
    """

    traps: Mapping[str, float]
    alarms: int
    level_db: float
    distance_db: float
    repetition: float | None
    entropy: float
    clipped: float = 0.0
    copies: Sequence[Copy] | None = None
    copied: float | None = None
    silent: float | None = None
    flatness: float | None = None

    @property
    def trapped(self) -> float:
        """Share of its time in any trap."""
        return sum(self.traps.values())

    @property
    def stuck(self) -> float:
        """Share of its time in those traps in which nothing happens any more."""
        return sum(share for kind, share in self.traps.items() if kind in STUCK)

    @classmethod
    def from_json(cls, plain: Mapping[str, Any]) -> Self:
        """Read it from the plain values that `dataclasses.asdict` makes of it."""
        copies = plain["copies"]
        found = None if copies is None else [Copy.from_json(one) for one in copies]
        return cls(**{**plain, "copies": found})


@dataclass(frozen=True)
class FreeRun:
    """Streams that a model played side by side.

    Attributes:
        seconds: Of each.
        streams: What befell them.
    """

    seconds: float
    streams: Sequence[Stream]

    @property
    def trapped(self) -> float:
        """Share of the time in traps."""
        return float(np.mean([one.trapped for one in self.streams]))

    @property
    def traps(self) -> dict[str, float]:
        """Share of the time in each kind of trap, the worst first."""
        total: Counter[str] = Counter()
        for one in self.streams:
            total.update(one.traps)
        return {kind: share / len(self.streams) for kind, share in total.most_common()}

    @property
    def alarms_per_hour(self) -> float:
        """How often an hour a stream fell into a trap."""
        return 3600 * sum(one.alarms for one in self.streams) / (self.seconds * len(self.streams))

    def mean(self, name: str) -> float | None:
        """Return the mean over streams of a figure, over those that have it."""
        values = [value for one in self.streams if (value := getattr(one, name)) is not None]
        return float(np.mean(values)) if values else None

    @property
    def longest_copy(self) -> Copy | None:
        """The longest of the copies in all streams."""
        copies = [copy for one in self.streams for copy in one.copies or ()]
        return max(copies, key=lambda copy: copy.seconds, default=None)

    @classmethod
    def from_json(cls, plain: Mapping[str, Any]) -> Self:
        """Read it from the plain values that `dataclasses.asdict` makes of it."""
        return cls(plain["seconds"], [Stream.from_json(one) for one in plain["streams"]])


class Played(NamedTuple):
    """Streams that were played.

    Attributes:
        audio: What they sound like, (count, 1, time).
        run: What befell them.
    """

    audio: Tensor
    run: FreeRun


def play(
    engine: Engine,
    monitor: Monitor,
    real: Sequence[Tensor],
    *,
    count: int,
    seconds: float,
    prompt: Tensor | None = None,
    learnt: CopyIndex | None = None,
    generator: Randomness = None,
    progress: Progress = SILENT,
) -> Played:
    """Let a model play, and watch it without helping it.

    Memory holds the sound of all streams and no more than a tick of what the model says of it.

    Args:
        engine: Draws, all streams side by side.
        monitor: Says what is a trap, tick by tick.
        real: Excerpts of recordings, each (1, time), that the spectra are compared with.
        count: Streams.
        seconds: Of each; a rest of a tick of the monitor is left out.
        prompt: Audio to go on from, (count, 1, time); it is not judged. Silence if left out.
        learnt: Knows what could be copied.
        generator: Where the randomness comes from: one for all streams, or one for each.
        progress: Hears how far it is.
    """
    grid, state = monitor.grid, engine.start(count, prompt=prompt)
    watches = [monitor.begin() for _ in range(count)]
    ticks = max(1, int(seconds / grid.tick_s))
    kinds = np.full((ticks, count), "", dtype=object)
    entropy, sounds = torch.zeros(count, dtype=torch.float64), []
    with progress.task("playing", ticks * grid.tick_s, "s") as task:
        for tick in range(ticks):
            draws = engine.draw(state, grid.tick, generator=generator, spread=True)
            state, sound = draws.state, engine.model.render(draws.symbols)
            sounds.append(sound.cpu())
            for row, watch in enumerate(watches):
                _, alarm = watch.read(as_mono(sound[row : row + 1]), *steps_of(draws, row))
                if alarm:
                    _mark(kinds[:, row], tick, alarm, grid)
            assert draws.entropy is not None
            entropy += draws.entropy.cpu().double().sum(1)
            task.advance(grid.tick_s)
    audio = torch.cat(sounds, -1)
    bits = (entropy / np.log(2) / audio.shape[-1]).tolist()
    copies = [None if learnt is None else learnt.find(one) for one in audio]
    streams = [
        _stream(kinds[:, row], audio[row], real, monitor.rate, bits[row], copies[row])
        for row in range(count)
    ]
    return Played(audio, FreeRun(ticks * grid.tick_s, streams))


def _mark(kinds: NDArray[np.object_], tick: int, alarm: Alarm, grid: Grid) -> None:
    """Mark the window that is odd at a tick: were only its end, long windows would excuse traps."""
    seconds = alarm.value if alarm.gauge == "silence" else alarm.window_s
    window = kinds[max(0, tick + 1 - round(seconds / grid.tick_s)) : tick + 1]
    window[window == ""] = alarm.kind
    kinds[tick] = alarm.kind


def _stream(
    kinds: NDArray[np.object_],
    audio: Tensor,
    real: Sequence[Tensor],
    rate: int,
    entropy: float,
    copies: Sequence[Copy] | None,
) -> Stream:
    """Sum up a stream (1, time) by the kind of trap it was in at each tick, "" for none."""
    found = Counter(kind for kind in kinds.tolist() if kind)
    trapped = kinds != ""
    entered = trapped & ~np.concatenate([[False], trapped[:-1]])
    return Stream(
        traps={kind: ticks / len(kinds) for kind, ticks in found.items()},
        alarms=int(entered.sum()),
        level_db=max(float(level_db(audio[0])), LOWEST_LEVEL_DB),
        distance_db=distance_db(audio, real, rate),
        repetition=repetition(audio[0], rate),
        entropy=entropy,
        clipped=float(clipped_share(audio[0])),
        copies=copies,
        copied=None if copies is None else copied_share(copies, audio.shape[-1] / rate),
        silent=silence(audio[0], rate),
        flatness=mean_flatness(audio[0]),
    )


def distance_db(audio: Tensor, real: Sequence[Tensor], rate: int) -> float:
    """Return how far the mean spectrum of a stream (1, time) lies from that of recordings."""
    found = spectral_distance_db([audio], real, rate)
    return FARTHEST_DB if found is None else min(found, FARTHEST_DB)
