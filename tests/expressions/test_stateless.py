import copy

import pytest
import torch
from torch import nn

from typica.core.errors import ExpressionError, ShapeError
from typica.expressions import exp, learn, ref, with_params


def test_a_module_is_called_with_expressions_and_stays_as_it_was():
    model, x = nn.Sequential(nn.Linear(3, 4), nn.Linear(4, 3)), torch.rand(2, 3)
    before, plain = model(x), copy.deepcopy(model)
    with torch.no_grad():
        plain[1].weight.copy_(plain[0].weight.T)

    tied = with_params(model, {"1.weight": ref(model, "0.weight").T})

    torch.testing.assert_close(tied(x), plain(x))
    assert torch.equal(model(x), before)
    assert type(model[1]) is nn.Linear


def test_the_leaves_are_trained_and_what_they_replace_is_not():
    model, x = nn.Linear(3, 1), torch.rand(8, 3)
    changed = with_params(model, {"weight": exp(learn(1, 3))})
    optimizer = torch.optim.SGD([p for p in changed.parameters() if p.requires_grad], 0.3)
    losses = []

    for _ in range(60):
        loss = (changed(x) - 2).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())

    assert losses[-1] < 0.2 * losses[0]
    assert model.weight.grad is None


def test_several_sets_of_parameters_share_one_module():
    model, x = nn.Linear(3, 1, bias=False), torch.ones(1, 3)

    one, two = (with_params(model, {"weight": learn(torch.full((1, 3), v))}) for v in (1.0, 2.0))

    assert one(x).item() == 3
    assert two(x).item() == 6


def test_bad_input_is_refused():
    model = nn.Sequential(nn.Linear(3, 4))

    with pytest.raises(ExpressionError, match="no parameter '0.wieght': did you mean '0.weight'"):
        with_params(model, {"0.wieght": learn(4, 3)})
    with pytest.raises(ShapeError, match=r"Sequential\.0\.weight: expression gives \(3, 4\)"):
        with_params(model, {"0.weight": learn(3, 4)})
    assert model[0].weight.requires_grad
