"""The page on which one listens to checkpoints: players, figures and their course over training."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from importlib import resources
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from typica.core.files import replacing, write_json
from typica.evaluation import figures
from typica.evaluation.markup import details, listed, number, row, section, table, with_error
from typica.evaluation.page import TEMPLATE
from typica.evaluation.ranking import Audition, Ranked

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

PAGE, DATA = "audition.html", "audition.json"


@dataclass(frozen=True)
class Program:
    """What an audition of a run's checkpoints found.

    Attributes:
        name: The run's.
        rate: Hertz.
        ranked: The checkpoints, best first.
        sentences: Which to take, and why not the one of lowest loss.
        expected_distance_db: How far held-out recordings lie from one another, or None.
        left_out: Why checkpoints could not be heard, by their names.
        words: How it was done.
    """

    name: str
    rate: int
    ranked: Sequence[Ranked]
    sentences: Sequence[str]
    expected_distance_db: float | None
    left_out: Mapping[str, str]
    words: str

    @property
    def expected_copied(self) -> float | None:
        """Share of held-out recordings that is in the training recordings as well, or None."""
        return self.ranked[0].audition.expected_copied

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain values."""
        return {
            "run": self.name,
            "rate": self.rate,
            "how": self.words,
            "sentences": list(self.sentences),
            "expected_distance_db": self.expected_distance_db,
            "expected_copied": self.expected_copied,
            "checkpoints": [
                {"place": one.place, "tied": one.tied, **one.audition.to_dict()}
                for one in self.ranked
            ],
            "left_out": dict(self.left_out),
        }


def write_page(program: Program, folder: Path) -> Path:
    """Write `audition.html` and `audition.json` into a folder; return the page.

    The page plays the sound files from where they lie.

    Raises:
        DiskError: They cannot be written.
    """
    write_json(folder / DATA, program.to_dict())
    with replacing(folder / PAGE) as place:
        place.write_text(render(program, folder), encoding="utf-8")
    return folder / PAGE


def render(program: Program, folder: Path) -> str:
    """Return the page, as it lies in a folder."""
    template = resources.files("typica.evaluation").joinpath(TEMPLATE).read_text("utf-8")
    left_out = [f"{name} is left out: {reason}" for name, reason in program.left_out.items()]
    sections = [
        section("Which checkpoint", listed([*program.sentences, *left_out])),
        section("Ranking", _ranking(program)),
        section("In the course of training", _course(program)),
        *(_checkpoint(one, folder) for one in program.ranked),
    ]
    return Template(template).substitute(name=escape(program.name), sections="\n".join(sections))


def _ranking(program: Program) -> str:
    head = (
        "",
        "place",
        "in traps",
        "traps an hour",
        "from recordings, dB",
        "clipped",
        "copied",
        "bits",
    )
    rows = [
        row(
            [
                escape(one.audition.name),
                f"{one.place}{'=' if one.tied else ''}",
                with_error(one.audition.trapped, "{:.1%}"),
                number(one.audition.run.alarms_per_hour, "{:.0f}"),
                with_error(one.audition.distance, "{:.1f}"),
                number(one.audition.run.mean("clipped"), "{:.2%}"),
                number(one.audition.run.mean("copied"), "{:.1%}"),
                with_error(one.audition.bits.mean, "{:.3f}"),
            ],
            "" if one.place > 1 else "ours",
        )
        for one in program.ranked
    ]
    return table(head, rows, _caption(program))


def _caption(program: Program) -> str:
    distance, copied = program.expected_distance_db, program.expected_copied
    beside = "" if distance is None else f" Recordings lie {distance:.1f} dB from one another."
    if copied is not None:
        beside += f" Of recordings, {copied:.1%} could be taken for copies of the training's."
    return (
        f"{program.words} ± is the standard error over streams, and over recordings for bits a "
        f"sample.{beside} Clipped are samples at full scale, copied is what the training "
        f"recordings hold, waveform for waveform. Places with = are told apart by bits alone."
    )


def _course(program: Program) -> str:
    words = "<p>Bits a sample on held-out recordings, and the share of the time in traps.</p>"
    picture = course([one.audition for one in program.ranked])
    return words + figures.to_svg(picture, "Bits and traps in the course of training")


def course(auditions: Sequence[Audition]) -> Figure:
    """Draw bits a sample and the share of the time in traps over the steps of training."""
    last = max((one.step or 0 for one in auditions), default=0)
    ordered = sorted(auditions, key=lambda one: (one.step is None, one.step or 0))
    steps = [last if one.step is None else one.step for one in ordered]
    figure, above, below = _stacked()
    bits = [one.bits.mean for one in ordered]
    shares = [one.trapped for one in ordered]
    for axes, values, colour, scale in (
        (above, bits, figures.MODEL, 1),
        (below, shares, figures.TRAIN, 100),
    ):
        heights = [scale * one.value for one in values]
        errors = [scale * (one.error or 0) for one in values]
        axes.errorbar(steps, heights, errors, color=colour, marker="o", markersize=4, linewidth=1.5)
    above.set_ylabel("bits a sample")
    below.set_ylabel("% in traps")
    below.set_ylim(-5, 105)
    below.set_xlabel("step")
    return figure


def _stacked() -> tuple[Figure, Axes, Axes]:
    """Return a figure of two plots over the same steps."""
    import matplotlib
    from matplotlib.figure import Figure

    with matplotlib.rc_context(figures.STYLE):
        figure = Figure(figsize=(5.6, 4.0), layout="constrained")
        above, below = figure.subplots(2, 1, sharex=True)
    return figure, above, below


def _checkpoint(one: Ranked, folder: Path) -> str:
    audition = one.audition
    run = audition.run
    rows = [
        ("level, dB of full scale", number(run.mean("level_db"), "{:.1f}")),
        ("repetition", number(run.mean("repetition"), "{:.2f}")),
        ("clipped", number(run.mean("clipped"), "{:.2%}")),
        ("copied from the training", number(run.mean("copied"), "{:.1%}")),
        ("entropy, bits a sample", number(run.mean("entropy"), "{:.2f}")),
        ("the same along recordings", number(audition.entropy, "{:.2f}")),
        *((f"time in traps: {kind}", f"{share:.1%}") for kind, share in run.traps.items()),
    ]
    figures_ = table(("", ""), [row([escape(name), value]) for name, value in rows])
    players = "".join(
        _player(path, f"{audition.name}, clip {number}", folder)
        for number, path in enumerate(audition.clips, start=1)
    )
    title = f"{one.place}. {audition.name}"
    return section(title, listed([audition.verdict]) + players + details("Figures", figures_))


def _player(path: str, name: str, folder: Path) -> str:
    source = quote(Path(os.path.relpath(path, folder)).as_posix())
    return (
        f"<figure><figcaption>{escape(name)}</figcaption>"
        f'<audio controls preload="none" aria-label="{escape(name)}" src="{source}"></audio>'
        f"</figure>"
    )
