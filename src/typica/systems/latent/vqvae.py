"""VQ-VAE: an autoencoder whose bottleneck is codes, and whose decoder is an autoregressive model.

Source: van den Oord et al., 2017, https://arxiv.org/abs/1711.00937; the argmax bottleneck (AMAE),
the modulator and codes of codes from Dieleman et al., 2018, https://arxiv.org/abs/1806.10474;
jitter from Chorowski et al., 2019, https://arxiv.org/abs/1901.08810; restarts of unused codes from
Dhariwal et al., 2020, https://arxiv.org/abs/2005.00341.
Departs from them: the encoder reads levels of the decoder's quantiser on their compressed scale,
so that codes depend on what is modelled alone.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from typica.core import registry
from typica.core.coder import DiscreteAutoencoder
from typica.core.condition import Condition, Need, Track, check_condition
from typica.core.config import Config
from typica.core.errors import ConfigError
from typica.core.parts import coded_in_parts
from typica.core.phase import Batch
from typica.core.telling import RetoldModel
from typica.core.tuning import Tunable
from typica.layers.codebook import ArgmaxQuantiser, Bottleneck, VectorQuantiser
from typica.layers.jitter import Jitter
from typica.signal.quantise import QuantiserName, quantiser

CODES = "codes"  # what the decoder calls its frames

_AT_LEAST_ONE = ("channels", "residual_channels", "codes", "width", "modulator_channels")
_AT_LEAST_ZERO = (
    *("residual_layers", "commitment", "diversity", "restart_below", "modulator_layers", "labels"),
)


@dataclass(frozen=True)
class VQVAEConfig(Config):
    """Size of a VQ-VAE. The encoder's strides and the codes are the paper's for speech.

    Attributes:
        quantiser: How amplitudes become levels; "codes" where codes of another model are modelled.
        bits: 8 for 256 levels.
        input: "scalar": the encoder reads a level as a number in [-1, 1]; "onehot": each level has
            a vector. Codes have no order, so they need the latter.
        strides: Of the encoder's convolutions, whose kernels are twice as long. Their product is
            the hop, samples a code.
        channels: Width of the encoder.
        residual_layers: Residual blocks behind the convolutions, with dilations 1, 3, 9, ...
        residual_channels: Width inside them.
        normalise: Whether what comes to the bottleneck is normalised over its channels.
        bottleneck: "vq": the nearest vector of a codebook; "argmax": the largest channel.
        codes: How many there are.
        width: Channels of the codebook's vectors ("vq").
        learning: How the codebook learns, "ema" or "gradient" ("vq").
        decay: Of the bottleneck's running means, a batch.
        restart_below: Share of the average use under which a code is put elsewhere ("vq").
        initial: Where the codebook begins: on the first "batch", or "normal" ("vq").
        commitment: Weight of the loss that draws what the encoder says to its code.
        diversity: Weight of the loss that makes all codes used ("argmax").
        jitter: Probability in training that a code is replaced by a neighbour.
        modulator_layers: Residual blocks, not causal, between the codes and the decoder.
        modulator_channels: Their width, and that of what the decoder is told.
        labels: Classes of the condition "label", which the decoder is told; 0 for none.
        decoder: The autoregressive system that is told codes, and its settings.
    """

    quantiser: QuantiserName = "mulaw"
    bits: int = 8
    input: Literal["scalar", "onehot"] = "scalar"
    strides: tuple[int, ...] = (2, 2, 2, 2, 2, 2)
    channels: int = 256
    residual_layers: int = 0
    residual_channels: int = 64
    normalise: bool = False
    bottleneck: Literal["vq", "argmax"] = "vq"
    codes: int = 512
    width: int = 64
    learning: Literal["ema", "gradient"] = "ema"
    decay: float = 0.99
    restart_below: float = 0.1
    initial: Literal["batch", "normal"] = "batch"
    commitment: float = 0.25
    diversity: float = 0.0
    jitter: float = 0.0
    modulator_layers: int = 0
    modulator_channels: int = 64
    labels: int = 0
    decoder: Mapping[str, Any] = field(default_factory=lambda: {"system": "wavenet"})

    def __post_init__(self) -> None:
        self.check_at_least(1, *_AT_LEAST_ONE)
        self.check_at_least(0, *_AT_LEAST_ZERO)
        if min(self.strides, default=0) < 1:
            raise ConfigError(f"model.strides must hold numbers of at least 1, got {self.strides}")
        for name in ("decay", "jitter"):
            if not 0 <= getattr(self, name) <= 1:
                raise ConfigError(f"model.{name} is from 0 to 1, got {getattr(self, name)}")
        quantiser(self.quantiser, self.bits)
        if self.quantiser == "codes" and self.input == "scalar":
            raise ConfigError("model.quantiser=codes needs model.input=onehot: codes have no order")

    @property
    def hop(self) -> int:
        """Samples a code."""
        return math.prod(self.strides)


class VQVAE(DiscreteAutoencoder):
    """See the module's docstring."""

    config_type = VQVAEConfig
    conditioning = ("sparse",)
    tunable: ClassVar[Mapping[str, Tunable]] = {
        "commitment": Tunable("bottleneck.commitment"),
        "diversity": Tunable("bottleneck.diversity"),
        "decay": Tunable("bottleneck.decay", most=1.0, from_one=True),
        "jitter": Tunable("jitter.probability", most=1.0),
    }
    config: VQVAEConfig

    def __init__(self, config: VQVAEConfig) -> None:
        super().__init__(config)
        self.quantiser = quantiser(config.quantiser, config.bits)
        self.bottleneck = bottleneck(config)
        self.encoder = Encoder(config, self.bottleneck.width)
        self.jitter = Jitter(config.jitter)
        self.modulator = Modulator(
            self.bottleneck.width, config.modulator_channels, config.modulator_layers
        )
        self.decoder = decoder(config)

    @property
    def needs(self) -> Mapping[str, Need]:
        """See `Model.needs`."""
        return {"label": Need(self.config.labels)} if self.config.labels else {}

    @property
    def codes(self) -> int:
        """See `Coder.codes`."""
        return self.config.codes

    @property
    def hop(self) -> int:
        """See `Coder.hop`."""
        return self.config.hop

    @property
    def margin(self) -> int:
        """See `Coder.margin`."""
        return self.encoder.margin

    @property
    def reach(self) -> int:
        """See `DiscreteAutoencoder.reach`; frames may be upsampled along lines to the next."""
        return self.modulator.reach + 1

    @property
    def context(self) -> int:
        """The decoder's, in whole frames."""
        return self.hop * self.frames(self.decoder.context)

    @property
    def base_measure(self) -> str:
        """See `ExplicitModel.base_measure`."""
        return self.decoder.base_measure

    @torch.no_grad()
    def encode(self, x: Tensor) -> Tensor:
        """See `Coder.encode`.

        Raises:
            ShapeError: `x` is not (batch, 1, time).
        """
        return coded_in_parts(
            lambda part: self.bottleneck.encode(self._vectors(part)), x, self.hop, self.margin
        )

    def tell(self, codes: Tensor, condition: Condition | None = None) -> Condition:
        """See `DiscreteAutoencoder.tell`."""
        return self._told(self.bottleneck.decode(codes), condition)

    def tell_nothing(
        self, count: int, frames: int, condition: Condition | None = None
    ) -> Condition:
        """See `DiscreteAutoencoder.tell_nothing`."""
        device = next(self.parameters()).device
        return self._told(
            torch.zeros(count, self.bottleneck.width, frames, device=device), condition
        )

    def likelihood_loss(self, batch: Batch) -> dict[str, Tensor]:
        """Return the negative bound, in nats a sample, and what the bottleneck wants minimised.

        What follows the context is scored; the codes of all, the context's too, are paid for.
        """
        coded = self.bottleneck(self._vectors(batch[self.example]))
        told = self._told(self.jitter(coded.vectors), batch.get("condition"))
        terms = self.decoder.likelihood_loss(batch | {"condition": told})
        return {"nll": terms["nll"] + self._rate(batch), **coded.losses}

    def _rate(self, batch: Batch) -> Tensor | float:
        """What the codes cost under the uniform prior, in nats for each sample that is scored."""
        length, context = batch[self.example].shape[-1], batch.get("context", 0)
        if "length" not in batch:
            return self.frames(length) * math.log(self.codes) / (length - context)
        scored = batch["length"]
        frames = (context + scored + self.hop - 1) // self.hop
        return frames.sum() * math.log(self.codes) / scored.sum().clamp_min(1)

    def _vectors(self, x: Tensor) -> Tensor:
        """From examples to what the bottleneck codes, (batch, width, frames)."""
        symbols = self.decoder.symbols(x)
        missing = -symbols.shape[1] % self.hop
        return self.encoder(F.pad(symbols, (0, missing), value=self.decoder.initial))

    def _told(self, vectors: Tensor, condition: Condition | None) -> Condition:
        """Return what the decoder is told for vectors (batch, width, frames)."""
        check_condition(condition, self.needs, len(vectors))
        # A model knows no hertz: the rate is in frames a sample.
        return {**(condition or {}), CODES: Track(self.modulator(vectors), 1 / self.hop)}


def bottleneck(config: VQVAEConfig) -> Bottleneck:
    """Return the bottleneck that is asked for."""
    if config.bottleneck == "argmax":
        return ArgmaxQuantiser(
            config.codes,
            commitment=config.commitment,
            diversity=config.diversity,
            decay=config.decay,
        )
    return VectorQuantiser(
        config.codes,
        config.width,
        learning=config.learning,
        commitment=config.commitment,
        decay=config.decay,
        restart_below=config.restart_below,
        initial=config.initial,
    )


def decoder(config: VQVAEConfig) -> RetoldModel:
    """Return the system that is asked for, told codes.

    Raises:
        ConfigError: It is none that can be told frames, or a setting is not left to the VQ-VAE.
    """
    own = {
        "local": CODES,
        "local_channels": config.modulator_channels,
        "hop": config.hop,
        "quantiser": config.quantiser,
        "bits": config.bits,
        "labels": config.labels,
    }
    table = {"upsampling": "repeat"} | dict(config.decoder)
    built: RetoldModel = registry.within(table, "model.decoder", own, RetoldModel, "wavenet")
    return built


class Encoder(nn.Module):
    """From symbols (batch, time) to vectors (batch, outputs, time / hop).

    Attributes:
        margin: Symbols on either side of those of a vector that change it.
    """

    def __init__(self, config: VQVAEConfig, outputs: int) -> None:
        super().__init__()
        self.levels, self.strides = 1 << config.bits, config.strides
        is_onehot = config.input == "onehot"
        self.table = nn.Embedding(self.levels, config.channels) if is_onehot else None
        inputs = [config.channels if is_onehot else 1, *(config.channels for _ in config.strides)]
        self.convolutions = nn.ModuleList(
            nn.Conv1d(width, config.channels, 2 * stride, stride=stride)
            for width, stride in zip(inputs, config.strides, strict=False)
        )
        self.residual = nn.Sequential(
            *(
                Residual(config.channels, config.residual_channels, 3**layer)
                for layer in range(config.residual_layers)
            )
        )
        self.last = nn.Conv1d(config.channels, outputs, 1)
        self.margin = _margin(config)
        self.normalise = config.normalise
        self._begin()

    @torch.no_grad()
    def _begin(self) -> None:
        """Let an untrained encoder tell examples apart, so that they fall on many codes.

        With torch's own first weights each layer halves what varies and keeps its biases: what
        comes out lies in one place. Where only its direction counts, biases would make most of it.
        """
        for layer in (*self.convolutions, self.last):
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
            if self.normalise:
                nn.init.zeros_(layer.bias)

    def forward(self, symbols: Tensor) -> Tensor:
        """Read a multiple of the hop."""
        x = self._read(symbols)
        for convolution, stride in zip(self.convolutions, self.strides, strict=True):
            x = F.relu(convolution(F.pad(x, (stride // 2, stride - stride // 2))))
        x = self.last(self.residual(x))
        if not self.normalise:
            return x
        return F.layer_norm(x.transpose(1, 2), x.shape[1:2]).transpose(1, 2)

    def _read(self, symbols: Tensor) -> Tensor:
        if self.table is not None:
            return self.table(symbols).transpose(1, 2)
        weight = self.last.weight
        if symbols.is_floating_point():  # amplitudes, of a decoder without levels
            return symbols[:, None].to(weight)
        return (2 * symbols[:, None] / (self.levels - 1) - 1).to(weight)


def _margin(config: VQVAEConfig) -> int:
    """Return the symbols on either side of a code's own that its encoder hears."""
    beyond = sum(3**layer for layer in range(config.residual_layers))
    for stride in reversed(config.strides):
        beyond = beyond * stride + stride - stride // 2
    return beyond


class Modulator(nn.Module):
    """From vectors of codes (batch, inputs, frames) to what the decoder is told of each frame.

    Attributes:
        reach: Frames on either side that a frame depends on.
    """

    def __init__(self, inputs: int, channels: int, layers: int) -> None:
        super().__init__()
        self.first = nn.Conv1d(inputs, channels, 1)
        self.layers = nn.Sequential(*(Residual(channels, channels, 2**n) for n in range(layers)))
        self.reach = sum(2**n for n in range(layers))

    def forward(self, vectors: Tensor) -> Tensor:
        """To (batch, channels, frames)."""
        return self.layers(self.first(vectors.to(self.first.weight.dtype)))


class Residual(nn.Module):
    """Adds to (batch, channels, time): ReLU, three taps apart by `dilation`, ReLU, one tap."""

    def __init__(self, channels: int, inner: int, dilation: int) -> None:
        super().__init__()
        self.near = nn.Conv1d(channels, inner, 3, dilation=dilation, padding=dilation)
        self.out = nn.Conv1d(inner, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        """To the same shape."""
        return x + self.out(F.relu(self.near(F.relu(x))))
