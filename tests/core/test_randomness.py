"""Drawing with a generator of one's own."""

import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.distributions import Categorical, Normal

from typica.core.randomness import draw, draw_index, seeded, seeded_globally


def test_indices_come_as_often_as_they_should():
    logits = torch.tensor([2.0, 0.0, -1.0, 1.0])
    drawn = draw(Categorical(logits=logits.expand(200_000, 4)), seeded(0))

    shares = torch.bincount(drawn, minlength=4) / 200_000

    torch.testing.assert_close(shares, logits.softmax(0), atol=4e-3, rtol=0)


@given(st.lists(st.booleans(), min_size=2, max_size=9).filter(any), st.integers(0, 99))
def test_what_cannot_be_is_never_drawn(possible, seed):
    logits = torch.where(torch.tensor(possible), 0.0, -torch.inf)
    drawn = draw_index(logits.expand(50, -1), seeded(seed))
    assert torch.tensor(possible)[drawn].all()


def test_a_gaussian_has_its_mean_and_scale():
    drawn = draw(Normal(torch.full((200_000,), 3.0), torch.full((200_000,), 0.5)), seeded(0))
    assert abs(drawn.mean() - 3) < 0.01
    assert abs(drawn.std() - 0.5) < 0.01


def test_one_seed_gives_one_sequence():
    distribution = Categorical(logits=torch.zeros(5, 7))
    first, second = (draw(distribution, seeded(4)) for _ in "ab")
    assert torch.equal(first, second)


def test_a_seed_for_the_global_generator_does_not_outlast_its_block():
    before = torch.get_rng_state()

    with seeded_globally(3):
        first = torch.rand(5)
    with seeded_globally(3):
        second = torch.rand(5)

    assert torch.equal(first, second)
    assert torch.equal(before, torch.get_rng_state())
