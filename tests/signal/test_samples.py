import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from typica.core.errors import ConfigError
from typica.signal.samples import clipped, from_samples, to_samples


@given(bits=st.integers(2, 24), seed=st.integers(0, 99))
def test_whole_numbers_come_back_to_the_last_bit(bits, seed):
    scale = 1 << bits - 1
    samples = np.random.default_rng(seed).integers(-scale, scale, 50)

    assert np.array_equal(to_samples(from_samples(samples, bits), bits), samples)


def test_amplitudes_go_to_the_nearest_number_and_no_further_than_the_last():
    audio = np.array([-1.5, -1.0, 0.4 / 128, 0.6 / 128, 1.0, 1.5], np.float32)

    assert to_samples(audio, 8).tolist() == [-128, -128, 0, 1, 127, 127]
    assert clipped(audio) == 2


def test_bits_that_no_file_has_are_refused():
    with pytest.raises(ConfigError, match=r"2 to 32 bits; got bits=33"):
        to_samples(np.zeros(1, np.float32), 33)
