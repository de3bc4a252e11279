"""Pricing recordings by a model and by simpler ones, so that the two can be compared."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from typica.core.model import ExplicitModel, Model
from typica.core.progress import SILENT, Progress
from typica.data.corpus import Corpus
from typica.data.stretch import Stretch
from typica.evaluation.baselines import fit_baselines, left_out, price
from typica.evaluation.bits import Bits, Mean, advantage
from typica.evaluation.likelihood import model_bits
from typica.evaluation.stretches import choose
from typica.signal.flac import Flac
from typica.signal.quantise import Linear, Quantised, Quantiser

TRAIN_SHARE = 0.5  # of what is scored held out: so much of the training recordings
PCM = Linear(16)


class Likelihood(NamedTuple):
    """How likely a model finds held-out recordings, and others.

    Attributes:
        model: What the model pays for them; None if it has no density.
        density: "exact" or "lower bound".
        baselines: What simple models pay, under the same base measure.
        apart: Prices under another base measure, not to be compared.
        gap: See `typica.evaluation.verdict.Evidence`.
        notes: What was left out and why.
    """

    model: Bits | None
    density: str = "exact"
    baselines: Sequence[Bits] = ()
    apart: Sequence[Bits] = ()
    gap: Mean | None = None
    notes: Sequence[str] = ()

    def advantages(self) -> dict[str, Mean]:
        """Bits a sample that the model saves against each baseline, on the same stretches."""
        if self.model is None:
            return {}
        return {one.name: advantage(self.model, one) for one in self.baselines}


def measure_likelihood(
    model: Model,
    corpus: Corpus,
    stretches: Sequence[Stretch],
    *,
    progress: Progress = SILENT,
) -> Likelihood:
    """Price stretches of held-out recordings by a model and by baselines.

    Half as much of the training recordings is priced too, to see whether the model knows them
    by heart.
    """
    if not isinstance(model, ExplicitModel):
        return Likelihood(None)
    ours = model_bits(model, corpus, stretches, progress=progress)
    apart = price([Flac(PCM.levels, corpus.rate)], corpus, stretches, PCM)
    quantiser = _quantiser(model)
    if quantiser is None:
        note = f"No baseline has the base measure of this model: {model.base_measure}."
        return Likelihood(ours, model.density, apart=apart, notes=[note])
    fitted = fit_baselines(corpus, quantiser, progress=progress)
    prices = price(fitted, corpus, stretches, quantiser, progress=progress)
    likelihood = Likelihood(ours, model.density, prices, apart, notes=left_out(quantiser))
    if quantiser.name == PCM.name:
        likelihood = likelihood._replace(apart=[])
    # A file's header weighs on short stretches: FLAC does not serve as the measure.
    best = min(range(len(fitted) - 1), key=lambda number: prices[number].mean.value)
    training = choose(corpus, "train", TRAIN_SHARE * sum(ours.samples) / corpus.rate)
    ours = model_bits(model, corpus, training, progress=progress)
    theirs = price([fitted[best]], corpus, training, quantiser, progress=progress)[0]
    held_out = likelihood.advantages()[theirs.name]
    return likelihood._replace(gap=_less(advantage(ours, theirs), held_out))


def _quantiser(model: ExplicitModel) -> Quantiser | None:
    """Return the quantiser whose levels a model's density counts, None for other densities."""
    if isinstance(model, Quantised) and model.quantiser.name == model.base_measure:
        return model.quantiser
    return None


def _less(one: Mean, other: Mean) -> Mean:
    """Return the difference of two independent means."""
    if one.error is None or other.error is None:
        return Mean(one.value - other.value, None)
    return Mean(one.value - other.value, math.hypot(one.error, other.error))
