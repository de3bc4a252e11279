"""Gated stacks row by row, in NumPy: a tenth of torch's overhead a call.

A step of a small WaveNet is a hundred products of tiny matrices; torch spends most of the time
on getting to each. Here the weights are laid out once, with constants folded in, and every
result has its place beforehand.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from typica.layers.gated import GatedLayer, GatedStack

Rows = NDArray[np.float32]


class StackSampler(nn.Module):
    """Stands in for a `GatedStack` where it is read row by row and no gradient is wanted.

    Its histories are consumed: a call changes those it is given. On the first call they are the
    stack's own.
    """

    def __init__(self, stack: GatedStack) -> None:
        super().__init__()
        self.memories, self.width = stack.memories, stack.width
        layers = [cast(GatedLayer, layer) for layer in stack.layers]
        self.weights = [_Weights(layer) for layer in layers]
        biases = [_array(layer.skip_bias) for layer in layers if layer.skip_bias is not None]
        self.skip_bias = np.sum(biases, 0) if biases else np.float32(0)

    def forward(
        self, x: Tensor, histories: Sequence[Tensor] | _Rings, told: Tensor | None = None
    ) -> tuple[Tensor, _Rings]:
        """Read a block; arguments and results are those of `GatedStack.forward`."""
        rings = histories if isinstance(histories, _Rings) else _Rings(self, histories)
        skips = np.empty((x.shape[0], x.shape[1], self.width), np.float32)
        rows = x.detach().numpy()
        words = None if told is None else told.numpy()
        for time, row in enumerate(rows):
            skips[time] = rings.read(row, None if words is None else words[time])
        return torch.from_numpy(skips), rings


class _Weights:
    """The numbers of a layer, laid out for one row at a time.

    The sigmoid is (1 + tanh(x / 2)) / 2: its halves are folded into the matrices before and
    behind it, so that one tanh over both paths is all that is left.
    """

    def __init__(self, layer: GatedLayer) -> None:
        taps = _array(layer.taps)
        self.kernel, self.channels, both = taps.shape
        self.gate, self.dilation = both // 2, layer.dilation
        half = np.repeat(np.array([1, 0.5], np.float32), self.gate)
        self.taps = np.ascontiguousarray(taps.reshape(-1, both) * half)
        self.told = _array(layer.told) * half if layer.told is not None else None
        self.bias = np.float32(0) if layer.bias is None else _array(layer.bias) * half
        out = np.hstack([_array(layer.residual), _array(layer.skip)])
        self.out = np.ascontiguousarray(out / 2)
        residual = layer.residual_bias
        self.residual_bias = np.float32(0) if residual is None else _array(residual)


class _Rings:
    """Past inputs of every layer, and the places for results."""

    def __init__(self, stack: StackSampler, histories: Sequence[Tensor]) -> None:
        self.stack, self.time = stack, 0
        self.pasts = [np.array(history.detach().numpy()) for history in histories]
        batch = self.pasts[0].shape[1]
        one = stack.weights[0]
        self.x = np.empty((batch, one.channels), np.float32)
        self.window = np.empty((batch, one.kernel, one.channels), np.float32)
        self.gates = np.empty((batch, 2 * one.gate), np.float32)
        self.product = np.empty((batch, one.gate), np.float32)
        self.both = np.empty((batch, one.channels + stack.width), np.float32)
        self.skips = np.empty((batch, stack.width), np.float32)

    def read(self, row: Rows, told: Rows | None) -> Rows:
        """Read one row (batch, channels) and return the sum of the skips, (batch, skip)."""
        np.copyto(self.x, row)
        self.skips[:] = self.stack.skip_bias
        for weights, past in zip(self.stack.weights, self.pasts, strict=True):
            self._layer(weights, past, told)
        self.time += 1
        return self.skips

    def _layer(self, weights: _Weights, past: Rows, told: Rows | None) -> None:
        x, window, gates = self.x, self.window, self.gates
        memory = len(past)
        for tap in range(weights.kernel - 1):
            window[:, tap] = past[(self.time + tap * weights.dilation) % memory]
        window[:, -1] = x
        if memory:
            past[self.time % memory] = x
        np.dot(window.reshape(len(x), -1), weights.taps, out=gates)
        gates += weights.bias
        if told is not None and weights.told is not None:
            gates += told @ weights.told
        np.tanh(gates, out=gates)
        signal, gate = gates[:, : weights.gate], gates[:, weights.gate :]
        gate += 1
        np.multiply(signal, gate, out=self.product)
        np.dot(self.product, weights.out, out=self.both)
        x += self.both[:, : weights.channels]
        x += weights.residual_bias
        self.skips += self.both[:, weights.channels :]


def _array(values: Tensor) -> Rows:
    return values.detach().cpu().numpy().astype(np.float32)
