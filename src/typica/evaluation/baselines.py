"""What simple models pay for the same held-out recordings, under the same base measure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Protocol

import numpy as np

from typica.core.progress import SILENT, Progress
from typica.data.corpus import Corpus
from typica.data.stretch import Stretch
from typica.evaluation.bits import Bits
from typica.evaluation.counting import LARGEST_TABLE, Markov, Uniform, Unigram, count_pairs
from typica.evaluation.linear_prediction import AdaptiveLaplace, FixedLaplace, Predictor
from typica.evaluation.stretches import choose
from typica.signal.flac import Flac
from typica.signal.quantise import Quantiser

FIT_S = 600.0  # training audio that the baselines are fitted to, at most
PASSES = 3  # over it: to count, to predict, to measure the errors
HISTORY = 4096  # levels before a stretch that are past, not price


class Baseline(Protocol):
    """Something that prices levels."""

    name: str

    def bits(self, codes: np.ndarray, begin: int) -> float:
        """Return the bits of `codes[begin:]` given those before."""


def fit_baselines(
    corpus: Corpus, quantiser: Quantiser, *, progress: Progress = SILENT
) -> list[Baseline]:
    """Fit every baseline that a quantiser admits to the training recordings of a corpus.

    Raises:
        DataError: There are no training recordings.
    """
    training = choose(corpus, "train", FIT_S)

    with progress.task("fitting baselines", PASSES * len(training), "stretches") as task:

        def blocks() -> Iterator[np.ndarray]:
            for stretch in training:
                audio = corpus.audio(stretch.recording, stretch.start, stretch.stop)
                yield quantiser.encode(audio[0]).numpy()
                task.advance()

        return fit(quantiser, corpus.rate, blocks)


def price(
    baselines: Sequence[Baseline],
    corpus: Corpus,
    stretches: Sequence[Stretch],
    quantiser: Quantiser,
    *,
    progress: Progress = SILENT,
) -> list[Bits]:
    """Return what baselines pay for stretches of recordings, given the past of each."""
    prices = [Bits(baseline.name, quantiser.name) for baseline in baselines]
    with progress.task("pricing baselines", total=len(stretches), unit="stretches") as task:
        for stretch in stretches:
            audio = corpus.audio(stretch.recording, stretch.start - HISTORY, stretch.stop)
            codes = quantiser.encode(audio[0]).numpy()
            for baseline, bits in zip(baselines, prices, strict=True):
                bits.add(stretch.recording.id, stretch.length, baseline.bits(codes, HISTORY))
            task.advance()
    return prices


def left_out(quantiser: Quantiser) -> list[str]:
    """Tell which baselines a quantiser does not admit, in sentences."""
    levels = quantiser.levels
    if levels <= LARGEST_TABLE:
        return []
    return [
        f"First-order Markov is left out: a table of {levels} x {levels} pairs would stay empty."
    ]


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
