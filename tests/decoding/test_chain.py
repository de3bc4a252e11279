"""Chains of stages: what they draw, how often, and what they remember."""

import math

import pytest
import torch
from scipy.stats import chi2
from torch.distributions import Categorical, Poisson

from typica.core.errors import ConfigError, RunError
from typica.core.randomness import draw, seeded, seeded_rows
from typica.core.temperature import tempered
from typica.decoding import filters
from typica.decoding.chain import Chain, Greedy
from typica.decoding.stages import Mirostat, MirostatZipf, TopK, Typical
from typica.decoding.words import strategy_from
from typica.decoding.zipf import zipf_count, zipf_exponent
from typica.layers.distributions import Amplitude, DiscretisedLogisticMixture, Levels

NEUTRAL = [
    *("ancestral", "nucleus=1", "typical=1", "min-p=0", "epsilon=0", "eta=0", "temperature=1"),
    *("top-k=300", "nucleus=1,top-k=300,temperature=1"),
]
NARROW = [
    *("nucleus=0.7", "typical=0.5", "top-k=3", "min-p=0.3", "epsilon=0.1", "eta=0.2"),
    *("temperature=0.5,nucleus=0.8", "nucleus=0.8,temperature=0.5", "typical=0.8,top-k=3"),
    *("mirostat=1.5", "mirostat-1=1"),
]
PROBS = torch.tensor([0.3, 0.05, 0.2, 0.15, 0.1, 0.1, 0.06, 0.04])


def mixture(count, levels, seed=0):
    parts = [torch.randn(count, 1, 4, generator=seeded(seed + i)) for i in range(3)]
    return DiscretisedLogisticMixture(parts[0], parts[1] / 3, parts[2] / 2 - 3, levels)


def distributions(count):
    logits = 2 * torch.randn(count, 1, 300, generator=seeded(1))
    return {
        "categorical": Categorical(logits=logits),
        "levels": Levels(logits.log_softmax(-1)),
        "mixture": mixture(count, 256),
        "many levels": mixture(count, 65_536),
        "amplitude": Amplitude(logits[..., 0] / 9, logits[..., 1].exp() / 9),
    }


def choose(words, distribution, count, generator):
    strategy = strategy_from(words)
    return strategy.choose(distribution, strategy.begin(count), generator)


@pytest.mark.parametrize("kind", distributions(1))
@pytest.mark.parametrize("words", NEUTRAL)
def test_what_changes_nothing_is_ancestral_sampling_to_the_last_bit(words, kind):
    distribution = distributions(40)[kind]
    if "top-k" in words and kind in ("many levels", "amplitude"):
        pytest.skip("top-k means nothing here")
    expected = draw(distribution, seeded(2))

    found = choose(words, distribution, 40, seeded(2))

    assert torch.equal(found.symbols, expected)
    assert torch.equal(found.log_draw, distribution.log_prob(expected))


@pytest.mark.parametrize("kind", distributions(1))
@pytest.mark.parametrize("temperature", [0.5, 2])
def test_a_temperature_is_that_of_engines_to_the_last_bit(kind, temperature):
    distribution = distributions(40)[kind]
    expected = draw(tempered(distribution, temperature), seeded(2))
    found = choose(f"temperature={temperature}", distribution, 40, seeded(2))
    assert torch.equal(found.symbols, expected)


def by_stages(words, probs):
    """The distribution that a chain draws from, turn by turn."""
    log_probs = probs.double().log()
    for stage in strategy_from(words).stages:
        number = stage.values[0]
        if stage.name == "temperature":
            log_probs = log_probs / number
        elif stage.name == "mirostat":
            most = torch.tensor(2 * number * math.log(2), dtype=torch.float64)
            kept = filters.surprise_at_most(log_probs, most)
            log_probs = log_probs.masked_fill(~kept, -math.inf)
        elif stage.name == "mirostat-1":
            wanted = torch.tensor(2 * number * math.log(2), dtype=torch.float64)
            kept = filters.top_k(log_probs, int(zipf_count(log_probs, wanted)))
            log_probs = log_probs.masked_fill(~kept, -math.inf)
        else:
            kept = getattr(filters, stage.name.replace("-", "_"))(log_probs, number)
            log_probs = log_probs.masked_fill(~kept, -math.inf)
        log_probs = log_probs.log_softmax(-1)
    return log_probs


@pytest.mark.parametrize("words", NARROW)
def test_draws_are_as_frequent_as_they_should_be(words):
    count = 200_000
    log_probs = by_stages(words, PROBS)
    distribution = Categorical(probs=PROBS.expand(count, 1, 8), validate_args=False)

    found = choose(words, distribution, count, seeded(3))

    kept = log_probs > -math.inf
    assert 1 < kept.sum() < 8 or "mirostat" in words
    expected = count * log_probs.exp()[kept]
    seen = torch.bincount(found.symbols[:, 0], minlength=8).double()
    assert seen[~kept].sum() == 0
    if len(expected) > 1:
        statistic = float(((seen[kept] - expected) ** 2 / expected).sum())
        assert chi2.sf(statistic, len(expected) - 1) > 1e-4
    torch.testing.assert_close(
        found.log_draw[:, 0].double(), log_probs[found.symbols[:, 0]], atol=1e-5, rtol=0
    )


def test_the_order_of_stages_matters():
    share_of_few = by_stages("top-k=4,nucleus=0.7", PROBS) > -math.inf
    few_of_share = by_stages("nucleus=0.7,top-k=4", PROBS) > -math.inf
    assert (share_of_few.sum(), few_of_share.sum()) == (3, 4)
    for words, kept in (
        ("top-k=4,nucleus=0.7", share_of_few),
        ("nucleus=0.7,top-k=4", few_of_share),
    ):
        found = choose(words, Categorical(probs=PROBS.expand(2000, 1, 8)), 2000, seeded(1))
        assert set(found.symbols[:, 0].tolist()) == set(kept.nonzero()[:, 0].tolist())


@pytest.mark.parametrize("kind", distributions(1))
@pytest.mark.parametrize(
    "words",
    [
        *("nucleus=0.8", "typical=0.4", "min-p=0.2", "nucleus=0.03"),
        "temperature=0.7,typical=0.9,nucleus=0.5",
    ],
)
def test_rows_draw_the_same_alone_and_among_others(words, kind):
    whole = choose(words, distributions(12)[kind], 12, seeded_rows(5, 12))
    for row in (0, 5, 11):
        part = pick(distributions(12)[kind], row)
        alone = choose(words, part, 1, [seeded_rows(5, 12)[row]])
        assert torch.equal(alone.symbols, whole.symbols[row : row + 1])
        torch.testing.assert_close(alone.log_draw, whole.log_draw[row : row + 1])


def pick(distribution, row):
    rows = slice(row, row + 1)
    if isinstance(distribution, DiscretisedLogisticMixture):
        return distribution.pick(torch.tensor([row]))
    if isinstance(distribution, Amplitude):
        return Amplitude(distribution.loc[rows], distribution.scale[rows])
    return Levels(distribution.logits[rows])


@pytest.mark.parametrize("kind", distributions(1))
def test_greedy_is_the_most_likely_and_so_is_temperature_0(kind):
    distribution = distributions(20)[kind]
    found = choose("greedy", distribution, 20, seeded(1))
    again = choose("temperature=0", distribution, 20, seeded(2))
    assert torch.equal(found.symbols, again.symbols)
    assert (found.log_draw == 0).all()
    assert (again.log_draw == 0).all()
    others = [draw(distribution, seeded(seed)) for seed in range(20)]
    best = distribution.log_prob(found.symbols)
    assert all((distribution.log_prob(other) <= best + 1e-5).all() for other in others)


def test_of_equally_likely_values_greedy_takes_the_lowest():
    even = Categorical(logits=torch.zeros(3, 1, 5))
    for words in ("greedy", "temperature=0", "top-k=1", "nucleus=1e-9"):
        assert (choose(words, even, 3, seeded(1)).symbols == 0).all()


def test_what_is_impossible_is_never_drawn():
    logits = torch.randn(2000, 1, 6, generator=seeded(1)).index_fill(
        2, torch.tensor([1, 4]), -math.inf
    )
    for words in (*NEUTRAL, *NARROW):
        symbols = choose(words, Categorical(logits=logits), 2000, seeded(2)).symbols
        assert not torch.isin(symbols, torch.tensor([1, 4])).any()


@pytest.mark.parametrize("words", ["ancestral", "greedy", "nucleus=0.9"])
def test_a_row_without_probability_is_an_error_that_names_it(words):
    logits = torch.zeros(3, 1, 4)
    logits[2] = -math.inf
    broken = Levels(logits)
    with pytest.raises(RunError, match="row 2"):
        choose(words, broken, 3, seeded(1))
    with pytest.raises(RunError, match="row 1"):
        choose(words, Levels(logits.nan_to_num().index_fill(0, torch.tensor(1), math.nan)), 3, None)


def test_what_no_strategy_is_known_for_is_refused():
    with pytest.raises(ConfigError, match="no strategy is known for draws from Poisson"):
        choose("nucleus=0.9", Poisson(torch.ones(2, 1)), 2, seeded(1))


ZIPF = Categorical(probs=torch.arange(1, 1001).double().pow(-1.0).float().expand(1, 1, -1))


@pytest.mark.parametrize("stage", [Mirostat(5), Mirostat(3), MirostatZipf(4)])
def test_mirostat_brings_the_mean_surprise_to_its_target(stage):
    strategy, distribution, generator = Chain(stage), ZIPF, seeded(7)
    assert float(distribution.entropy()) / math.log(2) > stage.target
    memory, bits = strategy.begin(1), 0.0
    for _ in range(2000):
        symbols, _, memory = strategy.choose(distribution, memory, generator)
        bits -= float(distribution.log_prob(symbols)) / math.log(2)
    assert bits / 2000 == pytest.approx(stage.target, rel=0.05)


def test_mirostat_cannot_reach_what_no_distribution_has():
    strategy, calm = Chain(Mirostat(5)), Categorical(probs=torch.tensor([[[0.9, 0.1]]]))
    memory, generator = strategy.begin(1), seeded(1)
    for _ in range(50):
        memory = strategy.choose(calm, memory, generator).memory
    assert memory.item() > 30  # its bound rises without end


def test_each_row_has_a_bound_of_its_own_and_stages_remember_side_by_side():
    strategy = Chain(Mirostat(2), TopK(900), MirostatZipf(3, 0.2))
    rows = Categorical(probs=torch.stack([ZIPF.probs[0], ZIPF.probs[0].flip(-1) ** 2]))
    memory = strategy.begin(2)
    assert memory.tolist() == [[4, 6]] * 2
    generators = seeded_rows(1, 2)
    for _ in range(5):
        memory = strategy.choose(rows, memory, generators).memory
    assert memory.shape == (2, 2)
    assert len(set(memory.flatten().tolist())) == 4


def test_a_zipf_law_is_found_again():
    ranks = torch.arange(1, 5001).double()
    for exponent in (0.7, 1.0, 1.3):
        law = (-exponent * ranks.log()).log_softmax(-1)
        assert zipf_exponent(law).item() == pytest.approx(exponent, abs=1e-6)
    order = torch.randperm(5000, generator=seeded(1))
    assert zipf_exponent(law[order]).item() == pytest.approx(1.3, abs=1e-6)


def test_so_many_values_have_the_surprise_that_a_zipf_law_promises():
    # Algorithm 1's own formula, in bits, where the exponent is not 1.
    law = (-1.3 * torch.arange(1, 5001).double().log()).log_softmax(-1)
    for bits in (3, 5, 7):
        expected = ((0.3 * 2**bits) / (1 - 5000**-0.3)) ** (1 / 1.3)
        found = zipf_count(law, torch.tensor(bits * math.log(2)))
        assert found.item() == round(expected)
    near = [
        (-s * torch.arange(1, 5001).double().log()).log_softmax(-1) for s in (0.999, 1.0, 1.001)
    ]
    counts = [zipf_count(one, torch.tensor(4.0)).item() for one in near]
    assert counts == sorted(counts, reverse=True)
    assert max(counts) - min(counts) <= 2
    assert zipf_count(torch.zeros(50).log_softmax(-1), torch.tensor(9.0)).item() == 50


def test_programs_tell_compiled_samplers_what_changes_something():
    assert strategy_from("nucleus=1,top-k=5").program == (("top-k", (5,)),)
    assert Chain().program == ()
    assert Greedy().program == (("temperature", (0,)),)
    assert Chain(Typical(0.5), MirostatZipf(3)).program is None
