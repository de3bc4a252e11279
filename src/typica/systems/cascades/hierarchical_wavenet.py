"""Hierarchical WaveNets: a WaveNet of codes, of codes of codes, and of sound at the bottom.

Source: Dieleman et al., 2018, https://arxiv.org/abs/1806.10474. Autoencoders are trained one after
the other from the sound upwards, each on the codes of the one below, and a prior on the highest
codes; sound is drawn from the top down. Each level up, a receptive field is longer by the hop.
Departs from it: beginnings are told the codes of silence.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, ClassVar, Literal, cast

import torch
from torch import Tensor, nn

from typica.core import registry
from typica.core.cascade import Cascade, Told
from typica.core.coder import CodedModel, DiscreteAutoencoder
from typica.core.condition import Condition, check_condition
from typica.core.config import Config
from typica.core.errors import ConfigError
from typica.core.model import AutoregressiveModel, ExplicitModel
from typica.core.phase import Batch, Phase
from typica.signal.quantise import Quantised, Quantiser


@dataclass(frozen=True)
class HierarchicalWaveNetConfig(Config):
    """Levels of a hierarchy, each given by a system and its settings.

    Attributes:
        autoencoders: From the sound upwards. What each models, sound or codes, follows from the
            one below it.
        prior: The system that models the highest codes.
        block: Codes that are drawn at once before the level below goes on.
    """

    autoencoders: tuple[Mapping[str, Any], ...] = (
        {"system": "vqvae", "strides": [2, 2, 2], "codes": 256},
        {"system": "vqvae", "strides": [2, 2, 2], "codes": 256},
    )
    prior: Mapping[str, Any] = field(default_factory=lambda: {"system": "wavenet"})
    block: int = 16

    def __post_init__(self) -> None:
        self.check_at_least(1, "block")
        if not self.autoencoders:
            raise ConfigError("model.autoencoders must hold at least one autoencoder")


class HierarchicalWaveNet(Cascade, ExplicitModel, CodedModel):
    """See the module's docstring."""

    config_type = HierarchicalWaveNetConfig
    config: HierarchicalWaveNetConfig
    density: ClassVar[Literal["exact", "lower bound"]] = "lower bound"

    def __init__(self, config: HierarchicalWaveNetConfig) -> None:
        super().__init__(config)
        self.autoencoders = nn.ModuleList(_autoencoders(config.autoencoders))
        self.prior = _prior(config.prior, self.coders[-1].codes)

    @property
    def coders(self) -> list[DiscreteAutoencoder]:
        """See `CodedModel.coders`: the autoencoders, from the sound upwards."""
        return [cast(DiscreteAutoencoder, one) for one in self.autoencoders]

    @property
    def hops(self) -> list[int]:
        """Samples of a symbol at each height: 1 of the sound, then of the codes of each coder."""
        hops = [1]
        for coder in self.coders:
            hops.append(hops[-1] * coder.hop)
        return hops

    @property
    def levels(self) -> Sequence[AutoregressiveModel]:
        """See `Cascade.levels`."""
        return [self.prior, *(coder.decoder for coder in reversed(self.coders))]

    @property
    def telling(self) -> Sequence[Told]:
        """See `Cascade.telling`."""
        coders = reversed(self.coders)
        return [Told(one.hop, one.reach, one.reach, self.config.block) for one in coders]

    @property
    def margin(self) -> int:
        """See `Cascade.margin`: that of the highest codes, which hear those below."""
        return sum(hop * coder.margin for hop, coder in zip(self.hops, self.coders, strict=False))

    @property
    def context(self) -> int:
        """See `Model.context`: the longest of a level's, in whole codes of the highest."""
        whole = self.hops[-1]
        longest = max(
            hop * one.context for hop, one in zip(self.hops, self._from_below, strict=True)
        )
        return -(-longest // whole) * whole

    @property
    def base_measure(self) -> str:
        """See `ExplicitModel.base_measure`."""
        return self.coders[0].base_measure

    @property
    def quantiser(self) -> Quantiser:
        """How sound is heard."""
        return cast(Quantised, self.coders[0]).quantiser

    def read(self, x: Tensor) -> list[Tensor]:
        """See `Cascade.read`; where the time is no multiple, each level ends in silence."""
        heights = zip(self._from_below, self._heights(x), strict=True)
        return [level.symbols(one) for level, one in reversed(list(heights))]

    def tell(self, level: int, codes: Tensor) -> Condition:
        """See `Cascade.tell`."""
        return self.coders[len(self.coders) - level].tell(codes)

    def log_prob(self, x: Tensor, condition: Condition | None = None) -> Tensor:
        """Return a lower bound of the log-density, in nats, shape (batch,).

        That is the logarithm of one term of the sum over all codes: the one of the encoders'.
        """
        check_condition(condition, self.needs, len(x))
        return torch.stack(self.parts(x)).sum(0)

    def parts(self, x: Tensor) -> list[Tensor]:
        """Return what each level adds to `log_prob`, each (batch,), from the sound upwards."""
        heights = list(self._heights(x))
        below = [
            coder.likelihood(symbols, codes[:, 0])
            for coder, symbols, codes in zip(self.coders, heights, heights[1:], strict=False)
        ]
        return [*below, self.prior.log_prob(heights[-1])]

    def phases(self) -> Sequence[Phase]:
        """One stage for each autoencoder, from the sound upwards, and one for the prior."""
        own = zip(self.hops, self._from_below, strict=True)
        contexts = [hop * level.context for hop, level in own]
        coders = [
            Phase(
                f"level{number + 1}",
                list(coder.parameters()),
                partial(self.level_loss, number),
                stage=number,
                context=context,
                unit="code" if number else "sample",
            )
            for number, (coder, context) in enumerate(zip(self.coders, contexts, strict=False))
        ]
        last, context = len(coders), contexts[-1]
        prior = list(self.prior.parameters())
        top = Phase("prior", prior, self.prior_loss, stage=last, context=context, unit="code")
        return [*coders, top]

    def level_loss(self, number: int, batch: Batch) -> dict[str, Tensor]:
        """Return what an autoencoder learns from: nats a symbol, and its bottleneck's terms."""
        return self.coders[number].likelihood_loss(self._seen(batch, number))

    def prior_loss(self, batch: Batch) -> dict[str, Tensor]:
        """Return the prior's nats a code."""
        return self.prior.likelihood_loss(self._seen(batch, len(self.coders)))

    def likelihood_loss(self, batch: Batch) -> dict[str, Tensor]:
        """Return the negative bound of what follows the context, in nats a sample."""
        total = torch.zeros((), device=batch["audio"].device)
        for number, level in enumerate(self._from_below):
            seen = self._seen(batch, number)
            if number < len(self.coders):
                coder = self.coders[number]
                seen["condition"] = coder.tell(coder.encode(seen["audio"]))
            share = _scored(seen) / _scored(batch)  # a last code may stand for less than a hop
            total = total + level.likelihood_loss(seen)["nll"] * share
        return {"nll": total}

    @property
    def _from_below(self) -> list[AutoregressiveModel]:
        return list(reversed(self.levels))

    def _heights(self, x: Tensor) -> Iterator[Tensor]:
        """Yield the sound, its codes, their codes and so on, each (batch, 1, length)."""
        yield x
        for coder in self.coders:
            x = coder.encode(x)[:, None]
            yield x

    @torch.no_grad()
    def _seen(self, batch: Batch, number: int) -> Batch:
        """Return what a level sees of a batch: what is below it stands still."""
        x = batch["audio"]
        for coder in self.coders[:number]:
            x = coder.encode(x)[:, None]
        hop = self.hops[number]
        seen: Batch = {"audio": x, "context": batch.get("context", 0) // hop}
        if "length" in batch:
            seen["length"] = -(-batch["length"] // hop)
        return seen


def _scored(batch: Batch) -> Tensor | int:
    """Return how many symbols of a batch are scored."""
    if "length" in batch:
        return batch["length"].sum().clamp_min(1)
    return len(batch["audio"]) * (batch["audio"].shape[-1] - batch.get("context", 0))


def _autoencoders(tables: Sequence[Mapping[str, Any]]) -> Iterator[DiscreteAutoencoder]:
    """Build them from the sound upwards."""
    below: DiscreteAutoencoder | None = None
    for number, table in enumerate(tables):
        where = f"model.autoencoders[{number}]"
        own = {} if below is None else _of_codes(below.codes, where)
        built: DiscreteAutoencoder = registry.within(
            table, where, own, DiscreteAutoencoder, "vqvae"
        )
        if built.needs:
            raise ConfigError(f"{where} is told {', '.join(built.needs)}: a hierarchy is not")
        below = built
        yield built


def _prior(table: Mapping[str, Any], codes: int) -> AutoregressiveModel:
    own = _of_codes(codes, "model.prior")
    built: AutoregressiveModel = registry.within(
        table, "model.prior", own, AutoregressiveModel, "wavenet"
    )
    if built.needs:
        raise ConfigError(f"model.prior is told {', '.join(built.needs)}: a hierarchy is not")
    return built


def _of_codes(codes: int, where: str) -> dict[str, Any]:
    """Return the settings by which a system models so many codes."""
    if codes & (codes - 1):
        raise ConfigError(f"{where} models {codes} codes: they must be a power of two")
    return {"quantiser": "codes", "bits": codes.bit_length() - 1}
