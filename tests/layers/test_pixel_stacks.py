"""What two gated stacks are told of each pixel reaches those that may know it, and no others."""

import pytest
import torch

from typica.layers.pixel_stacks import LevelHead, PixelStacks, StacksSize
from typica.layers.raster import Piece, Raster, pieces

HEIGHT, WIDTH = 4, 5


def build(channels=1, layers=2, **size):
    """Return stacks in double precision of which every parameter matters, and a head of levels."""
    torch.manual_seed(0)
    raster = Raster((channels, HEIGHT, WIDTH), 4, 3, channels)
    stacks = PixelStacks(raster, StacksSize(layers, 6, 3, **size)).double().eval()
    return stacks, LevelHead(6, 4 * channels, channels).double()


def features_of(stacks, *, local=None, heard=None, label=None):
    """Return features of all pixels of one blank image, (features, height, width)."""
    piece = Piece(0, HEIGHT, 0, WIDTH, True)
    planes = stacks.raster.draw(torch.zeros(1, 0).long(), piece, torch.float64)
    memory = stacks.enter(planes, piece, stacks.start(1, label, local))
    return stacks.read(planes, piece, memory, heard)[0][0]


def reached(stacks, name, row, column):
    """Return which pixels' features depend on what is told of one, booleans (height, width)."""
    told = torch.zeros(1, 2, HEIGHT, WIDTH).double()
    plain = features_of(stacks, **{name: told})
    told[0, :, row, column] = 1
    return (features_of(stacks, **{name: told}) != plain).any(0)


def test_what_is_told_beforehand_is_added_in_both_stacks():
    # A first layer tells its own pixel; a second hears the vertical one's neighbours and the left.
    alone = reached(build(layers=1, local=2)[0], "local", 1, 2)
    around = reached(build(layers=2, local=2)[0], "local", 1, 2)

    expected = torch.zeros(HEIGHT, WIDTH, dtype=torch.bool)
    expected[1:3, 1:4] = True
    assert torch.equal(around, expected)
    assert alone.sum() == 1
    assert alone[1, 2]


def test_what_is_heard_on_the_way_reaches_nothing_on_the_left_nor_another_row():
    for layers in (1, 3):
        found = reached(build(layers=layers, heard=2)[0], "heard", 2, 2)
        assert not found[[0, 1, 3]].any()
        assert not found[2, :2].any()
        assert found[2, 2 : 2 + layers].all()


@pytest.mark.parametrize("channels", [1, 3])
def test_what_is_told_belongs_to_the_pixels_of_a_piece(channels):
    stacks, _ = build(channels, local=3, labels=2)
    local, label = torch.randn(2, 3, HEIGHT, WIDTH).double(), torch.tensor([0, 1])
    symbols = torch.randint(4, (2, HEIGHT * WIDTH * channels))
    state, found = stacks.start(2, label, local), []
    for begin, end in ((0, 3), (3, 4), (4, 12), (12, 20)):
        for piece in pieces(begin, end, end, WIDTH):
            planes = stacks.raster.draw(symbols, piece, torch.float64)
            state = stacks.enter(planes, piece, state)
            features, state = stacks.read(planes, piece, state)
            found.append(features.flatten(2))

    whole = Piece(0, HEIGHT, 0, WIDTH, True)
    planes = stacks.raster.draw(symbols, whole, torch.float64)
    expected = stacks.read(
        planes, whole, stacks.enter(planes, whole, stacks.start(2, label, local))
    )
    torch.testing.assert_close(torch.cat(found, 2), expected[0].flatten(2))


def test_an_untrained_head_finds_all_levels_equally_likely():
    _, head = build(3)
    assert torch.equal(head(torch.randn(2, 6, 1, 4).double()), torch.zeros(2, 4, 12).double())
