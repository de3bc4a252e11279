"""Chains and a WaveNet, whose martingales must be what theory says."""

import numpy as np
import pytest
import torch
from scipy.stats import kstest
from torch.distributions import Categorical

from typica.core import registry
from typica.core.config import Config
from typica.core.errors import ConfigError
from typica.core.model import AutoregressiveModel
from typica.core.randomness import seeded
from typica.typicality.entropy import enumerated_entropy
from typica.typicality.martingale import martingale_score, p_value, windows

STATES, LENGTH, PATHS = 5, 60, 20000


class Chain(AutoregressiveModel):
    """A Markov chain: its examples are its symbols, (batch, 1, length)."""

    config_type = Config
    base_measure = "states"
    initial = 0

    def __init__(self, transition):
        super().__init__(Config())
        self.logits = torch.nn.Parameter(transition.log())

    def symbols(self, x):
        return x[:, 0]

    def render(self, symbols):
        return symbols[:, None]

    def start(self, count, condition=None):
        return ()

    def advance(self, previous, state):
        return Categorical(logits=self.logits[previous]), state


@pytest.fixture(scope="module")
def chain():
    sharp = 2 * torch.randn(STATES, STATES, generator=seeded(3)).double()
    return Chain(sharp.softmax(1)).requires_grad_(False)


@pytest.fixture(scope="module")
def paths(chain):
    return chain.sample(PATHS, LENGTH, generator=seeded(0))


def test_the_mean_of_the_excess_is_zero_and_its_variance_is_the_sum_of_the_steps(chain, paths):
    end = martingale_score(chain, paths)

    spread = end.excess.std()
    assert abs(end.excess.mean()) < 4 * spread / PATHS**0.5
    # The variance of a variance: that of (excess^2 - variance), which has mean 0.
    surplus = end.excess.square() - end.variance
    assert abs(surplus.mean()) < 4 * surplus.std() / PATHS**0.5


def test_z_is_close_to_a_standard_normal_for_its_own_paths(chain, paths):
    z = martingale_score(chain, paths).z

    assert abs(z.mean()) < 0.06  # not 0: paths that surprise tend to be varied ones
    assert z.std() == pytest.approx(1, abs=0.03)


def test_scaled_by_the_mean_variance_its_mean_is_zero(chain, paths):
    end = martingale_score(chain, paths)

    scaled = end.scaled(end.variance.mean())

    assert abs(scaled.mean()) < 4 * scaled.std() / PATHS**0.5
    assert scaled.std() == pytest.approx(1, abs=0.02)


def test_the_greedy_path_is_too_likely_and_noise_is_too_unlikely(chain):
    greedy, state = [], torch.zeros(1, dtype=torch.long)
    for _ in range(LENGTH):
        state = chain.logits[state].argmax(1)
        greedy.append(state)
    noise = torch.randint(STATES, (100, 1, LENGTH), generator=seeded(1))

    z = martingale_score(chain, torch.stack(greedy, 1)[:, None]).z

    assert z.item() < -2
    assert z.item() < martingale_score(chain, noise).z.min()
    assert martingale_score(chain, noise).z.mean() > 4


def test_windows_add_up_to_the_whole(chain, paths):
    whole, cut = martingale_score(chain, paths[:50]), windows(chain, paths[:50], 25)

    assert cut.log_prob.shape == (50, 3)
    for parts, end in zip(cut, whole, strict=True):
        torch.testing.assert_close(parts.sum(1), end)
    with pytest.raises(ConfigError, match="at least 1 symbol, got 0"):
        windows(chain, paths, 0)


def test_p_values_of_a_wavenets_own_samples_are_uniform():
    torch.manual_seed(0)
    model = registry.build("wavenet", "tiny", bits=4).eval().requires_grad_(False)
    for parameter in model.parameters():
        parameter.data += 0.3 * torch.randn(parameter.shape)
    audio = model.sample(400, 128, generator=seeded(0))

    found = martingale_score(model, audio).p_value.numpy()

    assert kstest(found, "uniform").pvalue > 0.01
    noise = torch.rand(100, 1, 128, generator=seeded(1)) * 2 - 1
    assert kstest(martingale_score(model, noise).p_value.numpy(), "uniform").pvalue < 1e-6


def test_the_log_likelihood_is_the_models_own(chain, paths):
    torch.testing.assert_close(
        martingale_score(chain, paths[:9]).log_prob, chain.log_prob(paths[:9])
    )


def test_certainty_that_comes_true_is_no_surprise():
    model = Chain(torch.eye(STATES, dtype=torch.float64)).requires_grad_(False)

    right = martingale_score(model, torch.zeros(1, 1, 10, dtype=torch.long))
    wrong = martingale_score(model, torch.full((1, 1, 10), 1))

    assert right.z.item() == 0
    assert right.p_value.item() == 1
    assert wrong.z.item() == np.inf
    assert wrong.p_value.item() == 0


def test_p_values_are_two_sided():
    found = p_value(
        torch.tensor([0, 1.959963984540054, -1.959963984540054, 37], dtype=torch.float64)
    )
    np.testing.assert_allclose(found[:3], [1, 0.05, 0.05], rtol=1e-12)
    assert 0 < found[3] < 1e-298


def test_impossible_sequences_add_nothing_to_an_enumerated_entropy():
    model = Chain(torch.tensor([[0.0, 1.0], [0.5, 0.5]]).double()).requires_grad_(False)

    # From state 0: to 1 for sure, and then one fair bit.
    assert enumerated_entropy(model, 2).nats == pytest.approx(np.log(2))
