import pytest
import torch

from typica.core import registry
from typica.core.randomness import seeded
from typica.training.fit import _rows, fit

AUDIO = 0.5 * torch.sin(2 * torch.pi * 300 * torch.arange(400) / 8000).repeat(6, 1, 1)


def tiny():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return registry.build("wavenet", "tiny")


def test_a_model_learns_what_lies_in_memory():
    untrained = -tiny().log_prob(AUDIO).mean()

    model = fit(tiny(), {"audio": AUDIO}, steps=40, batch=2, learning_rate=5e-3, average=0.9)

    assert not model.training
    assert -model.log_prob(AUDIO).mean() < 0.8 * untrained


def test_the_same_seed_gives_the_same_weights_and_the_global_generator_is_left_alone():
    before = torch.get_rng_state()
    first, second, other = (
        fit(
            tiny(),
            {"audio": AUDIO * torch.rand(6, 1, 1, generator=seeded(0))},
            steps=3,
            batch=2,
            seed=seed,
        )
        for seed in (0, 0, 1)
    )

    assert torch.equal(before, torch.get_rng_state())
    pairs = zip(first.parameters(), second.parameters(), other.parameters(), strict=True)
    same = [(torch.equal(a, b), torch.equal(a, c)) for a, b, c in pairs]
    assert all(a for a, _ in same)
    assert not all(c for _, c in same)


@pytest.mark.parametrize("batch", [3, 4, 25])
def test_every_example_comes_once_before_any_comes_again(batch):
    rows = torch.cat(list(_rows(10, batch, seed=0, steps=20)))

    counts = [rows[: 10 * n].bincount(minlength=10) for n in range(1, len(rows) // 10 + 1)]

    for number, count in enumerate(counts, 1):
        assert (count == number).all()
