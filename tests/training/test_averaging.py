import torch
from torch import nn

from typica.training.averaging import Average


def follow(decay, values):
    """Average a module through a series of values."""
    module = nn.Linear(1, 1, bias=False)
    module.register_buffer("count", torch.zeros((), dtype=torch.int64))
    average = Average(module, decay)
    for value in values:
        with torch.no_grad():
            module.weight.fill_(value)
            module.count.fill_(value)
        average.update(module)
    return average.model


def test_the_average_follows_its_recurrence():
    values, expected = [3.0, 1.0, 4.0, 1.0, 5.0], 3.0
    for n, value in enumerate(values[1:], start=1):
        decay = min(0.3, (1 + n) / (10 + n))
        expected = decay * expected + (1 - decay) * value

    averaged = follow(0.3, values)

    torch.testing.assert_close(averaged.weight.item(), expected, atol=1e-6, rtol=0)


def test_a_short_run_forgets_its_initial_weights():
    averaged = follow(0.9999, [100.0] + [1.0] * 60)

    assert averaged.weight.item() < 1.01


def test_a_decay_of_zero_keeps_the_last_weights():
    assert follow(0.0, [1.0, 2.0, 3.0]).weight.item() == 3.0


def test_a_counter_is_copied_not_averaged():
    assert follow(0.9, [1, 2, 3]).count.item() == 3


def test_the_average_is_not_trained():
    averaged = follow(0.9, [1.0])

    assert not averaged.training
    assert not averaged.weight.requires_grad
