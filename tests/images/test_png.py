import pytest
import torch

from typica.core.errors import ConfigError, ShapeError
from typica.core.randomness import seeded
from typica.images import spoil
from typica.images.photographs import patches
from typica.images.png import png_bits

PHOTOS = patches("china", "train", 20, size=16)


def test_a_constant_needs_less_than_a_photograph_and_noise_more():
    constant = png_bits(spoil.constant(PHOTOS, seeded(0)))
    photo, noise = png_bits(PHOTOS), png_bits(spoil.noise(PHOTOS, 256, seeded(0)))

    assert (constant < photo).all()
    assert photo.mean() < noise.mean()
    assert noise.min() >= 8 * 16 * 16  # no coder makes noise smaller


def test_what_says_nothing_is_not_counted():
    assert png_bits(torch.zeros(3, 1, 1, 1, dtype=torch.long)).tolist() == [0, 0, 0]
    assert 0 <= png_bits(torch.zeros(1, 3, 8, 8, dtype=torch.long)).item() < 150


def test_one_image_does_not_change_the_bits_of_another():
    assert png_bits(PHOTOS)[:2].tolist() == png_bits(PHOTOS[:2]).tolist()


def test_what_png_cannot_hold_is_refused():
    with pytest.raises(ShapeError, match="1 or 3 channels, got images with 2"):
        png_bits(torch.zeros(1, 2, 4, 4, dtype=torch.long))
    with pytest.raises(ConfigError, match="levels 0 to 16"):
        png_bits(torch.full((1, 1, 4, 4), 17), levels=17)
    assert png_bits(PHOTOS[:0]).shape == (0,)
