import numpy as np
import pytest

from typica.signal.flac import encode


@pytest.mark.parametrize("rate", [1000, 65535, 65537, 70001, 655350, 655351, 768000])
def test_levels_at_any_rate_make_a_file_of_their_size(rate):
    codes = np.random.default_rng(0).integers(0, 256, 5000)

    assert len(encode(codes, 256, rate)) == pytest.approx(len(encode(codes, 256, 8000)), abs=16)
