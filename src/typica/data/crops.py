"""Random crops of recordings: what training reads."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from typica.core.errors import ConfigError, DataError
from typica.core.phase import Batch
from typica.data.corpus import Corpus

LONGEST = 1 << 40  # samples: no recording is longer


class Crops:
    """Batches of crops, each a pure function of the seed, the step and the rank.

    A crop is `context` samples of past and `length` samples to learn. Where these begin is drawn
    evenly: a recording by its length, then a position at which they fit into it. So a crop may
    begin up to `context` samples before its recording, where it is silent, and beginnings are
    learnt; a recording shorter than `length` is followed by silence. A crop with dense tracks is
    moved back to the beginning of a frame.

    Processes share the batches of one larger process: rank `r` of `world` gets the `r`-th part.

    Models that carry their state learn a stretch of `parts` crops, one after another: batches
    n `parts`, n `parts` + 1, ... hold it, row by row, and only the first of them has a context.

    Args:
        corpus: What to read.
        split: "train", "valid" or "test".
        length: Samples to learn.
        context: Samples of past before them.
        batch: Crops in a batch.
        seed: Of the draws.
        rank: Number of this process.
        world: Processes that share the work.
        names: What the model is told: "label" or another class, or dense tracks of the corpus.
        parts: Crops of a stretch.

    Raises:
        DataError: The split is empty, or the corpus has no such track.
        ConfigError: A dense track is to be told in parts: no state holds what is still to come.
    """

    def __init__(
        self,
        corpus: Corpus,
        split: str,
        *,
        length: int,
        context: int = 0,
        batch: int,
        seed: int = 0,
        rank: int = 0,
        world: int = 1,
        names: Sequence[str] = (),
        parts: int = 1,
    ) -> None:
        self.corpus, self.recordings = corpus, corpus.recordings(split)
        if not self.recordings:
            raise DataError(f"the corpus {corpus.name!r} has no recording in its {split} split")
        corpus.check_names(names)
        self.length, self.context, self.count, self.parts = length, context, batch, parts
        self.seed, self.rank, self.world, self.names = seed, rank, world, tuple(names)
        self.hop = math.lcm(*(corpus.hop(name) for name in names if name in corpus.tracks))
        if parts > 1 and self.hop > 1:
            raise ConfigError(f"{', '.join(names)} cannot be told in parts: --set data.parts=1")
        shortest = min(recording.length for recording in self.recordings)
        self._is_padded = shortest < length * parts
        self._ends = np.cumsum([recording.length for recording in self.recordings])

    def batch(self, step: int) -> Batch:
        """Return the batch of a step.

        It holds "audio" (batch, 1, context + length), "context", where the model is told
        anything, "condition", and where some recording is shorter than a crop, "length": how many
        samples of each example after its context are real, int64 (batch,). Where a stretch has
        parts it also holds "part", the number of this one, and "places": a number for each row
        that tells where its scored samples begin, so that what follows has the number that follows.
        """
        import torch

        stretch, part = divmod(step, self.parts)
        numbers, starts = self._draw(stretch)
        recordings, context = [self.recordings[n] for n in numbers], self.context
        if part:
            starts = [start + context + part * self.length for start in starts]
            context = 0
        audio = np.empty((self.count, 1, context + self.length), np.float32)
        for row, recording, start in zip(audio, recordings, starts, strict=True):
            self.corpus.fill(row[0], recording, start)
        batch: Batch = {"audio": torch.from_numpy(audio), "context": context}
        if self.parts > 1:
            places = (n * LONGEST + at + context for n, at in zip(numbers, starts, strict=True))
            batch |= {"part": part, "places": tuple(places)}
        if self._is_padded:
            ends = (one.length - start for one, start in zip(recordings, starts, strict=True))
            real = [max(0, min(self.length, end - context)) for end in ends]
            batch["length"] = torch.tensor(real, dtype=torch.int64)
        if self.names:
            batch["condition"] = self.corpus.condition(
                recordings, starts, audio.shape[-1], self.names
            )
        return batch

    def _draw(self, stretch: int) -> tuple[list[int], list[int]]:
        """Return numbers of recordings, and where the contexts of their stretches begin."""
        generator = np.random.default_rng([self.seed, stretch])
        positions = generator.integers(self._ends[-1], size=self.count * self.world)
        own = positions[self.rank * self.count :][: self.count]
        numbers, starts = [], []
        for position, number in zip(own, np.searchsorted(self._ends, own, "right"), strict=True):
            recording = self.recordings[number]
            inside = int(position) - int(self._ends[number]) + recording.length
            places = max(1, recording.length - self.length * self.parts + 1)
            start = inside * places // recording.length - self.context
            numbers.append(int(number))
            starts.append(start // self.hop * self.hop)
        return numbers, starts
