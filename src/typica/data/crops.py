"""Random crops of recordings: what training reads."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from typica.core.errors import DataError
from typica.core.phase import Batch
from typica.data.corpus import Corpus, Recording


class Crops:
    """Batches of crops, each a pure function of the seed, the step and the rank.

    A crop is `context` samples of past and `length` samples to learn. Where these begin is drawn
    evenly: a recording by its length, then a position at which they fit into it. So a crop may
    begin up to `context` samples before its recording, where it is silent, and beginnings are
    learnt; a recording shorter than `length` is followed by silence. A crop with dense tracks is
    moved back to the beginning of a frame.

    Processes share the batches of one larger process: rank `r` of `world` gets the `r`-th part.

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

    Raises:
        DataError: The split is empty, or the corpus has no such track.
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
    ) -> None:
        self.corpus, self.recordings = corpus, corpus.recordings(split)
        if not self.recordings:
            raise DataError(f"the corpus {corpus.name!r} has no recording in its {split} split")
        corpus.check_names(names)
        self.length, self.context, self.count = length, context, batch
        self.seed, self.rank, self.world, self.names = seed, rank, world, tuple(names)
        self.hop = math.lcm(*(corpus.hop(name) for name in names if name in corpus.tracks))
        self._is_padded = min(recording.length for recording in self.recordings) < length
        self._ends = np.cumsum([recording.length for recording in self.recordings])

    def batch(self, step: int) -> Batch:
        """Return the batch of a step.

        It holds "audio" (batch, 1, context + length), "context", where the model is told
        anything, "condition", and where some recording is shorter than a crop, "length": how many
        samples of each example after its context are real, int64 (batch,).
        """
        import torch

        recordings, starts = self._draw(step)
        audio = np.empty((self.count, 1, self.context + self.length), np.float32)
        for row, recording, start in zip(audio, recordings, starts, strict=True):
            self.corpus.fill(row[0], recording, start)
        batch: Batch = {"audio": torch.from_numpy(audio), "context": self.context}
        if self._is_padded:
            ends = (one.length - start for one, start in zip(recordings, starts, strict=True))
            real = [min(self.length, end - self.context) for end in ends]
            batch["length"] = torch.tensor(real, dtype=torch.int64)
        if self.names:
            batch["condition"] = self.corpus.condition(
                recordings, starts, audio.shape[-1], self.names
            )
        return batch

    def _draw(self, step: int) -> tuple[list[Recording], list[int]]:
        generator = np.random.default_rng([self.seed, step])
        positions = generator.integers(self._ends[-1], size=self.count * self.world)
        own = positions[self.rank * self.count :][: self.count]
        recordings, starts = [], []
        for position, number in zip(own, np.searchsorted(self._ends, own, "right"), strict=True):
            recording = self.recordings[number]
            inside = int(position) - int(self._ends[number]) + recording.length
            places = max(1, recording.length - self.length + 1)
            start = inside * places // recording.length - self.context
            recordings.append(recording)
            starts.append(start // self.hop * self.hop)
        return recordings, starts
