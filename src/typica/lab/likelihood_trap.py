"""The likelihood trap: the likelihood at which quality turns, and whether it is the typical set."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from typica.lab import (
    trap_controls,
    trap_figure,
    trap_sounds,
    trap_tunes,
    trap_words,
    word_accuracy,
)
from typica.lab.study import Bench, Number, Study, Table
from typica.lab.trap_domain import Domain
from typica.lab.trap_turns import COLUMNS, Turn, row, turns
from typica.lab.word_accuracy import EXACT, Comparison, difference


class Size(NamedTuple):
    """How much is decoded: the default takes some ten minutes on one core."""

    tunes: trap_tunes.Size = trap_tunes.SIZE
    words: trap_words.Size = trap_words.SIZE
    sounds: trap_sounds.Size = trap_sounds.SIZE
    accuracy: word_accuracy.Size = word_accuracy.SIZE
    controls: int = 2000  # sequences of each
    resamples: int = 1000


SIZE = Size()

Builder = Callable[[Bench, Size], Domain]

DOMAINS: tuple[Builder, ...] = (
    lambda bench, size: trap_tunes.tunes(bench.seed, size.tunes, bench.progress),
    lambda bench, size: trap_words.words(bench.seed, size.words, bench.progress),
    lambda bench, size: trap_sounds.sounds(bench.seed, size.sounds, bench.progress),
    lambda bench, size: trap_controls.coin(size.controls, bench.rng()),
    lambda bench, size: trap_controls.perfect_model(size.controls, bench.rng()),
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
    return Study(
        source="Musings on typicality, section 6; Zhang et al. 2020, arXiv 2004.10450",
        claim=(
            "Quality rises with likelihood up to an inflection point and then falls; it would be "
            "interesting to know whether that point is at the typical set (H0: d = 0)."
        ),
        finding=" ".join(
            [*map(_told, _headlines(found)), _parts(found), _width(comparison, bench)]
        ),
        numbers=[_number(turn) for turn in _headlines(found)],
        tables=[_turns(found), _accuracy(comparison, bench, size), *map(_ways, domains)],
        figure=trap_figure.figure(domains, found),
    )


def _headlines(found: Sequence[Turn]) -> list[Turn]:
    """Return the first quality of each domain, across its clusters and within them."""
    first: dict[tuple[str, bool], Turn] = {}
    for turn in found:
        first.setdefault((turn.domain, turn.cost.within), turn)
    return list(first.values())


def _told(turn: Turn) -> str:
    what = f"{turn.domain}, {turn.quality}{turn.where}:"
    if not turn.cost.exists:
        return f"{what} no turning point ({turn.cost.peaks:.0%} of the bootstrap's fits have one)."
    hypothesis = {"at 0": "H0 stands", "below 0": "H0 is rejected for H1"}
    verdict = hypothesis.get(turn.cost.verdict, "H0 is rejected for H2")
    return (
        f"{what} quality turns at d = {turn.cost.place:.3f} [{turn.cost.low:.3f}, "
        f"{turn.cost.high:.3f}] nats a {turn.symbol}, below which {turn.share:.1%} of the model's "
        f"own samples lie: {verdict}."
    )


def _parts(found: Sequence[Turn]) -> str:
    """Tell which of the other proxies turn, of the first domain, whose first is their mean."""
    own = [turn for turn in found if turn.domain == found[0].domain and turn.cost.within]
    turning = [turn.quality for turn in own[1:] if turn.cost.exists]
    others = [turn.quality for turn in own[1:] if not turn.cost.exists]
    return (
        f"Of the single proxies of {found[0].domain}, these turn: {', '.join(turning) or 'none'}; "
        f"these do not: {', '.join(others) or 'none'}."
    )


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
    what = f"{turn.domain}, {turn.quality}{turn.where}"
    if not turn.cost.exists:
        remark = "below 95 % there is no turning point"
        return Number(f"{what}: share of fits with a peak", turn.cost.peaks, remark=remark)
    places = turn.cost.fits.place[turn.cost.fits.is_peak]
    return Number(
        f"{what}: turning point",
        turn.cost.place,
        exact=0.0 if turn.domain == "coin" else None,
        error=float(places.std()),
        unit=f"nats a {turn.symbol}",
    )


def _turns(found: Sequence[Turn]) -> Table:
    return Table(
        "Where quality turns, with 95 % intervals of a bootstrap over prompts or words: in nats "
        "per symbol above the entropy, in the martingale's z, and as the share of the model's own "
        "samples that cost less. Peaks: share of the bootstrap's fits that rise and then fall; "
        "below 95 % there is no turning point. Within: prompts and words have levels of their own, "
        "so that easy words, which have little entropy, do not bend the lines. Top: where a cubic "
        "spline is highest, a check on the two lines",
        COLUMNS,
        [row(turn) for turn in found],
    )


def _accuracy(comparison: Comparison, bench: Bench, size: Size) -> Table:
    return Table(
        f"Pronunciations of {size.accuracy.words} words as in the dictionary, once by each way, "
        f"with 95 % intervals over words. Most of the words were seen in the network's training",
        word_accuracy.COLUMNS,
        word_accuracy.rows(comparison, bench.rng),
    )


def _ways(domain: Domain) -> Table:
    """Return where each way of decoding leads, and how good that is."""
    rows = []
    for way in dict.fromkeys(domain.way):
        some = domain.way == way
        means = [float(values[some].mean()) for values in domain.quality.values()]
        place = [float(domain.d[some].mean()), float(domain.z[some].mean())]
        rows.append([way, int(some.sum()), *place, *means])
    caption = f"{domain.name}: means by way of decoding. {domain.remark}"
    return Table(caption, ["decoding", "count", "d", "z", *domain.quality], rows)
