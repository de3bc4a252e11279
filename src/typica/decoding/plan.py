"""Plans in words: a strategy for each symbol, or a decoder for whole sequences."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

from typica.core.errors import ConfigError, did_you_mean
from typica.core.strategy import Strategy
from typica.decoding.decoder import DECODERS, Decoder
from typica.decoding.reader import split_words, told
from typica.decoding.stages import STAGES
from typica.decoding.words import ALIASES, WITHOUT_NUMBERS, strategy_from

Plan: TypeAlias = Strategy | Decoder

SHORT = {"mbr": "minimum-bayes-risk"}
OPTIONS = {
    "top_k": "top-k",
    "top_p": "nucleus",
    "typical": "typical",
    "epsilon": "epsilon",
    "eta": "eta",
    "min_p": "min-p",
    "mirostat": "mirostat",
    "width": "beam",
}
"""What each number that an option of the command line carries belongs to."""


def plan_from(words: str = "ancestral", numbers: Mapping[str, float | None] | None = None) -> Plan:
    """Return the plan that words name.

    Args:
        words: A composition of stages, as `strategy_from` reads it; or one decoder with its
            numbers: "beam=8", "stochastic-beam", "exact=100000", "contrastive=5:0.6" (or
            "5:0.6:8000", which looks back on no more than 8000 symbols), "selective=-1:1",
            "global-temperature=0.9", "mbr=16".
        numbers: What options say, by their names in `OPTIONS`; None where one says nothing. They
            complete words that have no number, and add stages that no word names.

    Raises:
        ConfigError: A word is unknown, a number is missing, or they do not go together.
    """
    options = {name: value for name, value in (numbers or {}).items() if value is not None}
    parts = [_completed(part, options) for part in words.split(",")]
    first = parts[0][0]
    other = [*(name for name, _ in parts[1:]), *(OPTIONS[option] for option in options)]
    if first in DECODERS:
        if other:
            raise ConfigError(
                f"{first} is a way to whole sequences: {other[0]} does not go with it"
            )
        return told(first, DECODERS[first], parts[0][1])
    for option, value in options.items():
        if OPTIONS[option] in DECODERS:
            raise ConfigError(
                f"{option} {value} is for {OPTIONS[option]}, not for {first}: ask for strategy "
                f"{OPTIONS[option]}"
            )
    if first not in STAGES and first not in WITHOUT_NUMBERS:
        known = {*STAGES, *ALIASES, *WITHOUT_NUMBERS, *DECODERS, *SHORT}
        raise ConfigError(f"there is no strategy {first!r}: {did_you_mean(first, known)}")
    written = [_written(*part) for part in parts]
    if options and written == ["ancestral"]:
        written = []
    added = [_written(OPTIONS[option], [value]) for option, value in options.items()]
    return strategy_from(",".join(written + added))


def _completed(part: str, options: dict[str, float]) -> tuple[str, list[Any]]:
    """Return a part's name and numbers; those that an option says are taken from there."""
    name, numbers = split_words(part)
    name = SHORT.get(name, ALIASES.get(name, name))
    own = [option for option in options if OPTIONS[option] == name]
    if own and numbers:
        raise ConfigError(
            f"{name} is told twice, by {_written(name, numbers)} and by {own[0]} "
            f"{options[own[0]]}: leave one of them out"
        )
    return name, numbers or [options.pop(option) for option in own]


def _written(name: str, numbers: list[Any]) -> str:
    return name + "=" * bool(numbers) + ":".join(map(str, numbers))
