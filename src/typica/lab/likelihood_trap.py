"""The likelihood trap: the likelihood at which quality is highest, against the typical set."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from typica.decoding.report import Row, report_row, typical_width
from typica.lab import (
    trap_controls,
    trap_figure,
    trap_sounds,
    trap_tunes,
    trap_words,
    word_accuracy,
)
from typica.lab.study import Bench, Number, Study, Table
from typica.lab.trap_ceiling import COLUMNS as CEILING
from typica.lab.trap_ceiling import ceiling
from typica.lab.trap_domain import Domain
from typica.lab.trap_turns import COLUMNS, LEFT_OUT, Turn, row, rows_without, turns
from typica.lab.word_accuracy import EXACT, Comparison, difference


class Size(NamedTuple):
    """How much is decoded: the default takes some ten minutes on one core."""

    tunes: trap_tunes.Size = trap_tunes.SIZE
    words: trap_words.Size = trap_words.SIZE
    sounds: trap_sounds.Size = trap_sounds.SIZE
    accuracy: word_accuracy.Size = word_accuracy.SIZE
    controls: int = 2500  # sequences of each
    resamples: int = 1000


SIZE = Size()

Builder = Callable[[Bench, Size], Domain]

DOMAINS: tuple[Builder, ...] = (
    lambda bench, size: trap_tunes.tunes(bench.seed, size.tunes, bench.progress),
    lambda bench, size: trap_words.words(bench.seed, size.words, bench.progress),
    lambda bench, size: trap_sounds.sounds(bench.seed, size.sounds, bench.progress),
    lambda bench, size: trap_controls.coin(size.controls, bench.rng()),
    lambda bench, size: trap_controls.perfect_model(size.controls, bench.rng()),
    lambda bench, size: trap_controls.imperfect_model(size.controls, bench.rng()),
)
"""What is looked at: each builds a domain. Another domain is one more line."""


def study(bench: Bench, size: Size = SIZE) -> Study:
    """Decode in many ways, judge without humans, and find where quality turns."""
    domains = [build(bench, size) for build in DOMAINS]
    found: list[Turn] = []
    with bench.progress.task("where quality turns", total=len(domains), unit="domains") as task:
        for domain in domains:
            found += turns(domain, bench.rng, size.resamples)
            task.advance()
    comparison = word_accuracy.compare(bench.seed, size.accuracy, bench.progress)
    ceilings = [line for domain in domains for line in ceiling(domain)]
    told = [_told(domain, found, ceilings) for domain in domains]
    return Study(
        source="Musings on typicality, section 6; Zhang et al. 2020, arXiv 2004.10450",
        claim=(
            "Quality rises with likelihood up to an inflection point and then falls; it would be "
            "interesting to know whether that point is at the typical set (H0: d = 0)."
        ),
        finding=" ".join([*told, _width(comparison, bench)]),
        numbers=[_number(turn) for turn in _headlines(found)],
        tables=[
            _turns(found),
            _sensitivity(found),
            _ceiling(ceilings),
            _accuracy(comparison, bench, size),
            *(table for domain in domains for table in _ways(domain)),
        ],
        figure=trap_figure.figure(domains, found),
    )


def _headlines(found: Sequence[Turn]) -> list[Turn]:
    """Return what a verdict is given of: within clusters where there are such."""
    first: dict[tuple[str, str], Turn] = {}
    for turn in found:
        first.setdefault((turn.domain, turn.quality), turn)
    return list(first.values())


def _told(domain: Domain, found: Sequence[Turn], ceilings: Sequence[list]) -> str:
    """Tell what is known of a domain, quality by quality."""
    own = [turn for turn in _headlines(found) if turn.domain == domain.name]
    beaten = {line[1]: line[-1] for line in ceilings if line[0] == domain.name and line[-1]}
    levels = " within prompts or words" if domain.is_clustered else ""
    return f"{domain.name}{levels}: " + "; ".join(_about(turn, beaten) for turn in own) + "."


_MEANING = {
    "at 0": "H0 is not rejected",
    "below 0": "H0 is rejected for H1",
    "above 0": "H0 is rejected for H2",
}


def _about(turn: Turn, beaten: dict[str, str]) -> str:
    top = turn.cost
    if turn.verdict in _MEANING:
        said = (
            f"is highest at d = {top.place:.3f} [{top.low:.3f}, {top.high:.3f}] nats a "
            f"{turn.symbol}, below which {top.share:.1%} of the model's own samples lie: "
            f"{_MEANING[turn.verdict]}"
        )
    elif turn.verdict == "undetermined":
        hangs = f", for it hangs on {', '.join(turn.hangs_on[:2])}" if turn.hangs_on else ""
        hangs = hangs or (", for z says otherwise" if turn.is_contradicted else "")
        said = f"undetermined{hangs}"
    else:
        shapes = {"falls": "falls as cost rises: likeliest is best", "rises": "rises with cost"}
        said = f"{shapes.get(turn.verdict, 'levels off')}, so that no turning point is seen"
    if turn.quality in beaten:
        said += f" (no measure of what is real: {beaten[turn.quality]} does better than held out)"
    return f"{turn.quality} {said}"


def _width(comparison: Comparison, bench: Bench) -> str:
    widths = [one.way for one in comparison.results if one.way.startswith("beam")]
    right = {one.way: one.exact.mean() for one in comparison.results}
    least, low, high = difference(comparison, widths[-1], widths[0], bench.rng())
    return (
        f"On pronunciations {widths[-1]} is right {right[widths[-1]]:.1%} of the time and "
        f"{widths[0]} {right[widths[0]]:.1%}, a difference of {least:.1%} [{low:.1%}, {high:.1%}]; "
        f"the exact mode, proven for {comparison.proven:.0%} of the words, {right[EXACT]:.1%}."
    )


def _number(turn: Turn) -> Number:
    top = turn.cost
    return Number(
        f"{turn.domain}, {turn.quality}{turn.where}: highest at",
        top.place,
        exact=0.0 if turn.domain == "coin" else None,
        unit=f"nats a {turn.symbol}",
        remark=f"95 %: {top.low:.3f} to {top.high:.3f}; {turn.verdict}",
    )


def _turns(found: Sequence[Turn]) -> Table:
    return Table(
        "Where a spline through qualities is highest, with 95 % intervals of a bootstrap over "
        "prompts or words, their own samples and the knots: in nats per symbol above the entropy, "
        "in the martingale's z, and as the share of the model's own samples that cost less. A "
        "verdict is given only where the shape is a peak beyond doubt, and is undetermined where "
        "leaving out a single way of decoding changes it, or where z does not agree. "
        "Within: prompts and words have levels of their own; across, easy ones bend the curve, and "
        "nothing is decided there (in brackets). "
        "Beside it, where two straight lines meet if the first rises and the second falls: on a "
        "smooth hill that is not its top",
        COLUMNS,
        [row(turn) for turn in found],
    )


def _sensitivity(found: Sequence[Turn]) -> Table:
    return Table(
        "The same without one way of decoding at a time",
        LEFT_OUT,
        [line for turn in found for line in rows_without(turn)],
    )


def _ceiling(lines: Sequence[list]) -> Table:
    return Table(
        "Held-out sequences as ceiling: a quality that a way of decoding has more of, by more than "
        "two standard errors, does not measure how real a sequence is. Spread: standard deviation "
        "of held-out sequences",
        CEILING,
        lines,
    )


def _accuracy(comparison: Comparison, bench: Bench, size: Size) -> Table:
    return Table(
        f"Pronunciations of {size.accuracy.words} words as in the dictionary, once by each way, "
        f"with 95 % intervals over words. Most of the words were seen in the network's training",
        word_accuracy.COLUMNS,
        word_accuracy.rows(comparison, bench.rng),
    )


def _ways(domain: Domain) -> list[Table]:
    """Return where each way of decoding leads: how good that is, and what habits it has."""
    qualities, report = [], []
    epsilon = typical_width(domain.own)
    parts = [domain.pick(domain.way == way) for way in dict.fromkeys(domain.way)]
    for part in [*parts, *([domain.held_out] if domain.held_out else [])]:
        means = [float(values.mean()) for values in part.quality.values()]
        places = [float(part.d.mean()), float(part.z.mean())]
        qualities.append([part.way[0], len(part.way), *places, *means])
        if part.symbols:
            report.append(list(report_row(part.way[0], part.symbols, part.d, part.z, epsilon)))
    caption = f"{domain.name}: means by way of decoding. {domain.remark}"
    tables = [Table(caption, ["decoding", "count", "d", "z", *domain.quality], qualities)]
    if report:
        habits = f"{domain.name}: habits of each way; typical is |d| <= {epsilon:.3f}"
        tables.append(Table(habits, Row._fields, report))
    return tables
