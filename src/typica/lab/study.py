"""What a study of the lab is, how one is found by its file, carried out and written down."""

from __future__ import annotations

import ast
import math
import pkgutil
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from typica.core.errors import ConfigError, did_you_mean
from typica.core.files import replacing, write_json
from typica.core.progress import SILENT, Progress

if TYPE_CHECKING:
    import numpy as np
    import torch
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class Number:
    """A figure of a study.

    Attributes:
        name: What it is.
        value: As computed or measured here.
        exact: By a closed form or another independent way; None where there is none.
        published: As printed in the article; None where it prints none.
        error: Standard error, where it is measured.
        unit: As in "bits" or "nats per dimension".
        remark: Where the published one errs, or what to bear in mind.
    """

    name: str
    value: float
    exact: float | None = None
    published: float | str | None = None
    error: float | None = None
    unit: str = ""
    remark: str = ""

    @classmethod
    def mean(cls, name: str, values: np.ndarray, *, unit: str = "", remark: str = "") -> Number:
        """Return the mean of measured values, with its standard error where they are several."""
        error = values.std(ddof=1) / math.sqrt(len(values)) if len(values) > 1 else None
        return cls(name, float(values.mean()), error=error, unit=unit, remark=remark)


@dataclass(frozen=True)
class Table:
    """A table of a study: texts and numbers, row by row."""

    caption: str
    columns: Sequence[str]
    rows: Sequence[Sequence[Any]]


@dataclass(frozen=True)
class Clip:
    """A sound of a study: its name in the file's name, amplitudes (time,), and rate in hertz."""

    name: str
    audio: torch.Tensor
    rate: int


@dataclass(frozen=True)
class Study:
    """What a study found.

    Attributes:
        source: Which figure, table or claim it is about.
        claim: What is claimed there.
        finding: What was found.
        numbers: Its figures.
        figure: The picture.
        tables: Its tables.
        clips: What there is to hear.
    """

    source: str
    claim: str
    finding: str
    numbers: Sequence[Number]
    figure: Figure
    tables: Sequence[Table] = ()
    clips: Sequence[Clip] = ()


@dataclass(frozen=True)
class Bench:
    """What a study is given to work with: a seed, and somebody who hears how far it is."""

    seed: int = 0
    progress: Progress = field(default=SILENT)

    def rng(self) -> np.random.Generator:
        """Return a NumPy generator, each time a new one of the same seed."""
        import numpy as np

        return np.random.default_rng(self.seed)

    def generator(self) -> torch.Generator:
        """Return a torch generator, each time a new one of the same seed."""
        from typica.core.randomness import seeded

        return seeded(self.seed)


def names() -> list[str]:
    """List the studies: files of the lab that hold a function `study`, none imported."""
    return sorted(name for name, path in _files().items() if _holds_a_study(path))


def title(name: str) -> str:
    """Return the first line of a study's docstring, without importing it."""
    text = ast.get_docstring(ast.parse(_files()[name].read_text("utf-8"))) or name
    return text.splitlines()[0]


def check(name: str) -> None:
    """Refuse the name of no study.

    Raises:
        ConfigError: There is none of that name.
    """
    if name not in names():
        raise ConfigError(f"the lab has no study {name!r}: {did_you_mean(name, names())}")


def perform(
    name: str, out: str | Path, *, seed: int = 0, progress: Progress = SILENT
) -> tuple[Study, float]:
    """Carry a study out, and write NAME.png, NAME.json and NAME_CLIP.flac into a folder.

    Returns:
        The study, and the seconds it took.

    Raises:
        ConfigError: There is no such study.
    """
    check(name)
    from matplotlib import rc_context

    from typica.lab.drawing import DOTS_PER_INCH, STYLE

    began = time.perf_counter()
    with rc_context(STYLE):
        study = import_module(f"typica.lab.{name}").study(Bench(seed, progress))
        with replacing(Path(out) / f"{name}.png") as place:
            study.figure.savefig(place, dpi=DOTS_PER_INCH, format="png")
    for clip in study.clips:
        _write_clip(Path(out) / _clip_file(name, clip), clip)
    seconds = time.perf_counter() - began
    write_json(Path(out) / f"{name}.json", _record(name, study, seed, seconds))
    return study, seconds


def _record(name: str, study: Study, seed: int, seconds: float) -> dict[str, Any]:
    return {
        "study": name,
        "title": title(name),
        "source": study.source,
        "claim": study.claim,
        "finding": study.finding,
        "numbers": [asdict(number) for number in study.numbers],
        "tables": [asdict(table) for table in study.tables],
        "clips": {clip.name: _clip_file(name, clip) for clip in study.clips},
        "seed": seed,
        "seconds": round(seconds, 1),
    }


def _clip_file(name: str, clip: Clip) -> str:
    return f"{name}_{clip.name.replace(' ', '_')}.flac"


def _write_clip(path: Path, clip: Clip) -> None:
    import soundfile

    with replacing(path) as place:
        soundfile.write(place, clip.audio.clamp(-1, 1).numpy(), clip.rate, format="FLAC")


def _files() -> dict[str, Path]:
    folder = Path(__file__).parent
    return {module.name: folder / f"{module.name}.py" for module in pkgutil.iter_modules([folder])}


def _holds_a_study(path: Path) -> bool:
    tree = ast.parse(path.read_text("utf-8"))
    return any(isinstance(node, ast.FunctionDef) and node.name == "study" for node in tree.body)
