import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from typica.core.errors import ConfigError, DataError
from typica.typicality.byte_pairs import BytePairEncoding
from typica.typicality.fibres import entropy_chain, split_log_prob
from typica.typicality.representation import DroppedBits, Ordered, Representation, SymbolCounts

EVERYTHING = np.array(list(itertools.product(range(4), repeat=4)))
REPRESENTATIONS = [DroppedBits(0, 2), DroppedBits(1, 2), DroppedBits(2, 2), Ordered()]
REPRESENTATIONS += [SymbolCounts(4)]
names = pytest.mark.parametrize("representation", REPRESENTATIONS, ids=repr)


def random_log_prob(seed=0):
    weights = np.random.default_rng(seed).dirichlet(np.ones(len(EVERYTHING)))
    return np.log(weights)


@names
def test_a_fibre_has_as_many_members_as_its_volume_says(representation):
    codes = representation.encode(EVERYTHING)

    _, group, size = np.unique(codes, axis=0, return_inverse=True, return_counts=True)
    np.testing.assert_allclose(np.exp(representation.log_volume(codes)), size[group.reshape(-1)])


@names
def test_decoding_gives_a_member_of_the_fibre_and_the_original_where_nothing_is_lost(
    representation,
):
    codes = representation.encode(EVERYTHING)
    decoded = representation.decode(codes)

    np.testing.assert_array_equal(representation.encode(decoded), codes)
    assert np.array_equal(decoded, EVERYTHING) == representation.is_lossless


@names
def test_bits_of_the_code_and_of_the_rest_are_bits_of_the_original(representation):
    log_prob = random_log_prob()
    codes = representation.encode(EVERYTHING)

    chain = entropy_chain(log_prob, codes)
    split = split_log_prob(log_prob, codes)

    assert chain.original == pytest.approx(chain.code + chain.rest, abs=1e-12)
    assert np.all(split.code >= log_prob - 1e-12)
    # A rest that is spread evenly over the fibre costs its size, at least what it need cost.
    evenly = np.exp(log_prob) @ representation.log_volume(codes)
    assert chain.rest <= evenly + 1e-12


@pytest.mark.parametrize("representation", [DroppedBits(1, 2), Ordered()], ids=repr)
def test_parts_make_the_original_and_no_two_originals_have_the_same(representation):
    parts = representation.decompose(EVERYTHING)

    np.testing.assert_array_equal(representation.compose(parts), EVERYTHING)
    both = np.concatenate([parts.code, parts.residual], axis=1)
    assert len(np.unique(both, axis=0)) == len(EVERYTHING)


@given(st.integers(0, 8), st.integers(1, 50))
def test_bits_filled_in_evenly_cost_as_many_bits_as_there_are(bits, values):
    code = DroppedBits(bits).encode(np.arange(values) % 256)

    assert DroppedBits(bits).log_volume(code) / math.log(2) == pytest.approx(bits * values)


def test_the_sorted_and_the_counted_say_the_same():
    rng = np.random.default_rng(0)
    values = rng.integers(5, size=(2, 3, 20))
    ordered, counts = Ordered().encode(values), SymbolCounts(5).encode(values)

    np.testing.assert_array_equal(SymbolCounts(5).decode(counts), ordered)
    np.testing.assert_allclose(Ordered().log_volume(ordered), SymbolCounts(5).log_volume(counts))
    assert counts.shape == (2, 3, 5)


@pytest.mark.parametrize("representation", [*REPRESENTATIONS, BytePairEncoding()], ids=repr)
def test_representations_are_known_by_what_they_do(representation):
    assert isinstance(representation, Representation)
    assert (
        representation.log_volume(
            representation.encode(b"a" if is_text(representation) else EVERYTHING)
        )
        is not None
    )


def is_text(representation):
    return isinstance(representation, BytePairEncoding)


def test_what_does_not_fit_is_refused():
    with pytest.raises(ConfigError, match="of 8 bits 0 to 8 are dropped"):
        DroppedBits(9)
    with pytest.raises(DataError, match=r"\[0, 256\): got 3 to 256"):
        DroppedBits(1).encode(np.array([3, 256]))
    with pytest.raises(DataError, match="quantise it first"):
        Ordered().encode(np.array([0.5]))
    with pytest.raises(DataError, match="one length"):
        SymbolCounts(2).decode(np.array([[1, 2], [2, 2]]))
