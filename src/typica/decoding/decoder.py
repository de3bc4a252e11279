"""Every way of decoding behind one door: what command lines and presets say in words."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, fields
from typing import Any, ClassVar, NamedTuple

import numpy as np
import torch
from torch import Tensor

from typica.core.condition import Condition
from typica.core.counts import check_whole
from typica.core.engine import Engine, EngineState
from typica.core.errors import ConfigError
from typica.core.progress import SILENT, Progress
from typica.decoding.generation import Generation
from typica.decoding.resampling import globally_tempered
from typica.decoding.risk.minimum_bayes_risk import minimum_bayes_risk
from typica.decoding.risk.table import distinct
from typica.decoding.search.beam import beam_search
from typica.decoding.search.contrastive import contrastive_search
from typica.decoding.search.exact import exact_search
from typica.decoding.search.stochastic_beam import stochastic_beam
from typica.decoding.selective import Band, selective_sampling
from typica.decoding.sequences import draw_sequences, symbols_in
from typica.decoding.utilities.ngrams import NgramF1
from typica.decoding.utilities.spectral import LogMelSimilarity
from typica.decoding.utilities.utility import Utility


@dataclass(frozen=True)
class Wanted:
    """What is to be decoded.

    Attributes:
        engine: What takes the steps.
        count: Sequences.
        length: Symbols of each, at most.
        temperature: Of each step; searches look at what the model says and take none but 1.
        prompt: What to go on from, (1, channels, time).
        condition: What the model is told, for one sequence or for `count` of them.
        generator: Where the randomness comes from.
        rate: Hertz of the audio that symbols stand for; None where they are no audio.
        progress: Hears how far it is.
    """

    engine: Engine
    count: int
    length: int
    temperature: float = 1.0
    prompt: Tensor | None = None
    condition: Condition | None = None
    generator: torch.Generator | None = None
    rate: int | None = None
    progress: Progress = SILENT

    def start(self) -> EngineState:
        """Return the one past that all sequences go on from."""
        return self.engine.start(1, condition=self.condition, prompt=self.prompt)


class Decoded(NamedTuple):
    """What was decoded.

    Attributes:
        generation: The sequences.
        note: What is to be said of how it went, in one sentence.
    """

    generation: Generation
    note: str


class Decoder(ABC):
    """A way to whole sequences that is more than drawing symbol after symbol.

    Its settings are the fields of a dataclass, all numbers, in the order in which words give them.

    Attributes:
        name: As on the command line.
        by_module: Whether the module takes the steps itself, whatever was compiled of it.
        counts: Those of its settings that are numbers of things.
    """

    name: ClassVar[str]
    by_module: ClassVar[bool] = False
    counts: ClassVar[tuple[str, ...]] = ()

    def __post_init__(self) -> None:
        told = {name: getattr(self, name) for name in self.counts}
        check_whole(**{name: count for name, count in told.items() if count is not None})

    def __str__(self) -> str:
        """Write it as `plan_from` reads it."""
        values = [getattr(self, field.name) for field in fields(self)]  # type: ignore[arg-type]
        told = [str(value) for value in values if value is not None]
        return self.name + "=" * bool(told) + ":".join(told)

    @abstractmethod
    def decode(self, wanted: Wanted) -> Decoded:
        """Decode sequences.

        Raises:
            ConfigError: The model or what is wanted does not suit it.
        """


@dataclass(frozen=True)
class Beam(Decoder):
    """Beam search; the best of it are the sequences."""

    width: int = 8
    name = "beam"
    counts = ("width",)

    def decode(self, wanted: Wanted) -> Decoded:
        """See `Decoder.decode`."""
        _as_it_is(self, wanted)
        width = max(self.width, wanted.count)
        found = beam_search(
            wanted.engine,
            wanted.start(),
            wanted.length,
            width=width,
            n_best=wanted.count,
            progress=wanted.progress,
        )
        return Decoded(found, f"beam of {width}, stopped by {found.stopped[0]}")


@dataclass(frozen=True)
class StochasticBeam(Decoder):
    """Different sequences, drawn without replacement."""

    name = "stochastic-beam"

    def decode(self, wanted: Wanted) -> Decoded:
        """See `Decoder.decode`."""
        found = stochastic_beam(
            wanted.engine,
            wanted.start(),
            wanted.length,
            width=wanted.count,
            temperature=wanted.temperature,
            generator=wanted.generator,
            progress=wanted.progress,
        )
        return Decoded(found, "drawn without replacement: no two are the same")


@dataclass(frozen=True)
class Exact(Decoder):
    """The most likely sequences of all, by branch and bound."""

    budget: int = 100_000
    name = "exact"
    counts = ("budget",)

    def decode(self, wanted: Wanted) -> Decoded:
        """See `Decoder.decode`."""
        _as_it_is(self, wanted)
        found = exact_search(
            wanted.engine,
            wanted.start(),
            wanted.length,
            n_best=wanted.count,
            width=max(8, wanted.count),
            budget=self.budget,
            progress=wanted.progress,
        )
        proven = found.stopped[0] == "proven"
        note = (
            "proven to be the most likely"
            if proven
            else (f"not proven: {self.budget} expansions did not suffice, these are the best met")
        )
        return Decoded(found, note)


@dataclass(frozen=True)
class Contrastive(Decoder):
    """Contrastive search: likely, and unlike the last `window` symbols, or all before."""

    candidates: int = 5
    alpha: float = 0.6
    window: int | None = None
    name = "contrastive"
    counts = ("candidates", "window")
    by_module = True

    def decode(self, wanted: Wanted) -> Decoded:
        """See `Decoder.decode`."""
        _as_it_is(self, wanted)
        if wanted.count > 1:
            raise ConfigError("contrastive search finds one sequence: ask for count 1")
        found = contrastive_search(
            wanted.engine.model,
            1,
            wanted.length,
            candidates=self.candidates,
            alpha=self.alpha,
            window=self.window,
            condition=wanted.condition,
            prompt=wanted.prompt,
            progress=wanted.progress,
        )
        return Decoded(found, "by hidden vectors, which engines do not show")


@dataclass(frozen=True)
class Selective(Decoder):
    """Whole samples whose martingale score z lies in a band: 0 is typical, below is likelier."""

    low: float = -1.0
    high: float = 1.0
    most: int = 1000
    name = "selective"
    counts = ("most",)

    def decode(self, wanted: Wanted) -> Decoded:
        """See `Decoder.decode`."""
        found = selective_sampling(
            wanted.engine,
            wanted.start(),
            wanted.length,
            Band(self.low, self.high, "z"),
            count=wanted.count,
            most=self.most,
            batch=min(64, max(8, 2 * wanted.count)),
            temperature=wanted.temperature,
            generator=wanted.generator,
            progress=wanted.progress,
        )
        if len(found.sequences) < wanted.count:
            raise ConfigError(
                f"{len(found.sequences)} of {found.drawn} samples lie in the band of z from "
                f"{self.low:g} to {self.high:g}, {wanted.count} are wanted: widen it"
            )
        return Decoded(found.sequences, f"{found.acceptance:.0%} of {found.drawn} drawn were kept")


@dataclass(frozen=True)
class GlobalTemperature(Decoder):
    """Temperature of the whole sequence, by importance resampling."""

    temperature: float
    draws: int = 1024
    name = "global-temperature"
    counts = ("draws",)

    def decode(self, wanted: Wanted) -> Decoded:
        """See `Decoder.decode`."""
        _as_it_is(self, wanted)
        found = globally_tempered(
            wanted.engine,
            wanted.start(),
            wanted.length,
            self.temperature,
            count=wanted.count,
            draws=self.draws,
            generator=wanted.generator,
            progress=wanted.progress,
        )
        worth = found.importance.effective
        return Decoded(
            found.sequences, f"{self.draws} drawn, worth {worth:.3g} at that temperature"
        )


@dataclass(frozen=True)
class MinimumBayesRisk(Decoder):
    """The samples most like all others: by mel spectra for audio, else by n-grams of symbols."""

    samples: int = 16
    name = "minimum-bayes-risk"
    counts = ("samples",)

    def decode(self, wanted: Wanted) -> Decoded:
        """See `Decoder.decode`."""
        if self.samples < max(2, wanted.count):
            raise ConfigError(f"of {self.samples} samples {wanted.count} cannot be chosen")
        drawn = draw_sequences(
            wanted.engine,
            wanted.start(),
            wanted.length,
            count=self.samples,
            temperature=wanted.temperature,
            generator=wanted.generator,
        )
        kept, expected = _most_central(drawn, wanted)
        return Decoded(kept, f"of {self.samples} samples, expected utility {expected:.3f}")


def _most_central(drawn: Generation, wanted: Wanted) -> tuple[Generation, float]:
    """Return the samples of highest expected utility, best first, and the best's."""
    items: list[Any] = symbols_in(drawn)
    utility: Utility[Any] = NgramF1()
    if wanted.rate is not None:
        items = list(wanted.engine.model.render(drawn.symbols).cpu())
        utility = LogMelSimilarity(wanted.rate)
    expected = minimum_bayes_risk(None, items, utility).expected_utility
    order = np.argsort(-expected, kind="stable")[: wanted.count]
    if len(order) < wanted.count:
        raise ConfigError(f"only {len(order)} of {len(items)} samples differ: draw more")
    rows = torch.as_tensor(distinct(items).first[order], device=drawn.symbols.device)
    return drawn.pick(rows), float(expected.max())


def _as_it_is(decoder: Decoder, wanted: Wanted) -> None:
    if wanted.temperature != 1:
        raise ConfigError(
            f"{decoder.name} looks at what the model says: temperature must be 1, "
            f"got {wanted.temperature:g}"
        )


DECODERS: dict[str, type[Decoder]] = {
    decoder.name: decoder
    for decoder in (
        *(Beam, StochasticBeam, Exact, Contrastive),
        *(Selective, GlobalTemperature, MinimumBayesRisk),
    )
}
"""All decoders by their names."""
