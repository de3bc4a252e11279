import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import halfnorm, kstest
from torch.distributions import Normal

from typica.core.errors import ConfigError, ShapeError
from typica.core.randomness import draw
from typica.typicality import Mirage, TypicalSet

SIZES = [1, 2, 343, 344, 1000, 10**6]
EACH = {"unit": "nats", "per": "dim"}
COUNT = 100_000


def samples(K, count=COUNT, seed=0):
    return Mirage(K).sample((count,), generator=torch.Generator().manual_seed(seed))


def log_prob_at(mirage, radius):
    """Log density at a radius along the first axis."""
    point = torch.zeros(mirage.K, dtype=torch.float64)
    point[0] = radius
    return float(mirage.log_prob(point))


def test_entropy_radius_and_density_are_those_of_the_oracle(oracles):
    assert set(SIZES) <= {row["K"] for row in oracles["mirage"]}
    for row in oracles["mirage"]:
        mirage = Mirage(row["K"])
        root = math.sqrt(row["K"])
        assert float(mirage.entropy()) == pytest.approx(row["entropy"], rel=1e-12)
        assert mirage.varentropy == pytest.approx(row["varentropy"], rel=1e-14)
        assert mirage.typical_radius == pytest.approx(row["typical_radius"], rel=1e-14)
        assert mirage.radius_cdf(mirage.typical_radius) == pytest.approx(
            row["mass_inside_typical_radius"], rel=1e-14
        )
        assert log_prob_at(mirage, 1.0) == pytest.approx(row["logpdf_at_r_1"], rel=1e-12)
        assert log_prob_at(mirage, root) == pytest.approx(row["logpdf_at_r_sqrtK"], rel=1e-12)


def test_the_typical_radius_falls_to_its_limit_times_sqrt_k(oracles):
    limit = oracles["mirage_limits"]["typical_radius_over_sqrtK"]
    sizes = np.unique(np.geomspace(2, 1e6, 40).astype(int))

    shares = np.array([Mirage(int(K)).typical_radius / math.sqrt(K) for K in sizes])

    assert limit == pytest.approx(math.exp(-np.euler_gamma / 2) / math.sqrt(2))
    assert all(np.diff(shares) < 0)
    assert shares[0] < 1
    correction = limit * (1 + (1 - limit**2) / (2 * (sizes - 1)))
    assert abs(shares / correction - 1)[sizes > 100] == pytest.approx(0, abs=1e-4)
    assert shares[-1] == pytest.approx(limit, rel=1e-6)


@pytest.mark.parametrize("K", SIZES[1:])
def test_the_typical_radius_solves_its_defining_equation(K):
    radius = Mirage(K).typical_radius

    left = radius**2 / (2 * K) + (K - 1) * math.log(radius)
    right = 0.5 + (K - 1) / 2 * (math.log(K / 2) - np.euler_gamma)

    assert left == pytest.approx(right, rel=1e-12)


def test_in_one_dimension_it_is_the_standard_normal():
    x = torch.linspace(-3, 3, 7, dtype=torch.float64)
    mirage, normal = Mirage(1), Normal(0.0, torch.ones((), dtype=torch.float64))

    torch.testing.assert_close(mirage.log_prob(x[:, None]), normal.log_prob(x))
    torch.testing.assert_close(mirage.marginal_log_prob(x), normal.log_prob(x))
    assert mirage.typical_radius == 1.0
    assert kstest(samples(1, 20000)[:, 0].numpy(), "norm").pvalue > 1e-3


@pytest.mark.parametrize("K", SIZES)
def test_everything_is_finite_in_any_dimension(K):
    mirage = Mirage(K)
    x = mirage.sample((2,), generator=torch.Generator().manual_seed(0))

    values = [mirage.log_prob(x), mirage.log_prob(x.float()), mirage.entropy(), x]
    values += [torch.tensor(mirage.annulus(1.0, **EACH)), mirage.marginal_log_prob(x[:, 0])]

    assert all(value.isfinite().all() for value in values)
    assert all(value.dtype == torch.float64 for value in values[:3])


def test_the_density_is_infinite_at_the_mode_and_never_a_nan():
    for K in SIZES[1:4]:
        mirage = Mirage(K)
        assert mirage.log_prob(mirage.mode) == math.inf
        assert mirage.marginal_log_prob(0.0) == math.inf
        assert mirage.log_prob(torch.full((K,), 1e-30)).isfinite()
    assert Mirage(1).log_prob(torch.zeros(1)) == pytest.approx(-math.log(2 * math.pi) / 2)


@given(st.integers(2, 12), st.floats(0.1, 10), st.integers(0, 2**31))
@settings(max_examples=30)
def test_the_density_does_not_know_directions(K, scale, seed):
    generator = torch.Generator().manual_seed(seed)
    x = scale * torch.randn(K, generator=generator, dtype=torch.float64)
    rotation, _ = torch.linalg.qr(torch.randn(K, K, generator=generator, dtype=torch.float64))

    torch.testing.assert_close(Mirage(K).log_prob(rotation @ x), Mirage(K).log_prob(x))


@pytest.mark.parametrize("K", [1, 2, 5, 400])
def test_the_density_over_a_sphere_is_that_of_the_radius(K):
    mirage = Mirage(K)
    for radius in (0.3, 1.0, 7.0):
        log_area = math.log(2) + K / 2 * math.log(math.pi) - math.lgamma(K / 2)
        over_sphere = log_prob_at(mirage, radius) + log_area + (K - 1) * math.log(radius)
        assert over_sphere == pytest.approx(math.log(mirage.radius_pdf(radius)), abs=1e-9)


def test_the_law_of_the_radius_is_half_normal():
    r = np.linspace(-1, 40, 83)

    law = halfnorm(scale=10)

    assert Mirage(100).radius_cdf(r) == pytest.approx(law.cdf(r))
    assert Mirage(100).radius_pdf(r) == pytest.approx(law.pdf(r))


@pytest.mark.parametrize("K", [1, 2, 10, 100])
def test_samples_have_half_normal_radii_and_directions_without_preference(K):
    x = samples(K, 20000)
    radii = torch.linalg.vector_norm(x, dim=-1)

    assert kstest(radii.numpy() / math.sqrt(K), "halfnorm").pvalue > 1e-3
    direction = x / radii[:, None]
    assert direction.mean(0).abs().max() < 4.5 / math.sqrt(20000 * K)


@pytest.mark.parametrize("K", [2, 10])
def test_samples_have_the_covariance_of_a_standard_gaussian(K):
    covariance = torch.cov(samples(K).mT)

    # Var(x1^2) = 9K / (K + 2) - 1, and Var(x1 x2) is a third of the fourth moment.
    fourth = 9 * K / (K + 2)
    aside = covariance - covariance.diag().diag()
    assert (covariance.diag() - 1).abs().max() < 4.5 * math.sqrt((fourth - 1) / COUNT)
    assert aside.abs().max() < 4.5 * math.sqrt(fourth / 3 / COUNT)


@pytest.mark.parametrize("K", [2, 10])
def test_coordinates_have_the_kurtosis_nine_k_over_k_plus_two(K, oracles):
    expected = {row["K"]: row["coordinate_kurtosis"] for row in oracles["mirage"]}[K]
    # x1^8 is r^8 t^8: E[r^8] = 105 K^4, E[t^8] = 105 / (K (K+2) (K+4) (K+6)).
    eighth = 105 * 105 * K**4 / (K * (K + 2) * (K + 4) * (K + 6))

    x = samples(K, 10**6)[:, 0]

    error = math.sqrt((eighth - expected**2) / 10**6)
    assert abs(x.pow(4).mean().item() - expected) < 4 * error


@pytest.mark.parametrize("K", [2, 10, 100])
def test_surprisal_of_samples_has_the_entropy_as_mean_and_the_spread_that_is_said(K):
    mirage = Mirage(K)

    surprisal = -mirage.log_prob(samples(K))

    error = math.sqrt(mirage.varentropy / COUNT)
    assert abs(surprisal.mean() - mirage.entropy()) < 4 * error
    # log z^2 is skewed: a kurtosis of the surprisal of 10 bounds the error of its variance.
    assert surprisal.var().item() == pytest.approx(mirage.varentropy, rel=4 * math.sqrt(9 / COUNT))


def test_there_is_no_equipartition():
    spread = [math.sqrt(Mirage(K).varentropy) / K for K in (10, 1000, 10**6)]

    assert spread[-1] == pytest.approx(math.pi / math.sqrt(8), rel=1e-5)
    assert Mirage(10**6).mass(0.1, **EACH) < 0.1


def test_typical_sets_are_those_of_the_oracle(oracles):
    for row in oracles["mirage_typical_sets"]:
        mirage, eps = Mirage(row["K"]), row["eps_nats_per_dim"]
        annulus = mirage.annulus(eps, **EACH)
        assert annulus.r_lo == pytest.approx(row["r_lo"], rel=1e-10)
        assert annulus.r_hi == pytest.approx(row["r_hi"], rel=1e-10)
        assert mirage.mass(eps, **EACH) == pytest.approx(row["mass"], rel=1e-10)


def test_the_eps_for_a_mass_is_that_of_the_oracle(oracles):
    for row in oracles["mirage_eps_for_mass"]:
        eps = Mirage(row["K"]).eps_for_mass(row["mass"], **EACH)
        assert eps == pytest.approx(row["eps_nats_per_dim"], rel=1e-10)


@pytest.mark.parametrize("K", SIZES)
@pytest.mark.parametrize("mass", [1e-12, 0.01, 0.5, 1 - 1e-9])
def test_eps_for_mass_undoes_mass(K, mass):
    mirage = Mirage(K)

    assert mirage.mass(mirage.eps_for_mass(mass, **EACH), **EACH) == pytest.approx(
        mass, rel=1e-11, abs=0
    )


@pytest.mark.parametrize("K", [2, 100, 10**6])
def test_the_mode_is_in_no_typical_set(K):
    mirage = Mirage(K)

    inner = mirage.annulus(np.array([0.1, 1.0, 10.0, 100.0]), **EACH).r_lo

    assert all(inner > 0)
    assert all(np.diff(inner) < 0)


def test_the_annulus_holds_the_points_that_a_typical_set_contains():
    mirage = Mirage(20)
    x = samples(20, 5000)
    radii = torch.linalg.vector_norm(x, dim=-1)
    annulus = mirage.annulus(0.5, **EACH)

    inside = TypicalSet(mirage.entropy(), 0.5, "nats", "dim", 20).contains(mirage.log_prob(x))

    assert torch.equal(inside, (radii >= annulus.r_lo) & (radii <= annulus.r_hi))
    mass = mirage.mass(0.5, **EACH)
    assert abs(inside.double().mean() - mass) < 4 * math.sqrt(mass * (1 - mass) / 5000)


def test_it_is_a_torch_distribution():
    generator = torch.Generator().manual_seed(3)
    batch = Mirage(5).expand((3, 1))

    x = batch.sample((2,), generator=generator)

    assert x.shape == (2, 3, 1, 5)
    assert batch.log_prob(x).shape == (2, 3, 1)
    assert batch.log_prob(torch.ones(5)).shape == (3, 1)
    assert batch.entropy().shape == (3, 1)
    assert batch.mean.shape == batch.variance.shape == (3, 1, 5)
    assert Mirage(5).rsample((4,)).shape == (4, 5)
    assert repr(Mirage(5)) == "Mirage(5)"


def test_the_same_seed_draws_the_same_and_the_global_one_is_left_alone():
    state = torch.get_rng_state()
    one, other = (torch.Generator().manual_seed(7) for _ in "ab")

    first, second = draw(Mirage(4), one), draw(Mirage(4), other)

    assert torch.equal(first, second)
    assert torch.equal(torch.get_rng_state(), state)


def test_a_noise_of_zeros_still_has_a_direction(monkeypatch):
    calls = iter([torch.zeros(3, dtype=torch.float64), torch.ones(1, dtype=torch.float64)])
    monkeypatch.setattr(torch, "randn", lambda *_, **__: next(calls))

    assert Mirage(3).sample().tolist() == [math.sqrt(3), 0, 0]


def test_log_prob_can_be_differentiated():
    x = torch.tensor([0.3, -2.0, 1.0], dtype=torch.float64, requires_grad=True)

    assert torch.autograd.gradcheck(Mirage(3).log_prob, x)


def test_what_makes_no_sense_is_refused():
    with pytest.raises(ConfigError, match="K must be a whole number of at least 1, got 2.5"):
        Mirage(2.5)
    with pytest.raises(ShapeError, match=r"points must have shape \(..., 3\), got \(4,\)"):
        Mirage(3).log_prob(torch.zeros(4))
    with pytest.raises(ValueError, match="within the support"):
        # Told, for compiling anything turns torch's default off for the whole process.
        Mirage(2, validate_args=True).log_prob(torch.tensor([math.nan, 1.0]))
