"""Settings of a training run: its data, its course, and one table for each phase."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from typica.core.config import Config
from typica.core.errors import ConfigError, did_you_mean
from typica.decoding.settings import SamplingConfig


@dataclass(frozen=True)
class DataConfig(Config):
    """What one step is shown.

    Attributes:
        crop: Samples of an example that are scored; the model's context comes before them.
        batch: Examples in one process's batch: two processes see twice as many a step.
        rate: Sampling rate in hertz that the preset is made for; None takes any.
        parts: Crops that follow one another in a recording and are learnt one after another, by
            models that carry what they have heard from each to the next.
    """

    crop: int = 8192
    batch: int = 4
    rate: int | None = None
    parts: int = 1

    def __post_init__(self) -> None:
        self.check_at_least(1, "crop", "batch", "parts", where="data")


@dataclass(frozen=True)
class TrainingConfig(Config):
    """The course of a run. Whatever "every" counts is in steps, and 0 is never.

    Attributes:
        steps: Training stops after so many.
        minutes: It also stops after so long, and the learning rate decays accordingly.
        seed: Of the initial weights, the crops and the noise in the losses.
        precision: Of the matrix products; weights and their averages are always float32.
        average: Decay of the average of the weights, which is what samples are drawn from.
        accumulate: Batches whose gradients make one step.
        clip: Largest norm of a phase's gradient; None leaves it as it is.
        checkpoint_every: Steps between checkpoints.
        checkpoint_minutes: A checkpoint is also written when the last one is so old.
        keep: Newest checkpoints that are kept.
        validate_every: Steps between looks at held-out recordings.
        validate_seconds: Seconds of audio in such a look, always the same ones.
        sample_every: Steps between early samples.
        sample_seconds: Their length.
        log_every: Steps between lines of the log.
    """

    steps: int = 100_000
    minutes: float | None = None
    seed: int = 0
    precision: Literal["float32", "bfloat16"] = "float32"
    average: float = 0.999
    accumulate: int = 1
    clip: float | None = 1.0
    checkpoint_every: int = 1000
    checkpoint_minutes: float | None = 10.0
    keep: int = 3
    validate_every: int = 500
    validate_seconds: float = 20.0
    sample_every: int = 2000
    sample_seconds: float = 2.0
    log_every: int = 10

    def __post_init__(self) -> None:
        self.check_at_least(1, "steps", "accumulate", "keep", "log_every", where="training")
        for name in ("minutes", "clip", "checkpoint_minutes", "validate_seconds", "sample_seconds"):
            value = getattr(self, name)
            if value is not None and value <= 0:
                raise ConfigError(f"training.{name} must be above 0, got {value}")
        if not 0 <= self.seed < 2**63:
            raise ConfigError(f"training.seed must be from 0 to below 2^63, got {self.seed}")
        if not 0 <= self.average < 1:
            raise ConfigError(f"training.average must be from 0 to below 1, got {self.average}")


@dataclass(frozen=True)
class PhaseConfig(Config):
    """How one phase's parameters are moved.

    Attributes:
        optimiser: "adam", or "adamw", which shrinks the weights apart from the gradient.
        learning_rate: After the warm-up.
        final_learning_rate: At the end of training.
        schedule: The way from the one to the other.
        warmup: Steps over which the rate rises to `learning_rate`.
        betas: Decays of Adam's two averages.
        epsilon: Added to Adam's denominator.
        weight_decay: Pull of the weights towards zero.
        share: What part of the training its stage takes, beside those of the other stages.
        crop: Samples of an example in its stage; those of `data.crop` if None.
    """

    optimiser: Literal["adam", "adamw"] = "adam"
    learning_rate: float = 1e-3
    final_learning_rate: float = 0.0
    schedule: Literal["cosine", "linear", "constant"] = "cosine"
    warmup: int = 0
    betas: tuple[float, ...] = (0.9, 0.999)
    epsilon: float = 1e-8
    weight_decay: float = 0.0
    share: float = 1.0
    crop: int | None = None

    def __post_init__(self) -> None:
        if self.share <= 0 or (self.crop is not None and self.crop < 1):
            raise ConfigError(f"share and crop must be above 0, got {self.share} and {self.crop}")
        if self.learning_rate <= 0:
            raise ConfigError(f"learning_rate must be above 0, got {self.learning_rate}")
        if self.final_learning_rate < 0:
            raise ConfigError(
                f"final_learning_rate must not be below 0, got {self.final_learning_rate}"
            )
        if len(self.betas) != 2 or not all(0 <= beta < 1 for beta in self.betas):
            raise ConfigError(f"betas must be two numbers from 0 to below 1, got {self.betas}")


class Settings(NamedTuple):
    """All that training is told, besides the model's own settings."""

    data: DataConfig
    training: TrainingConfig
    sampling: SamplingConfig
    phases: dict[str, PhaseConfig]


def read_settings(tables: Mapping[str, Any], phases: Iterable[str]) -> Settings:
    """Build the settings from the tables of a preset or of a run.

    Args:
        tables: Tables by name; "model" is left to the model.
        phases: Names of the model's phases: each may have a table.

    Raises:
        ConfigError: A table or a setting is unknown or has the wrong type.
    """
    phases = list(phases)
    known = {"model", "data", "training", "sampling", *phases}
    for name, table in tables.items():
        if name not in known:
            raise ConfigError(f"there is no table {name!r}: {did_you_mean(name, known)}")
        if not isinstance(table, Mapping):
            raise ConfigError(f"{name!r} is a table, as in {name}.NAME=VALUE; got {table!r}")
    return Settings(
        DataConfig.from_dict(tables.get("data", {}), "data"),
        TrainingConfig.from_dict(tables.get("training", {}), "training"),
        SamplingConfig.from_dict(tables.get("sampling", {}), "sampling"),
        {name: PhaseConfig.from_dict(tables.get(name, {}), name) for name in phases},
    )
