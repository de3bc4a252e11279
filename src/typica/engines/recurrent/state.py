"""The state of an engine for recurrent tiers: a value, made of the model's own and turned back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import torch
from torch import Tensor

from typica.core.engine_state import Saved
from typica.engines.compiled import CompiledState
from typica.engines.fit import Fit
from typica.engines.job import Floats
from typica.layers.recurrent_network import RecurrentState, TierState


@dataclass(frozen=True)
class Geometry:
    """Sizes of a network's state.

    Attributes:
        model: Digest of the model that states belong to.
        width: Of the layers.
        wide: The same with its padding.
        layers: Of each tier.
        has_cell: Whether they are LSTMs.
        ratios: Words that each tier says at a time.
        recent: Symbols that are kept.
        levels: Of the symbols.
        labels: Number of classes; 0 where it is told none.
    """

    model: str
    width: int
    wide: int
    layers: int
    has_cell: bool
    ratios: tuple[int, ...]
    recent: int
    levels: int
    labels: int

    def enter(self, previous: Tensor, state: RecurrentState) -> RecurrentEngineState:
        """Make an engine's state of a model's."""
        count, time, tiers = len(previous), state.time, state.tiers
        recent = np.zeros((self.recent, count), np.float32)
        recent[np.arange(time - self.recent + 1, time) % self.recent] = state.heard.cpu().numpy().T
        cells = [tier.cell for tier in tiers if tier.cell is not None]
        words = [_padded(tier.words, self.wide).reshape(-1) for tier in tiers]
        return RecurrentEngineState(
            previous.cpu(),
            geometry=self,
            time=time,
            recent=recent,
            hidden=self._stacked([tier.hidden for tier in tiers]),
            cell=self._stacked(cells) if cells else None,
            words=np.concatenate(words),
            label=None if state.label is None else state.label.cpu(),
        )

    def fits(self, count: int) -> dict[str, Fit]:
        """List what the tensors of a model's state must be, by name."""
        layers = Fit((count, self.layers, self.width))
        wanted = {"last draw": Fit((count,), torch.int64, self.levels)}
        wanted["symbols"] = Fit((count, self.recent - 1), torch.int64, self.levels)
        if self.labels:
            wanted["label"] = Fit((count,), torch.int64, self.labels)
        for tier, ratio in enumerate(self.ratios):
            wanted[f"hidden of tier {tier}"] = layers
            if self.has_cell:
                wanted[f"cell of tier {tier}"] = layers
            wanted[f"words of tier {tier}"] = Fit((count, ratio, self.width))
        return wanted

    def _stacked(self, states: Sequence[Tensor]) -> Floats:
        layers = [_padded(state.transpose(0, 1), self.wide) for state in states]
        return np.ascontiguousarray(np.stack(layers))


@dataclass(frozen=True)
class RecurrentEngineState(CompiledState):
    """What recurrent tiers have read. Arrays are those of `Job`.

    Attributes:
        recent: The last symbols, (recent, count).
        hidden: States of the layers.
        cell: The same of LSTMs, or None.
        words: What each tier says.
        label: Classes, (count,), or None.
    """

    carried = ("recent", "hidden", "cell", "words")
    geometry: Geometry = field(kw_only=True)
    recent: Floats = field(kw_only=True)
    hidden: Floats = field(kw_only=True)
    cell: Floats | None = field(kw_only=True)
    words: Floats = field(kw_only=True)
    label: Tensor | None = field(kw_only=True)

    def pick(self, rows: Sequence[int]) -> RecurrentEngineState:
        """See `EngineState.pick`."""
        index = list(rows)
        return replace(
            self,
            previous=self.previous[index],
            memory=None if self.memory is None else self.memory[index],
            recent=np.ascontiguousarray(self.recent[:, index]),
            hidden=np.ascontiguousarray(self.hidden[:, :, index]),
            cell=None if self.cell is None else np.ascontiguousarray(self.cell[:, :, index]),
            words=np.concatenate([words[index].reshape(-1) for words in self._words()]),
            label=None if self.label is None else self.label[index],
        )

    def leave(self) -> Saved:
        """See `EngineState.leave`."""
        return Saved(self.previous, self._inner(), self.memory)

    def _inner(self) -> RecurrentState:
        """Return what the model has read."""
        own = self.geometry
        kept = np.arange(self.time - own.recent + 1, self.time) % own.recent
        heard = torch.from_numpy(self.recent[kept].T.copy()).to(torch.int64)
        tiers = []
        for number, words in enumerate(self._words()):
            hidden = self._layers(self.hidden[number])
            cell = None if self.cell is None else self._layers(self.cell[number])
            tiers.append(TierState(hidden, cell, torch.from_numpy(words[..., : own.width].copy())))
        return RecurrentState(self.time, heard, tuple(tiers), self.label)

    def _layers(self, states: Floats) -> Tensor:
        """Return a tier's states (layers, count, wide) as the model has them."""
        width = self.geometry.width
        return torch.from_numpy(states[..., :width].transpose(1, 0, 2).copy())

    def _words(self) -> list[Floats]:
        """Return each tier's words, (count, ratio, wide)."""
        own, shape = self.geometry, (self.count, -1, self.geometry.wide)
        ends = np.cumsum([ratio * self.count * own.wide for ratio in own.ratios])
        return [part.reshape(shape) for part in np.split(self.words, ends[:-1])]


def _padded(values: Tensor, wide: int) -> Floats:
    """Return values (..., width) as an array (..., wide)."""
    padding = (0, wide - values.shape[-1])
    found = torch.nn.functional.pad(values.detach().cpu().float(), padding)
    return np.ascontiguousarray(found.numpy())
