"""From frames to samples: a condition brought to the rate of the audio, block by block."""

from __future__ import annotations

from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from typica.core.errors import ConfigError


class Upsampling(nn.Module):
    """Brings frames to the rate of the samples, for any stretch of time by itself.

    Frame `i` covers samples `i hop` to `(i + 1) hop`. "repeat" holds it for so long; "linear"
    draws lines between the middles of the frames; "learnt" is a transposed convolution, channel
    by channel, two frames wide, that begins as "linear". (A transposed convolution that begins
    at random prints the hop's period on the audio.)

    Args:
        kind: Which of the three.
        channels: Channels of the frames.
        hop: Samples a frame.
    """

    def __init__(
        self, kind: Literal["repeat", "linear", "learnt"], channels: int, hop: int
    ) -> None:
        super().__init__()
        self.kind, self.channels, self.hop = kind, channels, hop
        if kind == "learnt":
            # For an odd hop the kernel's middle falls on a sample, half a sample sooner.
            middles = (torch.arange(2 * hop) + 0.5 * (1 + hop % 2)) / hop
            triangle = (1 - (middles - 1).abs()).clamp_min(0)
            self.kernel = nn.Parameter(triangle.repeat(channels, 1, 1))

    def forward(self, frames: Tensor, start: int, length: int) -> Tensor:
        """Return samples `start` to `start + length`, shape (length, batch, channels).

        Args:
            frames: Shape (batch, channels, frames).
            start: First sample.
            length: Number of samples.

        Raises:
            ConfigError: The frames end before the stretch does.
        """
        covered = frames.shape[-1] * self.hop
        if start + length > covered:
            raise ConfigError(
                f"the condition covers {covered} samples, but {start + length} are asked for"
            )
        if self.kind == "repeat":
            index = torch.arange(start, start + length, device=frames.device) // self.hop
            return frames[..., index].permute(2, 0, 1)
        if self.kind == "linear":
            return self._linear(frames, start, length)
        return self._learnt(frames, start, length)

    def _linear(self, frames: Tensor, start: int, length: int) -> Tensor:
        time = torch.arange(start, start + length, device=frames.device, dtype=torch.float64)
        position = ((time + 0.5) / self.hop - 0.5).clamp(0, frames.shape[-1] - 1)
        left = position.long()
        right = (left + 1).clamp_max(frames.shape[-1] - 1)
        weight = (position - left).to(frames.dtype)
        return torch.lerp(frames[..., left], frames[..., right], weight).permute(2, 0, 1)

    def _learnt(self, frames: Tensor, start: int, length: int) -> Tensor:
        # One frame more on both sides reaches into the stretch; ends stand for what is beyond.
        first, last = start // self.hop, (start + length - 1) // self.hop
        index = torch.arange(first - 1, last + 2, device=frames.device)
        near = frames[..., index.clamp(0, frames.shape[-1] - 1)]
        smooth = F.conv_transpose1d(near, self.kernel, stride=self.hop, groups=frames.shape[1])
        # Output 0 is half a hop before the first frame used begins.
        offset = start - (first - 1) * self.hop + self.hop // 2
        return smooth[..., offset : offset + length].permute(2, 0, 1)
