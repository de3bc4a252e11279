"""Models of the levels of a quantiser: how sound becomes symbols, and symbols sound."""

from __future__ import annotations

import torch
from torch import Tensor

from typica.core.errors import ShapeError
from typica.core.model import AutoregressiveModel
from typica.signal.quantise import Quantiser


class LevelModel(AutoregressiveModel):
    """An autoregressive model whose symbols are the levels of its quantiser.

    Attributes:
        quantiser: How amplitudes become levels.
    """

    quantiser: Quantiser

    @property
    def base_measure(self) -> str:
        """See `ExplicitModel.base_measure`."""
        return self.quantiser.name

    @property
    def initial(self) -> float:
        """See `AutoregressiveModel.initial`: silence."""
        return self.symbols(torch.zeros(1, 1, 1)).item()

    def symbols(self, x: Tensor) -> Tensor:
        """Return levels, int64, shape (batch, time).

        Raises:
            ShapeError: `x` is not (batch, 1, time).
        """
        if x.ndim != 3 or x.shape[1] != 1:
            raise ShapeError(f"audio must have shape (batch, 1, time), got {tuple(x.shape)}")
        return self.quantiser.encode(x[:, 0])

    def render(self, symbols: Tensor) -> Tensor:
        """See `AutoregressiveModel.render`."""
        return self.quantiser.decode(symbols)[:, None]
