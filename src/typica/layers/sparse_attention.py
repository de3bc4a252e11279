"""Attention whose queries see a few keys each: windows, columns, blocks and summaries.

A sequence is written row by row into a table of `stride` columns. A query at row r and column c
then sees keys that are near (the `stride` latest, or its own row), and keys that are far (its own
column in earlier rows, or the last columns of earlier rows). Time and memory grow with the keys
that are seen, and not with the square of the sequence.

Source: Child et al., 2019, https://arxiv.org/abs/1904.10509, section 4. The window is of exactly
`stride` positions, the query's own among them; who sees nothing else sees itself.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Literal, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

Kind = Literal["window", "column", "strided", "block", "summary", "fixed", "previous", "dense"]


class Cache(NamedTuple):
    """Keys and values that were read, side by side on the last axis.

    Attributes:
        rows: What later rows see of those that are full, (batch, heads, rows, columns, 2 size):
            of the rows that `kept_rows` names, their summaries or all columns.
        tail: Of the row that is not full, (batch, heads, columns, 2 size).
    """

    rows: Tensor
    tail: Tensor


def kept_rows(kind: Kind) -> slice:
    """Return which of the rows that are full later ones see: all, the last or none."""
    if kind == "block":
        return slice(0)
    return slice(-1, None) if kind in ("window", "previous") else slice(None)


class Table(NamedTuple):
    """Queries, and what they may see: whole rows, or a part of one.

    Attributes:
        queries: Shape (batch, heads, rows, columns, size).
        own: Keys and values of each query's row up to the last query of it, (batch, heads, rows,
            columns, 2 size).
        rows: What is seen of rows that are full, the queries' own among them: see `Cache`.
        first: Row of the first query, among these.
        column: Column of the first query.
    """

    queries: Tensor
    own: Tensor
    rows: Tensor
    first: int
    column: int


class Seen(NamedTuple):
    """A part of what queries see.

    Attributes:
        scores: Products of queries and keys, (batch, heads, rows, columns, keys); -inf if unseen.
        mix: From weights of that shape to what the values add, of the queries' shape.
    """

    scores: Tensor
    mix: Callable[[Tensor], Tensor]


class SparseAttention(nn.Module):
    """Causal self-attention of several heads, of which each sees a part of the past.

    Args:
        width: Channels of inputs and outputs.
        heads: Number of heads.
        size: Channels of a head.
        kind: What is seen: "window" or "column", or both as "strided"; "block" or "summary", or
            both as "fixed"; the row before one's own, "previous"; or all, as "dense".
        stride: Columns of the table.
        summaries: Columns at the end of each row, for each head others, that are seen from all
            later rows ("summary" and "fixed").
    """

    columns: Tensor

    def __init__(
        self, width: int, heads: int, size: int, *, kind: Kind, stride: int, summaries: int = 1
    ) -> None:
        super().__init__()
        self.heads, self.size, self.kind, self.stride = heads, size, kind, stride
        self.read = nn.Linear(width, 3 * heads * size)
        self.write = nn.Linear(heads * size, width)
        # Head after head takes the columns before those of the last, from the end of the row.
        ends = torch.arange(stride - summaries, stride)
        columns = (ends - summaries * torch.arange(heads)[:, None]) % stride
        self.register_buffer("columns", columns.sort().values, persistent=False)

    def blank(self, count: int) -> Cache:
        """Return the cache of `count` sequences of which nothing was read."""
        tail = self.read.weight.new_zeros(count, self.heads, 0, 2 * self.size)
        return Cache(self._seen_later(tail.unflatten(2, (0, self.stride))), tail)

    def forward(self, x: Tensor, cache: Cache) -> tuple[Tensor, Cache]:
        """Read what follows, and tell what is seen from it.

        Args:
            x: Shape (batch, length, width): a number of whole rows that begin where a row does, or
                no more than is missing of a row.
            cache: Of what was read before.

        Returns:
            The same shape, and the cache of the next.
        """
        queries, keyed = self._read(x)
        rows, tail = self._filled(cache, keyed)
        seen = self._see_all(self._table(queries, keyed, cache, rows))
        kept = rows if rows is cache.rows else rows[:, :, kept_rows(self.kind)]
        after = Cache(kept, tail)
        return self.write(seen.permute(0, 2, 3, 1, 4).flatten(3).flatten(1, 2)), after

    def _read(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return queries (batch, heads, length, size), and keys beside values."""
        rows = self.read(x).unflatten(-1, (3, self.heads, self.size)).permute(2, 0, 3, 1, 4)
        return rows[0] / math.sqrt(self.size), torch.cat([rows[1], rows[2]], -1)

    def _filled(self, cache: Cache, keyed: Tensor) -> tuple[Tensor, Tensor]:
        """Return what is seen of rows that are full behind what was read, and the tail."""
        tail = torch.cat([cache.tail, keyed], 2)
        full = tail.shape[2] // self.stride * self.stride
        if not full:
            return cache.rows, tail
        rows = self._seen_later(tail[:, :, :full].unflatten(2, (-1, self.stride)))
        return torch.cat([cache.rows, rows], 2), tail[:, :, full:]

    def _seen_later(self, rows: Tensor) -> Tensor:
        """Return the columns of rows (batch, heads, rows, stride, 2 size) that later ones see."""
        if self.kind not in ("summary", "fixed"):
            return rows
        index = self.columns[None, :, None, :, None]
        return rows.gather(3, index.expand(*rows.shape[:1], -1, rows.shape[2], -1, rows.shape[4]))

    def _table(self, queries: Tensor, keyed: Tensor, cache: Cache, rows: Tensor) -> Table:
        column, length = cache.tail.shape[2], queries.shape[2]
        if column or length < self.stride:
            own = torch.cat([cache.tail, keyed], 2)[:, :, None]
            return Table(queries[:, :, None], own, cache.rows, cache.rows.shape[2], column)
        queries, own = (one.unflatten(2, (-1, self.stride)) for one in (queries, keyed))
        return Table(queries, own, rows, cache.rows.shape[2], 0)

    def _see_all(self, table: Table) -> Tensor:
        """Return what the queries see, of their shape."""
        if self.kind == "dense" and not table.first and table.rows.shape[2]:
            return _see_everything(table)
        parts = self._parts(table)
        weights = torch.cat([part.scores for part in parts], -1).softmax(-1)
        each = weights.split([part.scores.shape[-1] for part in parts], -1)
        mixed = [part.mix(own) for part, own in zip(parts, each, strict=True)]
        return torch.stack(mixed).sum(0)

    def _parts(self, table: Table) -> list[Seen]:
        near = [self._row(table)]
        if self.kind in ("window", "strided"):
            near.append(_last_row(table, whole=False))
        if self.kind == "previous":
            near.append(_last_row(table, whole=True))
        if self.kind in ("column", "strided"):
            near.append(_columns(table))
        if self.kind in ("summary", "fixed", "dense"):
            near.append(_everything_before(table))
        return near

    def _row(self, table: Table) -> Seen:
        """See the own row: up to oneself, or nothing but oneself, or also its summaries."""
        place = torch.arange(table.own.shape[3], device=table.own.device)
        query = place[table.column :, None]
        is_seen = (place <= query)[None]
        is_self = (place == query)[None]
        if self.kind in ("column", "previous"):
            is_seen = is_self
        if self.kind == "summary":
            is_summary = (place[:, None] == self.columns[:, None]).any(-1)[:, None]
            is_seen = is_self | (is_seen & is_summary)
        return _see(table.queries, table.own, is_seen[:, None])


class AttentionBlock(nn.Module):
    """Attention, then two products with a smooth gate between, each added to its input.

    Source: Child et al., 2019, https://arxiv.org/abs/1904.10509, section 5.2.

    Args:
        width: See `SparseAttention`; so are all others but two.
        heads: Number of heads.
        size: Channels of a head.
        hidden: Channels between the products, in widths.
        dropout: Share of what is added that training leaves out.
        kind: What is seen.
        stride: Columns of the table.
        summaries: Columns at the end of each row.
    """

    def __init__(
        self,
        width: int,
        heads: int,
        size: int,
        *,
        hidden: int,
        dropout: float,
        kind: Kind,
        stride: int,
        summaries: int = 1,
    ) -> None:
        super().__init__()
        self.first, self.second = nn.LayerNorm(width), nn.LayerNorm(width)
        self.attention = SparseAttention(
            width, heads, size, kind=kind, stride=stride, summaries=summaries
        )
        self.inner = nn.Linear(width, hidden * width)
        self.out = nn.Linear(hidden * width, width)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor, cache: Cache) -> tuple[Tensor, Cache]:
        """Read (batch, length, width); see `SparseAttention.forward`."""
        seen, cache = self.attention(self.first(x), cache)
        x = x + self.dropout(seen)
        inner = self.inner(self.second(x))
        return x + self.dropout(self.out(inner * torch.sigmoid(1.702 * inner))), cache


def _see(queries: Tensor, keyed: Tensor, is_seen: Tensor) -> Seen:
    """See keys (..., keys, 2 size) from queries (..., queries, size), of which only some are."""
    keys, values = keyed.chunk(2, -1)
    scores = (queries @ keys.transpose(-1, -2)).masked_fill(~is_seen, -math.inf)
    return Seen(scores, lambda weights: weights @ values)


def _last_row(table: Table, *, whole: bool) -> Seen:
    """See the row before, or what of it is less than a row away."""
    stride, count = table.rows.shape[3], table.queries.shape[2]
    rows = table.rows[:, :, max(0, table.first - 1) : table.first - 1 + count]
    # Before the first row there is none: zeros that are not seen.
    rows = F.pad(rows, (0, 0, 0, 0, 1 if table.first == 0 else 0, 0))
    place = torch.arange(stride, device=rows.device)
    query = table.column + torch.arange(table.queries.shape[3], device=rows.device)
    row = table.first + torch.arange(count, device=rows.device)
    is_near = torch.ones_like(place, dtype=torch.bool) if whole else place > query[:, None]
    return _see(table.queries, rows, is_near & (row[:, None, None] > 0))


def _columns(table: Table) -> Seen:
    """See the own column in earlier rows."""
    columns = slice(table.column, table.column + table.queries.shape[3])
    keyed, queries = table.rows[:, :, :, columns].transpose(2, 3), table.queries.transpose(2, 3)
    seen = _see(queries, keyed, _earlier(table))
    return Seen(
        seen.scores.transpose(2, 3),
        lambda weights: seen.mix(weights.transpose(2, 3)).transpose(2, 3),
    )


def _everything_before(table: Table) -> Seen:
    """See all that is kept of earlier rows: their summaries, or all columns."""
    keyed = table.rows.flatten(2, 3)[:, :, None]
    is_earlier = _earlier(table).repeat_interleave(table.rows.shape[3], -1)
    return _see(table.queries, keyed, is_earlier[:, None])


def _earlier(table: Table) -> Tensor:
    """Return which rows come before each query's, (rows of queries, rows)."""
    count, device = table.queries.shape[2], table.rows.device
    row = table.first + torch.arange(count, device=device)
    return torch.arange(table.rows.shape[2], device=device) < row[:, None]


def _see_everything(table: Table) -> Tensor:
    """See all that came before, by torch's own attention, from the beginning of the table."""
    keys, values = table.own.chunk(2, -1)
    queries, keys, values = (one.flatten(2, 3) for one in (table.queries, keys, values))
    seen = F.scaled_dot_product_attention(queries, keys, values, is_causal=True, scale=1.0)
    return seen.view_as(table.queries)
