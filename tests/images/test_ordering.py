"""Orders of an image's values: nothing is lost, and neighbours are where they should be."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from typica.core.errors import ConfigError, ShapeError
from typica.core.randomness import seeded
from typica.images.ordering import Ordering, join_bits, slices, split_bits, unslice

SIZES = [(channels, size, factor) for channels in (1, 3) for factor in (1, 2, 4)
         for size in (4, 8, 12, 32)]  # fmt: skip


@st.composite
def orderings(draw):
    factor = draw(st.integers(1, 5))
    rows, columns = draw(st.integers(1, 4)), draw(st.integers(1, 4))
    shape = draw(st.integers(1, 3)), rows * factor, columns * factor
    return Ordering(shape, factor, draw(st.integers(1, 2)))


def coordinates(channels, height, width):
    """Return an image whose value is its place: (1, channels, height, width)."""
    row, column = torch.arange(height)[:, None], torch.arange(width)
    return torch.stack([10_000 * c + 100 * row + column for c in range(channels)])[None]


@pytest.mark.parametrize(("channels", "size", "factor"), SIZES)
def test_slices_are_grids_of_pixels_a_factor_apart(channels, size, factor):
    image = coordinates(channels, size, size)

    found = slices(image, factor)

    assert found.shape == (1, factor**2, channels, size // factor, size // factor)
    for a in range(factor):
        for b in range(factor):
            expected = image[:, :, a::factor, b::factor]
            assert torch.equal(found[:, a * factor + b], expected)
    assert torch.equal(unslice(found, factor), image)


@pytest.mark.parametrize(("channels", "size", "factor"), SIZES)
def test_the_rank_is_that_of_the_formula(channels, size, factor):
    ordering = Ordering((channels, size, size), factor, parts=2)
    sizes = (2, channels, size, size)
    part, c, y, x = torch.cartesian_prod(*map(torch.arange, sizes)).view(*sizes, 4).unbind(-1)

    inner, number = size // factor, (y % factor) * factor + x % factor
    inside = (y // factor) * inner + x // factor
    expected = ((part * factor**2 + number) * inner**2 + inside) * channels + c

    assert torch.equal(ordering.rank, expected)
    assert torch.equal(ordering.slice_of(), number[0, 0])


@settings(max_examples=60, deadline=None)
@given(orderings(), st.integers(0, 100))
def test_every_value_comes_once_and_the_inverse_restores_the_image(ordering, seed):
    values = torch.randint(99, (2, ordering.parts, *ordering.shape), generator=seeded(seed))

    assert torch.equal(ordering.order.sort().values, torch.arange(ordering.length))
    assert torch.equal(ordering.rank.flatten()[ordering.order], torch.arange(ordering.length))
    assert torch.equal(ordering.restore(ordering.arrange(values)), values)
    counts = ordering.slice_of().flatten().bincount()
    assert (counts * ordering.shape[0] == ordering.slice_length).all()


def test_factor_one_is_raster_order_and_the_largest_makes_slices_of_a_pixel():
    image = coordinates(3, 4, 4)[:, None]
    raster = image[0, 0].permute(1, 2, 0).flatten()

    assert torch.equal(Ordering((3, 4, 4)).arrange(image)[0], raster)
    assert Ordering((3, 4, 4), 4).slice_length == 3
    # Slices of a pixel in raster order are raster order too.
    assert torch.equal(Ordering((3, 4, 4), 4).arrange(image)[0], raster)


def test_the_first_slice_comes_first_and_the_first_bits_before_all_others():
    first, last = split_bits(coordinates(1, 4, 4), 3)
    found = Ordering((1, 4, 4), 2, parts=2).arrange(torch.stack([first, last], 1))[0]

    assert found[:4].tolist() == first[0, 0, ::2, ::2].flatten().tolist()
    assert torch.equal(found[:16].sort().values, first.flatten().sort().values)
    assert found[16:20].tolist() == last[0, 0, ::2, ::2].flatten().tolist()


@pytest.mark.parametrize("last", range(9))
def test_bits_are_parted_and_joined_without_loss(last):
    levels = torch.arange(256)
    first, rest = split_bits(levels, last)

    assert torch.equal(join_bits(first, rest, last), levels)
    assert torch.equal(first, levels.div(2**last, rounding_mode="floor"))
    assert (rest.min(), rest.max()) == (0, 2**last - 1)


def test_samples_of_16_bits_are_parted_by_offset_in_their_order():
    samples = torch.arange(-(1 << 15), 1 << 15)

    first, last = split_bits(samples + (1 << 15), 8)

    assert (first.min(), first.max(), last.min(), last.max()) == (0, 255, 0, 255)
    assert (first.diff() >= 0).all()
    assert torch.equal(join_bits(first, last, 8) - (1 << 15), samples)


def test_what_does_not_fit_is_refused():
    with pytest.raises(ConfigError, match="6x8 pixels cannot be cut into 4x4 slices"):
        Ordering((1, 6, 8), 4)
    with pytest.raises(ConfigError, match="at least 1"):
        Ordering((1, 4, 4), 0)
    with pytest.raises(ShapeError, match="values must have shape"):
        Ordering((1, 4, 4)).arrange(torch.zeros(2, 1, 4, 4).long())
    with pytest.raises(ShapeError, match="symbols must have shape"):
        Ordering((1, 4, 4)).restore(torch.zeros(2, 15).long())
