import pytest
import torch

from typica.core.errors import ShapeError
from typica.core.randomness import seeded
from typica.images import spoil

IMAGES = torch.randint(0, 256, (20, 3, 6, 6), generator=seeded(0))


def test_constants_have_one_of_the_images_colours():
    flat = spoil.constant(IMAGES, seeded(1))

    assert (flat == flat[..., :1, :1]).all()
    held = (flat == IMAGES).all(1).flatten(1).any(1)  # a pixel with all three channels alike
    assert held.all()


def test_half_contrast_halves_the_deviation_and_keeps_the_mean():
    half = spoil.half_contrast(IMAGES).double()

    torch.testing.assert_close(half.mean((2, 3)), IMAGES.double().mean((2, 3)), atol=0.5, rtol=0)
    ratio = half.std((2, 3)) / IMAGES.double().std((2, 3))
    torch.testing.assert_close(ratio, torch.full_like(ratio, 0.5), atol=0.02, rtol=0)


def test_twice_inverted_or_mirrored_is_the_image():
    assert torch.equal(spoil.inverted(spoil.inverted(IMAGES, 256), 256), IMAGES)
    assert torch.equal(spoil.mirrored(spoil.mirrored(IMAGES)), IMAGES)
    assert spoil.inverted(IMAGES, 256).max() <= 255


def test_shuffling_keeps_pixels_whole_and_moves_them():
    mixed = spoil.shuffled(IMAGES, seeded(1))

    colours = IMAGES * torch.tensor([1, 1000, 10**6])[:, None, None]
    moved = mixed * torch.tensor([1, 1000, 10**6])[:, None, None]
    same = colours.sum(1).flatten(1).sort(1).values == moved.sum(1).flatten(1).sort(1).values
    assert same.all()
    assert not torch.equal(mixed, IMAGES)


def test_smoothing_leaves_constants_and_calms_the_rest():
    flat = spoil.constant(IMAGES, seeded(1))

    assert torch.equal(spoil.smoothed(flat), flat)
    assert spoil.smoothed(IMAGES).double().std() < 0.6 * IMAGES.double().std()


def test_noise_has_all_levels_of_its_own():
    assert spoil.noise(IMAGES, 4, seeded(0)).unique().tolist() == [0, 1, 2, 3]


def test_what_is_no_image_is_refused():
    with pytest.raises(ShapeError, match="integers \\(count, channels, height, width\\)"):
        spoil.inverted(torch.rand(2, 1, 4, 4), 2)
    with pytest.raises(ShapeError, match="got \\(4, 4\\)"):
        spoil.mirrored(torch.zeros(4, 4, dtype=torch.long))
