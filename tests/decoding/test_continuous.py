"""Strategies on densities and on mixtures over many levels, and what they do to audio."""

import math

import pytest
import torch
from scipy.stats import kstest, norm
from torch.distributions import Categorical, Normal

from typica.core.errors import ConfigError, RunError
from typica.core.randomness import seeded
from typica.core.temperature import tempered
from typica.decoding.chain import MOST_LISTED, candidates_of
from typica.decoding.gaussian import Annulus, Gaussian, nucleus_of, typical_of
from typica.decoding.listed import Listed
from typica.decoding.strata import Strata
from typica.decoding.words import strategy_from
from typica.layers.distributions import Amplitude, DiscretisedLogisticMixture


def choose(words, distribution, generator):
    strategy = strategy_from(words)
    count = distribution.batch_shape[0]
    return strategy.choose(distribution, strategy.begin(count), generator)


def narrowed(words, distribution):
    strategy, candidates = strategy_from(words), candidates_of(distribution)
    for stage in strategy.stages:
        candidates = stage.narrow(candidates, strategy.begin(distribution.batch_shape[0]))
    return candidates


# ---- Gaussians


FAR = "typical=0.2,temperature=0.0095"


@pytest.mark.parametrize("share", [0.1, 0.5, 0.95])
def test_a_nucleus_of_a_gaussian_is_its_central_interval(share):
    annulus = nucleus_of(Annulus(), share)
    assert annulus.least == 0
    assert annulus.most == pytest.approx(norm.ppf((1 + share) / 2))
    inner = nucleus_of(annulus, 0.5)
    assert inner.mass == pytest.approx(0.5 * share)


@pytest.mark.parametrize("share", [0.1, 0.5, 0.95])
@pytest.mark.parametrize("whole", [Annulus(), Annulus(0.3, 2.0)])
def test_what_is_typical_of_a_gaussian_is_an_annulus_around_its_expected_surprisal(share, whole):
    found = typical_of(whole, share)

    # Plainly right: a fine grid, sorted by how far surprisals are from their mean.
    z = torch.linspace(whole.least, min(whole.most, 8), 400_001, dtype=torch.float64)
    weights = (-z.square() / 2).exp()
    weights = weights / weights.sum()
    mean = (weights * z.square()).sum()
    order = (z.square() - mean).abs().argsort()
    kept = z[order][weights[order].cumsum(0) < share]
    assert whole.mean_square == pytest.approx(mean.item(), abs=1e-4)
    assert found.least == pytest.approx(kept.min().item(), abs=1e-3)
    assert found.most == pytest.approx(kept.max().item(), abs=1e-3)
    assert found.mass == pytest.approx(share * whole.mass)


def test_min_p_of_a_gaussian_is_a_ratio_of_densities():
    found = narrowed("min-p=0.1", Normal(torch.zeros(1, 1), 1.0)).annulus
    assert found.most == pytest.approx(math.sqrt(-2 * math.log(0.1)))
    ratio = norm.pdf(found.most) / norm.pdf(0)
    assert ratio == pytest.approx(0.1)


def test_min_p_after_typical_goes_by_the_likeliest_that_is_left():
    whole = Normal(torch.zeros(1, 1), 1.0)
    left, found = (narrowed(f"typical=0.5{then}", whole).annulus for then in ("", ",min-p=0.8"))
    assert left.least > 0.3
    assert found.least == left.least
    assert found.most < left.most
    assert norm.pdf(found.most) / norm.pdf(left.least) == pytest.approx(0.8)


def test_a_share_that_misses_one_by_rounding_leaves_all_that_can_be_drawn():
    for share in (0.9999999999999999, 1 - 1e-12):
        assert nucleus_of(Annulus(), share).mass == pytest.approx(1)
        inner = nucleus_of(Annulus(1.0, 2.0), share)
        assert inner.most == pytest.approx(2)
        assert inner.most <= 2


@pytest.mark.parametrize("least", [3.0, 7.97, 20.0, 35.0])
def test_what_is_left_far_out_keeps_its_digits(least):
    far = Annulus(least, least + 4)
    tail = norm.sf(least)
    assert far.mass == pytest.approx(2 * (tail - norm.sf(least + 4)), rel=1e-9)
    half = nucleus_of(far, 0.5)
    assert norm.sf(half.most) == pytest.approx((tail + norm.sf(least + 4)) / 2, rel=1e-6)
    assert typical_of(far, 0.3).mass == pytest.approx(0.3 * far.mass, rel=1e-6)


def test_draws_far_out_follow_the_tail():
    count = 50_000
    whole = Normal(torch.zeros(count, 1).double(), 1.0)
    left = narrowed(FAR, whole)
    edges = left.annulus.least, left.annulus.most

    found = choose(FAR, whole, seeded(1))

    z = (found.symbols / left.distribution.scale).abs().flatten().numpy()
    tails = [norm.sf(edge) for edge in edges]
    reached = (tails[0] - norm.sf(z)) / (tails[0] - tails[1])
    assert edges[0] > 7.9
    assert kstest(reached, "uniform").pvalue > 1e-4
    assert (z < edges[1] - 1e-9).all()


WORDS = [
    *("nucleus=0.8", "typical=0.4", "min-p=0.3", "typical=0.8,nucleus=0.6"),
    "typical=0.5,min-p=0.8",
    *("nucleus=0.9,temperature=0.5", "temperature=0.5,nucleus=0.9"),
]


@pytest.mark.parametrize("words", WORDS)
def test_draws_of_a_gaussian_follow_what_is_left_of_it(words):
    count, generator = 50_000, seeded(1)
    mean = torch.rand(count, 1, generator=generator) - 0.5
    scale = 0.01 + torch.rand(count, 1, generator=generator) / 50
    distribution = Amplitude(mean, scale)

    found = choose(words, distribution, seeded(2))

    left = narrowed(words, distribution)
    annulus, own = left.annulus, left.distribution
    z = ((found.symbols - mean) / own.scale).double().flatten()
    assert z.abs().min() >= annulus.least - 1e-3
    assert z.abs().max() <= annulus.most + 1e-3
    assert abs((z > 0).double().mean().item() - 0.5) < 4 * 0.5 / count**0.5
    reached = (torch.erf(z.abs() / 2**0.5) - math.erf(annulus.least / 2**0.5)) / annulus.mass
    assert kstest(reached.clamp(0, 1).numpy(), "uniform").pvalue > 1e-4
    density = own.log_prob(found.symbols) - math.log(annulus.mass)
    torch.testing.assert_close(found.log_draw, density)


def test_a_density_that_a_strategy_leaves_integrates_to_one():
    for words in WORDS:
        left = narrowed(words, Normal(torch.zeros(1, 1), 0.2))
        edges = torch.tensor([left.annulus.least, left.annulus.most]) * left.distribution.scale[0]
        values = torch.linspace(edges[0].item(), edges[1].item(), 20_001)
        density = (-left.surprise(values[:, None])).exp()[:, 0]
        assert 2 * torch.trapezoid(density, values) == pytest.approx(1, abs=1e-3)


def test_temperature_after_a_filter_keeps_its_edges():
    whole = Normal(torch.zeros(1, 1), torch.ones(1, 1))
    before = narrowed("nucleus=0.9", whole)
    after = narrowed("nucleus=0.9,temperature=0.25", whole)
    edges = [left.annulus.most * left.distribution.scale.item() for left in (before, after)]
    assert edges[0] == pytest.approx(edges[1])
    assert after.distribution.scale.item() == pytest.approx(0.5)


def test_draws_are_clipped_at_every_temperature():
    loud = Amplitude(torch.full((2000, 1), 0.9), torch.full((2000, 1), 0.5))
    for words in ("temperature=0.9", "nucleus=0.9", "typical=0.9,temperature=2"):
        symbols = choose(words, loud, seeded(1)).symbols
        assert symbols.max() == 1
        assert symbols.min() >= -1
    assert isinstance(tempered(loud, 0.5), Amplitude)


@pytest.mark.parametrize(
    "words", ["top-k=5", "epsilon=0.1", "eta=0.1", "mirostat=3", "mirostat-1=3"]
)
def test_what_counts_values_or_weighs_single_ones_means_nothing_for_a_density(words):
    name = words.partition("=")[0]
    with pytest.raises(ConfigError, match=f"{name} has no meaning for a density: ask for nucleus"):
        choose(words, Normal(torch.zeros(2, 1), 1.0), seeded(1))


def test_what_leaves_nothing_of_a_density_is_refused():
    for words in ("nucleus=1e-300", "typical=0.5,temperature=1e-6"):
        with pytest.raises(ConfigError, match="leaves so little of a density"):
            choose(words, Normal(torch.zeros(2, 1), 1.0), seeded(1))
    with pytest.raises(ConfigError, match="must be below 1"):
        choose("min-p=1", Normal(torch.zeros(2, 1), 1.0), seeded(1))
    with pytest.raises(ConfigError, match="temperature 0 of a density must come before all else"):
        choose("typical=0.5,temperature=0", Normal(torch.zeros(2, 1), 1.0), seeded(1))


# ---- mixtures over levels


def mixture(count, levels, off=5.0, seed=0):
    logits, mean, log_scale = torch.randn(3, count, 1, 10, generator=seeded(seed)).unbind()
    return DiscretisedLogisticMixture(logits, mean / 3, log_scale - off, levels)


def test_a_few_thousand_levels_are_listed_and_more_are_not():
    assert isinstance(candidates_of(mixture(2, MOST_LISTED)), Listed)
    assert isinstance(candidates_of(mixture(2, MOST_LISTED + 1)), Strata)


def test_levels_that_are_listed_are_filtered_exactly():
    distribution = mixture(1, 256)
    found = choose("nucleus=0.7", mixture(1, 256), seeded(1))
    masses = distribution.log_prob(torch.arange(256)[:, None, None]).exp().flatten()
    ordered = masses.sort(descending=True).values
    size = int((ordered.cumsum(0) < 0.7).sum()) + 1
    left = narrowed("nucleus=0.7", distribution)
    assert int((left.logits > -math.inf).sum()) == size
    expected = (masses[found.symbols.item()] / ordered[:size].sum()).log()
    assert found.log_draw.item() == pytest.approx(expected.item(), abs=1e-4)


SHARES = [("nucleus=0.9", 0.9), ("nucleus=0.5", 0.5), ("typical=0.5", 0.5), ("typical=0.9", 0.9)]


@pytest.mark.parametrize("off", [4.0, 8.0])
@pytest.mark.parametrize(("words", "share"), [*SHARES, ("typical=0.9,nucleus=0.5", 0.45)])
def test_what_is_left_of_many_levels_holds_its_share_to_a_hundredth(words, share, off):
    distribution = mixture(6, 65_536, off, seed=int(off))
    left = narrowed(words, distribution)

    levels = distribution.enumerate_support(expand=False)
    masses = distribution.log_prob(levels).exp().double()
    held = (masses * left._hold(levels)).sum(0)

    # A level is kept whole: one of more than a hundredth may take the share further above.
    assert (held > share - 0.01).all()
    assert (held < share + 0.01 + masses.amax(0)).all()
    assert (held - left._log_mass.exp()).abs().max() < 0.01
    exact = -(masses * masses.clamp_min(1e-300).log()).sum(0)
    assert (candidates_of(distribution)._entropy - exact).abs().max() < 0.02


def test_what_is_left_of_many_levels_is_what_is_left_of_listed_ones():
    levels = 20_000
    distribution = mixture(4, levels, 4.0)
    values = distribution.enumerate_support(expand=False)
    listed = Categorical(logits=distribution.log_prob(values).movedim(0, -1))
    for words in (
        "nucleus=0.8",
        "typical=0.6",
        "min-p=0.2",
        "eta=1e-3",
        "epsilon=1e-4",
        "mirostat=6",
    ):
        exact = narrowed(words, listed).logits > -math.inf
        found = narrowed(words, distribution)._hold(values).movedim(0, -1)
        mistaken = (listed.probs * (exact ^ found)).sum(-1)
        assert (mistaken < 0.01).all(), words


def listed(distribution):
    """All its values, and the same distribution as one over values that are listed."""
    values = distribution.enumerate_support(expand=False)
    return values, Categorical(logits=distribution.log_prob(values).movedim(0, -1))


# Of these one component reaches so far that an outermost level is the likeliest by far.
LOUD = [(0.3, -2.3), (0.0, -1.9), (0.0, math.log(0.13)), (0.95, -4.0), (1.5, -3.0), (0.9, 1.0)]


@pytest.mark.parametrize(("mean", "log_scale"), LOUD)
def test_the_outermost_levels_of_what_is_loud_count_as_they_weigh(mean, log_scale):
    logits, means, log_scales = (torch.full((1, 1, 1), x) for x in (0.0, mean, log_scale))
    distribution = DiscretisedLogisticMixture(logits, means, log_scales, 65_536)
    values, same = listed(distribution)
    for words in (
        *("min-p=0.1", "min-p=0.05", "min-p=1", "epsilon=0.9", "epsilon=3e-4", "mirostat=1"),
        *("nucleus=0.9", "nucleus=0.3", "typical=0.9", "nucleus=1e-9"),
    ):
        exact = narrowed(words, same).logits > -math.inf
        found = narrowed(words, distribution)
        held = found._hold(values).movedim(0, -1)
        assert abs((same.probs * exact).sum() - (same.probs * held).sum()) < 0.01, words
        assert abs((same.probs * held).sum() - found._log_mass.exp()) < 0.01, words
        assert held.flatten()[same.probs.argmax()] or "typical" in words, words


def test_the_likeliest_of_many_levels_stays_whatever_is_asked_for():
    distribution = mixture(20, 65_536, 6.0)
    values, same = listed(distribution)
    best = same.logits.amax(-1)
    for words in ("min-p=1", "nucleus=1e-9", "epsilon=1", "mirostat=1e-9"):
        found = choose(words, distribution, seeded(1)).symbols
        assert (distribution.log_prob(found) > best - 1e-5).all(), words


def test_eta_goes_by_its_threshold_where_entropy_is_low():
    parts = (torch.full((1, 1, 1), x) for x in (0.0, 0.001, math.log(1 / 20_000)))
    distribution = DiscretisedLogisticMixture(*parts, 20_000)
    values, same = listed(distribution)
    assert same.entropy() < -0.5 * math.log(0.01) - 0.5
    exact = narrowed("eta=0.01", same).logits > -math.inf
    assert narrowed("eta=0.01", distribution)._hold(values).movedim(0, -1).equal(exact)


def test_a_filter_that_drops_nothing_leaves_temperature_what_it_is():
    for levels in (256, MOST_LISTED + 1):
        distribution = mixture(3, levels, 2.0)
        values, _ = listed(distribution)
        for nothing in ("epsilon=1e-30", "min-p=1e-30", "top-k=256")[: 3 if levels == 256 else 2]:
            expected = surprisals(narrowed("temperature=0.5", distribution), values)
            for words in (f"temperature=0.5,{nothing}", f"{nothing},temperature=0.5"):
                found = surprisals(narrowed(words, distribution), values)
                torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-4)


def surprisals(candidates, values):
    if isinstance(candidates, Listed):
        return -candidates.log_probs
    assert candidates._hold(values).all()
    return candidates.surprise(values).movedim(0, -1)


def test_temperature_after_a_filter_is_that_of_the_mixture_where_it_kept_something():
    distribution = mixture(3, 256, 2.0)
    kept = narrowed("nucleus=0.9", distribution).logits > -math.inf
    hot = narrowed("temperature=2", distribution).log_probs
    found = narrowed("nucleus=0.9,temperature=2", distribution)
    torch.testing.assert_close(found.log_probs.exp(), hot.masked_fill(~kept, -math.inf).softmax(-1))
    cold = narrowed("nucleus=0.9,temperature=2,top-k=3,temperature=0.5,temperature=2", distribution)
    assert int((cold.log_probs > -math.inf).sum()) == 9


SMALL = ["nucleus=0.03", "mirostat=4"]


@pytest.mark.parametrize("words", ["nucleus=0.6", "typical=0.3", *SMALL])
def test_draws_from_many_levels_lie_within_and_follow_the_mixture_there(words):
    count = 40 if words in SMALL else 500  # those are listed, which takes time
    one = mixture(1, 65_536, 6.0)
    parts = (part.expand(count, 1, 10) for part in (one.logits, one.mean_, one.log_scale))
    distribution = DiscretisedLogisticMixture(*parts, 65_536)

    found = choose(words, distribution, seeded(1))

    left = narrowed(words, one)
    levels = one.enumerate_support(expand=False)
    masses = (one.log_prob(levels).exp().double() * left._hold(levels)).flatten()
    assert left._hold(found.symbols.unique()[:, None, None]).all()
    below = (masses.cumsum(0) - masses)[found.symbols[:, 0]]
    spread_out = below + masses[found.symbols[:, 0]] * torch.rand(count, generator=seeded(2))
    assert kstest((spread_out / masses.sum()).numpy(), "uniform").pvalue > 1e-4
    exact = (masses[found.symbols[:, 0]] / masses.sum()).log()
    assert (found.log_draw[:, 0] - exact).abs().max() < 0.05


def test_many_levels_cannot_be_counted():
    for words in ("top-k=5", "mirostat-1=3"):
        with pytest.raises(ConfigError, match="has no meaning for so many levels"):
            choose(words, mixture(2, 65_536), seeded(1))
    with pytest.raises(ConfigError, match="must come before all else"):
        choose("nucleus=0.5,temperature=0", mixture(2, 65_536), seeded(1))


LATER = [
    *("top-k=4", "nucleus=0.5", "typical=0.4", "min-p=0.5", "epsilon=0.1", "eta=0.1"),
    *("mirostat=3", "mirostat-1=3", "temperature=2", "temperature=0"),
]


@pytest.mark.parametrize("words", LATER)
def test_the_most_likely_alone_takes_every_turn_and_stays(words):
    loc = torch.linspace(-1, 1, 4)[:, None]
    for distribution in (mixture(4, 256), mixture(4, 65_536), Normal(loc, 1.0)):
        expected = choose("greedy", distribution, None)
        generator = seeded(1)
        found = choose(f"temperature=0,{words}", distribution, generator)
        assert found.symbols.equal(expected.symbols)
        assert (found.log_draw == 0).all()
        assert generator.get_state().equal(seeded(1).get_state())  # there is nothing to draw


def test_the_likeliest_of_those_left_takes_nothing_from_a_generator():
    generator = seeded(1)
    for words in ("temperature=0", "typical=0.5,temperature=0"):
        found = choose(words, mixture(4, 256), generator)
        best = narrowed("typical=0.5" if "," in words else "ancestral", mixture(4, 256)).log_probs
        assert found.symbols.equal(best.argmax(-1))
    assert generator.get_state().equal(seeded(1).get_state())


def test_outputs_that_are_no_numbers_are_told_by_their_row():
    one = mixture(3, 65_536)
    one.logits[2] = math.nan
    for words in ("nucleus=0.9", "min-p=0.1,temperature=0.5", "typical=0.5"):
        with pytest.raises(RunError, match="row 2"):
            choose(words, one, seeded(1))


# ---- what it does to audio


def test_greedy_decoding_of_white_noise_is_a_constant_far_less_surprising_than_the_noise():
    probs = torch.tensor([0.1, 0.3, 0.35, 0.25])
    noise = Categorical(probs=probs.expand(500, 1, 4))
    found = choose("greedy", noise, seeded(1))
    assert (found.symbols == 2).all()
    nats = -noise.log_prob(found.symbols)
    assert nats.mean().item() == pytest.approx(-math.log(0.35), abs=1e-5)
    assert nats.mean() < noise.entropy().mean() - 0.2


def autoregression(words, steps, rows=2000, a=0.9, scale=1.0, first=0.0, seed=1):
    """x_t = a x_{t-1} + noise, decoded by a strategy; all steps, (rows, steps)."""
    strategy, generator = strategy_from(words), seeded(seed)
    x, memory, kept = torch.full((rows, 1), first), strategy.begin(rows), []
    for _ in range(steps):
        distribution = Normal(a * x, torch.full_like(x, scale))
        x, _, memory = strategy.choose(distribution, memory, generator)
        kept.append(x)
    return torch.cat(kept, 1)


def test_greedy_decoding_of_an_autoregression_decays_to_silence():
    x = autoregression("greedy", 40, rows=1, first=3.0)
    torch.testing.assert_close(x[0], 3 * 0.9 ** torch.arange(1, 41))


@pytest.mark.parametrize("temperature", [0.25, 1.0])
def test_temperature_muffles_by_its_square_root(temperature):
    x = autoregression(f"temperature={temperature}", 60)
    exact = math.sqrt(temperature * (1 - 0.9 ** (2 * 60)) / (1 - 0.81))
    assert x[:, -1].std().item() == pytest.approx(exact, rel=4 / math.sqrt(2 * 2000))


@pytest.mark.parametrize("words", ["nucleus=0.8", "typical=0.5", "min-p=0.2"])
def test_strategies_change_the_level_by_the_spread_of_what_they_leave(words):
    x = autoregression(words, 60)
    left = narrowed(words, Normal(torch.zeros(1, 1), 1.0))
    assert isinstance(left, Gaussian)
    exact = math.sqrt(left.annulus.mean_square * (1 - 0.9**120) / (1 - 0.81))
    assert x[:, -1].std().item() == pytest.approx(exact, rel=4 / math.sqrt(2 * 2000))
