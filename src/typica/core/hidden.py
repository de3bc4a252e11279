"""Models that show the vectors behind their distributions."""

from __future__ import annotations

from abc import ABC, abstractmethod

from torch import Tensor
from torch.distributions import Distribution

from typica.core.model import State


class HiddenStates(ABC):
    """An autoregressive model whose steps can be asked for their hidden vectors."""

    @abstractmethod
    def advance_hidden(self, previous: Tensor, state: State) -> tuple[Distribution, Tensor, State]:
        """Read symbols (batch, block), as `AutoregressiveModel.advance` does.

        Returns:
            The distributions of what follows each symbol, the vectors that they are computed of,
            (batch, block, width), and the state.
        """
