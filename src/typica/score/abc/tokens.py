"""Tokens of ABC: the pieces of a tune that a model reads and writes one by one.

A tune is `<s> M:6/8 L:1/8 K:Dmaj |: d e f ... :| </s>`: what stands in its header, then bars.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import cached_property

from typica.core.errors import DataError, did_you_mean

START, END = "<s>", "</s>"

# The order matters: the first alternative that matches is taken.
_PATTERNS = {
    "transcription": r"</?s>",
    "meter": r"M:\S+",
    "unit": r"L:\d+/\d+",
    "key": r"K:\S+",
    "measure": r"::|:\|\d?|\|[\d:|\]]?|\[\|",
    "grouping": r"\(\d(?::\d?){0,2}|\[|\]",
    "pitch": r"[\^=_]*[A-Ga-g][,']*|z",
    "duration": r"\d*/\d+|\d+|<+|>+",
}
TYPES = tuple(_PATTERNS)
"""What tokens there are: each is of exactly one type. A rest is a pitch, a chord's bracket groups,
and a broken rhythm, `>` or `<`, is a duration."""

_TOKEN = re.compile("|".join(f"(?P<{name}>{pattern})" for name, pattern in _PATTERNS.items()))


def tokenise(text: str) -> list[str]:
    """Cut ABC into tokens. Blanks and lines between them are of no account.

    Args:
        text: Cleaned ABC (`typica.score.abc.cleaning`), or what `detokenise` returned.

    Raises:
        DataError: Something is no token; the message says what and where.
    """
    tokens = []
    for word in re.finditer(r"\S+", text):
        place = word.start()
        while place < word.end():
            match = _TOKEN.match(text, place, word.end())
            if match is None:
                around = text[max(0, place - 10) : place + 10]
                raise DataError(
                    f"{text[place]!r} at character {place} is no token of ABC (in {around!r}): "
                    f"clean the tune first"
                )
            tokens.append(match.group())
            place = match.end()
    return tokens


def detokenise(tokens: Iterable[str]) -> str:
    """Return tokens as text, a blank between them; `tokenise` takes it apart again."""
    return " ".join(tokens)


def token_type(token: str) -> str:
    """Return which of `TYPES` a token is.

    Raises:
        DataError: It is none.
    """
    match = _TOKEN.fullmatch(token)
    if match is None or match.lastgroup is None:
        raise DataError(f"{token!r} is no token of ABC")
    return match.lastgroup


class Vocabulary:
    """The tokens that a model knows, in alphabetical order, each with its number.

    Args:
        tokens: As many as there are; repetitions are of no account. The two that begin and end a
            tune are always there.
    """

    def __init__(self, tokens: Iterable[str]) -> None:
        self.tokens = tuple(sorted({START, END, *tokens}))
        self.start, self.end = self._number[START], self._number[END]

    def __len__(self) -> int:
        return len(self.tokens)

    @cached_property
    def _number(self) -> dict[str, int]:
        return {token: number for number, token in enumerate(self.tokens)}

    @cached_property
    def types(self) -> tuple[str, ...]:
        """The type of each token."""
        return tuple(token_type(token) for token in self.tokens)

    def numbers(self, tokens: Iterable[str]) -> list[int]:
        """Return the number of each token.

        Raises:
            DataError: One is not in the vocabulary.
        """
        try:
            return [self._number[token] for token in tokens]
        except KeyError as error:
            missing = str(error.args[0])
            hint = did_you_mean(missing, self.tokens)
            raise DataError(f"the vocabulary has no token {missing!r}: {hint}") from None

    def words(self, numbers: Sequence[int]) -> list[str]:
        """Return the token of each number, up to the end of the tune, which is left out."""
        tokens = [self.tokens[number] for number in numbers]
        return tokens[: tokens.index(END)] if END in tokens else tokens
