import math

import pytest
import torch
from torch.distributions import Normal

from typica.core.errors import ConfigError
from typica.typicality.dilution import diluted_log_prob, largest_loss


@pytest.mark.parametrize("dimensions", [1, 8, 64, 1000])
def test_one_percent_of_a_model_loses_at_most_the_log_of_a_hundred(dimensions):
    points = torch.randn(500, dimensions, generator=torch.Generator().manual_seed(0)).double()
    log_prob = Normal(0.0, 1.0).log_prob(points).sum(1)
    noise = Normal(0.0, 3.0).log_prob(points).sum(1)

    loss = log_prob - diluted_log_prob(log_prob, noise, 0.01)

    assert loss.max() <= largest_loss(0.01) + 1e-9
    assert largest_loss(0.01) == pytest.approx(4.605170186)
    if dimensions >= 64:
        assert loss.mean().item() == pytest.approx(4.60517, abs=1e-3)


def test_it_is_the_log_of_the_mixture():
    value = diluted_log_prob(torch.tensor(0.5).log(), torch.tensor(0.1).log(), 0.25)

    assert value.item() == pytest.approx(math.log(0.25 * 0.5 + 0.75 * 0.1))


@pytest.mark.parametrize("share", [0.0, 1.0, -1.0])
def test_a_share_is_a_share(share):
    with pytest.raises(ConfigError, match="inside"):
        largest_loss(share)
