"""Eager torch steps of a one-hot WaveNet with kernel 2 that is told nothing: peers of the engines.

`PlainSteps` is the performance page's peer, as any competent rewrite of the public ones would have
it: rings of views, so that nothing is shifted; one product for both taps of a layer, one for its
residual and its skip. `FoldedSteps` goes further than such rewrites do: biases behind the gates are
added up beforehand and moved to where they are read, a sigmoid is half a tanh, and nothing is
allocated.
"""

from __future__ import annotations

import torch
from torch import Tensor

from typica.core.model import AutoregressiveModel
from typica.layers.gated_network import GatedModel


class PlainSteps:
    """Steps of a WaveNet.

    Args:
        model: The WaveNet.
        count: Streams.
    """

    def __init__(self, model: AutoregressiveModel, count: int) -> None:
        assert isinstance(model, GatedModel)
        self.network, self.time = model.network(), 0
        self.previous = torch.full((count,), model.initial)
        reading, layers = self.network.reading, list(self.network.stack.layers)
        self.channels = reading.weight.shape[-1]
        nothing = torch.zeros(reading.levels, self.network.stack.width)
        self.table = torch.cat([reading.weight[0] + reading.bias, nothing], 1)
        histories = model.start(count).histories
        self.rings = [list(history.clone().unbind()) for history in histories]
        self.layers = [
            (
                *(layer.bias, layer.taps.flatten(0, 1)),
                torch.cat([layer.residual_bias, layer.skip_bias]),
                torch.cat([layer.residual, layer.skip], 1),
            )
            for layer in layers
        ]

    def logits(self) -> Tensor:
        """Read the symbols drawn last; return logits (count, levels)."""
        path = self.table[self.previous]  # the residual path, and the sum of the skips beside it
        x = path[:, : self.channels]
        for (bias, taps, bias_after, after), ring in zip(self.layers, self.rings, strict=True):
            row = ring[self.time % len(ring)]
            signal, gate = torch.addmm(bias, torch.cat([row, x], 1), taps).chunk(2, 1)
            row.copy_(x)
            path += torch.addmm(bias_after, signal.tanh_().mul_(gate.sigmoid_()), after)
        return self._head(path[:, self.channels :])

    def _head(self, hidden: Tensor) -> Tensor:
        self.time += 1
        for layer in self.network.head:
            hidden = torch.addmm(layer.bias, hidden.relu(), layer.weight)
        return hidden

    def draw(self, length: int) -> None:
        """Draw symbols."""
        for _ in range(length):
            self.previous = torch.multinomial(self.logits().softmax(1), 1)[:, 0]


class FoldedSteps(PlainSteps):
    """The same with all that can be computed beforehand."""

    def __init__(self, model: AutoregressiveModel, count: int) -> None:
        super().__init__(model, count)
        layers = list(self.network.stack.layers)
        self.table[:, self.channels :] += sum(layer.skip_bias for layer in layers)
        lifted, self.layers = torch.zeros(self.channels), []
        for layer, ring in zip(layers, self.rings, strict=True):
            half = torch.ones_like(layer.bias)
            half[len(half) // 2 :] = 0.5  # sigmoid(x) = (1 + tanh(x / 2)) / 2
            taps = layer.taps.flatten(0, 1)
            bias = (layer.bias + torch.cat([lifted, lifted]) @ taps) * half
            after = torch.cat([layer.residual, layer.skip], 1) / 2
            self.layers.append((bias, taps * half, after))
            for row in ring:
                row -= lifted
            lifted = lifted + layer.residual_bias
        self.pair = torch.empty(count, 2 * self.channels)
        self.gates = torch.empty(count, len(self.layers[0][0]))
        self.signal, self.gate = self.gates.chunk(2, 1)

    def logits(self) -> Tensor:
        """See `PlainSteps.logits`."""
        path = self.table[self.previous]
        x = path[:, : self.channels]
        for (bias, taps, after), ring in zip(self.layers, self.rings, strict=True):
            row = ring[self.time % len(ring)]
            torch.cat((row, x), 1, out=self.pair)
            row.copy_(x)
            torch.addmm(bias, self.pair, taps, out=self.gates).tanh_()
            path.addmm_(torch.addcmul(self.signal, self.signal, self.gate), after)
        return self._head(path[:, self.channels :])
