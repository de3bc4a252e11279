import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import erf
from scipy.stats import multivariate_normal

from typica.core.errors import ConfigError, ShapeError
from typica.typicality import GaussianTypicality

TOTAL_BITS = {"unit": "bits", "per": "total"}
SIZES = [1, 2, 343, 344, 1000, 10**6]


def close(expected, K):
    return pytest.approx(expected, rel=1e-10 if K < 10**6 else 1e-9)


def test_entropies_are_right_in_nats_and_bits(oracles):
    for row in oracles["gaussian_entropy"]:
        gaussian = GaussianTypicality(row["K"])
        assert gaussian.entropy() == pytest.approx(row["nats"], rel=1e-13)
        assert gaussian.entropy(unit="bits") == pytest.approx(row["bits"], rel=1e-13)


def test_the_radius_has_the_moments_of_a_chi_law(oracles):
    for row in oracles["chi_moments"]:
        gaussian = GaussianTypicality(row["K"])
        assert gaussian.radius_mean == pytest.approx(row["mean"], rel=1e-13)
        assert gaussian.radius_variance == pytest.approx(row["variance"], rel=1e-12)
        assert gaussian.radius_mode == pytest.approx(row["mode"], rel=1e-13)


def test_masses_of_the_shells_of_the_article_are_right(oracles):
    gaussian = GaussianTypicality(100)
    shells = {"9<r<11": (9, 11), "8<r<12": (8, 12), "r<8": (0, 8), "r<9": (0, 9)}
    shells |= {"r>12": (12, math.inf), "r>11": (11, math.inf)}

    assert shells.keys() == oracles["annulus_K100"].keys()
    for name, mass in oracles["annulus_K100"].items():
        assert gaussian.shell_mass(*shells[name]) == pytest.approx(mass, rel=1e-11, abs=0)


def test_a_shell_of_fixed_thickness_holds_the_same_share_in_any_dimension(oracles):
    for row in oracles["annulus_sqrtK_pm_c"]:
        root = math.sqrt(row["K"])
        mass = GaussianTypicality(row["K"]).shell_mass(root - row["c"], root + row["c"])
        assert mass == close(row["mass"], row["K"])
        assert row["limit"] == pytest.approx(erf(row["c"]))
        assert abs(mass - row["limit"]) < 0.02 / row["K"]


def test_typical_sets_have_the_radii_and_masses_of_the_oracle(oracles):
    for row in oracles["gaussian_typical_sets"]:
        gaussian = GaussianTypicality(row["K"])
        eps = {"eps": row["eps_bits"], "unit": "bits", "per": row["per"]}
        annulus = gaussian.annulus(**eps)
        assert annulus == close((row["r_lo"], row["r_hi"]), row["K"])
        assert annulus.width == close(row["width"], row["K"])
        assert gaussian.mass(**eps) == close(row["mass"], row["K"])


def test_width_and_eps_go_both_ways_across_the_kink_where_the_shell_becomes_a_ball(oracles):
    gaussian = GaussianTypicality(100)

    for row in oracles["gaussian_mass_vs_width"]:
        eps = gaussian.eps_for_width(row["width"], **TOTAL_BITS)
        assert eps == pytest.approx(row["eps_bits"], rel=1e-12)
        assert gaussian.annulus(eps, **TOTAL_BITS).width == pytest.approx(row["width"])
        assert gaussian.mass(eps, **TOTAL_BITS) == pytest.approx(row["mass"], rel=1e-12)


def test_the_eps_for_a_mass_is_that_of_the_oracle(oracles):
    for row in oracles["gaussian_eps_for_mass"]:
        eps = GaussianTypicality(row["K"]).eps_for_mass(row["mass"], **TOTAL_BITS)
        assert eps == pytest.approx(row["eps_bits"], rel=1e-10)


@pytest.mark.parametrize("K", SIZES)
@pytest.mark.parametrize("mass", [1e-12, 1e-3, 0.4, 0.6, 0.999, 1 - 1e-12])
def test_eps_for_mass_undoes_mass(K, mass):
    gaussian = GaussianTypicality(K)

    eps = gaussian.eps_for_mass(mass, unit="nats", per="dim")

    assert gaussian.mass(eps, unit="nats", per="dim") == pytest.approx(mass, rel=1e-12, abs=0)
    assert gaussian.eps_for_mass(1.0, unit="nats", per="dim") == math.inf
    assert gaussian.eps_for_mass(0.0, unit="nats", per="dim") == 0


@pytest.mark.parametrize("K", SIZES)
def test_the_mass_of_a_very_thin_set_is_its_thickness_times_the_density(K):
    # At r^2 = K the deviation has the density a^a exp(-a) / Gamma(a + 1), a = K / 2.
    a = K / 2
    density = math.exp(a * math.log(a) - a - math.lgamma(a + 1))

    mass = GaussianTypicality(K).mass(1e-10, unit="nats", per="total")

    assert mass == pytest.approx(2e-10 * density, rel=1e-8, abs=0)


@given(st.sampled_from(SIZES), st.floats(0, 5), st.floats(0, 5))
@settings(max_examples=60)
def test_a_larger_eps_has_no_smaller_mass_nor_annulus(K, one, other):
    gaussian = GaussianTypicality(K)
    small, large = sorted([one, other])
    inner, outer = (gaussian.annulus(eps, unit="nats", per="dim") for eps in (small, large))

    masses = gaussian.mass(np.array([small, large]), unit="nats", per="dim")

    assert masses[0] <= masses[1] * (1 + 1e-12) <= 1 + 1e-11
    assert outer.r_lo <= inner.r_lo <= inner.r_hi <= outer.r_hi


@pytest.mark.parametrize("K", SIZES)
def test_the_set_and_what_lies_inside_and_outside_of_it_make_up_everything(K):
    gaussian = GaussianTypicality(K)
    r_lo, r_hi = gaussian.annulus(0.3, unit="bits", per="dim")

    parts = gaussian.shell_mass(np.array([0, r_lo, r_hi]), np.array([r_lo, r_hi, np.inf]))

    assert parts.sum() == pytest.approx(1, rel=1e-12)
    assert parts[1] == pytest.approx(gaussian.mass(0.3, unit="bits", per="dim"), rel=1e-10)


def test_with_a_total_eps_the_mass_falls_to_nothing_and_with_one_per_dimension_it_rises_to_one():
    gaussians = [GaussianTypicality(10**power) for power in range(1, 7)]

    total = [one.mass(20, unit="bits", per="total") for one in gaussians]
    each = [one.mass(0.1, unit="bits", per="dim") for one in gaussians]

    assert all(np.diff(total[1:]) < 0)
    assert total[1] == pytest.approx(0.951259, abs=1e-6)
    assert total[3] == pytest.approx(0.155, abs=5e-4)
    assert all(np.diff(each[:4]) > 0)
    assert each[5] == pytest.approx(1)


@pytest.mark.parametrize("K", SIZES)
def test_the_mode_is_typical_from_half_a_nat_a_dimension_on(K):
    gaussian = GaussianTypicality(K)
    mode = np.zeros(K)

    assert gaussian.contains(mode, 0.5, unit="nats", per="dim")
    assert not gaussian.contains(mode, 0.49999, unit="nats", per="dim")
    assert gaussian.annulus(0.5, unit="nats", per="dim").r_lo == 0
    assert gaussian.annulus(0.49999, unit="nats", per="dim").r_lo > 0


def covariance_of(K, generator):
    root = torch.randn(K, K, generator=generator, dtype=torch.float64)
    return root @ root.mT + torch.eye(K)


@pytest.mark.parametrize("K", [1, 2, 7])
def test_deviation_is_log_density_less_entropy_for_any_mean_and_covariance(K):
    generator = torch.Generator().manual_seed(K)
    mean = torch.randn(K, generator=generator, dtype=torch.float64)
    covariance = covariance_of(K, generator)
    reference = multivariate_normal(mean.numpy(), covariance.numpy())
    points = torch.randn(5, 3, K, generator=generator, dtype=torch.float64)

    gaussian = GaussianTypicality(K, mean=mean, covariance=covariance)

    assert gaussian.entropy() == pytest.approx(reference.entropy())
    deviation = gaussian.deviation(points.numpy())
    expected = -reference.logpdf(points.numpy()) - reference.entropy()
    assert deviation == pytest.approx(expected.reshape(deviation.shape), rel=1e-10)
    assert torch.equal(gaussian.deviation(points), torch.from_numpy(deviation))


def test_variances_alone_are_a_diagonal_covariance():
    variances = torch.tensor([0.5, 2.0, 9.0], dtype=torch.float64)
    points = torch.tensor([[1.0, 2.0, 3.0]])
    short, full = (GaussianTypicality(3, covariance=c) for c in (variances, variances.diag()))

    torch.testing.assert_close(short.deviation(points), full.deviation(points))
    assert short.entropy() == pytest.approx(full.entropy())
    assert GaussianTypicality(3, covariance=4.0).entropy() == pytest.approx(
        GaussianTypicality(3).entropy() + 3 * math.log(2)
    )


def test_affine_maps_leave_the_deviation_as_it_was():
    generator = torch.Generator().manual_seed(1)
    points = torch.randn(10, 4, generator=generator, dtype=torch.float64)
    scale = torch.randn(4, 4, generator=generator, dtype=torch.float64)
    moved = GaussianTypicality(4, mean=torch.ones(4), covariance=scale @ scale.mT)

    before = GaussianTypicality(4).deviation(points)

    torch.testing.assert_close(moved.deviation(points @ scale.mT + 1), before)


def test_as_many_samples_are_contained_as_the_mass_says():
    points = np.random.default_rng(0).standard_normal((20000, 30)) * 3 + 1
    gaussian = GaussianTypicality(30, mean=1.0, covariance=9.0)

    inside = gaussian.contains(points, 0.1, unit="bits", per="dim")

    mass = gaussian.mass(0.1, unit="bits", per="dim")
    assert abs(inside.mean() - mass) < 4 * math.sqrt(mass * (1 - mass) / 20000)
    assert abs(gaussian.deviation(points).var() / gaussian.varentropy - 1) < 0.06


def test_a_point_on_the_boundary_is_typical():
    gaussian = GaussianTypicality(100)
    annulus = gaussian.annulus(1.0, **TOTAL_BITS)

    for radius in annulus:
        point = np.full(100, radius / 10)
        assert gaussian.contains(point, 1.0, **TOTAL_BITS)


def test_results_are_of_the_kind_that_was_given():
    gaussian = GaussianTypicality(100)

    assert isinstance(gaussian.mass(1.0, **TOTAL_BITS), float)
    assert gaussian.mass(torch.tensor(1.0), **TOTAL_BITS).dtype == torch.float64
    assert gaussian.mass(np.ones(3), **TOTAL_BITS).shape == (3,)
    assert isinstance(gaussian.annulus(torch.tensor(1.0), **TOTAL_BITS).r_lo, torch.Tensor)
    assert isinstance(gaussian.shell_mass(9, 11), float)


def test_what_makes_no_sense_is_refused():
    with pytest.raises(ConfigError, match="K must be a whole number"):
        GaussianTypicality(0)
    with pytest.raises(ShapeError, match=r"mean must have shape \(3,\)"):
        GaussianTypicality(3, mean=[1.0, 2.0])
    with pytest.raises(ShapeError, match="covariance must be one number or have shape"):
        GaussianTypicality(3, covariance=np.eye(2))
    with pytest.raises(ConfigError, match="positive definite"):
        GaussianTypicality(2, covariance=[[1.0, 2.0], [2.0, 1.0]])
    with pytest.raises(ConfigError, match="symmetric"):
        GaussianTypicality(2, covariance=[[1.0, 0.5], [0.0, 1.0]])
    with pytest.raises(ConfigError, match="variances must be positive"):
        GaussianTypicality(2, covariance=[1.0, 0.0])
    gaussian = GaussianTypicality(3)
    with pytest.raises(ShapeError, match=r"points must have shape \(..., 3\), got \(2,\)"):
        gaussian.deviation([1.0, 2.0])
    with pytest.raises(ConfigError, match="mass must lie between 0 and 1"):
        gaussian.eps_for_mass(1.1, **TOTAL_BITS)
    with pytest.raises(ConfigError, match="r_lo <= r_hi"):
        gaussian.shell_mass(2, 1)
    with pytest.raises(ConfigError, match="width must be zero or positive"):
        gaussian.eps_for_width(-1.0, **TOTAL_BITS)
    with pytest.raises(TypeError, match="required keyword-only"):
        gaussian.mass(1.0)
