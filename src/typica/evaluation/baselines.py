"""What simple models pay for the same held-out recordings, under the same base measure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple, Protocol

import numpy as np
from torch import Tensor

from typica.core.progress import SILENT, Progress
from typica.data.corpus import Corpus
from typica.evaluation.bits import Bits
from typica.evaluation.counting import LARGEST_TABLE, Markov, Uniform, Unigram, count_pairs
from typica.evaluation.flac import Flac
from typica.evaluation.linear_prediction import AdaptiveLaplace, FixedLaplace, Predictor
from typica.evaluation.stretches import Stretch, choose
from typica.signal.quantise import Linear, Quantiser

FIT_S = 600.0  # training audio that the baselines are fitted to, at most
HISTORY = 4096  # levels before a stretch that are past, not price


class Baseline(Protocol):
    """Something that prices levels."""

    name: str

    def bits(self, codes: np.ndarray, begin: int) -> float:
        """Return the bits of `codes[begin:]` given those before."""


class Baselines(NamedTuple):
    """The baselines' prices.

    Attributes:
        comparable: Under the quantiser's base measure, in the order they are shown.
        apart: Under another one: to be named, never compared.
        notes: Sentences about what was left out.
    """

    comparable: list[Bits]
    apart: list[Bits]
    notes: list[str]


def baseline_bits(
    corpus: Corpus,
    stretches: Sequence[Stretch],
    quantiser: Quantiser,
    *,
    progress: Progress = SILENT,
) -> Baselines:
    """Fit the baselines to the training recordings and price stretches of others by them.

    Raises:
        DataError: There are no training recordings.
    """
    training = choose(corpus, "train", FIT_S)

    def blocks() -> Iterator[np.ndarray]:
        with progress.task("fitting baselines", total=len(training), unit="stretches") as task:
            for stretch in training:
                yield _codes(
                    quantiser, corpus.audio(stretch.recording, stretch.start, stretch.stop)
                )
                task.advance()

    fitted = fit(quantiser, corpus.rate, blocks)
    comparable = [Bits(baseline.name, quantiser.name) for baseline in fitted]
    pcm = Linear(16)
    file, apart = Flac(pcm.levels, corpus.rate), Bits("FLAC", pcm.name)
    with progress.task("pricing baselines", total=len(stretches), unit="stretches") as task:
        for stretch in stretches:
            past = stretch.start - HISTORY
            audio = corpus.audio(stretch.recording, past, stretch.stop)
            codes = _codes(quantiser, audio)
            for baseline, bits in zip(fitted, comparable, strict=True):
                bits.add(stretch.recording.id, stretch.length, baseline.bits(codes, HISTORY))
            size = file.bits(_codes(pcm, audio), HISTORY)
            apart.add(stretch.recording.id, stretch.length, size)
            task.advance()
    return Baselines(comparable, [] if quantiser.name == pcm.name else [apart], _notes(quantiser))


def fit(
    quantiser: Quantiser, rate: int, blocks: Callable[[], Iterable[np.ndarray]]
) -> list[Baseline]:
    """Fit every baseline that a quantiser admits.

    Args:
        quantiser: Whose levels are priced.
        rate: Sampling rate in hertz.
        blocks: Gives the levels of the training recordings, in blocks, once per call.
    """
    fitted: list[Baseline] = [Uniform(quantiser.levels)]
    if quantiser.levels <= LARGEST_TABLE:
        pairs = sum(count_pairs(codes, quantiser.levels) for codes in blocks())
        fitted += [Unigram(np.asarray(pairs).sum(0)), Markov(np.asarray(pairs))]
    else:
        counts = sum(np.bincount(codes, minlength=quantiser.levels) for codes in blocks())
        fitted.append(Unigram(np.asarray(counts)))
    predictor = Predictor(quantiser, blocks)
    fitted += [FixedLaplace(predictor), AdaptiveLaplace(predictor)]
    return [*fitted, Flac(quantiser.levels, rate)]


def _codes(quantiser: Quantiser, audio: Tensor) -> np.ndarray:
    return quantiser.encode(audio[0]).numpy()


def _notes(quantiser: Quantiser) -> list[str]:
    if quantiser.levels <= LARGEST_TABLE:
        return []
    return [
        f"first-order Markov is left out: a table of {quantiser.levels} x {quantiser.levels} "
        f"pairs would stay empty"
    ]
