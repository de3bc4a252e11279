"""Accounts of models that see the same data through different representations.

A model of codes reports log p(z). It compares with one that reports log p(x) once the decoder's
term, log p(x | z), is added, and both are divided by the same number of original symbols: never by
the number of tokens.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from typica.core.errors import ConfigError, DataError


def bits_per_byte(log_prob: float, text: bytes) -> float:
    """Return the bits that a log-probability of a text, in nats, is for each of its bytes.

    Raises:
        DataError: It is a string, whose length counts no bytes, or holds nothing.
    """
    if not isinstance(text, bytes) or not text:
        raise DataError(
            f"bits are counted by bytes: encode the {type(text).__name__}, of 1 or more"
        )
    return _bits(log_prob, len(text))


def bits_per_second(log_prob: float, seconds: float) -> float:
    """Return the bits that a log-probability of music, in nats, is for each of its seconds.

    Raises:
        DataError: The duration is not positive.
    """
    if not seconds > 0:
        raise DataError(f"bits a second need a duration above 0 s: got {seconds}")
    return _bits(log_prob, seconds)


@dataclass(frozen=True)
class Account:
    """What a model pays for a data set.

    Attributes:
        name: The model's.
        log_prob_code: log p(z) of the whole set, in nats.
        log_prob_rest: log p(x | z) of the whole set, in nats: 0 where nothing is lost, None where
            it is not available, as of learnt codes. Priors over the same learnt codes compare as
            models of those codes: `measure` then names the codes, and nothing is lost.
        symbols: How many original symbols the set has.
        symbol: What they are, as in "byte", "pixel value" or "second".
        measure: The base measure of the originals, as in "8-bit levels".
        figures: Further columns, such as the AUROC of typicality in either space, or seconds.

    Raises:
        DataError: The number of symbols is not positive, or a probability is not a number.
    """

    name: str
    log_prob_code: float
    log_prob_rest: float | None
    symbols: float
    symbol: str
    measure: str
    figures: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.symbols > 0:
            raise DataError(f"the account of {self.name} needs symbols above 0: got {self.symbols}")
        terms = [self.log_prob_code, 0.0 if self.log_prob_rest is None else self.log_prob_rest]
        if any(math.isnan(term) for term in terms):
            raise DataError(f"the account of {self.name} holds a log-probability that is NaN")

    @property
    def code_bits(self) -> float:
        """Bits of the code, for each original symbol."""
        return _bits(self.log_prob_code, self.symbols)

    @property
    def rest_bits(self) -> float | None:
        """Bits of the original given the code, for each original symbol; None if not available."""
        return None if self.log_prob_rest is None else _bits(self.log_prob_rest, self.symbols)

    @property
    def total_bits(self) -> float | None:
        """Bits of the original, for each of its symbols; None if not available."""
        return None if self.rest_bits is None else self.code_bits + self.rest_bits


@dataclass(frozen=True)
class Report:
    """Accounts of one data set, side by side.

    Raises:
        ConfigError: They count different symbols, or are of different base measures.
    """

    accounts: Sequence[Account]

    def __post_init__(self) -> None:
        data = {(one.measure, one.symbol, one.symbols) for one in self.accounts}
        if len(data) > 1:
            told = "; ".join(
                f"{count:g} x {symbol} of {measure}" for measure, symbol, count in data
            )
            raise ConfigError(f"a report is of one data set and one base measure: got {told}")

    def ranking(self, by: Literal["total", "code"] = "total") -> list[str]:
        """Name the models, the one that pays least first.

        By code, only models whose rest is known to be the same: their totals then differ alike.

        Raises:
            ConfigError: By code, where the terms of the rest differ.
            DataError: The rest of a model is not available.
        """
        unknown = [one.name for one in self.accounts if one.log_prob_rest is None]
        if unknown:
            raise DataError(
                f"cannot rank {', '.join(unknown)}: log p(x | z) is not available, and bits of "
                f"codes alone are not bits of the data"
            )
        if by == "code" and not self._rests_agree():
            raise ConfigError(
                "models whose codes leave out different amounts are not ranked by their codes: "
                "rank them by their totals"
            )
        return [one.name for one in sorted(self.accounts, key=lambda one: one.total_bits or 0.0)]

    def _rests_agree(self) -> bool:
        rests = [one.rest_bits or 0.0 for one in self.accounts]
        return math.isclose(min(rests), max(rests), rel_tol=1e-9, abs_tol=1e-12)

    def __str__(self) -> str:
        """Return the table: bits of the code, of the rest and in all, for each original symbol."""
        if not self.accounts:
            return "no accounts"
        first = self.accounts[0]
        extra = list(dict.fromkeys(name for one in self.accounts for name in one.figures))
        lines = [["model", "bits(z)", "bits(x|z)", "total", *extra]]
        for one in self.accounts:
            terms = [one.code_bits, one.rest_bits, one.total_bits]
            terms += [one.figures.get(name) for name in extra]
            lines.append([one.name, *("not available" if t is None else f"{t:.4f}" for t in terms)])
        widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
        rows = ("  ".join(map(str.rjust, line, widths)) for line in lines)
        return "\n".join([f"bits for each {first.symbol}, {first.measure}", *rows])


def _bits(log_prob: float, count: float) -> float:
    # Nothing lost is 0, not the -0 that a sign before it makes.
    return 0.0 - log_prob / (count * math.log(2))
