"""Jitter: in training, frames take the place of their neighbours."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from typica.core.errors import ConfigError


class Jitter(nn.Module):
    """Replaces each frame, with a probability, by its left or its right neighbour.

    So a code learns to stand for its neighbourhood. Neighbours are those that came in: nothing is
    handed on twice. At an end there is one neighbour, which takes both parts. In evaluation
    nothing is replaced.

    Source: Chorowski et al., 2019, https://arxiv.org/abs/1901.08810; Dieleman et al., 2018,
    https://arxiv.org/abs/1806.10474.

    Args:
        probability: Of a frame to be replaced.
    """

    def __init__(self, probability: float) -> None:
        super().__init__()
        if not 0 <= probability <= 1:
            raise ConfigError(f"the probability of jitter is from 0 to 1, got {probability}")
        self.probability = probability

    def forward(self, frames: Tensor) -> Tensor:
        """From (batch, channels, frames) to the same shape."""
        count = frames.shape[-1]
        if not self.training or self.probability == 0 or count < 2:
            return frames
        uniform = torch.rand(len(frames), count, device=frames.device)
        left, right = uniform < self.probability / 2, uniform >= 1 - self.probability / 2
        index = torch.arange(count, device=frames.device) + right.long() - left.long()
        index = index.abs()  # -1 is 1: the neighbour that there is
        index = torch.where(index == count, count - 2, index)
        return frames.gather(-1, index[:, None].expand_as(frames))
