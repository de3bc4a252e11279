import pytest
import torch

from typica.core.errors import ConfigError
from typica.signal.companding import mulaw_compress, mulaw_encode_rounding
from typica.signal.quantisation_noise import noise_table, signal_to_noise_db


def ratios(name, bits, levels):
    return [figure.ratio_db for figure in noise_table([(name, bits)], levels)]


def test_linear_steps_have_six_decibels_a_bit_and_lose_a_decibel_for_each_of_level():
    assert [ratios("linear", bits, [0])[0] for bits in (8, 12, 16)] == pytest.approx(
        [6.02 * bits + 1.76 for bits in (8, 12, 16)], abs=0.3
    )
    loud, soft = ratios("linear", 12, [0, -40])
    assert loud - soft == pytest.approx(40, abs=0.5)


def test_mu_law_keeps_its_ratio_over_forty_decibels_of_level():
    found = ratios("mulaw", 8, [0, -10, -20, -30, -40])

    assert max(found) - min(found) < 5.5
    assert min(found) > ratios("linear", 8, [-40])[0] + 20


def test_rounded_mu_law_has_the_published_ratios():
    # The sheet's figures at amplitudes 1, 0.1 and 0.01.
    assert ratios("mulaw-rounding", 8, [0, -20, -40]) == pytest.approx([38.4, 37.6, 33.7], abs=0.3)


def test_rounded_mu_law_has_the_published_codes():
    audio = torch.tensor([-1, -0.5, -0.1, -0.01, 0, 0.01, 0.1, 0.5, 1])

    assert mulaw_encode_rounding(audio).tolist() == [0, 16, 52, 98, 128, 157, 203, 239, 255]
    assert mulaw_compress(audio).tolist()[5:] == pytest.approx(
        [0.228477, 0.590990, 0.875703, 1], abs=1e-5
    )


def test_the_ratio_is_that_of_powers():
    audio = torch.ones(2, 100)

    assert signal_to_noise_db(audio, 0.9 * audio).tolist() == pytest.approx([20, 20], abs=1e-4)
    assert signal_to_noise_db(audio, audio).tolist() == [float("inf")] * 2


def test_bits_that_there_are_not_are_refused():
    with pytest.raises(ConfigError, match="bits=20"):
        noise_table([("linear", 20)], [0])
