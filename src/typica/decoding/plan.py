"""Plans in words: a strategy for each symbol, or a decoder for whole sequences."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, fields
from typing import Any, TypeAlias

from typica.core.errors import ConfigError, did_you_mean
from typica.core.strategy import Strategy
from typica.decoding.decoder import DECODERS, Decoder
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
    "samples": "minimum-bayes-risk",
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
    told = {OPTIONS[name]: value for name, value in (numbers or {}).items() if value is not None}
    names = [_completed(part, told) for part in words.split(",")]
    first = names[0].partition("=")[0]
    if first in DECODERS:
        if len(names) > 1 or told:
            other = names[1] if len(names) > 1 else next(iter(told))
            raise ConfigError(f"{first} is a way to whole sequences: {other} does not go with it")
        return _decoder(names[0])
    unused = [f"{name}={value:g}" for name, value in told.items()]
    if any(name in DECODERS for name in told):
        raise ConfigError(f"{first} does not go with {', '.join(unused)}")
    if unused and names == ["ancestral"]:
        names = []
    return strategy_from(",".join(names + unused)) if _known(first) else _refuse(first)


def _completed(part: str, told: dict[str, float]) -> str:
    """Return a part with its number, which is taken out of `told` where it stands there."""
    name, is_told, number = (text.strip() for text in part.partition("="))
    name = name.lower().replace("_", "-")
    name = SHORT.get(name, ALIASES.get(name, name))
    if not is_told and name in told:
        return f"{name}={told.pop(name):g}"
    return f"{name}{is_told}{number}"


def _known(name: str) -> bool:
    return name in STAGES or name in WITHOUT_NUMBERS


def _refuse(name: str) -> Plan:
    known = {*STAGES, *ALIASES, *WITHOUT_NUMBERS, *DECODERS, *SHORT}
    raise ConfigError(f"there is no strategy {name!r}: {did_you_mean(name, known)}")


def _decoder(words: str) -> Decoder:
    name, _, told = words.partition("=")
    kind = DECODERS[name]
    settings: Any = fields(kind)  # type: ignore[arg-type]
    needed = sum(setting.default is MISSING for setting in settings)
    texts = told.split(":") if told else []
    if not needed <= len(texts) <= len(settings):
        names = ":".join(setting.name.upper() for setting in settings)
        raise ConfigError(f"{name} takes {needed} to {len(settings)} numbers, as in {name}={names}")
    try:
        values = [_number(text) for text in texts]
    except ValueError as error:
        raise ConfigError(f"{name} takes numbers, got {told!r}") from error
    return kind(*values)


def _number(text: str) -> float:
    try:
        return int(text)
    except ValueError:
        return float(text)
