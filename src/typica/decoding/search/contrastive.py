"""Contrastive search: likely symbols that do not lead back to where the sequence has been.

Source: Su et al., 2022, https://arxiv.org/abs/2202.06417, equation 5. Not to be taken for
contrastive decoding, which compares two models.
"""

from __future__ import annotations

from typing import Protocol

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.distributions import Distribution

from typica.core.condition import Condition, to_device
from typica.core.engine_state import pick_streams
from typica.core.errors import ConfigError
from typica.core.hidden import HiddenStates
from typica.core.model import BLOCK, AutoregressiveModel, State
from typica.core.progress import SILENT, Progress
from typica.decoding.generation import Generation, Stop, count_symbols
from typica.decoding.search.ranking import best_of, listed


@torch.no_grad()
def contrastive_search(
    model: AutoregressiveModel,
    count: int,
    length: int,
    *,
    candidates: int = 5,
    alpha: float = 0.6,
    window: int | None = None,
    condition: Condition | None = None,
    prompt: Tensor | None = None,
    progress: Progress = SILENT,
) -> Generation:
    """Choose symbols that are likely, and whose hidden vectors are unlike those before them.

    Of the most likely symbols v it takes the one with the highest (1 - alpha) p(v) less alpha
    times the greatest cosine between v's hidden vector and those of the symbols before.

    Args:
        model: Shows its hidden vectors (`HiddenStates`); it takes the steps itself, since
            compiled engines show none.
        count: Sequences, of which each goes on from its own prompt and condition.
        length: Symbols of each, at most.
        candidates: Symbols that are compared at each step; as many steps are taken.
        alpha: Weight of the cosine, from 0, which is greedy decoding, to 1.
        window: How many of the last symbols v is compared with; None for all.
        condition: What the model is told; it begins where the prompt does.
        prompt: What to go on from, (1 or count, channels, time) or as the model's examples are.
        progress: Hears how far it is.

    Raises:
        ConfigError: A number is out of range, the model shows no hidden vectors, or its
            distributions cannot be listed.
    """
    _check(model, length, candidates, alpha, window)
    search = _Search(model, candidates, alpha)
    search.start(count, length, window, condition, prompt)
    with progress.task("contrastive search", total=length, unit="symbols") as task:
        for _ in range(length):
            search.step()
            task.advance(1)
            if search.has_ended:
                break
    return search.result()


class _Network(Protocol):
    """A model with hidden vectors."""

    def advance_hidden(self, previous: Tensor, state: State) -> tuple[Distribution, Tensor, State]:
        """See `HiddenStates`."""


def _check(
    model: AutoregressiveModel, length: int, candidates: int, alpha: float, window: int | None
) -> None:
    if not isinstance(model, HiddenStates):
        name = type(model).__name__
        raise ConfigError(f"contrastive search compares hidden vectors, and {name} shows none")
    if min(length, candidates, 1 if window is None else window) < 1:
        raise ConfigError(
            f"length, candidates and window must be at least 1, got {length}, {candidates} and "
            f"{window}"
        )
    if not 0 <= alpha <= 1:
        raise ConfigError(f"alpha must be from 0 to 1, got {alpha:g}")


class _Ring:
    """The last directions of every sequence, in any order: only the nearest of them matters."""

    def __init__(self, size: int) -> None:
        self.size, self.read = size, 0
        self._kept: Tensor | None = None

    @property
    def kept(self) -> Tensor:
        """Directions (count, known, width)."""
        assert self._kept is not None
        return self._kept[:, : self.read]

    def add(self, directions: Tensor) -> None:
        """Keep directions (count, block, width) in the places of the oldest."""
        if self._kept is None:
            count, _, width = directions.shape
            self._kept = directions.new_empty(count, self.size, width)
        last = directions[:, -self.size :]
        first = self.read + directions.shape[1] - last.shape[1]
        places = torch.arange(first, first + last.shape[1], device=last.device) % self.size
        self._kept[:, places] = last
        self.read += directions.shape[1]


class _Search:
    """Sequences side by side, each with the directions of its past."""

    def __init__(self, model: AutoregressiveModel, candidates: int, alpha: float) -> None:
        self.model, self.final = model, model.final
        self.candidates, self.alpha = candidates, alpha
        self.chosen: list[Tensor] = []
        self.log_probs: list[Tensor] = []

    def start(
        self,
        count: int,
        length: int,
        window: int | None,
        condition: Condition | None,
        prompt: Tensor | None,
    ) -> None:
        """Read the prompt, block by block, or what stands before the first symbol."""
        device = next(self.model.parameters()).device
        past = torch.full((count, 1), self.model.initial, device=device)
        if prompt is not None:
            symbols = self.model.symbols(prompt.to(device)).expand(count, -1)
            past = torch.cat([past.to(symbols), symbols], 1)
        self.state = self.model.start(count, to_device(condition, device))
        most = past.shape[1] + length
        self.ring = _Ring(most if window is None else min(window, most))
        for begin in range(0, past.shape[1], BLOCK):
            distribution, directions = self._read(past[:, begin : begin + BLOCK])
            # What stands before the first symbol is no past where there is another.
            skipped = 1 if prompt is not None and not begin else 0
            self.ring.add(directions[:, skipped:])
        self.rows = listed(distribution)
        self.is_open = past[:, -1] != (-1 if self.final is None else self.final)

    @property
    def has_ended(self) -> bool:
        return self.final is not None and not bool(self.is_open.any())

    def step(self) -> None:
        """Try candidates for each sequence, and go on with the best of each."""
        count = len(self.rows)
        some = min(self.candidates, self.rows.shape[1])
        log_probs, symbols = best_of(self.rows, some)
        before = self.state
        picked = [row for row in range(count) for _ in range(some)]
        self.state = pick_streams(before, picked, count)
        distribution, directions = self._read(symbols.reshape(-1, 1))
        directions = directions.view(count, some, -1)
        likeness = (directions @ self.ring.kept.transpose(1, 2)).max(-1).values
        # A candidate of probability 0 stays out, however new it is.
        score = (1 - self.alpha) * log_probs.exp() - self.alpha * likeness
        best = score.masked_fill(log_probs == -torch.inf, -torch.inf).argmax(1)
        index = torch.arange(count, device=best.device)
        self.state = pick_streams(self.state, (index * some + best).tolist(), count * some)
        self.rows = listed(distribution).view(count, some, -1)[index, best]
        self.ring.add(directions[index, best][:, None])
        self._keep(symbols[index, best], log_probs[index, best])

    def _read(self, symbols: Tensor) -> tuple[Distribution, Tensor]:
        """Read symbols (rows, block): what follows the last, and directions of all of them."""
        network: _Network = self.model  # type: ignore[assignment]
        distribution, hidden, self.state = network.advance_hidden(symbols, self.state)
        return distribution, F.normalize(hidden, dim=-1)

    def _keep(self, symbols: Tensor, log_probs: Tensor) -> None:
        if self.final is not None:
            symbols = symbols.where(self.is_open, self.final)
            log_probs = log_probs.where(self.is_open, 0.0)
            self.is_open = self.is_open & (symbols != self.final)
        self.chosen.append(symbols)
        self.log_probs.append(log_probs)

    def result(self) -> Generation:
        """Return one sequence for each source."""
        symbols = torch.stack(self.chosen, 1)
        lengths, finished = count_symbols(symbols, self.final)
        log_prob = torch.stack(self.log_probs, 1).sum(1)
        stops: list[Stop] = ["ended" if ended else "length" for ended in finished.tolist()]
        source = torch.arange(len(symbols), device=symbols.device)
        nothing = torch.zeros_like(log_prob)
        return Generation(
            symbols, lengths, log_prob, nothing, finished, source, tuple(stops), log_prob
        )
