"""The gated, dilated, causal layer of WaveNet and its descendants, made for speed.

Rows are (time, batch) flattened, channels last: a dilation is then a shift by whole rows, and
every convolution a product of two plain matrices. The backward pass is written out;
benchmarks/training_step.py holds a training step against one of `nn.Conv1d` layers.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from typica.expressions import set_param
from typica.expressions import weight_norm as direction_and_length


class GatedStack(nn.Module):
    """Stacks of gated layers, with dilations 1, 2, 4, ... in each.

    `memories` are the rows of the past that each layer keeps.

    Args:
        stacks: Number of stacks.
        layers: Layers in each.
        channels: Width of the residual path.
        gate: Width of the tanh path and of the sigmoid path.
        skip: Width of the skip path.
        kernel: Taps of the dilated convolutions.
        told: Channels of the condition, 0 for none.
        bias: Whether the layers have biases.
        weight_norm: Whether direction and length of each column of weights are learnt apart.
    """

    def __init__(
        self,
        stacks: int,
        layers: int,
        channels: int,
        gate: int,
        skip: int,
        *,
        kernel: int,
        told: int = 0,
        bias: bool = True,
        weight_norm: bool = False,
    ) -> None:
        super().__init__()
        self.width = skip
        dilations = [2**layer for _ in range(stacks) for layer in range(layers)]
        self.memories = [(kernel - 1) * dilation for dilation in dilations]
        self.layers = nn.ModuleList(
            GatedLayer(
                *(channels, gate, skip),
                kernel=kernel,
                dilation=2**layer,
                told=told,
                bias=bias,
                weight_norm=weight_norm,
            )
            for _ in range(stacks)
            for layer in range(layers)
        )

    def forward(
        self, x: Tensor, histories: Sequence[Tensor], told: Tensor | None = None
    ) -> tuple[Tensor, tuple[Tensor, ...]]:
        """Read a block.

        Args:
            x: Shape (time, batch, channels).
            histories: Of each layer, the rows before the block.
            told: The condition, (time, batch, told).

        Returns:
            The sum of the skips, (time, batch, skip), and the histories of the next block.
        """
        shape = x.shape
        skips, kept = x.new_zeros(shape[0] * shape[1], self.width), []
        for layer, history in zip(self.layers, histories, strict=True):
            x, skips, history = layer(x, history, skips, told)
            kept.append(history)
        return skips.view(shape[0], shape[1], self.width), tuple(kept)

    def rest(self, x: Tensor, told: Tensor | None = None) -> tuple[Tensor, tuple[Tensor, ...]]:
        """What follows when `x` (batch, channels) has stood still for ever.

        Returns:
            The sum of the skips, (batch, skip), and the histories.
        """
        skips, kept = x.new_zeros(len(x), self.width), []
        for layer, memory in zip(self.layers, self.memories, strict=True):
            history = x.expand(memory, *x.shape)
            row = x[None]
            row, skips, _ = layer(row, history, skips, None if told is None else told[None])
            x = row[0]
            kept.append(history)
        return skips, tuple(kept)


class GatedLayer(nn.Module):
    """tanh of one dilated convolution, times the sigmoid of another; a residual and a skip.

    Source: van den Oord et al., 2016, https://arxiv.org/abs/1609.03499, equations 2 and 3.

    Args:
        channels: Width of the residual path.
        gate: Width of the tanh path and of the sigmoid path.
        skip: Width of the skip path.
        kernel: Taps of the dilated convolution.
        dilation: Samples between taps.
        told: Channels of the condition, 0 for none.
        bias: Whether the convolutions have biases.
        weight_norm: Whether direction and length of each column of weights are learnt apart.
    """

    def __init__(
        self,
        channels: int,
        gate: int,
        skip: int,
        *,
        kernel: int,
        dilation: int,
        told: int = 0,
        bias: bool = True,
        weight_norm: bool = False,
    ) -> None:
        super().__init__()
        self.dilation = dilation
        self.taps = _weight(kernel, channels, 2 * gate, fan_in=kernel * channels)
        self.residual = _weight(gate, channels, fan_in=gate)
        self.skip = _weight(gate, skip, fan_in=gate)
        self.told = _weight(told, 2 * gate, fan_in=told) if told else None
        self.bias = nn.Parameter(torch.zeros(2 * gate)) if bias else None
        self.residual_bias = nn.Parameter(torch.zeros(channels)) if bias else None
        self.skip_bias = nn.Parameter(torch.zeros(skip)) if bias else None
        if weight_norm:
            for name in ("taps", "residual", "skip", *(["told"] if told else [])):
                set_param(self, name, direction_and_length(getattr(self, name), dim=-1))

    def forward(
        self, x: Tensor, history: Tensor, skips: Tensor, told: Tensor | None = None
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Filter a block.

        Args:
            x: Block of the residual path, shape (time, batch, channels).
            history: The (kernel - 1) * dilation rows before it, (rows, batch, channels).
            skips: Sum of the skips so far, rows (time * batch, skip), not a view: this layer adds
                to it in place.
            told: The condition, (time, batch, told), if the layer has any.

        Returns:
            The residual path, the skips, and the history of the next block.
        """
        rows, taps = torch.cat([history, x]), self.taps
        inputs = (
            *(rows.flatten(0, 1), skips, self._drive(told, taps)),
            *(taps, self.residual, self.skip, self.residual_bias, self.skip_bias),
        )
        run: Callable[..., Any] = _GatedFunction.apply if torch.is_grad_enabled() else _gated
        kind = x.device.type
        # Autocast does not reach products in place: all inputs are cast beforehand instead.
        low = torch.get_autocast_dtype(kind) if torch.is_autocast_enabled(kind) else x.dtype
        with torch.autocast(kind, enabled=False):
            cast = (None if value is None else value.to(low) for value in inputs)
            out, skips, *_ = run(*cast, self.dilation * x.shape[1])
        return out.view(x.shape), skips, rows[len(x) :]

    def _drive(self, told: Tensor | None, taps: Tensor) -> Tensor:
        """What is added before the gates: the bias, or the condition's rows and the bias."""
        bias = taps.new_zeros(taps.shape[-1]) if self.bias is None else self.bias
        if told is None or self.told is None:
            return bias
        return torch.addmm(bias, told.flatten(0, 1), self.told)


def _weight(*shape: int, fan_in: int) -> nn.Parameter:
    """A matrix of rows (inputs) and columns (outputs), scaled for its inputs."""
    bound = math.sqrt(3 / fan_in)
    return nn.Parameter(torch.empty(shape).uniform_(-bound, bound))


def _gated(
    rows: Tensor,
    skips: Tensor,
    drive: Tensor,
    taps: Tensor,
    residual: Tensor,
    skip: Tensor,
    residual_bias: Tensor | None,
    skip_bias: Tensor | None,
    shift: int,
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    """The layer on rows: (out, skips, signal, gate, product)."""
    count = skips.shape[0]
    memory = rows.shape[0] - count
    now = rows[memory:]
    gates = torch.addmm(drive, now, taps[-1])
    for tap in range(len(taps) - 1):
        gates.addmm_(rows.narrow(0, tap * shift, count), taps[tap])
    signal, gate = gates.chunk(2, 1)
    signal, gate = signal.tanh(), gate.sigmoid()
    product = signal * gate
    out = torch.addmm(now, product, residual)
    skips.addmm_(product, skip)
    if residual_bias is not None and skip_bias is not None:
        out += residual_bias
        skips += skip_bias
    return out, skips, signal, gate, product


class _GatedFunction(torch.autograd.Function):
    """`_gated` with its gradient written out: no copies, sums in place."""

    @staticmethod
    def forward(ctx: Any, *inputs: Any) -> tuple[Tensor, Tensor]:
        rows, skips, drive, taps, residual, skip, residual_bias, _, shift = inputs
        out, skips, signal, gate, product = _gated(*inputs)
        ctx.mark_dirty(skips)
        ctx.save_for_backward(rows, signal, gate, product, taps, residual, skip)
        ctx.shift, ctx.has_bias, ctx.drive_is_bias = (
            shift,
            residual_bias is not None,
            drive.ndim == 1,
        )
        return out, skips

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad_out: Tensor, grad_skips: Tensor) -> tuple[Tensor | None, ...]:
        rows, signal, gate, product, taps, residual, skip = ctx.saved_tensors
        grad_gates = _gates_backward(grad_out, grad_skips, signal, gate, product, residual, skip)
        grad_rows, grad_taps = _taps_backward(grad_out, grad_gates, rows, taps, ctx.shift)
        return (
            grad_rows,
            grad_skips,
            grad_gates.sum(0) if ctx.drive_is_bias else grad_gates,
            grad_taps,
            product.t() @ grad_out,
            product.t() @ grad_skips,
            grad_out.sum(0) if ctx.has_bias else None,
            grad_skips.sum(0) if ctx.has_bias else None,
            None,
        )


def _gates_backward(
    grad_out: Tensor,
    grad_skips: Tensor,
    signal: Tensor,
    gate: Tensor,
    product: Tensor,
    residual: Tensor,
    skip: Tensor,
) -> Tensor:
    """Gradient before the gates, (rows, 2 gate)."""
    grad = (grad_out @ residual.t()).addmm_(grad_skips, skip.t())
    width = signal.shape[1]
    both = grad.new_empty(len(grad), 2 * width)
    through_tanh = grad * gate
    torch.addcmul(through_tanh, through_tanh, signal.square(), value=-1, out=both[:, :width])
    through_sigmoid = grad.mul_(product)
    torch.addcmul(through_sigmoid, through_sigmoid, gate, value=-1, out=both[:, width:])
    return both


def _taps_backward(
    grad_out: Tensor, grad_gates: Tensor, rows: Tensor, taps: Tensor, shift: int
) -> tuple[Tensor, Tensor]:
    """Gradients of the rows, through the residual and all taps, and of the taps."""
    count, last = len(grad_gates), len(taps) - 1
    memory = len(rows) - count
    grad_rows, grad_taps = torch.empty_like(rows), torch.empty_like(taps)
    grad_rows[:memory] = 0
    torch.addmm(grad_out, grad_gates, taps[last].t(), out=grad_rows[memory:])
    torch.mm(rows[memory:].t(), grad_gates, out=grad_taps[last])
    for tap in range(last):
        begin = tap * shift
        grad_rows.narrow(0, begin, count).addmm_(grad_gates, taps[tap].t())
        torch.mm(rows.narrow(0, begin, count).t(), grad_gates, out=grad_taps[tap])
    return grad_rows, grad_taps
