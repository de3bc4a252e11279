"""Attention in a table: what is seen is what the paper's sets say, however it is computed."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from typica.layers.sparse_attention import SparseAttention

KINDS = ["window", "column", "strided", "block", "summary", "fixed", "previous", "dense"]
SHAPES = [(40, 8, 2), (43, 8, 3), (7, 8, 1), (16, 4, 4), (9, 1, 1), (24, 24, 5)]


def is_seen(kind, length, stride, columns):
    """List, by the definition, which keys each head's queries see: (heads, queries, keys)."""
    seen = torch.zeros(len(columns), length, length, dtype=torch.bool)
    for head, own in enumerate(columns.tolist()):
        for i in range(length):
            for j in range(i + 1):
                near, far = j > i - stride, (i - j) % stride == 0
                block, summary = i // stride == j // stride, j % stride in own
                seen[head, i, j] = {
                    "window": near,
                    "column": far,
                    "strided": near or far,
                    "block": block,
                    "summary": summary or i == j,
                    "fixed": block or summary,
                    "previous": i // stride == j // stride + 1 or i == j,
                    "dense": True,
                }[kind]
    return seen


def attention(kind, stride, summaries=1, heads=2):
    torch.manual_seed(1)
    return SparseAttention(12, heads, 6, kind=kind, stride=stride, summaries=summaries).double()


def masked(own, x):
    """Attend to everything, and mask what is not seen: slow and plainly right."""
    queries, keyed = own._read(x)
    keys, values = keyed.chunk(2, -1)
    seen = is_seen(own.kind, x.shape[1], own.stride, own.columns)
    scores = (queries @ keys.transpose(-1, -2)).masked_fill(~seen, -math.inf)
    return own.write((scores.softmax(-1) @ values).transpose(1, 2).flatten(2))


def in_pieces(own, x, lengths):
    cache, seen, time = own.blank(len(x)), [], 0
    while time < x.shape[1]:
        wanted, missing = lengths[len(seen) % len(lengths)], -time % own.stride
        left = x.shape[1] - time
        if missing or min(wanted, left) < own.stride:
            length = min(wanted, left, missing or own.stride)
        else:
            length = min(wanted, left) // own.stride * own.stride
        piece, cache = own(x[:, time : time + length], cache)
        seen.append(piece)
        time += length
    return torch.cat(seen, 1)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("length", "stride", "summaries"), SHAPES)
def test_blocks_are_the_masked_attention_in_values_and_gradients(kind, length, stride, summaries):
    own = attention(kind, stride, summaries)
    x = torch.randn(2, length, 12, dtype=torch.float64, requires_grad=True)
    weights = torch.randn(2, length, 12, dtype=torch.float64)

    fast, slow = in_pieces(own, x, [length]), masked(own, x)
    torch.testing.assert_close(fast, slow, atol=1e-10, rtol=1e-10)

    leaves = [x, *own.parameters()]
    found = torch.autograd.grad((fast * weights).sum(), leaves)
    expected = torch.autograd.grad((slow * weights).sum(), leaves)
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one, other, atol=1e-9, rtol=1e-9)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("lengths", [[1], [3, 1, 2], [1, 3, 2, 8, 17]])
def test_parts_of_rows_give_the_whole(kind, lengths):
    own = attention(kind, 4, 2)
    x = torch.randn(2, 27, 12, dtype=torch.float64)
    torch.testing.assert_close(in_pieces(own, x, lengths), masked(own, x), atol=1e-9, rtol=1e-9)


@settings(max_examples=40, deadline=None)
@given(
    st.sampled_from(KINDS),
    st.integers(1, 50),
    st.integers(1, 9),
    st.lists(st.integers(1, 30), min_size=1, max_size=5),
)
def test_any_pieces_give_the_whole(kind, length, stride, lengths):
    own = attention(kind, stride, min(2, stride))
    x = torch.randn(1, length, 12, dtype=torch.float64)
    torch.testing.assert_close(in_pieces(own, x, lengths), masked(own, x), atol=1e-9, rtol=1e-9)


@pytest.mark.parametrize("kind", KINDS)
def test_every_row_sees_something_and_nothing_sees_the_future(kind):
    own = attention(kind, 4, 2)
    seen = is_seen(kind, 20, 4, own.columns)
    assert seen.any(-1).all()
    assert not seen.triu(1).any()

    x = torch.randn(1, 20, 12, dtype=torch.float64, requires_grad=True)
    for time in (0, 3, 4, 11, 19):
        (gradient,) = torch.autograd.grad(in_pieces(own, x, [20])[0, time].sum(), x)
        assert not gradient[:, time + 1 :].any()
        assert gradient[:, time].any()


@pytest.mark.parametrize("length", [40, 43])
def test_two_steps_reach_all_of_the_past(length):
    """The summaries' layer must stand above the block's; windows and columns go in any order."""
    columns = attention("fixed", 8, 2).columns[:1]
    pairs = {kind: is_seen(kind, length, 8, columns)[0].float() for kind in KINDS}
    past = torch.ones(length, length).tril().bool()

    def reach(upper, lower):
        return (pairs[upper] @ pairs[lower]) > 0

    assert torch.equal(reach("column", "window"), past)
    assert torch.equal(reach("window", "column"), past)
    assert torch.equal(reach("summary", "block"), past)
    assert not torch.equal(reach("block", "summary"), past)
    three = pairs["previous"] @ pairs["column"] @ pairs["block"]
    assert torch.equal(three > 0, past)


def test_heads_have_summaries_of_their_own():
    columns = attention("fixed", 8, 2, heads=4).columns
    assert columns.tolist() == [[6, 7], [4, 5], [2, 3], [0, 1]]


def test_a_stride_as_long_as_the_sequence_sees_everything():
    x = torch.randn(1, 12, 12, dtype=torch.float64)
    for kind in ("window", "block", "strided", "fixed"):
        own, dense = attention(kind, 12), attention("dense", 12)
        torch.testing.assert_close(in_pieces(own, x, [12]), masked(dense, x))


@pytest.mark.parametrize("kind", ["window", "column", "strided", "block", "summary", "fixed"])
def test_what_is_computed_grows_like_the_power_three_halves(kind, monkeypatch):
    from typica.layers import sparse_attention

    counts, see = [], sparse_attention._see

    def counted(*arguments):
        seen = see(*arguments)
        counts.append(seen.scores.numel())
        return seen

    monkeypatch.setattr(sparse_attention, "_see", counted)
    totals = []
    for stride in (16, 32, 64):
        counts.clear()
        own = SparseAttention(4, 1, 4, kind=kind, stride=stride)
        own(torch.randn(1, stride**2, 4), own.blank(1))
        totals.append(sum(counts))
    assert [after / before for before, after in zip(totals, totals[1:], strict=False)] == [8, 8]


@pytest.mark.parametrize(
    ("kind", "rows", "columns"),
    [("window", 1, 4), ("previous", 1, 4), ("block", 0, 4), ("summary", 5, 2), ("fixed", 5, 2)]
    + [(kind, 5, 4) for kind in ("column", "strided", "dense")],
)
def test_a_cache_holds_what_later_rows_see_and_no_more(kind, rows, columns):
    own, x = attention(kind, 4, 2), torch.randn(1, 22, 12, dtype=torch.float64)
    _, whole = own(x[:, :20], own.blank(1))
    _, step = own(x[:, 20:21], whole)
    _, parts = own(x[:, 16:20], own(x[:, :16], own.blank(1))[1])

    assert whole.rows.shape == (1, 2, rows, columns, 12)
    assert step.rows is whole.rows
    assert step.tail.shape[2] == 1
    torch.testing.assert_close(parts.rows, whole.rows)
