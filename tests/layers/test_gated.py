"""The gated layer against the same layer of torch's own convolutions."""

import pytest
import torch
import torch.nn.functional as F

from typica.core.randomness import seeded
from typica.layers.gated import GatedLayer, GatedStack


def plain(layer, rows, told=None):
    """Return (out, skip) of a layer by torch's own convolution, rows (time, batch, channels)."""
    x = rows.permute(1, 2, 0)
    gates = F.conv1d(x, layer.taps.permute(2, 1, 0), layer.bias, dilation=layer.dilation)
    if told is not None:
        gates = gates + (told @ layer.told).permute(1, 2, 0)
    signal, gate = gates.chunk(2, 1)
    product = (signal.tanh() * gate.sigmoid()).permute(2, 0, 1)
    out = rows[-len(product) :] + product @ layer.residual + layer.residual_bias
    return out, product @ layer.skip + layer.skip_bias


def build(**settings):
    torch.manual_seed(0)
    layer = GatedLayer(3, 5, 4, **settings).double()
    for parameter in layer.parameters():
        parameter.data += 0.3 * torch.randn(parameter.shape)
    return layer


@pytest.mark.parametrize(
    ("kernel", "dilation", "told"), [(2, 1, 0), (2, 8, 2), (3, 4, 0), (1, 1, 0)]
)
def test_numbers_and_gradients_are_those_of_plain_convolutions(kernel, dilation, told):
    layer = build(kernel=kernel, dilation=dilation, told=told)
    memory, generator = (kernel - 1) * dilation, seeded(1)
    rows = torch.randn(memory + 9, 2, 3, generator=generator).double().requires_grad_()
    words = torch.randn(9, 2, 2, generator=generator).double() if told else None
    skips = torch.randn(18, 4, generator=generator).double()

    out, total, history = layer(rows[memory:], rows[:memory], skips.clone(), words)
    expected_out, expected_skip = plain(layer, rows, words)
    weight = torch.randn(out.shape, generator=generator).double()
    values = [rows, *layer.parameters()]
    got = torch.autograd.grad((out * weight).sum() + total.square().sum(), values)
    expected_total = skips + expected_skip.flatten(0, 1)
    loss = (expected_out * weight).sum() + expected_total.square().sum()

    torch.testing.assert_close(out, expected_out)
    torch.testing.assert_close(total, expected_total)
    assert torch.equal(history, rows[9:])
    torch.testing.assert_close(got, torch.autograd.grad(loss, values))


def test_autocast_reaches_the_products():
    stack = GatedStack(1, 3, 8, 8, 8, kernel=2)
    x = torch.randn(20, 2, 8, generator=seeded(1))
    histories = [torch.zeros(memory, 2, 8) for memory in stack.memories]

    exact, _ = stack(x, histories)
    with torch.autocast("cpu", torch.bfloat16):
        rough, _ = stack(x, histories)
    rough.sum().backward()

    assert rough.dtype == torch.bfloat16
    torch.testing.assert_close(rough.float(), exact, atol=0.05, rtol=0.05)
    assert all(p.grad is not None for p in stack.layers[0].parameters())


def test_what_has_stood_still_for_ever_stands_still():
    stack = GatedStack(1, 4, 8, 8, 8, kernel=3)
    x = torch.randn(2, 8, generator=seeded(1))

    skip, histories = stack.rest(x)
    skips, after = stack(x.expand(50, 2, 8), histories)

    torch.testing.assert_close(skips, skip.expand(50, 2, 8), atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(after, histories, atol=1e-5, rtol=1e-5)
