"""Filters against plain Python that goes by their definitions, and their edges."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from typica.core.errors import ConfigError, RunError
from typica.core.randomness import seeded
from typica.decoding import filters

NEAR = 1e-5  # a set that hangs on less is no test


def by_hand(probs, name, number):
    """The kept set by definition, and how near it is to being another."""
    possible = [i for i, p in enumerate(probs) if p > 0]
    entropy = -sum(probs[i] * math.log(probs[i]) for i in possible)
    if name == "top-k":
        kept = sorted(possible, key=lambda i: (-probs[i], i))[:number]
        rest = [probs[i] for i in possible if i not in kept]
        return set(kept), min(probs[i] for i in kept) / max(rest) - 1 if rest else 1.0
    if name in ("nucleus", "typical"):
        far = {i: abs(-math.log(probs[i]) - entropy) for i in possible}
        key = (lambda i: -math.log(probs[i])) if name == "nucleus" else far.get
        kept, mass, margins = [], 0.0, []
        order = sorted(possible, key=lambda i: (key(i), i))
        for i in order:
            kept.append(i)
            mass += probs[i]
            margins.append(abs(mass - number))
            if mass >= number:
                break
        margins += [key(i) - key(kept[-1]) for i in order[len(kept) :][:1]]
        return set(kept), min(margins)
    floors = {
        "epsilon": number,
        "eta": min(number, math.sqrt(number) * math.exp(-entropy)),
        "min-p": number * max(probs),
    }
    floor = floors[name]
    kept = {i for i in possible if probs[i] >= floor} or {max(possible, key=lambda i: probs[i])}
    return kept, min(abs(probs[i] / floor - 1) for i in possible)


FILTERS = {
    "top-k": (filters.top_k, [1, 2, 5, 40]),
    "nucleus": (filters.nucleus, [0.05, 0.5, 0.9, 0.99]),
    "typical": (filters.typical, [0.05, 0.2, 0.7, 0.95]),
    "epsilon": (filters.epsilon, [3e-4, 0.03, 0.3, 0.9]),
    "eta": (filters.eta, [3e-4, 0.03, 0.3, 0.9]),
    "min-p": (filters.min_p, [0.02, 0.1, 0.5, 1.0]),
}
CASES = [(name, number) for name, (_, numbers) in FILTERS.items() for number in numbers]


def random_rows(count, values, seed=0, impossible=0.2):
    """Rows from nearly uniform to nearly certain, some values impossible."""
    generator = seeded(seed)
    sharpness = torch.rand(count, 1, generator=generator) * 6
    logits = torch.randn(count, values, generator=generator) * sharpness
    gone = torch.rand(count, values, generator=generator) < impossible
    gone[:, 0] = False
    return logits.masked_fill(gone, -math.inf).log_softmax(-1)


@pytest.mark.parametrize(("name", "number"), CASES)
def test_what_is_kept_is_what_the_definition_says(name, number):
    rows = random_rows(400, 30)

    masks = FILTERS[name][0](rows, number)

    sure = 0
    for row, mask in zip(rows.double().exp().tolist(), masks.tolist(), strict=True):
        expected, margin = by_hand(row, name, number)
        if name == "min-p" and number == 1:
            margin = 1.0  # the largest is at its own floor
        if margin > NEAR:
            sure += 1
            assert {i for i, kept in enumerate(mask) if kept} == expected
    assert sure > 300


@pytest.mark.parametrize(("name", "number"), CASES)
def test_order_of_values_does_not_matter(name, number):
    rows = random_rows(50, 30, seed=1)
    order = torch.randperm(30, generator=seeded(2))
    kept = FILTERS[name][0]
    assert kept(rows[:, order], number).equal(kept(rows, number)[:, order])


@pytest.mark.parametrize(("name", "number"), CASES)
def test_rows_are_filtered_alike_alone_and_among_others(name, number):
    rows = random_rows(20, 30, seed=3)
    together = FILTERS[name][0](rows.view(4, 5, 30), number)
    assert together.shape == (4, 5, 30)
    for row, kept in zip(rows, together.view(20, 30), strict=True):
        assert FILTERS[name][0](row, number).equal(kept)


@given(
    st.lists(st.floats(-20, 0), min_size=1, max_size=40),
    st.floats(0.001, 1.0),
    st.sampled_from(sorted(FILTERS)),
)
def test_something_possible_is_always_kept_and_nothing_impossible(nats, number, name):
    row = torch.tensor([*nats, -math.inf]).log_softmax(-1)
    number = max(1, round(10 * number)) if name == "top-k" else number
    kept = FILTERS[name][0](row, number)
    assert kept.any()
    assert not kept[-1]


@given(st.lists(st.floats(-8, 0), min_size=2, max_size=40), st.floats(0.05, 0.95))
def test_a_nucleus_is_as_small_as_can_be(nats, share):
    log_probs = torch.tensor(nats).double().log_softmax(-1)
    kept, probs = filters.nucleus(log_probs, share), log_probs.exp()
    assert probs[kept].sum() >= share - 2e-6
    assert probs[kept].sum() - probs[kept].min() < share
    assert (log_probs[kept].min() >= log_probs[~kept]).all()


@given(st.lists(st.floats(-8, 0), min_size=2, max_size=40), st.floats(0.05, 0.95))
def test_nothing_more_typical_is_left_out(nats, share):
    log_probs = torch.tensor(nats).double().log_softmax(-1)
    kept = filters.typical(log_probs, share)
    gaps = (log_probs - (log_probs.exp() * log_probs).sum()).abs()
    assert log_probs[kept].exp().sum() >= share - 2e-6
    assert (gaps[kept].max() <= gaps[~kept] + 1e-6).all()


@pytest.mark.parametrize("name", ["nucleus", "typical", "epsilon", "eta", "min-p", "top-k"])
def test_neutral_numbers_keep_all_that_is_possible(name):
    number = {"nucleus": 1.0, "typical": 1.0, "top-k": 5000}.get(name, 0.0)
    rows = random_rows(20, 5000)  # so many that sums in float32 reach 1 long before the end
    assert FILTERS[name][0](rows, number).equal(rows > -math.inf)


def test_of_equals_the_lowest_come_first():
    equal = torch.zeros(8).log_softmax(-1)
    for mask in (
        filters.top_k(equal, 3),
        filters.nucleus(equal, 0.375),
        filters.typical(equal, 0.375),
    ):
        assert mask.tolist() == [True] * 3 + [False] * 5
    assert filters.min_p(equal, 1.0).all()
    assert filters.epsilon(equal, 0.9).tolist() == [True] + [False] * 7
    two = torch.tensor([0.1, 0.4, 0.1, 0.4]).log()
    assert filters.min_p(two, 1.0).tolist() == [False, True, False, True]
    assert filters.top_k(two, 1).tolist() == [False, True, False, False]


@pytest.mark.parametrize("kind", [torch.float32, torch.float64])
def test_a_tie_between_the_likeliest_and_the_others_goes_by_index(kind):
    # The entropy lies half-way between the two surprisals, and rounding must not decide.
    first = torch.tensor([0.5] + [0.05] * 10, dtype=kind).log()
    assert filters.typical(first, 0.5).tolist() == [True] + [False] * 10
    assert filters.typical(first.flip(0), 0.5).tolist() == [True] * 10 + [False]
    assert filters.typical(first.flip(0), 0.55).all()


def test_locally_typical_sampling_may_leave_out_the_likeliest():
    probs = torch.tensor([0.3] + [0.07] * 10)
    assert filters.entropy(probs.log()).item() == pytest.approx(2.2227, abs=1e-4)
    assert filters.typical(probs.log(), 0.7).tolist() == [False] + [True] * 10
    assert filters.typical(torch.tensor([0.6] + [0.04] * 10).log(), 0.6).tolist()[0]


def test_filtering_twice_is_filtering_once_for_top_k_and_not_for_the_nucleus():
    rows = random_rows(50, 30, seed=5)
    once = filters.top_k(rows, 7)
    again = filters.top_k(rows.masked_fill(~once, -math.inf).log_softmax(-1), 7)
    assert again.equal(once)

    equal = torch.zeros(100).log_softmax(-1)
    once = filters.nucleus(equal, 0.9)
    again = filters.nucleus(equal.masked_fill(~once, -math.inf).log_softmax(-1), 0.9)
    assert (once.sum(), again.sum()) == (90, 81)


def test_min_p_does_not_hang_on_scale_and_eta_is_never_above_epsilon():
    rows = random_rows(50, 30, seed=6)
    spread_out = torch.cat([rows - math.log(2), rows - math.log(2)], -1)
    assert filters.min_p(spread_out, 0.1)[:, :30].equal(filters.min_p(rows, 0.1))
    assert (filters.eta(rows, 0.01) | ~filters.epsilon(rows, 0.01)).all()


@pytest.mark.parametrize("value", [math.nan, math.inf])
@pytest.mark.parametrize("name", sorted(FILTERS))
def test_a_row_that_is_no_distribution_is_named(name, value):
    rows = random_rows(5, 30)
    rows[3, 7] = value
    with pytest.raises(RunError, match=f"row 3 .* a log-probability of {value:g}"):
        FILTERS[name][0](rows, FILTERS[name][1][0])
    with pytest.raises(RunError, match="row 1 .* probability 0 everywhere"):
        FILTERS[name][0](torch.tensor([[0.0, -math.inf], [-math.inf] * 2]), FILTERS[name][1][0])


@pytest.mark.parametrize(
    ("name", "number", "why"),
    [
        ("nucleus", 0.0, "nucleus must be above 0 and at most 1"),
        ("typical", 1.5, "typical must be above 0 and at most 1"),
        ("nucleus", math.nan, "nucleus must be above 0"),
        ("epsilon", -0.1, "epsilon must be from 0 to 1"),
        ("min-p", 1.1, "min-p must be from 0 to 1"),
        ("top-k", 0, "top-k must be a whole number of at least 1"),
        ("top-k", 2.5, "top-k must be a whole number of at least 1"),
        ("top-k", math.inf, "top-k must be a whole number of at least 1, got inf"),
        ("top-k", math.nan, "top-k must be a whole number of at least 1, got nan"),
    ],
)
def test_numbers_that_mean_nothing_are_refused(name, number, why):
    with pytest.raises(ConfigError, match=why):
        FILTERS[name][0](random_rows(2, 5), number)
