"""Slices of time: where each sample goes, what lies around it, and distributions slice by slice."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.distributions import Categorical, Normal

from typica.core.randomness import draw, seeded, seeded_rows
from typica.core.slices import Interleaved, earlier, for_slices, joined, sliced, staggered
from typica.core.spread import spread
from typica.core.temperature import most_likely, tempered


@given(st.integers(1, 6), st.integers(1, 7))
def test_every_sample_has_its_place_and_slice_b_holds_those_that_are_b_modulo_the_factor(
    factor, frames
):
    time = torch.arange(factor * frames)
    slices = sliced(time, factor)

    assert slices.shape == (factor, frames)
    assert all((slices[b] % factor == b).all() for b in range(factor))
    assert (slices.diff(dim=1) == factor).all()
    assert torch.equal(joined(slices), time)
    assert torch.equal(sliced(time, 1)[0], time)  # one slice is the order of time


def test_earlier_slices_are_placed_by_their_distance():
    slices = sliced(torch.arange(1, 13)[None], 3)  # of values that tell their times

    near = earlier(slices, [3, 2], 2)

    nothing = [0, 0]
    assert near[0, 0].tolist() == [nothing, nothing]
    assert near[0, 1].tolist() == [[4, 7], nothing]  # frames 1 and 2 of slice 0
    assert near[0, 2].tolist() == [[5, 8], [1, 4]]  # of slice 1, and frames 0 and 1 of slice 0
    assert staggered(slices, [4, 3, 2], 2)[0].tolist() == [[7, 10], [5, 8], [3, 6]]


def interleaved(kind, begin=2, length=7):
    """Return distributions of 3 slices of 2 examples, and theirs one by one in time."""
    torch.manual_seed(0)
    logits, loc = torch.randn(6, 4, 5), torch.randn(6, 4)
    in_time = [
        (row, (begin + place) % 3, (begin + place) // 3)
        for row in range(2)
        for place in range(length)
    ]
    if kind == "levels":
        slices = Categorical(logits=logits)
        single = [Categorical(logits=logits[3 * row + b, t]) for row, b, t in in_time]
    else:
        slices = Normal(loc, loc.exp())
        single = [Normal(loc[3 * row + b, t], loc[3 * row + b, t].exp()) for row, b, t in in_time]
    return Interleaved(slices, 3, begin, length), single


@pytest.mark.parametrize("kind", ["levels", "amplitudes"])
def test_distributions_of_slices_are_those_of_each_sample_in_time(kind):
    together, single = interleaved(kind)
    values = torch.randint(5, (2, 7), generator=seeded(0))
    values = values if kind == "levels" else values.float()

    found = together.log_prob(values).flatten()
    expected = torch.stack(
        [one.log_prob(v) for one, v in zip(single, values.flatten(), strict=True)]
    )
    torch.testing.assert_close(found, expected)
    for mine, theirs in zip(spread(together), zip(*map(spread, single), strict=True), strict=True):
        torch.testing.assert_close(mine.flatten(), torch.stack(theirs))
    cold = tempered(together, 0.5).log_prob(values).flatten()
    colder = torch.stack(
        [tempered(one, 0.5).log_prob(v) for one, v in zip(single, values.flatten(), strict=True)]
    )
    torch.testing.assert_close(cold, colder)


def test_values_of_slices_are_listed_and_the_most_likely_of_each_is_found():
    together, single = interleaved("levels")
    found = most_likely(together).flatten()
    assert torch.equal(found, torch.stack([one.mode for one in single]))


def test_what_is_drawn_of_slices_follows_the_distribution_of_its_sample():
    together, single = interleaved("levels")
    drawn = torch.stack([draw(together, seeded(n)) for n in range(400)])
    for place, one in enumerate(single):
        share = drawn.flatten(1)[:, place].bincount(minlength=5) / 400
        torch.testing.assert_close(share, one.probs, atol=0.11, rtol=0)


def test_slices_of_a_stream_draw_from_generators_that_its_own_gave():
    two, alone = (for_slices(seeded_rows(3, count), 3) for count in (2, 1))
    for one, other in zip(two[:3], alone, strict=True):
        assert torch.equal(torch.rand(4, generator=one), torch.rand(4, generator=other))
    first = [torch.rand(1, generator=one).item() for one in for_slices(seeded_rows(3, 2), 3)]
    assert len(set(first)) == 6
    assert for_slices(None, 3) is None
