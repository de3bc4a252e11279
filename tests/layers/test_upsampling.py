"""From frames to samples, whole or in blocks."""

import pytest
import torch

from typica.core.errors import ConfigError
from typica.core.randomness import seeded
from typica.layers.upsampling import Upsampling

KINDS = ("repeat", "linear", "learnt")
FRAMES = torch.rand(2, 3, 9, generator=seeded(0))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("hop", [1, 4, 5])
def test_blocks_are_pieces_of_the_whole(kind, hop):
    upsampling = Upsampling(kind, 3, hop)
    if kind == "learnt":
        upsampling.kernel.data += 0.1 * torch.rand(upsampling.kernel.shape, generator=seeded(1))
    whole = upsampling(FRAMES, 0, 9 * hop)

    pieces = [upsampling(FRAMES, start, 1) for start in range(9 * hop)]

    assert whole.shape == (9 * hop, 2, 3)
    torch.testing.assert_close(torch.cat(pieces), whole)


def test_repeating_holds_each_frame():
    samples = Upsampling("repeat", 3, 4)(FRAMES, 0, 36)
    assert torch.equal(samples[4:8], FRAMES[:, :, 1].expand(4, 2, 3))


def test_lines_pass_through_the_middles_of_the_frames():
    samples = Upsampling("linear", 3, 5)(FRAMES, 0, 45)
    torch.testing.assert_close(samples[2::5].permute(1, 2, 0), FRAMES)


@pytest.mark.parametrize("hop", [1, 4, 5, 7])
def test_what_is_learnt_begins_as_lines(hop):
    kinds = ("linear", "learnt")
    lines, learnt = (Upsampling(kind, 3, hop)(FRAMES, 0, 9 * hop) for kind in kinds)
    torch.testing.assert_close(lines, learnt)


@pytest.mark.parametrize("kind", KINDS)
def test_more_samples_than_the_frames_cover_are_refused(kind):
    with pytest.raises(ConfigError, match="covers 36 samples, but 37 are asked for"):
        Upsampling(kind, 3, 4)(FRAMES, 30, 7)
