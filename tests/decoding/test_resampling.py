"""Temperature of the whole sequence: against enumeration, and against that of each step."""

import math

import pytest
import torch
from enumerable import TableModel, enumerate_sequences, random_model
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import chisquare

from typica.core.engine import StepEngine
from typica.core.errors import ConfigError, ShapeError
from typica.core.randomness import seeded, seeded_rows
from typica.decoding.resampling import globally_tempered, importance, resample
from typica.decoding.sequences import draw_sequences
from typica.decoding.words import strategy_from

LEVELS, LENGTH = 3, 4


def numbers(symbols):
    return symbols.long() @ (LEVELS ** torch.arange(symbols.shape[1]))


def tempered_exactly(everything, temperature):
    """Return p ** (1 / T) / Z of all sequences, and log Z."""
    raised = everything.log_prob / temperature
    log_z = raised.logsumexp(0)
    return (raised - log_z).exp(), float(log_z)


@pytest.mark.parametrize("ends", [False, True])
@pytest.mark.parametrize(("temperature", "proposal"), [(0.5, None), (2.0, None), (0.6, 1.0)])
def test_weights_estimate_the_temperature_of_the_whole(ends, temperature, proposal):
    model = random_model(11, levels=LEVELS, depth=LENGTH, ends=ends)
    engine, everything = StepEngine(model), enumerate_sequences(model, LENGTH)
    exact, log_z = tempered_exactly(everything, temperature)

    tempered = globally_tempered(
        engine,
        engine.start(1),
        LENGTH,
        temperature,
        draws=20_000,
        batch=5000,
        proposal=proposal,
        generator=seeded(0),
    )

    weights, drawn = tempered.importance.weights, numbers(tempered.draws.symbols)
    for number, probability in zip(numbers(everything.symbols), exact, strict=True):
        hits = (drawn == number).double()
        estimate = float((weights * hits).sum())
        error = float((weights.square() * (hits - estimate).square()).sum().sqrt())
        assert abs(estimate - probability) < 4.5 * max(error, 1e-4)
    assert tempered.importance.log_mean == pytest.approx(log_z, abs=0.03)


def test_what_is_drawn_again_follows_the_temperature_of_the_whole():
    model = random_model(12, levels=LEVELS, depth=LENGTH)
    engine, everything = StepEngine(model), enumerate_sequences(model, LENGTH)
    exact, _ = tempered_exactly(everything, 0.5)

    # Ten draws for each that is kept, so that what the first drawing misses is small beside chance.
    tempered = globally_tempered(
        engine,
        engine.start(1),
        LENGTH,
        0.5,
        count=4000,
        draws=40_000,
        batch=10_000,
        generator=seeded(1),
    )

    counts = torch.bincount(numbers(tempered.sequences.symbols), minlength=LEVELS**LENGTH)
    expected = exact * 4000
    found = counts[numbers(everything.symbols)]
    usual = expected >= 5
    seen = [*found[usual].tolist(), int(found[~usual].sum())]
    assert chisquare(seen, [*expected[usual].tolist(), float(expected[~usual].sum())]).pvalue > 1e-4
    picked = tempered.draws.pick(tempered.chosen)
    assert torch.equal(tempered.sequences.log_draw, picked.log_draw)


def two_steps():
    """p(a) = .6; after a both are alike; after b one has .85. At T = 1/2, by hand:

    Each step: q(a) = .36 / (.36 + .16) = 9 / 13 = .692.
    The whole: sums of squares after a and b are .5 and .745, so that
    g(a) = .36 * .5 / (.36 * .5 + .16 * .745) = .18 / .2992 = .602.
    What follows the first symbol is the same in both: the total variation is .692 - .602 = .091.
    """
    rows = torch.tensor([[0.6, 0.4], [0.5, 0.5], [0.85, 0.15]], dtype=torch.float64)
    return TableModel(rows.log()[None])


def test_temperature_of_each_step_is_another_distribution_by_hand():
    engine = StepEngine(two_steps())
    everything = enumerate_sequences(engine.model, 2)
    whole, log_z = tempered_exactly(everything, 0.5)
    squares = {(0, 0): 0.25 * 9 / 13, (0, 1): 0.25 * 9 / 13}
    squares |= {(1, 0): 0.7225 / 0.745 * 4 / 13, (1, 1): 0.0225 / 0.745 * 4 / 13}
    stepwise = torch.tensor(
        [squares[0, int(s)] * 2 if f == 0 else squares[1, int(s)] for f, s in everything.symbols],
        dtype=torch.float64,
    )

    variation = float((whole - stepwise).abs().sum() / 2)
    assert variation == pytest.approx(9 / 13 - 0.18 / 0.2992, abs=1e-12)
    assert round(variation, 3) == 0.091
    assert log_z == pytest.approx(math.log(0.2992))

    state = engine.start(1)
    steps = draw_sequences(engine, state, 2, count=20_000, temperature=0.5, generator=seeded(2))
    again = globally_tempered(
        engine, state, 2, 0.5, count=20_000, draws=100_000, batch=50_000, generator=seeded(3)
    )
    for symbols, first in ((steps.symbols, 9 / 13), (again.sequences.symbols, 0.18 / 0.2992)):
        share = float((symbols[:, 0] == 0).double().mean())
        assert abs(share - first) < 4.5 * (0.25 / 20_000) ** 0.5


def test_at_temperature_one_all_weigh_alike():
    engine = StepEngine(random_model(13, levels=LEVELS, depth=LENGTH))
    tempered = globally_tempered(
        engine, engine.start(1), LENGTH, 1.0, draws=100, generator=seeded(4)
    )
    assert tempered.importance.effective == pytest.approx(100)
    assert tempered.importance.log_mean == pytest.approx(0)


def test_a_strategy_that_leaves_nothing_out_may_be_drawn_from_first():
    engine = StepEngine(random_model(13, levels=LEVELS, depth=LENGTH))
    settings = {"draws": 300, "least_effective": 1}
    one, other = (
        globally_tempered(
            *(engine, engine.start(1), LENGTH, 0.7), generator=seeded(4), **settings, **how
        )
        for how in (
            {"proposal": 0.9},
            {"proposal": 1.0, "strategy": strategy_from("temperature=0.9")},
        )
    )
    assert torch.equal(one.sequences.symbols, other.sequences.symbols)
    assert one.importance.weights.allclose(other.importance.weights)


@pytest.mark.parametrize(
    "words", ["top-k=2", "temperature=0.9,nucleus=0.9", "greedy", "mirostat=3"]
)
def test_a_strategy_that_leaves_something_out_is_refused(words):
    engine = StepEngine(random_model(13, levels=LEVELS, depth=LENGTH))
    with pytest.raises(ConfigError, match="leaves sequences out, and no weight brings them back"):
        globally_tempered(engine, engine.start(1), LENGTH, 0.7, strategy=strategy_from(words))


def test_each_draw_may_have_a_generator_of_its_own_and_the_choice_one_more():
    engine = StepEngine(random_model(13, levels=LEVELS, depth=LENGTH))
    state, settings = engine.start(1), {"draws": 90, "least_effective": 1}
    one, other = (
        globally_tempered(
            engine, state, LENGTH, 0.7, batch=batch, generator=seeded_rows(1, 91), **settings
        )
        for batch in (90, 40)
    )
    assert torch.equal(one.sequences.symbols, other.sequences.symbols)
    with pytest.raises(ConfigError, match="90 draws and the choice among them .* got 90"):
        globally_tempered(engine, state, LENGTH, 0.7, generator=seeded_rows(1, 90), **settings)


def test_too_few_effective_draws_are_refused():
    engine = StepEngine(random_model(14, levels=4, depth=5, sharpness=3.0))
    with pytest.raises(ConfigError, match=r"the 200 sequences drawn are worth \d.*least_effective"):
        globally_tempered(
            engine,
            engine.start(1),
            5,
            0.05,
            draws=200,
            proposal=20.0,
            generator=seeded(5),
        )


def test_effective_draws_by_hand():
    found = importance(torch.tensor([0.0, 0.0, -math.inf]), torch.tensor([0.0, math.log(3), 0.0]))
    torch.testing.assert_close(found.weights, torch.tensor([0.75, 0.25, 0.0]).double())
    assert found.effective == pytest.approx(1 / (9 / 16 + 1 / 16))
    assert found.log_mean == pytest.approx(math.log((1 + 1 / 3) / 3))


@given(
    st.lists(st.sampled_from([0.0, 0.1, 1.0, 3.0]), min_size=1, max_size=8).filter(any),
    st.integers(1, 50),
    st.sampled_from(["multinomial", "systematic"]),
)
def test_what_weighs_nothing_is_never_drawn(weights, count, scheme):
    drawn = resample(torch.tensor(weights), count, scheme=scheme, generator=seeded(count))
    assert len(drawn) == count
    assert all(weights[one] > 0 for one in drawn.tolist())


def test_systematic_resampling_comes_within_one_of_what_is_expected():
    weights = torch.rand(20, generator=seeded(6), dtype=torch.float64)
    counts = torch.bincount(
        resample(weights, 500, scheme="systematic", generator=seeded(7)), minlength=20
    )
    assert float((counts - 500 * weights / weights.sum()).abs().max()) < 1


def test_multinomial_resampling_follows_the_weights():
    weights = torch.tensor([0.1, 0.0, 0.5, 0.4])
    counts = torch.bincount(resample(weights, 200_000, generator=seeded(8)), minlength=4)
    assert chisquare(counts[[0, 2, 3]], [20_000, 100_000, 80_000]).pvalue > 1e-4


def test_what_cannot_be_resampled_is_refused():
    engine = StepEngine(random_model(15, levels=LEVELS, depth=LENGTH))
    with pytest.raises(ConfigError, match="temperature 0 there is but one"):
        globally_tempered(engine, engine.start(1), LENGTH, 0.0)
    with pytest.raises(ConfigError, match="draws must be a whole number of at least 1, got 0"):
        globally_tempered(engine, engine.start(1), LENGTH, 0.5, draws=0)
    with pytest.raises(ConfigError, match="got 3"):
        globally_tempered(engine, engine.start(3), LENGTH, 0.5)
    with pytest.raises(ConfigError, match="not all 0"):
        resample(torch.zeros(3), 1)
    with pytest.raises(ConfigError, match="not 'sorted'"):
        resample(torch.ones(3), 1, scheme="sorted")
    with pytest.raises(ShapeError, match=r"\(draws,\), got \(2,\) and \(3,\)"):
        importance(torch.zeros(2), torch.zeros(3))
    with pytest.raises(ConfigError, match="not all 0"):
        importance(torch.full((2,), -math.inf), torch.zeros(2))


@pytest.mark.parametrize("scheme", ["multinomial", "systematic"])
def test_not_even_the_lowest_point_draws_what_weighs_nothing(scheme, monkeypatch):
    monkeypatch.setattr("typica.decoding.resampling.uniforms_like", lambda empty, _: empty.zero_())
    assert resample(torch.tensor([0.0, 1.0, 0.0]), 1, scheme=scheme).tolist() == [1]
