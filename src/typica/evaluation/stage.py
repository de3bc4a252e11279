"""What all checkpoints of a run are put through, and what is the same for all."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from typica.core.cascade_engine import CascadeEngine
from typica.core.drawable import Drawable
from typica.core.engine import Engine
from typica.core.model import ExplicitModel, Model
from typica.core.progress import SILENT, Progress
from typica.core.randomness import seeded
from typica.data.corpus import Corpus, Recording
from typica.data.stretch import Stretch
from typica.evaluation.bits import Bits
from typica.evaluation.copying import CopyIndex, copied_share
from typica.evaluation.free_running import Played, play
from typica.evaluation.health import mean_flatness, silence, spectral_distance_db
from typica.evaluation.likelihood import model_bits
from typica.evaluation.stretches import choose, excerpts
from typica.evaluation.trap_limits import after, sound_limits, with_band
from typica.typicality.monitor.grid import Grid
from typica.typicality.monitor.hearing import Heard, hear
from typica.typicality.monitor.monitor import Monitor

PIECE_S = 15.0  # of a recording: two blocks of the monitor's calibration
MOST_COMPARED = 40  # pieces, with which the sound of streams is compared: ten minutes
WARM_S = 4.0  # of the past, at most, that a model hears before a piece


class Course(NamedTuple):
    """How much is asked of each checkpoint.

    Attributes:
        seconds: Of held-out recordings that it goes along; 0 for all of them.
        clips: Streams that it plays.
        clip_seconds: Of each.
        seed: Of their randomness.
        prompt_s: Seconds of recordings that they go on from; 0 begins from silence.
    """

    seconds: float = 60.0
    clips: int = 8
    clip_seconds: float = 20.0
    seed: int = 0
    prompt_s: float = 0.0


USUAL = Course()


class Along(NamedTuple):
    """What a model says of held-out recordings.

    Attributes:
        bits: What it pays for each piece, a cascade for its codes too; None without a density.
        entropy: Its mean conditional entropy, bits a sample; of a cascade's lowest level, which is
            told the codes above.
        heard: The pieces, tick by tick.
    """

    bits: Bits | None
    entropy: float
    heard: Sequence[Heard]


class Stage:
    """Puts one model after another of one kind through the same.

    What is the same for all is computed when the first asks for it.
    """

    def __init__(
        self,
        model: Drawable,
        corpus: Corpus,
        split: str,
        recordings: Sequence[Stretch],
        course: Course,
        *,
        learnt: Sequence[Recording] = (),
        progress: Progress = SILENT,
    ) -> None:
        """Choose the pieces.

        Args:
            model: Tells how coarse recordings are heard; its weights do not matter.
            corpus: Holds the recordings.
            split: From which of its splits come the pieces that models go along.
            recordings: Held out, or parts of such; they tell what a trap is.
            course: How much is asked.
            learnt: What the models were trained on and may copy; not looked for if left out.
            progress: Hears how far it is.
        """
        self.model, self.corpus, self.split = model, corpus, split
        self.recordings, self.course, self.progress = recordings, course, progress
        self._learnt = learnt
        self.pieces = _pieces(corpus, split, course.seconds)

    @property
    def settings(self) -> dict[str, Any]:
        """All that a result depends on, but the weights."""
        own = {"corpus": self.corpus.fingerprint, "split": self.split}
        return own | self.course._asdict()

    @property
    def words(self) -> str:
        """One sentence on what is done."""
        seconds = sum(one.length for one in self.pieces) / self.corpus.rate
        course = self.course
        return (
            f"Each checkpoint played {course.clips} streams of {course.clip_seconds:g} s, going on "
            f"from {self._beginning}, with the same randomness, and went along {seconds:.0f} s of "
            f"the split “{self.split}” of {self.corpus.name}."
        )

    @property
    def _beginning(self) -> str:
        if not self.course.prompt_s:
            return "silence"
        return f"{self.course.prompt_s:g} s of held-out recordings"

    @cached_property
    def real(self) -> list[Tensor]:
        """Pieces of recordings, as coarse as the model hears them, each (1, time).

        At most 40, spread over all.
        """
        chosen = self.pieces[:: math.ceil(len(self.pieces) / MOST_COMPARED)]
        sounds = (self.corpus.audio(*one) for one in chosen)
        return [self.model.render(self.model.symbols(one[None]))[0].cpu() for one in sounds]

    @cached_property
    def expected_distance_db(self) -> float | None:
        """Mean distance of each piece from the others; None for a single one."""
        if len(self.real) < 2:
            return None
        others = (self.real[:n] + self.real[n + 1 :] for n in range(len(self.real)))
        apart = [
            spectral_distance_db([one], rest, self.corpus.rate)
            for one, rest in zip(self.real, others, strict=True)
        ]
        known = [one for one in apart if one is not None]
        return float(np.mean(known)) if known else None

    @cached_property
    def expected_silent(self) -> float:
        """Share of frames of 20 ms of the pieces of recordings that are silent."""
        return float(np.mean([silence(one[0], self.corpus.rate) for one in self.real]))

    @cached_property
    def expected_flatness(self) -> float | None:
        """Mean spectral flatness of the pieces of recordings; None where all is silent."""
        found = [mean_flatness(one[0]) for one in self.real]
        known = [one for one in found if one is not None]
        return float(np.mean(known)) if known else None

    @cached_property
    def limits(self) -> Monitor:
        """What counts as a trap to the ear, for all checkpoints."""
        sounds = (self.corpus.audio(*one) for one in self.recordings)
        return sound_limits(self.model, sounds, self.corpus.rate, self.progress)

    @cached_property
    def learnt(self) -> CopyIndex | None:
        """Knows what could be copied; None where that is not looked for."""
        if not self._learnt:
            return None
        return CopyIndex(self.corpus, self._learnt, progress=self.progress)

    @cached_property
    def expected_copied(self) -> float | None:
        """Share of the pieces of recordings that is in the training recordings as well."""
        if self.learnt is None:
            return None
        seconds = [one.shape[-1] / self.corpus.rate for one in self.real]
        found = [self.learnt.find(one) for one in self.real]
        shares = [copied_share(*one) for one in zip(found, seconds, strict=True)]
        return float(np.average(shares, weights=seconds))

    def along(self, engine: Engine) -> Along:
        """Let a model go along the pieces, each after so much of its past as the model sees.

        Raises:
            DataError: The model gives a sample no probability.
        """
        heard: list[Heard] = []
        seconds = sum(one.length for one in self.pieces) / self.corpus.rate
        with self.progress.task("going along recordings", seconds, "s") as task:
            for piece in self.pieces:
                heard.append(self._hear(engine, piece))
                task.advance(piece.length / self.corpus.rate)
        samples = sum(len(one.totals) for one in heard) * self.limits.grid.tick
        own = sum(float(one.totals[:, 2].sum()) for one in heard)
        return Along(self._bits(engine, heard), own / math.log(2) / samples, heard)

    def _bits(self, engine: Engine, heard: Sequence[Heard]) -> Bits | None:
        """Return what a model pays for the pieces, as it heard them or, for codes too, anew."""
        whole: Model = engine.cascade if isinstance(engine, CascadeEngine) else engine.model
        if not isinstance(whole, ExplicitModel):
            return None
        if isinstance(engine, CascadeEngine):
            # What is heard of it is told codes, and pays for none.
            return model_bits(whole, self.corpus, self.pieces, progress=self.progress)
        bits = Bits("model", whole.base_measure)
        for piece, one in zip(self.pieces, heard, strict=True):
            excess, _, own = one.totals.sum(0).tolist()
            samples = len(one.totals) * self.limits.grid.tick
            bits.add(piece.recording.id, samples, (excess + own) / math.log(2))
        return bits

    def play(self, engine: Engine, heard: Sequence[Heard]) -> Played:
        """Let a model play, by limits on sound and by the certainty that it had along pieces."""
        course = self.course
        return play(
            engine,
            with_band(self.limits, heard),
            self.real,
            count=course.clips,
            seconds=course.clip_seconds,
            prompt=self._prompt(),
            learnt=self.learnt,
            generator=seeded(course.seed, next(engine.model.parameters()).device),
            progress=self.progress,
        )

    def _prompt(self) -> Tensor | None:
        """Return the middles of recordings, (clips, 1, time), or None for silence."""
        length = min(round(self.course.prompt_s * self.corpus.rate), self._shortest)
        if not length:
            return None
        chosen = excerpts(self.corpus, self.split, self.course.clips, length)
        return torch.stack([self.corpus.audio(*one) for one in chosen])

    @property
    def _shortest(self) -> int:
        return min(one.length for one in self.corpus.recordings(self.split))

    def _hear(self, engine: Engine, piece: Stretch) -> Heard:
        grid = self.limits.grid
        past = min(engine.model.context, round(WARM_S * grid.rate))
        warm = min(-(-past // grid.tick), piece.start // grid.tick)
        audio = self.corpus.audio(piece.recording, piece.start - warm * grid.tick, piece.stop)
        return after(hear(engine, audio, grid), warm)


def _pieces(corpus: Corpus, split: str, seconds: float) -> list[Stretch]:
    """Choose pieces that lie all over a split, or all of it for 0 seconds."""
    if not seconds:  # of recordings' ends, what is shorter than a tick is no piece
        return [one for one in choose(corpus, split) if one.length >= Grid(corpus.rate).tick]
    count = max(1, round(seconds / PIECE_S))
    return excerpts(corpus, split, count, round(min(PIECE_S, seconds) * corpus.rate))
