import pytest

from typica.lab import byte_pairs
from typica.lab.study import Bench


@pytest.fixture(scope="module")
def rows():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(byte_pairs, "MERGES", [0, 50, 120])
        return byte_pairs.study(Bench()).tables[0].rows


def test_bytes_alone_have_one_segmentation(rows):
    assert rows[0].bytes_a_token == 1
    assert rows[0].canonical == pytest.approx(rows[0].marginal, abs=1e-12)


def test_perplexity_rises_while_bits_a_byte_fall(rows):
    for before, after in zip(rows, rows[1:], strict=False):
        assert after.perplexity > before.perplexity
        assert after.marginal < before.marginal
        assert after.marginal < after.canonical
