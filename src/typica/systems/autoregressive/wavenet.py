"""WaveNet: an autoregressive model of audio, by dilated causal convolutions.

Source: van den Oord et al., 2016, https://arxiv.org/abs/1609.03499; the mixture output from
Salimans et al., 2017, https://arxiv.org/abs/1701.05517, and van den Oord et al., 2017,
https://arxiv.org/abs/1711.10433; the queues of sampling from Le Paine et al., 2016,
https://arxiv.org/abs/1611.09482.
Departs from them: before the beginning there is silence for ever, not zeros, so that a free
run begins in a state that training has seen; the context stack sees means over its frames.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.distributions import Distribution

from typica.core.condition import Condition, Need, check_condition
from typica.core.config import Config
from typica.core.errors import ConfigError, ShapeError
from typica.core.hidden import HiddenStates
from typica.core.model import EndlessModel
from typica.core.telling import RetoldModel, check_told
from typica.expressions import learn, ref, set_param, weight_norm, zeros
from typica.layers.distributions import Amplitude, DiscretisedLogisticMixture, Levels
from typica.layers.gated import GatedStack
from typica.layers.gated_network import (
    Affine,
    ContextNetworkParts,
    ContextState,
    GatedModel,
    GatedNetwork,
    GatedState,
    Reading,
)
from typica.layers.told import check_local, frames_of, needs_of, upsampling_of
from typica.signal.quantise import QuantiserName, quantiser

MOST_LAYERS = 20  # in a stack: its dilation of 2 ** 19 samples is half a minute

_AT_LEAST_ONE = (
    *("stacks", "layers", "kernel", "channels", "gate", "skip", "input_kernel", "components"),
    *("label_channels", "context_layers", "context_channels", "context_pool"),
)


@dataclass(frozen=True)
class WaveNetConfig(Config):
    """Size of a WaveNet. The paper gives no widths; the defaults are those of later users.

    Attributes:
        stacks: Number of stacks, each with dilations 1, 2, 4, ...
        layers: Layers in a stack: the largest dilation is 2 ** (layers - 1).
        kernel: Taps of each dilated convolution.
        channels: Width of the residual path.
        gate: Width of the tanh path and of the sigmoid path.
        skip: Width of the skip path.
        head: Widths of the 1x1 convolutions between the skips and the output.
        bias: Whether the layers of the stacks have biases.
        weight_norm: Whether direction and length of weights are learnt apart (Salimans and
            Kingma, 2016); tables and the last layer are left out.
        tied: Whether the last layer's weights are the levels' vectors, times a gain.
        input: "onehot": each level has a vector; "scalar": the amplitude itself is read.
        input_kernel: Taps of the first convolution.
        embedding: Width of the vectors before a 1x1 convolution to `channels`; 0 for none.
        quantiser: How amplitudes become levels.
        bits: 8 for 256 levels.
        output: "categorical", a "logistics" mixture over levels, or a "gaussian" over amplitudes.
        components: Logistics in the mixture.
        log_scale_floor: Smallest log-scale of logistics and Gaussians.
        labels: Classes of the global condition "label"; 0 for none.
        label_channels: Width of a class's vector.
        local: Name of the local condition, such as "roll"; null for none.
        local_channels: Its channels.
        hop: Its samples a frame.
        upsampling: How its frames are brought to the rate of the samples.
        context_stacks: Stacks of the context network, which reads further back; 0 for none.
        context_layers: Layers in each of them.
        context_channels: Width of all its paths.
        context_pool: Samples that it sees as one.
    """

    stacks: int = 3
    layers: int = 10
    kernel: int = 2
    channels: int = 64
    gate: int = 64
    skip: int = 256
    head: tuple[int, ...] = (256,)
    bias: bool = True
    weight_norm: bool = False
    tied: bool = False
    input: Literal["onehot", "scalar"] = "onehot"
    input_kernel: int = 1
    embedding: int = 0
    quantiser: QuantiserName = "mulaw"
    bits: int = 8
    output: Literal["categorical", "logistics", "gaussian"] = "categorical"
    components: int = 10
    log_scale_floor: float = -14.0
    labels: int = 0
    label_channels: int = 16
    local: str | None = None
    local_channels: int = 0
    hop: int = 0
    upsampling: Literal["repeat", "linear", "learnt"] = "linear"
    context_stacks: int = 0
    context_layers: int = 6
    context_channels: int = 32
    context_pool: int = 16

    def __post_init__(self) -> None:
        self._check_sizes()
        if not math.isfinite(self.log_scale_floor):
            raise ConfigError(f"model.log_scale_floor must be a number: {self.log_scale_floor}")
        if self.output == "gaussian" and self.input != "scalar":
            raise ConfigError("model.output=gaussian needs model.input=scalar: it has no levels")
        check_local(self)
        quantiser(self.quantiser, self.bits)
        if self.tied:
            self._check_tied()

    def _check_tied(self) -> None:
        kinds = self.input, self.output, self.input_kernel
        if kinds != ("onehot", "categorical", 1):
            raise ConfigError("model.tied needs input=onehot, output=categorical, input_kernel=1")
        width, last = self.embedding or self.channels, (self.skip, *self.head)[-1]
        if width != last:
            raise ConfigError(
                f"model.tied needs vectors as wide as the last of model.head: {width} and {last};"
                f" set model.embedding={last}"
            )

    def _check_sizes(self) -> None:
        self.check_at_least(1, *_AT_LEAST_ONE)
        self.check_at_least(0, "embedding", "labels", "local_channels", "hop", "context_stacks")
        if min(self.head, default=1) < 1:
            raise ConfigError(f"model.head must hold widths of at least 1, got {self.head}")
        if max(self.layers, self.context_layers) > MOST_LAYERS:
            raise ConfigError(f"a stack has at most {MOST_LAYERS} layers: dilations double")


class WaveNet(EndlessModel, GatedModel, HiddenStates, RetoldModel):
    """See the module's docstring."""

    config_type = WaveNetConfig
    conditioning = ("sparse", "dense")
    config: WaveNetConfig

    def __init__(self, config: WaveNetConfig) -> None:
        super().__init__(config)
        self.quantiser = quantiser(config.quantiser, config.bits)
        self.input = Input(config, config.channels)
        self.label = nn.Embedding(config.labels, config.label_channels) if config.labels else None
        self.upsampling = upsampling_of(config)
        self.context_network = ContextNetwork(config) if config.context_stacks else None
        self.stack = GatedStack(
            config.stacks,
            config.layers,
            config.channels,
            config.gate,
            config.skip,
            kernel=config.kernel,
            told=self._told_channels(),
            bias=config.bias,
            weight_norm=config.weight_norm,
        )
        self.head = Head(config)
        if config.tied:
            # The gain is zero at first: an untrained network still knows nothing.
            gain = learn((), init=zeros, name="gain")
            set_param(self.head.last, "weight", gain * ref(self.input.tables[0], "weight"))

    @property
    def receptive_field(self) -> int:
        """How many samples of the past a prediction depends on."""
        memories = self.stack.memories
        near = self.config.input_kernel + sum(memories)
        if self.context_network is None:
            return near
        # What a row was told enters at the first layer's gates; later layers hand it on.
        return max(near, self.context_network.receptive_field + sum(memories[1:]))

    @property
    def context(self) -> int:
        """See `Model.context`."""
        return self.receptive_field

    @property
    def alignment(self) -> int:
        """See `Model.alignment`; the context network counts its frames from the beginning."""
        pool = self.config.context_pool if self.context_network else 1
        return math.lcm(super().alignment, pool)

    @property
    def needs(self) -> Mapping[str, Need]:
        """See `Model.needs`."""
        return needs_of(self.config)

    @property
    def base_measure(self) -> str:
        """See `ExplicitModel.base_measure`."""
        if self.config.output == "gaussian":
            return f"density of the amplitude, log-scale at least {self.config.log_scale_floor:g}"
        return self.quantiser.name

    @property
    def state_types(self) -> tuple[type, ...]:
        """See `AutoregressiveModel.state_types`."""
        return GatedState, ContextState

    @property
    def initial(self) -> float:
        """See `AutoregressiveModel.initial`."""
        return self.symbols(torch.zeros(1, 1, 1)).item()

    def symbols(self, x: Tensor) -> Tensor:
        """Return levels (int64), or amplitudes of a Gaussian output, shape (batch, time).

        Raises:
            ShapeError: `x` is not (batch, 1, time).
        """
        if x.ndim != 3 or x.shape[1] != 1:
            raise ShapeError(f"audio must have shape (batch, 1, time), got {tuple(x.shape)}")
        return x[:, 0] if self.config.output == "gaussian" else self.quantiser.encode(x[:, 0])

    def render(self, symbols: Tensor) -> Tensor:
        """See `AutoregressiveModel.render`."""
        if self.config.output == "gaussian":
            return symbols[:, None].clamp(-1, 1)
        return self.quantiser.decode(symbols)[:, None]

    def start(self, count: int, condition: Condition | None = None) -> GatedState:
        """Return the state after silence for ever."""
        check_condition(condition, self.needs, count)
        weight = self.head.last.weight
        silence = torch.full((count, 1), self.initial, device=weight.device)
        given = condition or {}
        label = self.label(given["label"].values) if self.label else None
        frames = frames_of(self.config, condition, weight)
        context, told = None, [] if label is None else [label]
        if frames is not None:
            told.append(torch.zeros_like(frames[:, :, 0]))
        if self.context_network:
            context = self.context_network.start(silence)
            told.append(context.now)
        rows = torch.cat(told, -1) if told else None
        _, histories = self.stack.rest(self.input.rest(silence), rows)
        past = silence.repeat(1, self.config.input_kernel - 1)
        return GatedState(0, past, histories, label, frames, context)

    def retell(self, state: GatedState, told: Condition, past: int = 0) -> GatedState:
        """See `RetoldModel.retell`."""
        check_told(told, self.needs, len(state.symbols))
        frames = frames_of(self.config, told, self.head.last.weight)
        return state._replace(frames=frames, told_from=state.time - past)

    def advance(self, previous: Tensor, state: GatedState) -> tuple[Distribution, GatedState]:
        """See `AutoregressiveModel.advance`."""
        distribution, _, state = self.advance_hidden(previous, state)
        return distribution, state

    def advance_hidden(
        self, previous: Tensor, state: GatedState
    ) -> tuple[Distribution, Tensor, GatedState]:
        """See `HiddenStates.advance_hidden`: the vectors are the sums of the skips."""
        symbols = torch.cat([state.symbols, previous], 1)
        told, context = self._told(previous, state)
        skips, histories = self.stack(self.input(symbols), state.histories, told)
        length = previous.shape[1]
        state = state._replace(
            time=state.time + length,
            symbols=symbols[:, length:],
            histories=histories,
            context=context,
        )
        return self.head(skips), skips.transpose(0, 1), state

    def network(self) -> GatedNetwork:
        """See `GatedModel.network`."""
        head = self.head
        layers = [*head.hidden, head.last]
        return GatedNetwork(
            reading=self.input.reading(),
            stack=self.stack,
            head=tuple(Affine.of(layer) for layer in layers),
            output=self.config.output,
            levels=0 if self.config.output == "gaussian" else head.levels,
            log_scale_floor=self.config.log_scale_floor,
            distribution=head.distribution,
            upsampling=self.upsampling,
            context=self.context_network.parts() if self.context_network else None,
        )

    def _told_channels(self) -> int:
        config = self.config
        sparse = config.label_channels if config.labels else 0
        dense = config.local_channels if config.local else 0
        return sparse + dense + (config.context_channels if config.context_stacks else 0)

    def _told(
        self, previous: Tensor, state: GatedState
    ) -> tuple[Tensor | None, ContextState | None]:
        """Gather what every layer is told, (time, batch, channels)."""
        length, told, context = previous.shape[1], [], None
        if state.label is not None:
            told.append(state.label.expand(length, *state.label.shape))
        if self.upsampling is not None:
            told.append(self.upsampling(state.frames, state.time - state.told_from, length))
        if self.context_network is not None:
            rows, context = self.context_network(previous, state.context)
            told.append(rows)
        return (torch.cat(told, -1) if told else None), context


class Input(nn.Module):
    """The first convolution: from symbols (batch, time) to rows (time, batch, channels)."""

    def __init__(self, config: WaveNetConfig, channels: int) -> None:
        super().__init__()
        self.levels, self.kernel = 1 << config.bits, config.input_kernel
        # A Gaussian's symbols are amplitudes already; levels are spread over [-1, 1].
        self.is_level = config.output != "gaussian"
        width = config.embedding or channels
        is_scalar = config.input == "scalar"
        self.taps = nn.Linear(self.kernel, width) if is_scalar else None
        tables = 0 if is_scalar else self.kernel
        self.tables = nn.ModuleList(nn.Embedding(self.levels, width) for _ in range(tables))
        self.widen = nn.Linear(width, channels, bias=config.bias) if config.embedding else None
        if config.weight_norm:
            for layer in filter(None, (self.taps, self.widen)):
                set_param(layer, "weight", weight_norm(layer.weight))

    def forward(self, symbols: Tensor) -> Tensor:
        """Read symbols, the first `kernel` - 1 of which belong to the block before."""
        windows = symbols.t().unfold(0, self.kernel, 1)
        if self.taps is not None:
            values = 2 * windows / (self.levels - 1) - 1 if self.is_level else windows
            x = self.taps(values.to(self.taps.weight.dtype))
        else:
            read = [table(windows[..., tap]) for tap, table in enumerate(self.tables)]
            x = torch.stack(read).sum(0) if len(read) > 1 else read[0]
        return x if self.widen is None else self.widen(x)

    def rest(self, silence: Tensor) -> Tensor:
        """The output for silence (batch, 1) that lasts, (batch, channels)."""
        return self(silence.repeat(1, self.kernel))[0]

    def reading(self) -> Reading:
        """Return it as one product: the layer that widens is linear too."""
        weight: Tensor
        bias: Tensor
        if self.taps is not None:
            weight, bias = self.taps.weight.t(), self.taps.bias
        else:
            weight = torch.stack([cast(Tensor, table.weight) for table in self.tables])
            bias = torch.zeros_like(weight[0, 0])
        if self.widen is not None:
            more = 0 if self.widen.bias is None else self.widen.bias
            weight, bias = weight @ self.widen.weight.t(), bias @ self.widen.weight.t() + more
        return Reading(weight, bias, self.levels if self.is_level else 0)


class Head(nn.Module):
    """From the sum of the skips to what follows."""

    def __init__(self, config: WaveNetConfig) -> None:
        super().__init__()
        self.config, self.levels = config, 1 << config.bits
        widths = (config.skip, *config.head)
        hidden = [nn.Linear(*pair) for pair in zip(widths, widths[1:], strict=False)]
        for layer in hidden if config.weight_norm else ():
            set_param(layer, "weight", weight_norm(layer.weight))
        self.hidden = nn.ModuleList(hidden)
        outputs = {"categorical": self.levels, "logistics": 3 * config.components, "gaussian": 2}
        self.last = nn.Linear(widths[-1], outputs[config.output])
        self._begin()

    @torch.no_grad()
    def _begin(self) -> None:
        """Let an untrained network know nothing: all levels are equally likely."""
        self.last.weight.zero_()
        self.last.bias.zero_()
        if self.config.output == "logistics":
            _, mean, log_scale = self.last.bias.chunk(3)
            # Components that begin alike would stay alike.
            mean.copy_(torch.linspace(-0.5, 0.5, len(mean)))
            log_scale.fill_(-2)
        if self.config.output == "gaussian":
            self.last.bias[1] = -2

    def forward(self, skips: Tensor) -> Distribution:
        """From rows (time, batch, skip) to distributions of batch shape (batch, time)."""
        x = F.relu(skips)
        for layer in self.hidden:
            x = F.relu(layer(x))
        outputs = self.last(x)
        if self.config.output == "categorical":
            outputs = outputs.log_softmax(-1)  # while rows lie together
        return self.distribution(outputs.transpose(0, 1))

    def distribution(self, outputs: Tensor) -> Distribution:
        """From outputs (batch, time, outputs), log-probabilities if any, to distributions."""
        if self.config.output == "categorical":
            return Levels(outputs)
        if self.config.output == "logistics":
            logits, mean, log_scale = outputs.chunk(3, -1)
            log_scale = log_scale.clamp_min(self.config.log_scale_floor)
            return DiscretisedLogisticMixture(logits, mean, log_scale, self.levels)
        mean, log_scale = outputs.unbind(-1)
        scale = log_scale.clamp_min(self.config.log_scale_floor).exp()
        return Amplitude(mean, scale)


class ContextNetwork(nn.Module):
    """A narrower stack at a lower rate: it reads far back and conditions the main stack.

    Source: van den Oord et al., 2016, section 2.6.
    """

    def __init__(self, config: WaveNetConfig) -> None:
        super().__init__()
        width = config.context_channels
        self.pool = config.context_pool
        self.input = Input(config, width)
        stacks, layers = config.context_stacks, config.context_layers
        self.stack = GatedStack(
            *(stacks, layers, width, width, width),
            kernel=config.kernel,
            weight_norm=config.weight_norm,
        )

    @property
    def receptive_field(self) -> int:
        """How many samples of the past it sees, at most."""
        frames = 1 + sum(self.stack.memories)
        # Up to a frame less one has begun since; the first convolution adds its own taps.
        return frames * self.pool + self.pool - 1 + self.input.kernel

    def parts(self) -> ContextNetworkParts:
        """Return what an engine is compiled from."""
        return ContextNetworkParts(self.input.reading(), self.stack, self.pool)

    def start(self, silence: Tensor) -> ContextState:
        """Return the state after silence (batch, 1) for ever."""
        skips, histories = self.stack.rest(self.input.rest(silence))
        return ContextState(silence.repeat(1, self.input.kernel - 1), torch.relu(skips), histories)

    def forward(self, previous: Tensor, state: ContextState) -> tuple[Tensor, ContextState]:
        """Read a block; tell each sample what the frames say that were full before it.

        Returns:
            Rows (time, batch, channels) and the state.
        """
        length, before = previous.shape[1], state.waiting.shape[1] - self.input.kernel + 1
        symbols = torch.cat([state.waiting, previous], 1)
        full = (before + length) // self.pool
        words, histories = self._frames(symbols, full, state)
        index = (torch.arange(length, device=previous.device) + before) // self.pool
        words = torch.cat([state.now[None], words])
        return words[index], ContextState(symbols[:, full * self.pool :], words[-1], histories)

    def _frames(
        self, symbols: Tensor, full: int, state: ContextState
    ) -> tuple[Tensor, tuple[Tensor, ...]]:
        """Run the stack over the frames that are full, (frames, batch, channels)."""
        if not full:
            return state.now.new_zeros(0, *state.now.shape), state.histories
        x = self.input(symbols[:, : full * self.pool + self.input.kernel - 1])
        x = x.unflatten(0, (full, self.pool)).mean(1)
        skips, histories = self.stack(x, state.histories)
        return torch.relu(skips), histories
