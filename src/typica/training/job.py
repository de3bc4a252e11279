"""What is to be trained, and on what: a system, its settings and a corpus that fits them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch

from typica.core import registry
from typica.core.carrying import CarryingModel
from typica.core.condition import Condition, Need
from typica.core.errors import ConfigError, DataError
from typica.core.model import Model
from typica.core.phase import Phase
from typica.core.randomness import seeded_globally
from typica.data.corpus import Corpus
from typica.data.crops import Crops
from typica.training.schedule import crop_of_stage
from typica.training.settings import Settings, read_settings


@dataclass(frozen=True)
class Job:
    """A model and what it is trained on and by.

    Attributes:
        system: Name of the system.
        preset: Name of the preset.
        model: With its initial weights, on the device that trains.
        phases: The model's.
        corpus: What it learns from.
        settings: Checked and complete.
    """

    system: str
    preset: str
    model: Model
    phases: list[Phase]
    corpus: Corpus
    settings: Settings

    def crops(
        self,
        split: str,
        stage: int | None = None,
        *,
        seed: int = 0,
        rank: int = 0,
        world: int = 1,
    ) -> Crops:
        """Return the batches of a split, as a stage wants them or as the whole model is scored."""
        length, context = self.settings.data.crop, self.model.context
        if stage is not None:
            length = crop_of_stage(self.phases, self.settings.phases, stage, length)
            own = [phase.context for phase in self.phases if phase.stage == stage]
            context = max(context if one is None else one for one in own)
        return Crops(
            self.corpus,
            split,
            length=length,
            context=context,
            batch=self.settings.data.batch,
            seed=seed,
            rank=rank,
            world=world,
            names=tuple(self.model.needs),
            parts=self.settings.data.parts,
        )

    def condition(self, length: int) -> Condition | None:
        """Return what an early sample is told: that of the first held-out recording."""
        if not self.model.needs:
            return None
        recordings = self.corpus.recordings("valid") or self.corpus.recordings("train")
        return self.corpus.condition(recordings[:1], [0], length, tuple(self.model.needs))

    def config(self) -> dict[str, Any]:
        """Return the tables of the run's `config.yaml`."""
        corpus, settings = self.corpus, self.settings
        optimisation = {name: table.to_dict() for name, table in settings.phases.items()}
        return {
            "system": self.system,
            "preset": self.preset,
            "rate": corpus.rate,
            "corpus": {
                "name": corpus.name,
                "path": str(corpus.path),
                "fingerprint": corpus.fingerprint,
                "licence": corpus.licence,
                "normalise": corpus.info.get("normalise"),
                "seconds": round(corpus.seconds("train"), 1),
                **self._classes(),
            },
            "model": self.model.config.to_dict(),
            "data": settings.data.to_dict(),
            "training": settings.training.to_dict(),
            "sampling": settings.sampling.to_dict(),
            **optimisation,
        }

    def _classes(self) -> dict[str, Any]:
        """Return what the classes are called that the model is told, if it is told any."""
        needs = self.model.needs
        told = {name: values for name, values in self.corpus.values.items() if name in needs}
        return {"classes": told} if told else {}


def describe(
    system: str,
    preset: str,
    tables: Mapping[str, Any],
    corpus: Corpus,
    device: torch.device | str = "cpu",
) -> Job:
    """Build a model and check that all its settings and the corpus go together.

    Args:
        system: Name of a system.
        preset: Name of the preset that the tables come from.
        tables: Settings by table.
        corpus: What to learn from.
        device: Where to train.

    Raises:
        ConfigError: A setting is unknown, wrong, or does not fit the corpus; or the system does
            not model audio.
        DataError: The corpus has nothing to learn from, or only too short recordings.
    """
    seed = read_settings({"training": tables.get("training", {})}, ()).training.seed
    with seeded_globally(seed):
        model = registry.from_settings(system, tables.get("model", {})).to(device)
    phases = list(model.phases())
    settings = read_settings(tables, [phase.name for phase in phases])
    check_rate(settings.data.rate, corpus)
    crops = {"data.crop": settings.data.crop}
    crops |= {f"{name}.crop": table.crop for name, table in settings.phases.items() if table.crop}
    longest = max(crops, key=crops.__getitem__)
    check_parts(system, model, settings.data.parts)
    check_length(crops[longest], corpus, settings.data.parts, longest)
    check_needs(model, corpus)
    return Job(system, preset, model, phases, corpus, settings)


def check_example(system: str) -> None:
    """Refuse a system that does not model what corpora hold.

    Raises:
        ConfigError: It does not.
    """
    if registry.find(system).example != "audio":
        hears = [name for name in registry.names() if registry.find(name).example == "audio"]
        raise ConfigError(
            f"{system} models images and corpora hold audio: train {', '.join(hears)}, or train "
            f"it on images in Python with typica.training.fit"
        )


def check_rate(rate: int | None, corpus: Corpus) -> None:
    """Refuse a corpus at another sampling rate than the settings are made for.

    Raises:
        ConfigError: It is.
    """
    if rate not in (None, corpus.rate):
        raise ConfigError(
            f"{corpus.name} is at {corpus.rate} Hz and these settings are made for {rate} Hz: "
            f"prepare it again with --rate {rate}, or train at its own rate with "
            f"--set data.rate={corpus.rate}"
        )


def check_parts(system: str, model: Model, parts: int) -> None:
    """Refuse parts of a stretch for a model that would forget each before the next.

    Raises:
        ConfigError: It would.
    """
    if parts > 1 and not isinstance(model, CarryingModel):
        raise ConfigError(f"{system} carries nothing from part to part: --set data.parts=1")


def check_length(crop: int, corpus: Corpus, parts: int = 1, setting: str = "data.crop") -> None:
    """Refuse a corpus without a recording that is as long as the parts of a stretch.

    Args:
        crop: Samples of a part.
        corpus: Which is looked at.
        parts: Of a stretch.
        setting: What the crop was set by.

    Raises:
        DataError: It has none.
    """
    recordings = corpus.recordings("train")
    if not recordings:
        raise DataError(f"{corpus.name} has no recordings to train on: prepare it with more")
    longest = max(recording.length for recording in recordings)
    if longest < crop:
        raise DataError(
            f"a crop of {crop} samples is longer than every recording of {corpus.name}, whose "
            f"longest has {longest}: --set {setting}={longest}"
        )
    if longest < crop * parts:
        raise DataError(
            f"{parts} parts of {crop} samples are longer than every recording of {corpus.name}, "
            f"whose longest has {longest}: --set data.parts={longest // crop}"
        )


def check_needs(model: Model, corpus: Corpus) -> None:
    """Refuse a corpus that does not hold what a model must be told.

    Raises:
        ConfigError: A condition is missing or has another shape; the message tells the
            settings that put it right.
    """
    offers = corpus_offers(corpus)
    for name, need in model.needs.items():
        if name not in offers:
            there = ", ".join(offers) or "nothing besides audio"
            raise ConfigError(
                f"the model must be told {name!r} and {corpus.name} holds {there}: choose "
                f"another corpus, or leave the condition out of the model"
            )
        offer = offers[name]
        if offer != need._replace(optional=False):
            raise ConfigError(
                f"{corpus.name} has {_words(name, offer)}, and the model takes "
                f"{_words(name, need)}: {_mend(model, offer)}"
            )


def corpus_offers(corpus: Corpus) -> dict[str, Need]:
    """Return what a corpus can tell a model, as the need that it meets."""
    offers = {name: Need(len(values)) for name, values in corpus.values.items()}
    for name, track in corpus.tracks.items():
        offers[name] = Need(track.channels, corpus.hop(name))
    return offers


def _words(name: str, need: Need) -> str:
    if need.hop is None:
        return f"{need.channels} classes of {name!r}"
    return f"a {name!r} of {need.channels} channels with {need.hop} samples a frame"


def _mend(model: Model, offer: Need) -> str:
    """Tell the settings that fit a corpus, by the names that configurations give them."""
    wanted = {"labels": offer.channels}
    if offer.hop is not None:
        wanted = {"local_channels": offer.channels, "hop": offer.hop}
    known = {name: value for name, value in wanted.items() if hasattr(model.config, name)}
    return " ".join(f"--set model.{n}={v}" for n, v in known.items()) or "change model's settings"
