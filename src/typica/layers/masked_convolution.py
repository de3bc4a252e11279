"""Convolutions over images that see no pixel, and no channel of a pixel, that comes later."""

from __future__ import annotations

from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from typica.expressions import causal_mask, masked, set_param


class Convolution(nn.Conv2d):
    """A convolution that is quick for a single place, too."""

    def forward(self, input: Tensor) -> Tensor:
        """Filter (batch, features, rows, columns), without borders."""
        if input.shape[2:] != self.kernel_size:
            return super().forward(input)
        # As a product of matrices it takes a tenth of the time.
        return F.linear(input.flatten(1), self.weight.flatten(1), self.bias)[..., None, None]


def causal(
    inputs: int,
    outputs: int,
    height: int,
    width: int,
    *,
    groups: int,
    kind: Literal["A", "B"] = "B",
    halves: int = 1,
) -> nn.Conv2d:
    """Return a convolution that sees no pixel, and no channel of its own pixel, that comes later.

    Args:
        inputs: Features that it reads.
        outputs: Features that it gives.
        height: Odd, as it would be without a mask: the lower rows do not exist. One of a single
            row has no columns on the right either.
        width: Odd likewise.
        groups: Shares of the features, one a channel.
        kind: "A" does not see the channel of its own pixel that is predicted, "B" does.
        halves: Parts of the outputs that are grouped each, as for a gate.
    """
    columns = width if height > 1 else width // 2 + 1
    layer = Convolution(inputs, outputs, (height // 2 + 1, columns))
    # Kind "B" without groups hides columns on the right alone, and a single row has none.
    if kind == "A" or groups > 1 or (height > 1 and width > 1):
        mask = causal_mask((outputs // halves, inputs, height, width), kind, channel_groups=groups)
        mask = torch.cat([mask] * halves)[:, :, : height // 2 + 1, :columns]
        set_param(layer, "weight", masked(layer.weight, mask))
    return layer
