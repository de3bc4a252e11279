import pytest
import torch
from torch import nn

from typica.core.errors import RunError
from typica.training.optimisers import Adam
from typica.training.settings import PhaseConfig


def parameters():
    generator = torch.Generator().manual_seed(0)
    return [nn.Parameter(torch.randn(shape, generator=generator)) for shape in ((3, 2), (4,), ())]


def descend(given, step, count=5):
    """Follow gradients that change; the last parameter never has one."""
    for number in range(count):
        for parameter in given[:2]:
            parameter.grad = (parameter.detach() + number).sin()
        step()


@pytest.mark.parametrize(
    ("name", "torchs"), [("adam", torch.optim.Adam), ("adamw", torch.optim.AdamW)]
)
def test_it_moves_as_torchs_own_class_does(name, torchs):
    config = PhaseConfig(optimiser=name, betas=(0.8, 0.9), epsilon=1e-3, weight_decay=0.1)
    mine, theirs = parameters(), parameters()
    adam = Adam(mine, config)
    reference = torchs(theirs, lr=0.05, betas=(0.8, 0.9), eps=1e-3, weight_decay=0.1)

    descend(mine, lambda: adam.step(0.05))
    descend(theirs, reference.step)

    for one, other in zip(mine, theirs, strict=True):
        torch.testing.assert_close(one, other)


def test_a_restored_state_goes_on_as_if_it_had_never_stopped():
    unbroken, resumed = parameters(), parameters()
    adam = Adam(unbroken, PhaseConfig())
    descend(unbroken, lambda: adam.step(0.1))
    again = Adam(resumed, PhaseConfig())
    for one, other in zip(resumed, unbroken, strict=True):
        one.data.copy_(other)

    again.restore({name: value.clone() for name, value in adam.tensors().items()})
    descend(unbroken, lambda: adam.step(0.1))
    descend(resumed, lambda: again.step(0.1))

    assert all(torch.equal(one, other) for one, other in zip(unbroken, resumed, strict=True))


def test_a_parameter_without_a_gradient_has_no_state():
    given = parameters()
    adam = Adam(given, PhaseConfig(weight_decay=0.5))

    descend(given, lambda: adam.step(0.1))

    assert {name.partition("/")[0] for name in adam.tensors()} == {"0", "1"}
    assert torch.equal(given[2], parameters()[2])


def test_a_state_of_other_parameters_is_refused():
    adam = Adam(parameters(), PhaseConfig())
    tensors = {"0/steps": torch.ones(()), "0/mean": torch.ones(9), "0/square": torch.ones(9)}

    with pytest.raises(RunError, match="belongs to another model"):
        adam.restore(tensors)
