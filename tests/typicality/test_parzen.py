import math

import numpy as np
import pytest
import torch
from scipy.integrate import quad
from sklearn.neighbors import KernelDensity

from typica.core.errors import ConfigError, ShapeError
from typica.core.randomness import seeded
from typica.typicality.parzen import Parzen


def normal(count, dimensions, seed):
    return torch.randn(count, dimensions, dtype=torch.float64, generator=seeded(seed))


def test_the_density_is_that_of_scikit_learn():
    centres, points = normal(300, 4, 0), normal(50, 4, 1)

    ours = Parzen(centres, 0.6).log_prob(points)

    theirs = KernelDensity(bandwidth=0.6).fit(centres.numpy()).score_samples(points.numpy())
    np.testing.assert_allclose(ours.numpy(), theirs, rtol=1e-9)


def test_the_density_integrates_to_one():
    parzen = Parzen(torch.tensor([[-1.0], [0.3], [2.0]]), 0.4)

    mass = quad(lambda x: parzen.log_prob(torch.tensor([x])).exp().item(), -8, 8, points=[0])[0]

    assert mass == pytest.approx(1, abs=1e-8)


def test_points_of_any_shape_are_scored_in_blocks_as_they_would_be_alone():
    centres, points = normal(5000, 3, 0), normal(2000, 3, 1)
    parzen = Parzen(centres, 0.5)

    together = parzen.log_prob(points.view(40, 50, 3))

    assert together.shape == (40, 50)
    alone = torch.stack([parzen.log_prob(point) for point in points[::500]])
    torch.testing.assert_close(together.view(-1)[::500], alone)


def test_the_bandwidth_chosen_is_the_best_for_the_validation_data():
    centres, validation = normal(200, 2, 0), normal(500, 2, 1)
    widths = [0.05, 0.2, 0.4, 0.8, 2.0]

    chosen = Parzen.fit(centres, validation, widths).bandwidth

    scores = {w: Parzen(centres, w).log_prob(validation).mean().item() for w in widths}
    assert chosen == max(scores, key=scores.get)
    assert 0.05 < chosen < 2.0


def test_memorised_data_are_perfect_samples_of_hopeless_likelihood():
    training, test = normal(100, 10, 0), normal(100, 10, 1)
    memory = Parzen(training, 0.01)

    samples = memory.draw(1000, seeded(2))

    assert torch.cdist(samples, training).min(1).values.max() < 0.1
    assert memory.log_prob(test).mean() < -1e4


def test_samples_have_the_variance_of_centres_and_window():
    samples = Parzen(normal(2000, 1, 0), 2.0).draw(20_000, seeded(1))

    assert samples.var().item() == pytest.approx(5, abs=4 * 5 * math.sqrt(2 / 2000))


def test_windows_without_width_or_centres_are_refused():
    with pytest.raises(ConfigError, match="above 0"):
        Parzen(torch.zeros(3, 1), 0)
    with pytest.raises(ConfigError, match="above 0"):
        Parzen.fit(torch.zeros(3, 1), torch.zeros(3, 1), [])
    with pytest.raises(ShapeError, match="centres, dimensions"):
        Parzen(torch.zeros(3), 1.0)
