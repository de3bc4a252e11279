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
from typica.evaluation.bits import Mean
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
        expected_silent: Share of held-out recordings that is silent.
        expected_flatness: Their mean spectral flatness, or None.
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
    expected_silent: float | None = None
    expected_flatness: float | None = None

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
            "expected_silent": self.expected_silent,
            "expected_flatness": self.expected_flatness,
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
        "silent",
        "flatness",
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
                number(one.audition.run.mean("silent"), "{:.1%}"),
                number(one.audition.run.mean("flatness"), "{:.3f}"),
                number(one.audition.run.mean("clipped"), "{:.2%}"),
                number(one.audition.run.mean("copied"), "{:.1%}"),
                _bits(one.audition),
            ],
            "" if one.place > 1 else "ours",
        )
        for one in program.ranked
    ]
    return table(head, rows, _caption(program))


def _bits(audition: Audition) -> str:
    return "–" if audition.bits is None else with_error(audition.bits.mean, "{:.3f}")


def _caption(program: Program) -> str:
    last = "age" if program.ranked[0].audition.bits is None else "bits"
    return (
        f"{program.words} ± is the standard error over streams, and over recordings for bits a "
        f"sample.{_beside(program)} Silent are frames of 20 ms under -60 dB; the flatness of what "
        f"sounds is 0 for a tone and 0.56 for white noise. Clipped are samples at full scale, "
        f"copied is what the training recordings hold, waveform for waveform. Places with = are "
        f"told apart by {last} alone."
    )


def _beside(program: Program) -> str:
    """Tell the same figures of held-out recordings, those that are known."""
    told = (
        (program.expected_distance_db, " Recordings lie {:.1f} dB from one another."),
        (program.expected_silent, " Of recordings, {:.1%} is silent."),
        (program.expected_flatness, " Their flatness is {:.3f}."),
        (program.expected_copied, " Of them, {:.1%} could be taken for copies of the training's."),
    )
    return "".join(words.format(value) for value, words in told if value is not None)


def _course(program: Program) -> str:
    known = program.ranked[0].audition.bits is not None
    words = "Bits a sample on held-out recordings, and the share" if known else "The share"
    picture = course([one.audition for one in program.ranked])
    title = f"{'Bits and traps' if known else 'Traps'} in the course of training"
    return f"<p>{words} of the time in traps.</p>" + figures.to_svg(picture, title)


def course(auditions: Sequence[Audition]) -> Figure:
    """Draw bits a sample, if there are, and the share of the time in traps, over the steps."""
    last = max((one.step or 0 for one in auditions), default=0)
    ordered = sorted(auditions, key=lambda one: (one.step is None, one.step or 0))
    steps = [last if one.step is None else one.step for one in ordered]
    bits = [one.bits.mean for one in ordered if one.bits is not None]
    figure, plots = _stacked(2 if bits else 1)
    if bits:
        _mark(plots[0], steps, bits, figures.MODEL)
        plots[0].set_ylabel("bits a sample")
    _mark(plots[-1], steps, [one.trapped for one in ordered], figures.TRAIN, 100)
    plots[-1].set_ylabel("% in traps")
    plots[-1].set_ylim(-5, 105)
    plots[-1].set_xlabel("step")
    return figure


def _mark(
    axes: Axes, steps: Sequence[int], values: Sequence[Mean], colour: str, scale: float = 1
) -> None:
    """Draw means with their errors over steps."""
    heights = [scale * one.value for one in values]
    errors = [scale * (one.error or 0) for one in values]
    axes.errorbar(steps, heights, errors, color=colour, marker="o", markersize=4, linewidth=1.5)


def _stacked(count: int) -> tuple[Figure, list[Axes]]:
    """Return a figure of plots over the same steps, one above the other."""
    import matplotlib
    from matplotlib.figure import Figure

    with matplotlib.rc_context(figures.STYLE):
        figure = Figure(figsize=(5.6, 2.0 * count), layout="constrained")
        plots = figure.subplots(count, 1, sharex=True, squeeze=False)
    return figure, list(plots[:, 0])


def _checkpoint(one: Ranked, folder: Path) -> str:
    audition = one.audition
    run = audition.run
    rows = [
        ("level, dB of full scale", number(run.mean("level_db"), "{:.1f}")),
        ("repetition", number(run.mean("repetition"), "{:.2f}")),
        ("silent", number(run.mean("silent"), "{:.1%}")),
        ("spectral flatness of what sounds", number(run.mean("flatness"), "{:.3f}")),
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
