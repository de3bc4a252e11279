import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torch.distributions import Independent, Normal

from typica.core import registry
from typica.core.condition import Track
from typica.core.config import Config
from typica.core.errors import ConfigError, DataError
from typica.core.invertible import InvertibleModel
from typica.core.latent import LatentVariableModel
from typica.core.randomness import seeded
from typica.typicality.martingale import martingale_score
from typica.typicality.regret import likelihood_regret
from typica.typicality.statistics import ModelLatents, ModelStatistics, available


class Halves(InvertibleModel):
    """x = 2 z, in four dimensions."""

    config_type = Config
    base_measure = "density"

    def __init__(self):
        super().__init__(Config())
        self.unused = torch.nn.Parameter(torch.zeros(1))

    def forward(self, x, condition=None):
        return x / 2, torch.full((len(x),), -4 * np.log(2))

    def inverse(self, latents, condition=None):
        return 2 * latents

    def sample(self, count, length, *, condition=None, generator=None):
        return 2 * torch.randn(count, 4, generator=generator)


class Offset(LatentVariableModel):
    """x = z + noise of scale 1/2, in three dimensions; the encoder's mean is wrong by `bias`."""

    config_type = Config
    base_measure = "density"
    latent_size = 3

    def __init__(self, bias):
        super().__init__(Config())
        self.bias = torch.nn.Parameter(torch.tensor(float(bias)))

    def posterior(self, x, condition=None):  # exact but for the bias: N(0.8 x, 0.2)
        return Independent(Normal(0.8 * x + self.bias, 0.2**0.5), 1)

    def likelihood(self, x, latents, condition=None):
        return Normal(latents, 0.5).log_prob(x).sum(-1)

    def sample(self, count, length, *, condition=None, generator=None):
        return 1.25**0.5 * torch.randn(count, 3, generator=generator)


@pytest.fixture(scope="module")
def wavenet():
    torch.manual_seed(0)
    return registry.build("wavenet", "tiny").eval().requires_grad_(False)


AUDIO = torch.rand(7, 1, 50, generator=seeded(0)) - 0.5


def test_columns_are_what_the_model_says(wavenet):
    found = ModelStatistics(wavenet, batch=3).fit(AUDIO).transform(AUDIO)
    end = martingale_score(wavenet, AUDIO)

    expected = torch.stack([end.log_prob, end.entropy, end.excess, end.z], 1)
    np.testing.assert_allclose(found, expected, rtol=1e-5)
    assert ModelStatistics(wavenet).get_feature_names_out().tolist() == available(wavenet)


def test_examples_of_different_lengths_are_scored_one_by_one(wavenet):
    step = ModelStatistics(wavenet, ["log_prob"])
    ragged = [AUDIO[0], AUDIO[1, :, :20], AUDIO[2].numpy()]

    found = step.fit_transform(ragged)

    alone = [wavenet.log_prob(torch.as_tensor(example)[None]).item() for example in ragged]
    np.testing.assert_allclose(found[:, 0], alone, rtol=1e-6)


def test_it_is_the_first_step_of_a_pipeline_and_can_be_cloned(wavenet):
    line = make_pipeline(ModelStatistics(wavenet, ["log_prob", "excess"]), StandardScaler())

    found = clone(line).fit_transform(AUDIO)

    np.testing.assert_allclose(found.mean(0), 0, atol=1e-9)
    np.testing.assert_allclose(found, line.fit_transform(AUDIO), rtol=1e-6)


def test_statistics_that_a_model_lacks_are_refused(wavenet):
    with pytest.raises(ConfigError, match="WaveNet has no statistic 'log_pro': did you mean 'log_"):
        ModelStatistics(wavenet, ["log_pro"]).fit(AUDIO)
    with pytest.raises(ConfigError, match="Linear has no density"):
        ModelStatistics(torch.nn.Linear(1, 1)).fit(AUDIO)
    with pytest.raises(DataError, match="no examples"):
        ModelStatistics(wavenet).fit(AUDIO).transform(AUDIO[:0])


def test_an_invertible_model_has_latents_and_a_determinant():
    x = torch.randn(5, 4, generator=seeded(0))

    found = ModelStatistics(Halves()).fit_transform(x)

    log_prob = Normal(0.0, 2.0).log_prob(x).sum(1)
    np.testing.assert_allclose(found[:, 0], log_prob, rtol=1e-5)
    np.testing.assert_allclose(found[:, 1] + found[:, 2], found[:, 0])
    assert ModelStatistics(Halves()).get_feature_names_out().tolist() == available(Halves())


def test_a_model_with_latents_has_the_five_statistics_of_dose():
    x = torch.randn(5, 3, generator=seeded(0))
    step = ModelStatistics(Offset(0))
    found = dict(zip(step.get_feature_names_out(), step.fit_transform(x).T, strict=True))

    exact = Normal(0.0, 1.25**0.5).log_prob(x).sum(1)  # the posterior is exact: so is the bound
    np.testing.assert_allclose(found["log_prob"], exact, rtol=1e-5)
    difference = found["cross_entropy"] - found["posterior_entropy"]
    np.testing.assert_allclose(difference, found["divergence"], rtol=1e-5)
    posterior = Offset(0).posterior(x)
    expected = torch.distributions.kl_divergence(posterior, Offset(0).prior())
    np.testing.assert_allclose(found["divergence"], expected.detach(), rtol=1e-5)
    assert set(available(Offset(0))) == {*found, "regret"}


def test_regret_is_what_the_encoder_lost_and_never_below_zero():
    x = torch.randn(6, 3, generator=seeded(0))

    exact, wrong = (likelihood_regret(Offset(bias), x, steps=200) for bias in (0.0, 1.0))

    assert (exact >= 0).all()
    assert exact.max() < 0.05  # nothing is to be gained, and luck is no gain
    # KL between the encoder's posterior and the best one: 3 dimensions, 1 / (2 * 0.2) each.
    torch.testing.assert_close(wrong, torch.full((6,), 7.5), atol=0.3, rtol=0)


def test_an_exact_encoder_of_many_latents_regrets_nothing():
    class Wide(Offset):
        latent_size = 64

    x = torch.randn(3, 64, generator=seeded(0))

    assert likelihood_regret(Wide(0), x).max() < 0.5
    assert likelihood_regret(Wide(1.0), x, steps=200).min() > 100


def test_the_regret_of_one_does_not_depend_on_its_batch_nor_touch_the_weights():
    x, model = torch.randn(6, 3, generator=seeded(0)), Offset(0.5)

    torch.testing.assert_close(likelihood_regret(model, x)[:2], likelihood_regret(model, x[:2]))

    assert model.bias.grad is None
    step = ModelStatistics(model, ["regret"])
    np.testing.assert_allclose(step.fit_transform(x)[:, 0], likelihood_regret(model, x), rtol=1e-6)
    with pytest.raises(ConfigError, match="at least 1, got 0 and 32"):
        likelihood_regret(model, x, steps=0)


def test_latents_of_an_invertible_model_are_looked_for_on_their_shell():
    from typica.typicality.detectors.annulus import LatentAnnulus

    usual = 2 * torch.randn(400, 4, generator=seeded(0))
    line = make_pipeline(ModelLatents(Halves()), LatentAnnulus(alpha=0.05)).fit(usual)

    np.testing.assert_allclose(line[0].transform(usual), usual / 2, rtol=1e-6)
    assert line.predict(torch.zeros(1, 4)) == line.predict(torch.full((1, 4), 9.0)) == -1
    assert line.predict(usual).mean() > 0.8
    with pytest.raises(ConfigError, match="Linear is not invertible"):
        ModelLatents(torch.nn.Linear(1, 1)).fit(usual)


def test_entropies_of_a_trainable_model_hold_no_graph():
    from typica.typicality.entropy import sampled_entropy

    model = registry.build("wavenet", "tiny", labels=2)
    condition = {"label": Track(torch.tensor([0, 1, 1, 0]))}

    found = sampled_entropy(model, 6, 16, condition=condition, batch=4, generator=seeded(0))

    assert found.examples == 6
