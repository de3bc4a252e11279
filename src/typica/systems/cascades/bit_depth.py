"""Depth upscaling of sound: the most significant bits by one model, the others given all of these.

Source: Menick and Kalchbrenner, 2018, https://arxiv.org/abs/1812.01608, section 3.3, where it is
done to images. p(x) = p(first bits) p(last bits | first bits): the model of the last bits hears
the first ones of the future too. Nothing is left out of the sum, so the likelihood is exact.
Departs from it: the first bits stand for themselves and pass a stack of convolutions, for they are
sound already.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.distributions import Distribution

from typica.core import registry
from typica.core.bits import BitsModel
from typica.core.cascade import Cascade, Told
from typica.core.condition import Condition, Need, Track, check_condition
from typica.core.config import Config
from typica.core.errors import ConfigError
from typica.core.model import AutoregressiveModel, ExplicitModel
from typica.core.phase import Batch, Phase
from typica.core.telling import RetoldModel, told_log_prob
from typica.layers.distributions import Refined
from typica.layers.level_model import LevelModel
from typica.signal.quantise import QuantiserName, quantiser

CODES = "codes"  # what the model of the last bits is told


@dataclass(frozen=True)
class BitDepthConfig(Config):
    """Two systems, and which bits of a sample are whose.

    Attributes:
        quantiser: How amplitudes become levels.
        bits: Of a sample, in all.
        first_bits: The most significant of them, which come first; `bits` leaves none for later.
        first: The system that models them.
        last: The system that models the others.
        told_channels: Width of what it is told of the first bits.
        told_layers: Residual blocks between these and that, with dilations 1, 2, 4, ...
        block: Samples whose first bits are drawn at once.
    """

    quantiser: QuantiserName = "linear"
    bits: int = 16
    first_bits: int = 8
    first: Mapping[str, Any] = field(default_factory=lambda: {"system": "wavenet"})
    last: Mapping[str, Any] = field(default_factory=lambda: {"system": "wavenet"})
    told_channels: int = 32
    told_layers: int = 4
    block: int = 64

    def __post_init__(self) -> None:
        self.check_at_least(1, "told_channels", "block")
        self.check_at_least(0, "told_layers")
        quantiser(self.quantiser, self.bits)
        if not 1 <= self.first_bits <= self.bits:
            raise ConfigError(
                f"model.first_bits must be from 1 to model.bits={self.bits}, got {self.first_bits}"
            )

    @property
    def last_bits(self) -> int:
        """Bits of a sample that come last."""
        return self.bits - self.first_bits


class BitDepth(Cascade, ExplicitModel):
    """See the module's docstring."""

    config_type = BitDepthConfig
    config: BitDepthConfig

    def __init__(self, config: BitDepthConfig) -> None:
        super().__init__(config)
        self.quantiser = quantiser(config.quantiser, config.bits)
        own = {"quantiser": CODES, "bits": config.first_bits}
        self.first = FirstBits(config, _within(config.first, "model.first", own))
        self.last = None
        if config.last_bits:
            own = {"quantiser": CODES, "bits": config.last_bits, "local": CODES, "hop": 1}
            own |= {"local_channels": config.told_channels, "upsampling": "repeat"}
            self.last = LastBits(config, _within(config.last, "model.last", own))
            self.teller = Teller(config)

    @property
    def levels(self) -> Sequence[AutoregressiveModel]:
        """See `Cascade.levels`."""
        return [self.first] if self.last is None else [self.first, self.last]

    @property
    def telling(self) -> Sequence[Told]:
        """See `Cascade.telling`."""
        if self.last is None:
            return []
        return [Told(1, self.teller.reach, self.teller.reach, self.config.block)]

    @property
    def margin(self) -> int:
        """See `Cascade.margin`: bits are of their own sample."""
        return 0

    @property
    def context(self) -> int:
        """See `Model.context`: of the longer of the two receptive fields."""
        return max(level.context for level in self.levels)

    @property
    def base_measure(self) -> str:
        """See `ExplicitModel.base_measure`."""
        return self.quantiser.name

    def read(self, x: Tensor) -> list[Tensor]:
        """See `Cascade.read`: the first bits, and whole levels."""
        return [level.symbols(x) for level in self.levels]

    def tell(self, level: int, codes: Tensor) -> Condition:
        """See `Cascade.tell`: the first bits as they are, and what the convolutions say of them."""
        return {CODES: Track(torch.cat([codes[:, None].float(), self.teller(codes)], 1), 1.0)}

    def log_prob(self, x: Tensor, condition: Condition | None = None) -> Tensor:
        """See `ExplicitModel.log_prob`; exact."""
        check_condition(condition, self.needs, len(x))
        return torch.stack(self.parts(x)).sum(0)

    def parts(self, x: Tensor) -> list[Tensor]:
        """Return what the first bits and the others add to `log_prob`, each (batch,), in nats."""
        first = self.first.log_prob(x)
        if self.last is None:
            return [first]

        def told(begin: int, end: int) -> Condition:
            return self.tell(1, self.first.symbols(x[..., begin:end]))

        return [first, told_log_prob(self.last, x, told, 1, self.teller.reach)]

    def phases(self) -> Sequence[Phase]:
        """One for the first bits and one for the others: neither learns from the other."""
        turns = [Phase("first", list(self.first.parameters()), partial(self.loss, 0))]
        if self.last is not None:
            own = [*self.last.parameters(), *self.teller.parameters()]
            turns.append(Phase("last", own, partial(self.loss, 1)))
        return turns

    def loss(self, level: int, batch: Batch) -> dict[str, Tensor]:
        """Return the nats a sample of the first bits, or of the others."""
        told = self.tell(1, self.first.symbols(batch["audio"])) if level else None
        seen = {name: value for name, value in batch.items() if name != "condition"}
        if told is not None:
            seen["condition"] = told
        return self.levels[level].likelihood_loss(seen)

    def likelihood_loss(self, batch: Batch) -> dict[str, Tensor]:
        """Return the nats a sample of all bits."""
        terms = [self.loss(level, batch)["nll"] for level in range(len(self.levels))]
        return {"nll": torch.stack(terms).sum()}


class _Bits(LevelModel, BitsModel):
    """A model of some bits of each sample, by a system that models codes."""

    config: BitDepthConfig

    def __init__(self, config: BitDepthConfig, inner: RetoldModel) -> None:
        super().__init__(config)
        self.inner, self.quantiser = inner, quantiser(config.quantiser, config.bits)

    @property
    def receptive_field(self) -> int | None:
        """See `AutoregressiveModel.receptive_field`."""
        return self.inner.receptive_field

    @property
    def context(self) -> int:
        """See `Model.context`."""
        return self.inner.context


class FirstBits(_Bits):
    """The most significant bits of each sample; rendered, in the middle of what they span."""

    @property
    def modelled_bits(self) -> int:
        """See `BitsModel.modelled_bits`: all of its symbols."""
        return self.config.first_bits

    def symbols(self, x: Tensor) -> Tensor:
        """See `AutoregressiveModel.symbols`."""
        return super().symbols(x) >> self.config.last_bits

    def render(self, symbols: Tensor) -> Tensor:
        """See `AutoregressiveModel.render`."""
        span = 1 << self.config.last_bits
        return self.quantiser.decode(symbols * span + span // 2)[:, None]

    def part(self, condition: Condition | None, count: int) -> tuple[Tensor, Condition | None]:
        """See `BitsModel.part`: there are none above."""
        return next(self.parameters()).new_zeros(count, 0, dtype=torch.long), condition

    def whole(self, lower: Tensor, above: Tensor) -> Tensor:
        """See `BitsModel.whole`."""
        return lower

    def refined(self, lower: Distribution, above: Tensor) -> Distribution:
        """See `BitsModel.refined`."""
        return lower


class LastBits(_Bits):
    """Whole levels, of which the first bits are told: what is drawn are the others."""

    @property
    def needs(self) -> Mapping[str, Need]:
        """See `Model.needs`: the first bits, and what is said of them."""
        return {CODES: Need(1 + self.config.told_channels, 1)}

    @property
    def modelled_bits(self) -> int:
        """See `BitsModel.modelled_bits`."""
        return self.config.last_bits

    def part(self, condition: Condition | None, count: int) -> tuple[Tensor, Condition | None]:
        """See `BitsModel.part`: the first bits, and what is said of them."""
        check_condition(condition, self.needs, count)
        track = cast(Condition, condition)[CODES]
        inner = {CODES: track._replace(values=track.values[:, 1:])}
        return track.values[:, 0].long(), inner

    def whole(self, lower: Tensor, above: Tensor) -> Tensor:
        """See `BitsModel.whole`."""
        return (above << self.config.last_bits) + lower

    def refined(self, lower: Distribution, above: Tensor) -> Distribution:
        """See `BitsModel.refined`."""
        return Refined(lower, above, self.config.last_bits)


class Teller(nn.Module):
    """From first bits (batch, time) to what is said of each sample, (batch, channels, time).

    Attributes:
        reach: Samples on either side that are heard.
    """

    def __init__(self, config: BitDepthConfig) -> None:
        super().__init__()
        self.codes, width = 1 << config.first_bits, config.told_channels
        dilations = [2**layer for layer in range(config.told_layers)]
        self.first = nn.Conv1d(1, width, 3, padding=1)
        self.layers = nn.ModuleList(
            nn.Conv1d(width, width, 3, dilation=one, padding=one) for one in dilations
        )
        self.reach = 1 + sum(dilations)

    def forward(self, codes: Tensor) -> Tensor:
        """See the class."""
        amplitude = (2 * codes[:, None] + 1) / self.codes - 1
        x = self.first(amplitude.to(self.first.weight))
        for layer in self.layers:
            x = x + torch.relu(layer(x))
        return x


def _within(table: Mapping[str, Any], where: str, own: Mapping[str, Any]) -> RetoldModel:
    built: RetoldModel = registry.within(table, where, own, RetoldModel, "wavenet")
    return built
