"""The state of an engine for transformers over a table: a value, made of the model's own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from typica.core.engine_state import Saved
from typica.engines.attending.layout import COLUMNS, KINDS, SUMMARIES
from typica.engines.attending.tables import Tables
from typica.engines.fit import Fit
from typica.engines.job import Floats
from typica.engines.told import ToldState
from typica.layers.attending_network import AttendingState
from typica.layers.sparse_attention import Cache, Kind, kept_rows

Places = NDArray[np.int64]


class Shelf(NamedTuple):
    """Views of a layer's keys and values in tables, as kernel.cpp has them.

    Attributes:
        keys: (count, heads, blocks, size, places of a block).
        values: (count, heads, pieces, places, channels of a piece).
    """

    keys: Floats
    values: Floats

    def put(self, places: Places, keyed: Tensor) -> None:
        """Lay down keys beside values, (count, heads, places, 2 size), at their places."""
        size, block = self.keys.shape[3:]
        keys, values = np.split(keyed.detach().cpu().float().numpy(), 2, -1)
        self.keys[:, :, places // block, :, places % block] = keys.transpose(2, 0, 1, 3)
        for begin in range(0, size, block):
            piece = values[..., begin : begin + block]
            self.values[:, :, begin // block, places, : piece.shape[-1]] = piece

    def get(self, places: Places) -> Tensor:
        """Return what lies at places, (count, heads, places, 2 size)."""
        size, block = self.keys.shape[3:]
        keys = self.keys[:, :, places // block, :, places % block].transpose(1, 2, 0, 3)
        values = self.values[:, :, :, places].transpose(0, 1, 3, 2, 4)
        values = values.reshape(*values.shape[:3], values.shape[3] * block)[..., :size]
        return torch.from_numpy(np.concatenate([keys, values], -1))


@dataclass(frozen=True)
class Geometry:
    """Sizes of a network's state.

    Attributes:
        model: Digest of the model that states belong to.
        shapes: Constants of the kernel: see layout.py.
        summaries: Columns that are seen from afar, of each head, (heads, count).
        label: Whether the model is told a label.
        local: Channels of the local condition; 0 where there is none.
    """

    model: str
    shapes: dict[str, Any]
    summaries: Places
    label: bool
    local: int

    def enter(self, previous: Tensor, state: AttendingState) -> AttendingEngineState:
        """Make an engine's state of a model's."""
        own, held = self.shapes, state.held
        tables = Tables.blank(len(previous), own["TABLE"], held)
        given = torch.cat([state.rows, state.tail], 1)
        self._given(tables.now)[:, :held, : own["WIDTH"]] = given.detach().cpu().float().numpy()
        for layer, cache in enumerate(state.caches):
            self._enter_layer(tables.now, layer, cache, held)
        return AttendingEngineState(
            previous.cpu(),
            geometry=self,
            time=state.read,
            tables=tables,
            held=held,
            followed=0,
            label=None if state.label is None else state.label.detach().cpu().float(),
            frames=None if state.frames is None else state.frames.cpu().float(),
            told_from=state.told_from,
        )

    def leave(self, tables: Tables, held: int) -> tuple[Tensor, Tensor, tuple[Cache, ...]]:
        """Return rows, tail and caches of a model's state."""
        own = self.shapes
        full = held // own["STRIDE"] * own["STRIDE"]
        given = torch.from_numpy(self._given(tables.now)[:, :held, : own["WIDTH"]].copy())
        layers = range(own["LAYERS"])
        caches = tuple(self._leave_layer(tables.now, layer, held) for layer in layers)
        return given[:, :full], given[:, full:], caches

    def followed(self, held: int) -> int:
        """Return how much of the next table was read where `held` symbols lie in this one."""
        own = self.shapes
        if held == own["POSITIONS"]:
            return own["AGAIN"]
        known = held - (own["POSITIONS"] - own["AGAIN"])
        return max(0, known) // own["CHUNK"] * own["CHUNK"]

    def fits(self, state: AttendingState, count: int) -> dict[str, Fit]:
        """List what the tensors of a model's state must be, by name."""
        own, held = self.shapes, state.held
        rows, columns = divmod(held, own["STRIDE"])
        wanted = {"last draw": Fit((count,), torch.int64, own["LEVELS"])}
        wanted["rows"] = Fit((count, rows * own["STRIDE"], own["WIDTH"]))
        wanted["tail"] = Fit((count, columns, own["WIDTH"]))
        if self.label:
            wanted["label"] = Fit((count, own["WIDTH"]))
        if self.local:
            wanted["local condition"] = Fit((count, self.local, None))
        wide = 2 * own["SIZE"]
        for layer in range(own["LAYERS"]):
            far = len(self._kept(layer, rows)), self._wide(layer)
            wanted[f"rows of layer {layer}"] = Fit((count, own["HEADS"], *far, wide))
            wanted[f"tail of layer {layer}"] = Fit((count, own["HEADS"], columns, wide))
        return wanted

    def _enter_layer(self, table: Floats, layer: int, cache: Cache, held: int) -> None:
        kind, (row, column) = self._kind(layer), divmod(held, self.shapes["STRIDE"])
        if kind != "column":
            self._enter_near(self._shelf(table, layer, "NEAR"), kind, cache, held)
        if kind in COLUMNS + SUMMARIES:
            far = self._shelf(table, layer, "FAR")
            far.put(self._places(layer, row), cache.rows.flatten(2, 3))
            if kind in COLUMNS:
                far.put(np.arange(column) * self.shapes["ROWS"] + row, cache.tail)
            else:
                self._enter_summaries(far, cache.tail, row)

    def _enter_near(self, near: Shelf, kind: str, cache: Cache, held: int) -> None:
        """Lay down what is seen of the row that is not full, and of those before it."""
        begin = held - cache.tail.shape[2]
        near.put(np.arange(begin, held), cache.tail)
        if kind not in SUMMARIES:
            rows = cache.rows[:, :, -1:] if kind == "strided" else cache.rows
            near.put(np.arange(begin - rows.shape[2] * rows.shape[3], begin), rows.flatten(2, 3))

    def _enter_summaries(self, far: Shelf, tail: Tensor, row: int) -> None:
        """Lay down the summaries that the row that is not full has already."""
        for head, columns in enumerate(self.summaries):
            known = columns[columns < tail.shape[2]]
            own = Shelf(far.keys[:, head : head + 1], far.values[:, head : head + 1])
            places = row * self.shapes["SUMMARIES"] + np.arange(len(known))
            own.put(places, tail[:, head : head + 1, torch.from_numpy(known)])

    def _leave_layer(self, table: Floats, layer: int, held: int) -> Cache:
        kind, (row, column) = self._kind(layer), divmod(held, self.shapes["STRIDE"])
        which = "FAR" if kind in COLUMNS + SUMMARIES else "NEAR"
        rows = self._shelf(table, layer, which).get(self._places(layer, row))
        if kind in COLUMNS:
            places = np.arange(column) * self.shapes["ROWS"] + row
            tail = self._shelf(table, layer, "FAR").get(places)
        else:
            tail = self._shelf(table, layer, "NEAR").get(np.arange(held - column, held))
        return Cache(rows.unflatten(2, (len(self._kept(layer, row)), self._wide(layer))), tail)

    def _places(self, layer: int, rows: int) -> Places:
        """Return where lies what a model's cache holds of full rows, row after row."""
        row, column = np.array(self._kept(layer, rows), np.int64), np.arange(self._wide(layer))
        if self._kind(layer) in COLUMNS:
            return (column * self.shapes["ROWS"] + row[:, None]).ravel()
        return (row[:, None] * len(column) + column).ravel()

    def _kept(self, layer: int, rows: int) -> range:
        """Return the rows that a model's cache holds something of."""
        return range(rows)[kept_rows(self._kind(layer))]

    def _wide(self, layer: int) -> int:
        """Return how many columns of them it holds."""
        return self.shapes["SUMMARIES" if self._kind(layer) in SUMMARIES else "STRIDE"]

    def _kind(self, layer: int) -> Kind:
        return KINDS[self.shapes["KIND"][layer]]

    def _given(self, table: Floats) -> Floats:
        """Return a view of what the layers were given, (count, positions, width*)."""
        own = self.shapes
        flat = table[:, : own["POSITIONS"] * own["WIDE"]]
        return flat.reshape(len(table), own["POSITIONS"], own["WIDE"])

    def _shelf(self, table: Floats, layer: int, which: str) -> Shelf:
        """Return a view of a layer's keys and values, "NEAR" or "FAR"."""
        own, places = self.shapes, self.shapes[which]
        heads, size, span, block = (own[name] for name in ("HEADS", "SIZE", "SPAN", "PAD"))
        at, each = own[f"{which}_AT"][layer], (size + span) * places
        flat = table[:, at : at + heads * each].reshape(len(table), heads, each)
        keys = flat[..., : size * places].reshape(*flat.shape[:2], places // block, size, block)
        values = flat[..., size * places :].reshape(*flat.shape[:2], span // block, places, block)
        return Shelf(keys, values)


@dataclass(frozen=True)
class AttendingEngineState(ToldState):
    """What a transformer over a table has read.

    Attributes:
        tables: Which may go on: they count as far as `held` and `followed` say.
        held: Symbols in the table that is filled.
        followed: Symbols of the next one that were read already.
        label: Vectors of the classes, (count, width), or None.
    """

    carried = ("tables", "held", "followed")
    geometry: Geometry = field(kw_only=True)
    tables: Tables = field(kw_only=True)
    held: int = field(kw_only=True)
    followed: int = field(kw_only=True)
    label: Tensor | None = field(kw_only=True)

    @property
    def nbytes(self) -> int:
        """Bytes of its tables, written or not."""
        return self.tables.nbytes

    def copy(self) -> AttendingEngineState:
        """See `CompiledState.copy`: the tables are the same where nobody added to them."""
        return replace(self, tables=self.tables.taken(self.held))

    def pick(self, rows: Sequence[int]) -> AttendingEngineState:
        """See `EngineState.pick`."""
        index = list(rows)
        tables = self.tables.pick(index)
        tables.give_back(self.held)
        return replace(
            self,
            previous=self.previous[index],
            memory=None if self.memory is None else self.memory[index],
            tables=tables,
            label=None if self.label is None else self.label[index],
            frames=None if self.frames is None else self.frames[index],
        )

    def leave(self) -> Saved:
        """See `EngineState.leave`."""
        read = self.geometry.leave(self.tables, self.held)
        inner = AttendingState(self.time, *read, self.label, self.frames, self.told_from)
        return Saved(self.previous, inner, self.memory)
