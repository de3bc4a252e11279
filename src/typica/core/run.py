"""A run: the folder that training writes and everything else reads."""

from __future__ import annotations

import json
import math
import os
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from typica.core import registry
from typica.core.config import read_yaml, write_yaml
from typica.core.errors import RunError, did_you_mean
from typica.core.files import digest

if TYPE_CHECKING:
    from torch import Tensor, nn

    from typica.core.condition import Condition
    from typica.core.model import Model

CONFIG, WEIGHTS, MANIFEST, CHECKPOINTS = (
    "config.yaml",
    "weights.safetensors",
    "manifest.json",
    "checkpoints",
)
IDENTITY = "trained_with"  # in the metadata of the weights
SHIPPED = Path(__file__).parents[1] / "shipped"  # runs that come with the package, by name


class Run:
    """A trained model with the settings that made it.

    Attributes:
        path: A run's folder, or one of its checkpoints: either holds all that is needed.
        config: Tables `system`, `rate`, `corpus`, `model`, `data`, `training` and the phases'.
    """

    def __init__(self, path: Path, device: str = "cpu") -> None:
        self.path = path
        self.config = read_yaml(path / CONFIG)
        self.device = device
        for name, kind in (("system", str), ("rate", int), ("model", dict)):
            if not isinstance(self.config.get(name), kind):
                raise RunError(f"{path / CONFIG} does not say the {name}: it is not a run's")

    def __repr__(self) -> str:
        return f"{type(self).__name__}({str(self.path)!r}, {self.system} at {self.rate} Hz)"

    @property
    def name(self) -> str:
        """Name of the run, whichever of its checkpoints this is."""
        return self.path.parents[1].name if self.path.parent.name == CHECKPOINTS else self.path.name

    @property
    def system(self) -> str:
        """Name of the system."""
        return self.config["system"]

    @property
    def rate(self) -> int:
        """Sampling rate in hertz of the audio that it models."""
        return self.config["rate"]

    @property
    def normalise(self) -> str:
        """How the recordings it was trained on were scaled: "peak" or "none"."""
        return self.config.get("corpus", {}).get("normalise") or "none"

    @cached_property
    def model(self) -> Model:
        """The model with its weights, in evaluation mode."""
        from typica.core.randomness import seeded_globally

        verify(self.path / WEIGHTS)
        with seeded_globally(0):  # its first weights are thrown away: torch's own stream stays put
            model = registry.from_settings(self.system, self.config["model"])
        check_identity(self.config, self.path / WEIGHTS)
        read_weights(model, self.path / WEIGHTS)
        return model.to(self.device).eval().requires_grad_(False)

    def sample(
        self,
        seconds: float = 10.0,
        count: int = 1,
        *,
        seed: int = 0,
        condition: Condition | None = None,
    ) -> Tensor:
        """Draw audio, shape (count, channels, time), in [-1, 1], at `rate`.

        What is drawn symbol by symbol has a stream of randomness for each example.

        Raises:
            RunError: `seconds` or `count` is not above 0.
        """
        import torch

        from typica.core.condition import to_device
        from typica.core.drawable import is_drawable
        from typica.core.randomness import seeded, seeded_rows

        length, told = self.length_of(seconds, count), to_device(condition, self.device)
        model, device = self.model, self.device
        with torch.no_grad():
            if is_drawable(model):
                rows = seeded_rows(seed, count, device)
                return model.sample(count, length, condition=told, generator=rows)
            return model.sample(count, length, condition=told, generator=seeded(seed, device))

    def length_of(self, seconds: float, count: int) -> int:
        """Return the samples of an example, refusing to draw nothing.

        Raises:
            RunError: `seconds` or `count` is not above 0.
        """
        length = round(seconds * self.rate) if math.isfinite(seconds) else 0
        if length < 1 or count < 1:
            raise RunError(f"seconds and count must be above 0, got {seconds:g} and {count}")
        return length

    def log_prob(self, audio: Tensor, condition: Condition | None = None) -> Tensor:
        """Return log-likelihoods in nats, shape (batch,), of audio (batch, channels, time).

        Raises:
            RunError: The system has no density.
        """
        import torch

        from typica.core.condition import to_device
        from typica.core.model import ExplicitModel

        if not isinstance(self.model, ExplicitModel):
            raise RunError(f"{self.system} has no density: it can be sampled, not scored")
        with torch.no_grad():  # so that long audio is read in blocks
            audio = torch.as_tensor(audio, dtype=torch.float32, device=self.device)
            return self.model.log_prob(audio, to_device(condition, self.device))


def runs_home() -> Path:
    """Return the folder of runs: $TYPICA_RUNS, or `runs` where the user stands."""
    return Path(os.environ.get("TYPICA_RUNS", "runs"))


def load(run: str | Path, device: str = "auto") -> Run:
    """Open a run by its folder, by its name under `runs` or shipped, or one of its checkpoints.

    Raises:
        RunError: There is none, or it holds no weights yet.
    """
    from typica.core.device import pick_device

    path = find_run(run)
    if not (path / WEIGHTS).exists():
        steps = checkpoints(path)
        if not steps:
            raise RunError(f"{path} has no weights yet: train it further with --resume")
        path = steps[-1]
    return Run(path, str(pick_device(device)))


def find_run(run: str | Path) -> Path:
    """Return the folder of a run or of a checkpoint; a user's own comes before a shipped one.

    Raises:
        RunError: There is none of that name.
    """
    home = runs_home()
    for path in (Path(run), home / run, SHIPPED / run):
        if (path / CONFIG).is_file():
            return path.resolve()
    known = [path.parent.name for place in (home, SHIPPED) for path in place.glob(f"*/{CONFIG}")]
    raise RunError(
        f"there is no run {str(run)!r} here or in {home}: {did_you_mean(str(run), known)}"
    )


def checkpoints(run: Path) -> list[Path]:
    """List the checkpoints of a run, oldest first."""
    return sorted(path for path in (run / CHECKPOINTS).glob("step-*") if (path / WEIGHTS).exists())


def write_model(folder: Path, model: nn.Module, config: dict[str, Any]) -> None:
    """Write what a model can be loaded from into an existing folder."""
    from safetensors.torch import save_model

    write_yaml(folder / CONFIG, config)
    # `save_model` stores tied tensors once, which `save_file` refuses.
    save_model(model, str(folder / WEIGHTS), metadata={IDENTITY: _identity(config)})
    manifest = {name: digest(folder / name) for name in (CONFIG, WEIGHTS)}
    (folder / MANIFEST).write_text(json.dumps(manifest, indent=2) + "\n")


def _identity(config: dict[str, Any]) -> str:
    """What weights belong to, as text: they mean nothing under other settings."""
    own = {name: config.get(name) for name in ("system", "rate", "model")}
    return json.dumps(own, sort_keys=True)


def check_identity(config: dict[str, Any], path: Path) -> None:
    """Refuse weights that were trained under other settings than the configuration says.

    Raises:
        RunError: The system, the rate or a setting of the model was changed since.
    """
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(str(path), "pt") as file:
            kept = (file.metadata() or {}).get(IDENTITY)
    except (SafetensorError, OSError) as error:
        raise RunError(f"{path} is not readable: {error}") from error
    if kept is not None and kept != _identity(config):
        raise RunError(
            f"{path.with_name(CONFIG)} is not the one that {path.name} was trained with: "
            f"system, rate or model was changed"
        )


def read_weights(model: nn.Module, path: Path) -> None:
    """Load weights into a model.

    Raises:
        RunError: The file is missing, damaged, changed, or belongs to another model.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_model

    try:
        load_model(model, str(path))
    except (SafetensorError, RuntimeError, OSError) as error:
        reason = str(error).splitlines()[0].rstrip(":.")
        raise RunError(f"{path} does not hold the weights of this model: {reason}") from error


def verify(path: Path) -> None:
    """Refuse a file that is not the one its manifest speaks of.

    Raises:
        RunError: The file or its manifest is missing, damaged or was changed.
    """
    manifest = path.with_name(MANIFEST)
    if not path.is_file() or not manifest.is_file():
        raise RunError(f"{path.parent} lacks {path.name} or {MANIFEST}: copy the whole folder")
    if digest(path) != read_manifest(manifest).get(path.name):
        raise RunError(
            f"{path} is damaged or was changed: its SHA-256 is not the one in {MANIFEST}; "
            f"copy it again or load another checkpoint"
        )


def read_manifest(path: Path) -> dict[str, str]:
    """Return the SHA-256 of each file that a manifest lists, by name.

    Raises:
        RunError: It is damaged.
    """
    try:
        listed = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise RunError(f"{path} is damaged: copy the whole folder again") from error
    if not isinstance(listed, dict):
        raise RunError(f"{path} is damaged: copy the whole folder again")
    return listed
