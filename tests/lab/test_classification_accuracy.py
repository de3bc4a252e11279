import math

import numpy as np
import pytest

from typica.lab import classification_accuracy as lab
from typica.lab.study import Bench


def test_the_abstract_exchanges_its_two_figures():
    first, fifth = lab._errata()

    assert (round(first.value, 1), first.published) == (41.6, 27.9)
    assert (round(fifth.value, 1), fifth.published) == (27.9, 41.6)


def test_noise_costs_the_likelihood_no_more_than_the_log_of_a_hundred():
    losses = lab._losses(lab._digits(0))

    assert losses.max() <= math.log(100) + 1e-9
    assert np.median(losses) == pytest.approx(math.log(100), abs=1e-3)


def test_a_hundredth_of_the_noisy_samples_are_of_the_model():
    samples = lab._samplers(lab._digits(0))["99 % noise"](0, 20_000, np.random.default_rng(0))

    # Noise is spread over each pixel; this corner pixel of digits is always dark.
    is_dark = samples[:, 0] < 0.2
    assert is_dark.mean() == pytest.approx(0.01 + 0.99 * 0.2, abs=4 * 0.003)


@pytest.mark.slow
def test_every_classifier_sees_what_the_likelihood_does_not():
    study = lab.study(Bench())

    scores = {(row[0], row[1]): row[2:] for row in study.tables[0].rows}
    for kind in ("logistic regression", "random forest", "nearest neighbours"):
        noise, model, real = (
            scores[name, kind] for name in ("99 % noise", "class Gaussians", "real digits")
        )
        assert noise[2] < 0.5 < model[1]
        assert scores["permuted labels", kind][0] < 0.1
        assert abs(real[0] - model[0]) < 0.05
        assert scores["4 drawn as 9", kind][0] < model[1]
