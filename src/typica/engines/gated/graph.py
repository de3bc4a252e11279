"""Gated networks by torch on a GPU: many samples in one launch.

A step is some two hundred small products and sums, each of which costs more to launch than to do.
They are recorded once as a CUDA graph over buffers that stay where they are, with the time in a
tensor, and launched together. Without a GPU the same steps run one by one.
"""

from __future__ import annotations

from collections.abc import Callable
from threading import Lock
from typing import Any, cast

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from typica.engines.gated.job import Job
from typica.engines.gated.layout import sizes
from typica.engines.job import Floats
from typica.layers.gated import GatedLayer, GatedStack
from typica.layers.gated_network import GatedNetwork, Reading

UNROLLED = 16  # steps of a graph
WARM_UP = 3  # steps before a graph is recorded: libraries make their workspaces


class GraphKernel:
    """Runs streams of a network on the device of its weights; see `Kernel`.

    The graph's buffers hold one state at a time: threads that share a kernel wait for each other.

    Attributes:
        measures: It tells outputs, and leaves it to others to measure draws.
    """

    measures = False
    searches = False
    turns: tuple[str, ...] = ()

    def __init__(self, network: GatedNetwork) -> None:
        self.network, self.device = network, network.reading.weight.device
        self.name = f"torch, float32, {'CUDA graph' if self.device.type == 'cuda' else 'CPU'}"
        self.stack = _Stack(network.stack)
        self.context = _Stack(network.context.stack) if network.context else None
        self.shapes = _shapes(network)
        self.bytes = sum(part.nbytes for part in self._weights())
        self._buffers: _Buffers | None = None
        self._lock = Lock()

    @torch.no_grad()
    def run(self, job: Job, begin: int, end: int) -> None:
        """Do a job for all streams at once."""
        assert (begin, end) == (0, job.symbols.shape[1])
        key = (end, job.label is not None, job.forced is not None, job.temperature)
        with self._lock:
            if self._buffers is None or self._buffers.key != key:
                self._buffers = _Buffers(self, key)
            self._buffers.run(job)

    def _weights(self) -> list[Tensor]:
        stacks = [self.stack] + ([self.context] if self.context else [])
        head = [part for layer in self.network.head for part in layer]
        return [*(part for stack in stacks for part in stack.weights), *head]


class _Stack:
    """Weights of a stack, the taps of a layer below one another."""

    def __init__(self, stack: GatedStack) -> None:
        self.layers = [cast(GatedLayer, layer) for layer in stack.layers]
        self.taps = [layer.taps.detach().flatten(0, 1).contiguous() for layer in self.layers]
        self.memories, self.width = stack.memories, stack.width
        self.channels = _channels(stack)
        self.weights = self.taps + [
            part.detach()
            for layer in self.layers
            for part in (layer.residual, layer.skip, layer.told, layer.bias)
            if part is not None
        ]

    def rings(self, count: int) -> list[Tensor]:
        """Return empty rings, (memory, count, channels) each."""
        weight = self.taps[0]
        return [weight.new_zeros(memory, count, self.channels) for memory in self.memories]

    def step(self, x: Tensor, rings: list[Tensor], time: Tensor, told: Tensor | None) -> Tensor:
        """Read a row (count, channels), write it into the rings, return the sum of the skips."""
        skips = x.new_zeros(len(x), self.width)
        for layer, taps, ring in zip(self.layers, self.taps, rings, strict=True):
            gates = self._gates(layer, taps, ring, x, time, told)
            signal, gate = gates.chunk(2, 1)
            product = signal.tanh() * gate.sigmoid()
            x = torch.addmm(x, product, layer.residual)
            skips = torch.addmm(skips, product, layer.skip)
            if layer.residual_bias is not None and layer.skip_bias is not None:
                x, skips = x + layer.residual_bias, skips + layer.skip_bias
        return skips

    def _gates(
        self,
        layer: GatedLayer,
        taps: Tensor,
        ring: Tensor,
        x: Tensor,
        time: Tensor,
        told: Tensor | None,
    ) -> Tensor:
        window, last = [x], len(layer.taps) - 1
        if len(ring):
            back = torch.arange(last, 0, -1, device=x.device) * layer.dilation
            past = ring[(time - back) % len(ring)]
            window = [*past.unbind(0), x]
            ring.index_copy_(0, time[None] % len(ring), x[None])
        gates = torch.cat(window, 1) @ taps
        if layer.bias is not None:
            gates = gates + layer.bias
        if told is not None and layer.told is not None:
            gates = torch.addmm(gates, told, layer.told)
        return gates


class _Buffers:
    """Places of a state and of a block, for so many streams; and the graphs over them."""

    def __init__(self, kernel: GraphKernel, key: tuple[int, bool, bool, float]) -> None:
        self.key, self.kernel = key, kernel
        self.count, self.has_label, self.is_forced, self.temperature = key
        shapes, device = kernel.shapes, kernel.device
        network = kernel.network
        self.time = torch.zeros((), dtype=torch.long, device=device)
        self.at = torch.zeros((), dtype=torch.long, device=device)
        self.recent = torch.zeros(shapes["RECENT"], self.count, device=device)
        self.previous = torch.zeros(self.count, device=device)
        self.rings = kernel.stack.rings(self.count)
        self.context_rings = kernel.context.rings(self.count) if kernel.context else []
        self.now = torch.zeros(self.count, shapes["CONTEXT"], device=device)
        self.label = torch.zeros(self.count, shapes["LABEL"], device=device)
        self.symbols = torch.zeros(UNROLLED, self.count, device=device)
        self.given = torch.zeros(UNROLLED, self.count, device=device)
        self.uniforms = torch.zeros(UNROLLED, self.count, shapes["DRAWS"], device=device)
        self.local = torch.zeros(UNROLLED, self.count, shapes["LOCAL"], device=device)
        width = network.head[-1].weight.shape[1]
        self.outputs = torch.zeros(UNROLLED, self.count, width, device=device)
        self._graphs: dict[str, torch.cuda.CUDAGraph] = {}

    def run(self, job: Job) -> None:
        """Do a job, so many steps at a time."""
        self._enter(job)
        for begin in range(0, len(job.symbols), UNROLLED):
            block = slice(begin, min(begin + UNROLLED, len(job.symbols)))
            self._block(job, block)
        self._leave(job)

    def _block(self, job: Job, block: slice) -> None:
        steps = block.stop - block.start
        self.at.zero_()
        for name, place in (("forced", self.given), ("uniforms", self.uniforms)):
            values = getattr(job, name)
            if values is not None:
                place[:steps].copy_(torch.from_numpy(values[block]))
        if job.local is not None:
            self.local[:steps].copy_(torch.from_numpy(job.local[block]))
        if steps == UNROLLED and self.kernel.context is None:
            self._launch("block", self._steps)
        else:
            for step in range(steps):
                self._launch("step", self.step)
                # What ends a frame is known here, and a graph has no branches.
                if self.kernel.context and (job.time + block.start + step + 1) % self.pool == 0:
                    self._launch("context", self.context_step)
        job.symbols[block] = self.symbols[:steps].cpu().numpy()
        if job.outputs is not None:
            job.outputs[block] = self.outputs[:steps].cpu().numpy()

    def _steps(self) -> None:
        for _ in range(UNROLLED):
            self.step()

    @property
    def pool(self) -> int:
        """Samples of a frame of the context network."""
        return self.kernel.shapes["POOL"]

    def step(self) -> None:
        """Read the symbols drawn last, draw the next, in place."""
        network, size = self.kernel.network, len(self.recent)
        self.recent.index_copy_(0, self.time[None] % size, self.previous[None])
        x = self._read(network.reading, self.time)
        told = [self.label] if self.has_label else []
        told += [self.local[self.at]] if network.upsampling is not None else []
        told += [self.now] if self.kernel.context else []
        told_row = torch.cat(told, 1) if told else None
        x = self.kernel.stack.step(x, self.rings, self.time, told_row)
        for layer in network.head:
            x = torch.addmm(layer.bias, F.relu(x), layer.weight)
        self.outputs.index_copy_(0, self.at[None], x[None])
        drawn = self.given[self.at] if self.is_forced else self._draw(x)
        self.symbols.index_copy_(0, self.at[None], drawn[None])
        self.previous.copy_(drawn)
        self.time += 1
        self.at += 1

    def context_step(self) -> None:
        """Read the frame that is full now, in place; the time is already after it."""
        context, stack = self.kernel.network.context, self.kernel.context
        assert context is not None
        assert stack is not None
        rows = [self._read(context.reading, self.time - 1 - back) for back in range(self.pool)]
        frame = (self.time - 1) // self.pool
        skips = stack.step(torch.stack(rows).mean(0), self.context_rings, frame, None)
        self.now.copy_(skips.relu())

    def _read(self, reading: Reading, time: Tensor) -> Tensor:
        """Return the first convolution's row for the symbols up to a time."""
        taps = len(reading.weight)
        back = torch.arange(taps - 1, -1, -1, device=time.device)
        window = self.recent[(time - back) % len(self.recent)]
        if reading.is_scalar:
            values = 2 * window / (reading.levels - 1) - 1 if reading.levels else window
            return torch.addmm(reading.bias, values.t(), reading.weight)
        index = window.long() + torch.arange(taps, device=time.device)[:, None] * reading.levels
        return reading.weight.flatten(0, 1)[index].sum(0) + reading.bias

    def _draw(self, outputs: Tensor) -> Tensor:
        """Draw symbols as kernel.cpp does, from the same uniform numbers."""
        network, temperature = self.kernel.network, self.temperature
        uniform = self.uniforms[self.at]
        if network.output == "categorical":
            if temperature == 0:
                return outputs.argmax(1).float()
            return _look_up(outputs / temperature, uniform[:, 0]).float()
        if network.output == "gaussian":
            scale = outputs[:, 1].clamp_min(network.log_scale_floor).exp()
            radius = (-2 * uniform[:, 0].clamp_min(1e-38).log()).sqrt()
            noise = radius * (2 * torch.pi * uniform[:, 1]).cos()
            return (outputs[:, 0] + scale * temperature**0.5 * noise).clamp(-1, 1)
        logits, mean, log_scale = outputs.chunk(3, 1)
        chosen = _look_up(logits / temperature, uniform[:, 0])[:, None]
        u = uniform[:, 1].clamp(1e-38, 1 - 1e-7)
        noise = u.log() - torch.log1p(-u)
        scale = log_scale.gather(1, chosen)[:, 0].clamp_min(network.log_scale_floor).exp()
        amplitude = mean.gather(1, chosen)[:, 0] + temperature * scale * noise
        return ((amplitude.clamp(-1, 1) + 1) / 2 * (network.levels - 1)).round()

    def _enter(self, job: Job) -> None:
        self.time.fill_(job.time)
        self.recent.copy_(torch.from_numpy(job.recent))
        self.previous.copy_(torch.from_numpy(job.previous))
        self.now.copy_(torch.from_numpy(job.now))
        if job.label is not None:
            self.label.copy_(torch.from_numpy(job.label))
        _copy_in(self.rings, job.rings)
        _copy_in(self.context_rings, job.context_rings)

    def _leave(self, job: Job) -> None:
        job.recent[:] = self.recent.cpu().numpy()
        job.previous[:] = self.previous.cpu().numpy()
        job.now[:] = self.now.cpu().numpy()
        _copy_out(self.rings, job.rings)
        _copy_out(self.context_rings, job.context_rings)

    def _launch(self, name: str, steps: Callable[[], None]) -> None:
        if self.kernel.device.type != "cuda":
            steps()
            return
        if name not in self._graphs:
            self._graphs[name] = self._record(steps)
        self._graphs[name].replay()

    def _record(self, steps: Callable[[], None]) -> torch.cuda.CUDAGraph:
        """Record steps as a graph, and leave all that they change as it was."""
        changed = [self.time, self.at, self.recent, self.previous, self.now, self.symbols]
        changed += [self.outputs, *self.rings, *self.context_rings]
        kept = [tensor.clone() for tensor in changed]
        stream = torch.cuda.Stream()
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream):
            for _ in range(WARM_UP):
                self.at.zero_()
                steps()
        torch.cuda.current_stream().wait_stream(stream)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            steps()
        for tensor, value in zip(changed, kept, strict=True):
            tensor.copy_(value)
        return graph


def _look_up(logits: Tensor, uniform: Tensor) -> Tensor:
    """Draw indices (count,) of logits (count, levels)."""
    cumulative = logits.softmax(1).cumsum(1)
    threshold = uniform[:, None] * cumulative[:, -1:]
    return (cumulative <= threshold).sum(1).clamp_max(logits.shape[1] - 1)


def _copy_in(rings: list[Tensor], flat: Floats) -> None:
    end = 0
    for ring in rings:
        begin, end = end, end + ring.numel()
        ring.copy_(torch.from_numpy(flat[begin:end]).view_as(ring))


def _copy_out(rings: list[Tensor], flat: Floats) -> None:
    parts = [ring.flatten().cpu().numpy() for ring in rings]
    if parts:
        np.concatenate(parts, out=flat)


def _shapes(network: GatedNetwork) -> dict[str, Any]:
    """Return the sizes that states and jobs depend on; nothing is padded."""
    context = network.context
    return sizes(network) | {
        "OUTPUTS": network.head[-1].weight.shape[1],
        "Main": {"CHANNELS": _channels(network.stack)},
        "Context": {"CHANNELS": _channels(context.stack) if context else 0},
    }


def _channels(stack: GatedStack) -> int:
    return cast(GatedLayer, stack.layers[0]).taps.shape[1]
