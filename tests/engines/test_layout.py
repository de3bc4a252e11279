"""Weights as kernels read them: each where its place says, rounded no further than its bits."""

import numpy as np
import pytest
import torch
from gated_networks import CONFIGURATIONS, build

from typica.engines.gated.layout import CHUNK, lay_out, sizes
from typica.engines.memory import LINE, Pile, streaming
from typica.engines.packing import PANEL, UNUSED, Layout, pack_bfloat16, pack_int8


def noise(*shape):
    return np.random.default_rng(0).normal(size=shape).astype(np.float32)


def read_matrix(layout, place, rows, columns):
    """Undo panels: a matrix (rows, columns) that was placed."""
    flat, panels = layout.matrices.values[place:], []
    for begin in range(0, columns, PANEL):
        width = min(PANEL, columns - begin)
        panels.append(flat[: rows * width].reshape(rows, width))
        flat = flat[rows * width :]
    return np.concatenate(panels, 1)


def read_fixed(layout, place, count):
    return layout.fixed.values[place : place + count]


def test_a_matrix_lies_in_panels_padded_with_zeros():
    layout, matrix = Layout(16, "float32"), noise(10, 70)
    layout.place(noise(3, 20))

    place = layout.place(matrix, 12)

    assert place == 3 * 32
    found = read_matrix(layout, place, 12, 80)
    np.testing.assert_array_equal(found[:10, :70], matrix)
    assert not found[10:].any()
    assert not found[:, 70:].any()


def test_floats_are_padded_row_by_row():
    layout, table = Layout(8, "float32"), noise(3, 5)
    layout.keep(noise(9))

    place = layout.keep(table)

    assert place == 16
    found = read_fixed(layout, place, 24).reshape(3, 8)
    np.testing.assert_array_equal(found[:, :5], table)
    assert not found[:, 5:].any()


@pytest.mark.parametrize("lanes", [4, 8, 16])
def test_bfloat16_reads_back_as_near_as_its_bits_allow(lanes):
    panel = noise(6, 4 * lanes) * np.float32(10.0) ** np.random.default_rng(1).integers(-9, 9)

    words = pack_bfloat16(panel, lanes).view(np.uint32).reshape(6, -1, lanes)

    # A word's lower half is the first vector; the whole word, lower half and all, the second.
    first, second = (words << np.uint32(16)).view(np.float32), words.view(np.float32)
    found = np.stack([first, second], 2).reshape(6, -1)
    np.testing.assert_allclose(found, panel, rtol=2.0**-8)


def test_int8_reads_back_within_half_a_step_of_each_column():
    panel = noise(7, 64) * np.geomspace(1e-6, 1e6, 64, dtype=np.float32)
    panel[:, 5] = 0

    packed = pack_int8(panel)

    scales = packed[: 4 * 64].view(np.float32)
    pairs = packed[4 * 64 :].reshape(4, 64, 2).transpose(0, 2, 1).reshape(8, 64)
    assert not pairs[7].any()  # the row that makes their number even
    assert (np.abs(pairs[:7] * scales - panel) <= scales * 0.5001).all()
    assert np.isfinite(scales).all()


@pytest.mark.parametrize("settings", CONFIGURATIONS, ids=str)
def test_every_weight_lies_where_its_place_says(settings):
    model = build(settings)
    with torch.no_grad():
        network = model.network()
    layout = lay_out(network, 16, "float32")

    main = layout.shapes["Main"]
    for number, layer in enumerate(network.stack.layers):
        channels, gate = layer.taps.shape[1], layer.taps.shape[2] // 2
        for tap, place in enumerate(main["TAP_AT"][number]):
            found = read_matrix(layout, place, main["CHANNELS"], 2 * main["GATE"])
            halves = found[:channels, :gate], found[:channels, main["GATE"] :][:, :gate]
            np.testing.assert_array_equal(np.concatenate(halves, 1), layer.taps[tap])
        residual = read_matrix(layout, main["RESIDUAL_AT"][number], main["GATE"], main["CHANNELS"])
        np.testing.assert_array_equal(residual[:gate, :channels], layer.residual)
        skip = read_matrix(layout, main["SKIP_AT"][number], main["GATE"], main["SKIP"])
        np.testing.assert_array_equal(skip[:gate, : network.stack.width], layer.skip)
    widths = layout.shapes["HEAD"]
    places = layout.shapes["HEAD_AT"], layout.shapes["HEAD_BIAS_AT"]
    for (weight, bias), rows, wide, at, bias_at in zip(
        network.head, widths, widths[1:], *places, strict=False
    ):
        found = read_matrix(layout, at, rows, wide)[: len(weight), : len(bias)]
        np.testing.assert_array_equal(found, weight)
        np.testing.assert_array_equal(read_fixed(layout, bias_at, len(bias)), bias)


def test_columns_that_stand_for_no_level_are_never_drawn():
    with torch.no_grad():
        network = build({"bits": 4}).network()
    layout = lay_out(network, 32, "float32")

    bias = read_fixed(layout, layout.shapes["HEAD_BIAS_AT"][-1], 32)

    assert (bias[16:] == UNUSED).all()


def test_what_every_sample_needs_lies_before_what_a_chunk_shares():
    with torch.no_grad():
        network = build({"layers": 5, "kernel": 2}).network()
    main = lay_out(network, 16, "float32").shapes["Main"]

    pairs = list(zip(main["DILATION"], main["TAP_AT"], strict=True))
    near = [taps[0] for dilation, taps in pairs if dilation < CHUNK]
    far = [taps[0] for dilation, taps in pairs if dilation >= CHUNK]
    assert near
    assert far
    assert max(near + main["SKIP_AT"]) < min(far)


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({}, {"LABEL": 0, "LOCAL": 0, "CONTEXT": 0, "POOL": 1, "DRAWS": 1}),
        (CONFIGURATIONS[12], {"DRAWS": 2}),
        (CONFIGURATIONS[14], {"LABEL": 0, "LOCAL": 5}),
        (CONFIGURATIONS[-1], {"TAPS": 3, "POOL": 3, "RECENT": 5}),
    ],
    ids=str,
)
def test_sizes_are_those_of_the_network(settings, expected):
    model = build(settings)
    with torch.no_grad():
        found = sizes(model.network())

    assert found | expected == found
    if model.config.labels:
        assert found["LABEL"] == model.config.label_channels


@pytest.mark.parametrize("dtype", [np.float32, np.uint16, np.int8])
def test_a_pile_holds_what_was_put_on_it_however_much_it_is(dtype):
    pile = Pile(dtype)
    parts = [(1000 * noise(3, size)).astype(dtype) for size in (1, 50, 7, 100_000, 2)]

    places = [pile.add(part) for part in parts]

    assert pile.values.dtype == dtype
    assert pile.size == len(pile.values) == sum(part.size for part in parts)
    for place, part in zip(places, parts, strict=True):
        np.testing.assert_array_equal(pile.values[place : place + part.size], part.ravel())


def test_streamed_arrays_hold_what_they_did_and_begin_a_line():
    kinds = [noise(8), np.arange(-4, 9, dtype=np.int8), noise(100)]

    placed = streaming(*kinds)

    for found, part in zip(placed, kinds, strict=True):
        np.testing.assert_array_equal(found, part)
        assert found.dtype == part.dtype
        assert found.ctypes.data % LINE == 0
    placed[0][:] = 0
    np.testing.assert_array_equal(placed[1], kinds[1])  # they do not overlap
    np.testing.assert_array_equal(placed[2], kinds[2])


def test_streamed_memory_lives_as_long_as_an_array_of_it():
    (array,) = streaming(noise(1 << 20))
    view = array[10:20]
    del array

    np.testing.assert_array_equal(view, noise(1 << 20)[10:20])
