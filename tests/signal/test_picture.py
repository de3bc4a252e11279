import numpy as np
import pytest
import torch

from typica.core.errors import ConfigError
from typica.signal.picture import GreyScale


def test_magnitudes_come_back_within_half_a_grey():
    magnitudes = torch.logspace(-3, 1, 500).reshape(5, 100)
    scale = GreyScale.of(magnitudes)

    back = scale.decode(scale.encode(magnitudes))

    error_db = 20 * (back / magnitudes).log10().abs().max()
    assert float(error_db) < 0.51 * scale.step_db
    assert scale.step_db < 0.002


def test_low_bins_lie_at_the_bottom_the_loudest_is_white_and_silence_black():
    magnitudes = torch.tensor([[4.0, 0.0], [1e-6, 2.0]])

    levels = GreyScale.of(magnitudes).encode(magnitudes)

    assert levels[1].tolist() == [65535, 0]
    assert levels[0][0] == 0
    assert levels[0][1] == pytest.approx(65535 * (1 - 6.02 / 100), abs=1)
    assert GreyScale.of(magnitudes).decode(levels)[1].tolist() == pytest.approx(
        [0.0, 2.0], rel=1e-3
    )


def test_silence_is_black():
    silence = torch.zeros(3, 2)

    assert not np.any(GreyScale.of(silence).encode(silence))


@pytest.mark.parametrize("scale", [(0.0, 0.0), (float("nan"), 90.0)])
def test_a_scale_without_range_is_refused(scale):
    with pytest.raises(ConfigError, match="grey scale"):
        GreyScale(*scale)
