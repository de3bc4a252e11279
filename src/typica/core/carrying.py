"""Models that learn a long stretch in parts and carry their state from each part to the next.

The gradient ends at the border of a part; what was heard does not: truncated back-propagation
through time.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import torch
from torch import Tensor

from typica.core.engine_state import map_tensors, pick_streams
from typica.core.model import AutoregressiveModel, State
from typica.core.phase import Batch, Phase


class Carried(NamedTuple):
    """What is known where a part ends; no gradient passes through it.

    Attributes:
        previous: Last symbol of each row, (batch,), not yet read.
        state: The model's, all of whose tensors have the rows in front.
        places: Where each row goes on.
    """

    previous: Tensor
    state: State
    places: tuple[int, ...]

    def leads_to(self, batch: Batch) -> bool:
        """Tell whether a batch goes on, row by row, exactly where this ended."""
        return batch.get("part", 0) > 0 and self.places == batch.get("places")

    def gathered(self, gather: Callable[[Tensor], Tensor]) -> Carried:
        """Return it with rows of all processes, as a function gathers them of one tensor."""
        places = gather(torch.tensor(self.places, dtype=torch.int64, device=self.previous.device))
        state = map_tensors(self.state, gather)
        return Carried(gather(self.previous), state, tuple(places.tolist()))

    def part(self, rank: int, world: int) -> Carried:
        """Return the rows of one of several processes."""
        count = len(self.previous) // world
        rows = range(rank * count, (rank + 1) * count)
        state = pick_streams(self.state, rows, len(self.previous))
        return Carried(self.previous[list(rows)], state, tuple(self.places[rank * count :][:count]))

    def on(self, device: torch.device) -> Carried:
        """Return it on a device."""
        state = map_tensors(self.state, lambda tensor: tensor.to(device))
        return Carried(self.previous.to(device), state, self.places)


@dataclass(frozen=True)
class CarryingPhase(Phase):
    """A turn whose batches may be consecutive parts of a stretch.

    Attributes:
        carried_loss: As `loss`, given what the batch before left behind (None if nothing did);
            returns the terms, and what this batch leaves behind.
    """

    carried_loss: Callable[[Batch, Carried | None], tuple[dict[str, Tensor], Carried]] = field(
        kw_only=True
    )


class CarryingModel(AutoregressiveModel):
    """An autoregressive model whose state is worth carrying from one part to the next."""

    def phases(self) -> Sequence[Phase]:
        """Maximise the likelihood, in nats a sample, part after part."""
        own = list(self.parameters())
        return [
            CarryingPhase("likelihood", own, self.likelihood_loss, carried_loss=self.carried_loss)
        ]

    def carried_loss(
        self, batch: Batch, before: Carried | None
    ) -> tuple[dict[str, Tensor], Carried]:
        """Return what `likelihood_loss` does, of a batch that may go on where another ended.

        Args:
            batch: If it goes on elsewhere, it is read from the model's start on.
            before: What the batch before left behind.
        """
        symbols = self.symbols(batch[self.example])
        if before is None or not before.leads_to(batch):
            start = self.start(len(symbols), batch.get("condition"))
            before = Carried(self._silence(len(symbols)), start, ())
        previous = torch.cat([before.previous[:, None], symbols[:, :-1]], 1)
        distribution, state = self.advance(previous, before.state)
        terms = {"nll": self._mean_nats(distribution.log_prob(symbols), symbols, batch)}
        scored = symbols.shape[1] - batch.get("context", 0)
        places = tuple(place + scored for place in batch.get("places", ()))
        return terms, Carried(symbols[:, -1], map_tensors(state, Tensor.detach), places)
