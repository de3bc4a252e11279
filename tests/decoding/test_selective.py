"""Whole sequences: where they lie among the model's own, and those of a band of likelihood."""

import pytest
import torch
from enumerable import enumerate_sequences, random_model
from scipy.stats import chisquare

from typica.core.engine import StepEngine
from typica.core.errors import ConfigError, RunError
from typica.core.randomness import seeded, seeded_rows
from typica.decoding.generation import Generation
from typica.decoding.placing import Reference, own_samples, place
from typica.decoding.selective import Band, selective_sampling
from typica.decoding.sequences import batches, concatenated, draw_sequences, symbols_in
from typica.decoding.words import strategy_from

LEVELS, LENGTH = 3, 4


@pytest.fixture(params=[False, True], ids=["endless", "with an end"])
def model(request):
    return random_model(5, levels=LEVELS, depth=LENGTH, ends=request.param)


@pytest.fixture
def engine(model):
    return StepEngine(model)


def numbers(symbols):
    """Return one number for each sequence."""
    return symbols.long() @ (LEVELS ** torch.arange(symbols.shape[1]))


def spread_of(model, sequences):
    """Return the martingale's z of each sequence, plainly, from the table of the model."""
    found = []
    for row in sequences.symbols.tolist():
        excess = variance = 0.0
        for at, symbol in enumerate(row):
            logs = torch.tensor(model.row(row[:at]), dtype=torch.float64)
            entropy = -(logs.exp() * logs).sum()
            excess += float(-logs[symbol] - entropy)
            variance += float((logs.exp() * (logs + entropy) ** 2).sum())
            if symbol == model.final:
                break
        found.append(excess / variance**0.5)
    return torch.tensor(found, dtype=torch.float64)


def exact_reference(model):
    everything = enumerate_sequences(model, LENGTH)
    probs = everything.log_prob.exp()
    entropy = float(-(probs * everything.log_prob).sum())
    ends = everything.symbols == (-1 if model.final is None else model.final)
    lengths = torch.where(ends.any(1), ends.long().argmax(1) + 1, LENGTH)
    symbols = float((probs * lengths).sum())
    return Reference((-everything.log_prob).sort().values, entropy, symbols)


def check_against_enumeration(model, kept, inside, reason):
    """Chi-square of what was kept against the model restricted to what lies in the band."""
    everything = enumerate_sequences(model, LENGTH)
    assert 3 <= int(inside.sum()) < len(inside), reason
    place_of = {int(one): at for at, one in enumerate(numbers(everything.symbols))}
    found = torch.tensor([place_of[int(one)] for one in numbers(kept)])
    counts = torch.bincount(found, minlength=len(inside))
    assert not counts[~inside].any()
    probs = everything.log_prob.exp()[inside]
    expected = probs / probs.sum() * len(kept)
    usual = expected >= 5
    rest = [float(expected[~usual].sum())] if not usual.all() else []
    seen = counts[inside][usual].tolist() + ([int(counts[inside][~usual].sum())] if rest else [])
    assert chisquare(seen, [*expected[usual].tolist(), *rest]).pvalue > 1e-4


def test_sequences_follow_the_model_and_tell_its_likelihood(model, engine):
    drawn = draw_sequences(
        engine, engine.start(1), LENGTH, count=20_000, generator=seeded(0), spread=True
    )
    everything = enumerate_sequences(model, LENGTH)
    told = dict(zip(numbers(everything.symbols).tolist(), everything.log_prob, strict=True))

    inside = torch.ones(len(everything.symbols), dtype=torch.bool)
    inside[-1] = False  # the least likely of them, of which none must be counted out
    expected = torch.stack([told[int(one)] for one in numbers(drawn.symbols)])

    torch.testing.assert_close(drawn.log_prob, expected, atol=1e-12, rtol=0)
    assert torch.equal(drawn.log_draw, drawn.log_prob)
    likely = drawn.log_prob > everything.log_prob[-1] + 1e-9
    check_against_enumeration(model, drawn.symbols[likely], inside, "all but one")


def test_surprisal_less_entropy_adds_up_to_nothing(engine):
    drawn = draw_sequences(
        engine, engine.start(1), LENGTH, count=20_000, generator=seeded(1), spread=True
    )
    excess = -drawn.log_prob - drawn.entropies.sum(1)
    variance = drawn.varentropies.sum(1)

    assert abs(float(excess.mean())) < 4 * float(excess.std()) / 20_000**0.5
    assert float(excess.var()) == pytest.approx(float(variance.mean()), rel=0.05)


def test_below_one_sequences_are_less_surprising_than_they_expect_and_above_it_more(engine):
    state = engine.start(1)
    z = [
        float(
            place(
                draw_sequences(
                    engine,
                    state,
                    LENGTH,
                    count=4000,
                    temperature=t,
                    spread=True,
                    generator=seeded(2),
                ),
                "z",
            ).mean()
        )
        for t in (0, 0.5, 1, 2)
    ]
    assert z[0] < z[1] < -0.2 < z[2] < 0.2 < z[3]
    assert abs(z[2]) < 0.05


def test_sequences_end_and_are_filled_up():
    model = random_model(7, levels=3, depth=4, ends=True)
    engine = StepEngine(model)
    drawn = draw_sequences(engine, engine.start(2), 4, count=50, spread=True, generator=seeded(3))
    behind = torch.arange(4) >= drawn.lengths[:, None]

    assert behind.any()
    assert (drawn.symbols[behind] == model.final).all()
    assert not drawn.entropies[behind].any()
    assert torch.equal(drawn.source, torch.arange(2).repeat_interleave(50))
    assert drawn.stopped == ("length", "length")
    assert [len(row) for row in symbols_in(drawn)] == drawn.lengths.tolist()
    assert all(model.final not in row[:-1] for row in symbols_in(drawn))


def test_a_strategy_draws_whole_sequences_of_what_it_leaves(model, engine):
    drawn = draw_sequences(
        engine,
        engine.start(1),
        LENGTH,
        count=200,
        strategy=strategy_from("top-k=2"),
        generator=seeded(3),
    )
    for row, told in zip(symbols_in(drawn), drawn.log_draw.tolist(), strict=True):
        rows = [torch.tensor(model.row(row[:at])) for at in range(len(row))]
        kept = [one.where(one > one.min(), -torch.inf).log_softmax(-1) for one in rows]
        assert sum(float(one[int(s)]) for one, s in zip(kept, row, strict=True)) == pytest.approx(
            told
        )
    assert bool((drawn.log_draw > drawn.log_prob).all())


def test_a_sequence_with_a_generator_of_its_own_does_not_depend_on_how_many_are_drawn(engine):
    whole = draw_sequences(
        engine, engine.start(1), LENGTH, count=7, generator=seeded_rows(1, 7)
    ).symbols
    apart = batches(engine, engine.start(1), LENGTH, draws=7, batch=3, generator=seeded_rows(1, 7))
    joined = concatenated(list(apart), engine.model.final).symbols
    assert torch.equal(joined, whole[:, : joined.shape[1]])
    with pytest.raises(ConfigError, match="as many generators, or from one, got 5"):
        list(
            batches(engine, engine.start(1), LENGTH, draws=7, batch=3, generator=seeded_rows(1, 5))
        )


@pytest.mark.parametrize("nothing", [-torch.inf, torch.nan])
@pytest.mark.parametrize("words", ["ancestral", "nucleus=0.9"])
def test_a_row_that_is_no_distribution_is_an_error(model, engine, words, nothing):
    model.log_probs[:] = nothing
    with pytest.raises(RunError, match="row 0 of the"):
        draw_sequences(engine, engine.start(2), LENGTH, strategy=strategy_from(words))
    with pytest.raises(RunError, match="row 0 of the"):
        draw_sequences(engine, engine.start(2), LENGTH)


def test_behind_the_end_it_does_not_matter_what_the_model_says():
    model = random_model(7, levels=3, depth=4, ends=True)
    engine = StepEngine(model)
    state = engine.step(engine.start(1))[1].then(torch.tensor([model.final]))
    model.log_probs[:] = torch.nan
    drawn = draw_sequences(engine, state, LENGTH)
    assert drawn.symbols.tolist() == [[model.final] * LENGTH]
    assert float(drawn.log_prob) == 0


def test_it_stops_when_all_have_ended():
    logits = torch.tensor([[[0.0, 3.0]]]).log_softmax(-1)
    model = type(random_model(0))(logits, final=1)
    engine = StepEngine(model)
    drawn = draw_sequences(engine, engine.start(1), 10_000, count=10, generator=seeded(0))
    assert drawn.symbols.shape[1] == 64
    assert drawn.stopped == ("ended",)
    short = drawn.pick(torch.tensor([0]))
    assert len(concatenated([short, drawn], 1)) == 11


def test_places_by_hand():
    reference = Reference(torch.tensor([1.0, 2.0, 2.0, 4.0]).double(), 2.25, 2.0)
    model = random_model(0, levels=2, depth=2)
    engine = StepEngine(model)
    some = draw_sequences(engine, engine.start(1), 2, count=4, generator=seeded(0))
    values = -torch.tensor([0.5, 2.0, 3.0, 5.0]).double()
    some = type(some)(**{**vars(some), "log_prob": values})

    assert place(some, "quantile", reference).tolist() == [0, 0.5, 0.75, 1]
    assert place(some, "nats", reference).tolist() == [-0.875, -0.125, 0.375, 1.375]
    with pytest.raises(ConfigError, match="own samples are needed"):
        place(some, "nats")
    with pytest.raises(ConfigError, match="spread=True"):
        place(some, "z")
    with pytest.raises(ConfigError, match="not by 'bits'"):
        place(some, "bits", reference)


def test_the_entropy_is_estimated_within_its_error(model, engine):
    exact = exact_reference(model)
    own = own_samples(engine, engine.start(1), LENGTH, draws=4000, generator=seeded(4))
    assert abs(own.entropy - exact.entropy) < 4 * own.entropy_error
    assert own.symbols == pytest.approx(exact.symbols, rel=0.03)


def test_what_is_kept_follows_the_model_in_the_band_of_z(model, engine):
    band = Band(-1.0, 0.3, "z")
    selected = selective_sampling(
        engine,
        engine.start(1),
        LENGTH,
        band,
        count=4000,
        most=50_000,
        batch=1000,
        generator=seeded(5),
    )
    everything = enumerate_sequences(model, LENGTH)
    z = spread_of(model, everything)
    inside = (z >= -1) & (z <= 0.3)

    check_against_enumeration(model, selected.sequences.symbols, inside, band)
    mass = float(everything.log_prob.exp()[inside].sum())
    assert abs(selected.acceptance - mass) < 4 * selected.acceptance_error
    assert selected.reference is None


@pytest.mark.parametrize("band", [Band(-0.4, 0.25), Band(0.2, 0.7, "quantile")], ids=str)
def test_what_is_kept_follows_the_model_in_the_band_of_likelihood(model, engine, band):
    selected = selective_sampling(
        engine,
        engine.start(1),
        LENGTH,
        band,
        count=4000,
        most=50_000,
        batch=1000,
        generator=seeded(6),
    )
    everything = enumerate_sequences(model, LENGTH)
    reference = selected.reference
    if band.unit == "nats":
        at = (-everything.log_prob - reference.entropy) / reference.symbols
    else:
        own = reference.surprisal[:, None]
        nll = -everything.log_prob
        at = ((own < nll - 1e-6).double() + (own < nll + 1e-6).double()).mean(0) / 2
    inside = (at >= band.low) & (at <= band.high)

    check_against_enumeration(model, selected.sequences.symbols, inside, band)
    mass = float(everything.log_prob.exp()[inside].sum())
    assert abs(selected.acceptance - mass) < 4 * selected.acceptance_error
    assert len(selected.sequences) == len(selected.place) == 4000
    assert band.low <= float(selected.place.min()) <= float(selected.place.max()) <= band.high


def test_a_given_reference_is_used(model, engine):
    exact = exact_reference(model)
    selected = selective_sampling(
        engine, engine.start(1), LENGTH, Band(-0.1, 0.1), reference=exact, generator=seeded(7)
    )
    assert selected.reference is exact
    distance = (-selected.sequences.log_prob - exact.entropy) / exact.symbols
    assert torch.equal(distance, selected.place)


def test_what_is_kept_of_a_strategy_is_what_it_draws_in_the_band(engine):
    settings = {"count": 30, "most": 600, "batch": 50, "strategy": strategy_from("top-k=2")}
    kept = selective_sampling(
        engine, engine.start(1), LENGTH, Band(-3, 3, "z"), generator=seeded(8), **settings
    )
    drawn = draw_sequences(
        engine,
        engine.start(1),
        LENGTH,
        count=50,
        strategy=settings["strategy"],
        spread=True,
        generator=seeded(8),
    )
    at = place(drawn, "z")
    inside = (at >= -3) & (at <= 3)
    assert torch.equal(kept.sequences.symbols, drawn.symbols[inside][:30])


def test_entropies_of_the_kept_are_paid_for_where_the_band_needs_them(engine):
    state, kept = engine.start(1), []
    for band in (Band(-3, 3, "z"), Band(-3, 3)):
        kept.append(selective_sampling(engine, state, LENGTH, band, generator=seeded(8)).sequences)
    assert kept[0].entropies is not None
    assert kept[1].entropies is None


def test_each_sequence_with_a_generator_of_its_own_needs_a_reference_made_with_others(engine):
    state, rows = engine.start(1), seeded_rows(1, 100)
    with pytest.raises(ConfigError, match="give a reference"):
        selective_sampling(engine, state, LENGTH, Band(-3, 3), most=100, generator=rows)
    reference = own_samples(engine, state, LENGTH, generator=seeded_rows(2, 512))
    kept = selective_sampling(
        engine, state, LENGTH, Band(-3, 3), most=100, reference=reference, generator=rows
    )
    first = draw_sequences(engine, state, LENGTH, generator=seeded_rows(1, 1))
    assert torch.equal(kept.sequences.symbols, first.symbols)


def test_away_from_temperature_one_both_likelihoods_are_told(engine):
    selected = selective_sampling(
        engine,
        engine.start(1),
        LENGTH,
        Band(-3, 3, "z"),
        count=20,
        temperature=0.5,
        generator=seeded(8),
    )
    assert not torch.equal(selected.sequences.log_prob, selected.sequences.log_draw)


def test_too_few_are_returned_where_no_more_may_be_drawn(engine):
    selected = selective_sampling(
        engine,
        engine.start(1),
        LENGTH,
        Band(-1, 1, "z"),
        count=1000,
        most=100,
        batch=30,
        generator=seeded(9),
    )
    assert selected.drawn == 100
    assert len(selected.sequences) == selected.accepted < 100


def test_nothing_kept_is_one_sentence(engine):
    with pytest.raises(ConfigError, match=r"none of 50 sequences .* 9 to 10 \(z\), the nearest at"):
        selective_sampling(
            engine, engine.start(1), LENGTH, Band(9, 10, "z"), most=50, generator=seeded(0)
        )


def test_what_cannot_be_selected_is_refused(engine):
    with pytest.raises(ConfigError, match="low < high, got 1 to 1"):
        Band(1, 1)
    with pytest.raises(ConfigError, match=r"in \[0, 1\], got 0.5 to 2"):
        Band(0.5, 2, "quantile")
    with pytest.raises(ConfigError, match="one state .* got 2"):
        selective_sampling(engine, engine.start(2), LENGTH, Band(-1, 1))
    with pytest.raises(ConfigError, match="count must be a whole number of at least 1, got 0"):
        selective_sampling(engine, engine.start(1), LENGTH, Band(-1, 1), count=0)
    with pytest.raises(ConfigError, match="count must be a whole number"):
        draw_sequences(engine, engine.start(1), LENGTH, count=0)
    with pytest.raises(ConfigError, match="at least 2 sequences"):
        own_samples(engine, engine.start(1), LENGTH, draws=1)
    with pytest.raises(ConfigError, match="batch must be a whole number of at least 1, got 0"):
        own_samples(engine, engine.start(1), LENGTH, batch=0)
    with pytest.raises(ConfigError, match="count must be a whole number of at least 1, got 2.5"):
        draw_sequences(engine, engine.start(1), LENGTH, count=2.5)
    with pytest.raises(ConfigError, match="length must be a whole number of at least 1, got 2.5"):
        draw_sequences(engine, engine.start(1), 2.5)


def test_where_all_is_equally_likely_every_sequence_is_typical():
    """In float32 entropies and surprisals of an even choice differ in their last digit alone."""
    count, length = 3, 160
    even = torch.full((count, length), 256.0).log()
    generation = Generation(
        torch.zeros(count, length, dtype=torch.long),
        torch.full((count,), length),
        -(even.double() + 5e-7).sum(1),
        torch.zeros(count),
        torch.zeros(count, dtype=torch.bool),
        torch.arange(count),
        ("length",) * count,
        torch.zeros(count),
        even,
        torch.full((count, length), 2e-13),
    )
    assert (place(generation, "z").abs() < 0.1).all()
