"""Jukebox's idea at any size: sound as codes of several rates, each modelled by a transformer.

Source: Dhariwal et al., 2020, https://arxiv.org/abs/2005.00341. An autoencoder for each rate, apart
from the others and without a likelihood, keeps what a spectrum keeps; a transformer models the
codes of the lowest rate, and others those of each higher rate, told the codes above.
Departs from it: the autoencoder of the highest rate is no larger than the others; the transformers
are Sparse Transformers of this library; what they are told is repeated for each code, after a stack
of convolutions as in the paper. A label, one of a corpus's classes or none, stands for artist and
genre; it is told of every code, not before the first alone, since the transformers' tables begin
anew on the way. No timing, no lyrics.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from typica.core import registry
from typica.core.cascade import Cascade, Told
from typica.core.condition import Condition, Need, Track, check_condition
from typica.core.config import Config
from typica.core.errors import ConfigError, ShapeError
from typica.core.framed import FramedModel
from typica.core.model import AutoregressiveModel
from typica.core.parts import coded_in_parts
from typica.core.phase import Batch, Phase
from typica.core.telling import RetoldModel
from typica.layers.codebook import Coded, VectorQuantiser

CODES = "codes"  # what a transformer calls the frames of the codes above it
LABEL = "label"
UNKNOWN = 0  # the transformers' own class of what has no label; a corpus's classes follow it
PEAKS = 4  # the largest quarter of differences counts once more: 2,048 of 8,192 in the paper's code
TINY = 1e-7  # power beside which none is silent: the root of 0 has no slope


@dataclass(frozen=True)
class JukeboxConfig(Config):
    """Size of a Jukebox; the autoencoders' are the paper's.

    Attributes:
        halvings: Of the rate, by each autoencoder, from the highest rate to the lowest: 3 is a
            code for 8 samples.
        channels: Width of the autoencoders.
        depth: Residual blocks at each halving, with dilations 1, `growth`, `growth` ** 2, ...
        growth: Of the dilations.
        width: Channels of a code's vector.
        codes: Codes of each autoencoder, a power of two.
        commitment: Weight of the loss that draws vectors to codes.
        restart_below: Share of the average use under which a code is put elsewhere.
        spectral: Weight of the loss of the spectra.
        peaks: Weight of the mean of the largest squared differences.
        windows: Of the spectra, in samples; they hop by a fifth.
        prior: The system that models the codes of the lowest rate.
        upsamplers: Those that model the codes of higher rates, from the lowest on; one each.
        told_channels: Width of what an upsampler is told.
        told_layers: Residual blocks between the codes above and that.
        block: Codes that are drawn at once before the level below goes on.
        labels: Classes of the condition "label", which may be left out; 0 for none.
        unknown: Share of training examples whose label is left out, so that it can be later.
    """

    halvings: tuple[int, ...] = (3, 5, 7)
    channels: int = 32
    depth: int = 4
    growth: int = 3
    width: int = 64
    codes: int = 2048
    commitment: float = 0.02
    restart_below: float = 0.1
    spectral: float = 1.0
    peaks: float = 0.02
    windows: tuple[int, ...] = (2048, 1024, 512)
    prior: Mapping[str, Any] = field(default_factory=lambda: {"system": "sparse_transformer"})
    upsamplers: tuple[Mapping[str, Any], ...] = (
        {"system": "sparse_transformer"},
        {"system": "sparse_transformer"},
    )
    told_channels: int = 1024
    told_layers: int = 16
    block: int = 16
    labels: int = 0
    unknown: float = 0.1

    def __post_init__(self) -> None:
        self.check_at_least(1, "channels", "depth", "growth", "width", "codes", "told_channels")
        self.check_at_least(0, "commitment", "restart_below", "spectral", "peaks", "told_layers")
        self.check_at_least(0, "labels")
        if not 0 <= self.unknown < 1:
            raise ConfigError(f"model.unknown must be from 0 to below 1, got {self.unknown}")
        rises = all(a < b for a, b in zip(self.halvings, self.halvings[1:], strict=False))
        if not rises or min(self.halvings, default=0) < 1:
            raise ConfigError(f"model.halvings must rise from at least 1, got {self.halvings}")
        if len(self.upsamplers) != len(self.halvings) - 1:
            raise ConfigError(
                f"model.upsamplers must hold one system for each of {len(self.halvings) - 1} "
                f"rates above the lowest, got {len(self.upsamplers)}"
            )
        if self.codes & (self.codes - 1):
            raise ConfigError(f"model.codes must be a power of two, got {self.codes}")
        if min(self.windows, default=0) < 10:
            raise ConfigError(f"model.windows must be of at least 10 samples, got {self.windows}")


class Jukebox(FramedModel):
    """See the module's docstring; `autoencoders` go from the highest rate to the lowest."""

    config_type = JukeboxConfig
    conditioning = ("sparse",)
    config: JukeboxConfig

    def __init__(self, config: JukeboxConfig) -> None:
        super().__init__(config)
        self.autoencoders = nn.ModuleList(
            Autoencoder(config, halvings) for halvings in config.halvings
        )
        self.transformers = Tokens(config, self.coders)

    @property
    def coders(self) -> list[Autoencoder]:
        """The autoencoders, from the highest rate to the lowest."""
        return [cast(Autoencoder, one) for one in self.autoencoders]

    @property
    def context(self) -> int:
        """See `Model.context`: none, since the transformers' tables begin anywhere."""
        return 0

    @property
    def tokens(self) -> Tokens:
        """See `FramedModel.tokens`."""
        return self.transformers

    @property
    def frame(self) -> int:
        """See `FramedModel.frame`."""
        return self.coders[0].hop

    @property
    def reach(self) -> int:
        """See `FramedModel.reach`."""
        return self.coders[0].reach

    @property
    def block(self) -> int:
        """See `FramedModel.block`."""
        return self.config.block

    def sound(self, codes: Tensor) -> Tensor:
        """See `FramedModel.sound`."""
        return self.coders[0].decode(codes)

    def encode(self, x: Tensor) -> list[Tensor]:
        """Return the codes of every rate, int64 (batch, frames), the highest rate first."""
        return [coder.encode(x) for coder in self.coders]

    def reconstruct(self, x: Tensor, rate: int) -> Tensor:
        """Return what the codes of one rate keep of audio (batch, 1, time); rate 0 is highest."""
        coder = self.coders[rate]
        return coder.decode(coder.encode(x))[..., : x.shape[-1]]

    def phases(self) -> Sequence[Phase]:
        """First all autoencoders, each by itself; then all transformers on their codes."""
        coders = [
            Phase(f"codes{number + 1}", list(one.parameters()), partial(self.coding_loss, number))
            for number, one in enumerate(self.coders)
        ]
        return [*coders, *self.tokens.phases()]

    def coding_loss(self, number: int, batch: Batch) -> dict[str, Tensor]:
        """Return what one autoencoder learns from: amplitudes, spectra, and its codebook's."""
        return self.coders[number].loss(batch["audio"])


class Autoencoder(nn.Module):
    """Sound to codes of one rate and back, without a likelihood.

    Attributes:
        hop: Samples a code.
        reach: Codes on either side of a place that change the sound there.
        margin: Samples on either side of those that a code stands for that may change it.
    """

    def __init__(self, config: JukeboxConfig, halvings: int) -> None:
        super().__init__()
        width, layers = config.channels, [config.growth**n for n in range(config.depth)]
        self.config, self.hop = config, 1 << halvings
        down: list[nn.Module] = []
        for number in range(halvings):
            down.append(nn.Conv1d(width if number else 1, width, 4, 2, 1))
            down += [Residual(width, dilation) for dilation in layers]
        self.encoder = nn.Sequential(*down, nn.Conv1d(width, config.width, 3, padding=1))
        up: list[nn.Module] = [nn.Conv1d(config.width, width, 3, padding=1)]
        for _ in range(halvings):
            up += [Residual(width, dilation) for dilation in reversed(layers)]
            up.append(nn.ConvTranspose1d(width, width, 4, 2, 1))
        self.decoder = nn.Sequential(*up, nn.Conv1d(width, 1, 3, padding=1))
        self.bottleneck = VectorQuantiser(
            config.codes,
            config.width,
            commitment=config.commitment,
            restart_below=config.restart_below,
        )
        self.reach = _reach(sum(layers), halvings)
        self.margin = _margin(sum(layers), halvings)

    @torch.no_grad()
    def encode(self, x: Tensor) -> Tensor:
        """Return codes (batch, frames) of audio (batch, 1, time), followed by silence if need be.

        Memory beyond that of the audio and the codes does not grow with time.

        Raises:
            ShapeError: `x` is not (batch, 1, time).
        """

        def code(part: Tensor) -> Tensor:
            return self.bottleneck.encode(self.encoder(self._whole(part)))

        return coded_in_parts(code, x, self.hop, self.margin)

    def decode(self, codes: Tensor) -> Tensor:
        """Return audio (batch, 1, frames x hop)."""
        return self.decoder(self.bottleneck.decode(codes))

    def loss(self, x: Tensor) -> dict[str, Tensor]:
        """Return what it learns from, by name."""
        x = self._whole(x)
        coded: Coded = self.bottleneck(self.encoder(x))
        again = self.decoder(coded.vectors)
        power = x.square().mean() + TINY
        apart = (x - again).square().flatten(1)
        largest = apart.topk(max(1, apart.shape[1] // PEAKS), 1).values
        return {
            "amplitudes": apart.mean() / power,
            "peaks": self.config.peaks * largest.mean() / power,
            "spectra": self.config.spectral * spectral_distance(x, again, self.config.windows),
            **coded.losses,
        }

    def _whole(self, x: Tensor) -> Tensor:
        if x.ndim != 3 or x.shape[1] != 1:
            raise ShapeError(f"audio must have shape (batch, 1, time), got {tuple(x.shape)}")
        return F.pad(x, (0, -x.shape[-1] % self.hop))


class Tokens(Cascade):
    """The transformers: of the codes of the lowest rate, and of each higher rate, told those."""

    config: JukeboxConfig

    def __init__(self, config: JukeboxConfig, coders: Sequence[Autoencoder]) -> None:
        super().__init__(config)
        self._coders = list(coders)  # a plain list: they are the Jukebox's, and trained there
        self.ratios = [
            1 << (low - high)
            for high, low in zip(config.halvings, config.halvings[1:], strict=False)
        ][::-1]
        bits = config.codes.bit_length() - 1
        classes = config.labels + 1 if config.labels else 0
        own = {"quantiser": CODES, "bits": bits, "labels": classes}
        kind, like = RetoldModel, "sparse_transformer"
        self.prior = registry.within(config.prior, "model.prior", own, kind, like)
        told = [
            own | {"local": CODES, "local_channels": config.told_channels, "hop": ratio}
            for ratio in self.ratios
        ]
        self.upsamplers = nn.ModuleList(
            registry.within(table, f"model.upsamplers[{number}]", told[number], kind, like)
            for number, table in enumerate(config.upsamplers)
        )
        self.tellers = nn.ModuleList(Teller(config) for _ in self.ratios)

    @property
    def levels(self) -> Sequence[AutoregressiveModel]:
        """See `Cascade.levels`."""
        return [self.prior, *(cast(AutoregressiveModel, one) for one in self.upsamplers)]

    @property
    def telling(self) -> Sequence[Told]:
        """See `Cascade.telling`; frames may be upsampled along lines to the next."""
        reaches = (cast(Teller, one).reach + 1 for one in self.tellers)
        pairs = zip(self.ratios, reaches, strict=True)
        return [Told(ratio, reach, reach, self.config.block) for ratio, reach in pairs]

    @property
    def context(self) -> int:
        """See `Model.context`: a block of the lowest rate's codes of silence."""
        return self._coders[-1].hop * self.config.block

    @property
    def frame(self) -> int:
        """See `Cascade.frame`."""
        return self._coders[0].hop

    @property
    def margin(self) -> int:
        """See `Cascade.margin`."""
        return max(coder.margin for coder in self._coders)

    def read(self, x: Tensor) -> list[Tensor]:
        """See `Cascade.read`; examples are audio, whose codes the autoencoders tell."""
        return [coder.encode(x) for coder in reversed(self._coders)]

    def tell(self, level: int, codes: Tensor) -> Condition:
        """See `Cascade.tell`."""
        return {CODES: Track(self.tellers[level - 1](codes), 1.0)}

    @property
    def needs(self) -> Mapping[str, Need]:
        """See `Model.needs`: a label, which may be left out if that was learnt."""
        need = Need(self.config.labels, optional=self.config.unknown > 0)
        return {LABEL: need} if self.config.labels else {}

    def tell_classes(self, level: int, condition: Condition, count: int) -> Condition:
        """See `Cascade.tell_classes`."""
        if not self.config.labels:
            return {}
        if LABEL in condition:
            return {LABEL: Track(condition[LABEL].values + 1)}
        device = next(self.parameters()).device
        return {LABEL: Track(torch.full((count,), UNKNOWN, device=device))}

    def phases(self) -> Sequence[Phase]:
        """One for the prior and one for each upsampler, after the autoencoders."""
        prior = list(self.prior.parameters())
        found = [Phase("prior", prior, partial(self.loss, 0), stage=1, unit="code")]
        for number, upsampler in enumerate(self.upsamplers):
            own = [*upsampler.parameters(), *self.tellers[number].parameters()]
            turn = partial(self.loss, number + 1)
            found.append(Phase(f"upsampler{number + 1}", own, turn, stage=1, unit="code"))
        return found

    def loss(self, level: int, batch: Batch) -> dict[str, Tensor]:
        """Return a level's nats, told the true codes above it and, in training, most labels."""
        x, condition = batch["audio"], batch.get("condition")
        check_condition(condition, self.needs, len(x))
        told = dict(self.tell_classes(level, condition or {}, len(x)))
        if self.training and told:
            told[LABEL] = self._with_some_left_out(told[LABEL])
        above, own = (
            self._coders[len(self._coders) - one].encode(x) if one else None
            for one in (level, level + 1)
        )
        assert own is not None
        if above is not None:
            told |= self.tell(level, above)
        return self.levels[level].likelihood_loss({"audio": own[:, None], "condition": told})

    def _with_some_left_out(self, label: Track) -> Track:
        drawn = torch.rand(len(label.values), device=label.values.device)
        return Track(label.values.where(drawn >= self.config.unknown, UNKNOWN))


class Teller(nn.Module):
    """From codes (batch, frames) to what the level below is told: (batch, channels, frames).

    Attributes:
        reach: Codes on either side that a frame depends on.
    """

    def __init__(self, config: JukeboxConfig) -> None:
        super().__init__()
        dilations = [3 ** (layer % 8) for layer in range(config.told_layers)]
        self.table = nn.Embedding(config.codes, config.told_channels)
        self.layers = nn.Sequential(*(Residual(config.told_channels, one) for one in dilations))
        self.norm = nn.LayerNorm(config.told_channels)
        self.reach = sum(dilations)

    def forward(self, codes: Tensor) -> Tensor:
        """See the class."""
        rows = self.layers(self.table(codes).transpose(1, 2)).transpose(1, 2)
        return self.norm(rows).transpose(1, 2)


class Residual(nn.Module):
    """Adds to (batch, channels, time): ReLU, three taps apart by `dilation`, ReLU, one tap."""

    def __init__(self, channels: int, dilation: int) -> None:
        super().__init__()
        self.near = nn.Conv1d(channels, channels, 3, dilation=dilation, padding=dilation)
        self.out = nn.Conv1d(channels, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        """To the same shape."""
        return x + self.out(F.relu(self.near(F.relu(x))))


def spectral_distance(x: Tensor, again: Tensor, windows: Sequence[int]) -> Tensor:
    """Return how far magnitudes of spectra lie apart, relative to those of `x`, on average.

    The norm of the difference of an example's magnitudes over the mean norm of the batch's, as a
    mean over windows; a window longer than the audio is left out.

    Source: Dhariwal et al., 2020, https://arxiv.org/abs/2005.00341, section 3.3.
    """
    found = []
    for window in windows:
        if window <= x.shape[-1]:
            one, other = (_magnitudes(sound, window) for sound in (x, again))
            norm = one.flatten(1).norm(dim=1).mean() + math.sqrt(TINY)
            found.append(_root((one - other).square().flatten(1).sum(1)).mean() / norm)
    return torch.stack(found).mean() if found else x.new_zeros(())


def spectral_convergence_db(x: Tensor, again: Tensor) -> float:
    """Return the distance of two sounds' magnitudes relative to the first's, in dB.

    Source: Arik et al., 2018, https://arxiv.org/abs/1808.06719, equation 3; frames of 1,536 samples
    in windows of 2,048 every 256 as Dhariwal et al. take them.
    """
    one, other = (_magnitudes(sound, 1536, hop=256, size=2048) for sound in (x, again))
    return 20 * math.log10(float((one - other).norm()) / max(float(one.norm()), TINY))


def _magnitudes(x: Tensor, window: int, *, hop: int = 0, size: int = 0) -> Tensor:
    shape = torch.hann_window(window, device=x.device)
    spectrum = torch.stft(
        x[:, 0],
        size or window,
        hop or window // 5,
        win_length=window,
        window=shape,
        center=True,
        pad_mode="constant",
        return_complex=True,
    )
    return _root(torch.view_as_real(spectrum).square().sum(-1))


def _root(power: Tensor) -> Tensor:
    return (power + TINY).sqrt()


def _reach(dilations: int, halvings: int) -> int:
    """Return the codes on either side of a place that change a decoder's sound there."""
    codes = 1.0  # for the first convolution; then, at rates that double, those at each rate
    for halving in range(halvings):
        codes += (dilations + 1) / (1 << halving)
    return math.ceil(codes) + 1


def _margin(dilations: int, halvings: int) -> int:
    """Return the samples on either side of a code's own that change what an encoder says of it."""
    beyond = 1  # codes, for the last convolution; then what is beyond at each rate above
    for _ in range(halvings):
        beyond = 2 * (beyond + dilations) + 1
    return beyond
