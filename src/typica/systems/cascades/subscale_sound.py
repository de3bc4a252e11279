"""Subscale ordering of sound: samples in interleaved slices, drawn side by side by any system.

Source: Kalchbrenner et al., 2018, https://arxiv.org/abs/1802.08435, section 4 (Subscale WaveRNN);
Menick and Kalchbrenner, 2018, https://arxiv.org/abs/1812.01608, do it to images. Slice b of B holds
samples B t + b. One network draws each slice, told what the slices before it hold around its place:
up to F frames ahead in time, so that all slices can be drawn as a batch, each a little behind the
last. Nothing is left out of the sum, so the likelihood is exact.
Departs from them: in place of a WaveRNN, any system that is told frames draws the slices; what it
is told is one wide convolution over earlier slices, placed by their distance from the one that is
drawn, with a mask of what is there, and what was told before it must remember itself.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from typica.core import registry
from typica.core.condition import Condition, Track, check_condition
from typica.core.config import Config
from typica.core.device import wide_on
from typica.core.errors import ConfigError
from typica.core.model import BLOCK, ExplicitModel
from typica.core.phase import Batch, Phase
from typica.core.sliced import SlicedModel
from typica.core.slices import joined, sliced
from typica.core.telling import RetoldModel
from typica.signal.quantise import QuantiserName, quantiser

TOLD = "slices"  # what the inner system calls what it is told
MOST_SLICES = 256


@dataclass(frozen=True)
class SubscaleSoundConfig(Config):
    """The order of samples, and what draws them.

    Attributes:
        quantiser: How amplitudes become levels.
        bits: 8 for 256 levels.
        factor: Number of slices, B; with 1 the inner system draws sound as it comes.
        look_ahead: Frames of earlier slices' future that a slice is told, F; a frame is a sample
            of each slice.
        look_back: Frames of their past that it is told.
        inner: The system that draws a slice.
        told_channels: Width of what it is told.
        told_layers: Layers between the convolution over earlier slices and that.
        block: Frames that are drawn at once: the more, the faster, and the further ahead of what is
            heard the first slice is.
        targets: What a training step learns of an example: "all" slices, or "one" at random,
            which costs as much less as there are slices.
    """

    quantiser: QuantiserName = "mulaw"
    bits: int = 8
    factor: int = 16
    look_ahead: int = 16
    look_back: int = 16
    inner: Mapping[str, Any] = field(default_factory=lambda: {"system": "wavenet"})
    told_channels: int = 32
    told_layers: int = 1
    block: int = 128
    targets: Literal["all", "one"] = "all"

    def __post_init__(self) -> None:
        self.check_at_least(1, "factor", "told_channels", "block")
        self.check_at_least(0, "look_ahead", "look_back", "told_layers")
        if self.factor > MOST_SLICES:
            raise ConfigError(f"model.factor must be at most {MOST_SLICES}, got {self.factor}")
        quantiser(self.quantiser, self.bits)


class SubscaleSound(SlicedModel, ExplicitModel):
    """See the module's docstring."""

    config_type = SubscaleSoundConfig
    config: SubscaleSoundConfig

    def __init__(self, config: SubscaleSoundConfig) -> None:
        super().__init__(config)
        self.quantiser = quantiser(config.quantiser, config.bits)
        own: dict[str, Any] = {"quantiser": config.quantiser, "bits": config.bits}
        if config.factor > 1:
            own |= {"local": TOLD, "local_channels": config.told_channels, "hop": 1}
            own |= {"upsampling": "repeat"}
        self.inner: RetoldModel = registry.within(
            config.inner, "model.inner", own, RetoldModel, "wavenet"
        )
        others = ", ".join(sorted(self.inner.needs.keys() - {TOLD}))
        if others:
            raise ConfigError(f"model.inner must be told nothing from outside, got {others}")
        self.teller = Teller(config) if config.factor > 1 else None

    @property
    def factor(self) -> int:
        """See `SlicedModel.factor`."""
        return self.config.factor

    @property
    def look_ahead(self) -> int:
        """See `SlicedModel.look_ahead`."""
        return self.config.look_ahead if self.teller else 0

    @property
    def look_back(self) -> int:
        """See `SlicedModel.look_back`."""
        return self.config.look_back if self.teller else 0

    @property
    def block(self) -> int:
        """See `SlicedModel.block`."""
        return self.config.block

    @property
    def context(self) -> int:
        """See `Model.context`: of a slice's own past, or of what it was told in it."""
        frames = self.inner.context
        return self.past(frames) if frames else 0

    @property
    def alignment(self) -> int:
        """See `Model.alignment`: what is cut there has the same slices."""
        return self.factor * self.inner.alignment

    @property
    def base_measure(self) -> str:
        """See `ExplicitModel.base_measure`."""
        return self.inner.base_measure

    def tell(self, near: Tensor, is_known: Tensor) -> Condition:
        """See `SlicedModel.tell`."""
        number = torch.arange(self.factor, device=near.device).repeat(len(near))
        is_known = is_known.expand_as(near)
        return self._tell(near.flatten(0, 1), is_known.flatten(0, 1), number)

    def _tell(self, near: Tensor, is_known: Tensor, number: Tensor) -> Condition:
        """Tell rows of the slices of these numbers; see `tell`."""
        assert self.teller is not None
        return {TOLD: Track(self.teller(near, is_known, number), 1.0)}

    def log_prob(self, x: Tensor, condition: Condition | None = None) -> Tensor:
        """See `ExplicitModel.log_prob`; exact, the sum over all slices."""
        check_condition(condition, self.needs, len(x))
        return self.sample_log_probs(x).sum(1, dtype=wide_on(x.device))

    def sample_log_probs(self, x: Tensor) -> Tensor:
        """Return what each sample adds to `log_prob`, (batch, time), in nats.

        Given the past of its own slice, and of those before it what is told. Without gradients,
        long examples are read in blocks: memory for the network does not grow with time.
        """
        symbols = self.symbols(x)
        total = symbols.shape[1]
        slices = sliced(F.pad(symbols, (0, -total % self.factor)), self.factor)
        previous = F.pad(slices[..., :-1], (1, 0), value=self.initial)
        frames = slices.shape[-1]
        block = frames if torch.is_grad_enabled() else max(1, BLOCK // self.factor)
        parts, state = [], None
        for begin in range(0, frames, block):
            end = min(begin + block, frames)
            told = self.told(slices, total, begin, end)
            state = self._state(len(x), told, state)
            read, own = (one[..., begin:end].flatten(0, 1) for one in (previous, slices))
            distribution, state = self.inner.advance(read, state)
            parts.append(distribution.log_prob(own))
        return joined(torch.cat(parts, 1).unflatten(0, (-1, self.factor)))[:, :total]

    def _state(self, count: int, told: Condition | None, state: Any) -> Any:
        """Return the inner state of all slices that is told this next."""
        if state is None:
            return self.inner.start(count * self.factor, told)
        return state if told is None else self.inner.retell(state, told)

    def phases(self) -> Sequence[Phase]:
        """Maximise the likelihood, in nats a sample: of all slices, or of one of each example."""
        loss = self.likelihood_loss if self.config.targets == "all" else self.one_slice_loss
        return [Phase("likelihood", list(self.parameters()), loss)]

    def likelihood_loss(self, batch: Batch) -> dict[str, Tensor]:
        """Return the mean negative log-likelihood of what follows the context, in nats."""
        log_prob = self.sample_log_probs(batch["audio"])
        scored = _scored(batch)
        return {"nll": -log_prob.where(scored, 0.0).sum() / scored.sum().clamp_min(1)}

    def one_slice_loss(self, batch: Batch) -> dict[str, Tensor]:
        """Estimate the same from one slice of each example, each as likely as any other."""
        target = torch.randint(self.factor, (len(batch["audio"]),))
        return {"nll": self.target_loss(batch, target.to(batch["audio"].device))}

    def target_loss(self, batch: Batch, target: Tensor) -> Tensor:
        """Return the loss from a slice of each example, (batch,): its mean over all is the loss."""
        symbols, rows = self.symbols(batch["audio"]), torch.arange(len(target))
        total, missing = symbols.shape[1], -symbols.shape[1] % self.factor
        slices = sliced(F.pad(symbols, (0, missing)), self.factor)
        own = slices[rows, target]
        told = None
        if self.factor > 1:
            near, is_known = self.around(slices, total, 0, slices.shape[-1])
            told = self._tell(near[rows, target], is_known[0, target], target)
        previous = F.pad(own[:, :-1], (1, 0), value=self.initial)
        distribution, _ = self.inner.advance(previous, self.inner.start(len(own), told))
        scored = _scored(batch)
        counts = sliced(F.pad(scored, (0, missing)), self.factor)[rows, target]
        nats = -distribution.log_prob(own).where(counts, 0.0).sum()
        return self.factor * nats / scored.sum().clamp_min(1)


class Teller(nn.Module):
    """From what lies around places of a slice in earlier ones to what is said of them.

    One convolution over all of it, then layers that look at a place alone.
    """

    def __init__(self, config: SubscaleSoundConfig) -> None:
        super().__init__()
        self.levels, width = 1 << config.bits, config.told_channels
        reach = config.look_back + 1 + config.look_ahead
        self.read = nn.Conv1d(2 * (config.factor - 1), width, reach)
        self.number = nn.Embedding(config.factor, width)
        self.layers = nn.ModuleList(nn.Linear(width, width) for _ in range(config.told_layers))

    def forward(self, near: Tensor, is_known: Tensor, number: Tensor) -> Tensor:
        """Tell rows of slices.

        Args:
            near: Symbols of earlier slices, nearest slice first, (rows, factor - 1, look_back +
                frames + look_ahead).
            is_known: Which of them are; what is not is neither silence nor any other level.
            number: Of the slice of each row, (rows,).

        Returns:
            Shape (rows, channels, frames).
        """
        mask = is_known.to(self.read.weight)
        values = near if near.is_floating_point() else (2 * near + 1) / self.levels - 1
        x = self.read(torch.cat([values.to(mask) * mask, mask], 1)).transpose(1, 2)
        x = x + self.number(number)[:, None]
        for layer in self.layers:
            x = x + layer(torch.relu(x))
        return x.transpose(1, 2)


def _scored(batch: Batch) -> Tensor:
    """Return which samples of a batch are learnt from, (batch, time)."""
    audio, context = batch["audio"], batch.get("context", 0)
    place = torch.arange(audio.shape[-1], device=audio.device) - context
    real = batch.get("length", torch.full((len(audio),), len(place)).to(place))
    return (place >= 0) & (place < real[:, None])
