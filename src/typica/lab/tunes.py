"""Folk tunes as text, a recurrent network that was trained on them, and the n-grams it must beat.

The tunes are those of three old books that music21 carries, one key and one metre each. A tenth of
them is held out, by a hash of their numbers; of these, tunes that share a quarter of themselves
with a tune to train on are left out altogether.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import ClassVar, Literal, NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.distributions import Categorical

from typica.core.condition import Condition
from typica.core.config import Config
from typica.core.kernels import kernels_home
from typica.core.model import AutoregressiveModel
from typica.core.progress import SILENT, Progress
from typica.core.randomness import seeded_globally
from typica.lab.ngrams import NGrams, nats_per_symbol
from typica.score.abc.books import BOOKS, read_book
from typica.score.abc.cleaning import Tune, clean_all
from typica.score.abc.copies import Collection, body
from typica.score.abc.tokens import Vocabulary, token_type
from typica.training.fit import fit

HELD_OUT, COPIED = 0.1, 0.25
HEADER = 3  # tokens: metre, unit, key
MOST_COUNTED = 6  # the longest n-grams that are tried


class Tunes(NamedTuple):
    """Tunes to train on and others.

    Attributes:
        train: Their tunes.
        held_out: Others, of which none is largely one of them.
        vocabulary: Of all.
    """

    train: list[Tune]
    held_out: list[Tune]
    vocabulary: Vocabulary

    def symbols(self, tunes: Sequence[Tune]) -> list[np.ndarray]:
        """Return tunes as the numbers of their tokens, the end among them."""
        end = [self.vocabulary.end]
        return [np.array(self.vocabulary.numbers(tune.tokens) + end) for tune in tunes]


@cache
def folk_tunes(books: tuple[str, ...] = tuple(BOOKS)) -> Tunes:
    """Read, clean and split the tunes of some books.

    Raises:
        MissingFeatureError: music21 is not installed.
    """
    tunes = [tune for book in books for tune in clean_all(read_book(book)).tunes if is_plain(tune)]
    train = [tune for tune in tunes if _place(tune) >= HELD_OUT]
    heard = Collection([tune.tokens for tune in train])

    def is_new(tune: Tune) -> bool:
        return heard.longest_copy(tune.tokens).length < COPIED * len(body(tune.tokens))

    held_out = [tune for tune in tunes if _place(tune) < HELD_OUT and is_new(tune)]
    known = (token for tune in train + held_out for token in tune.tokens)
    return Tunes(train, held_out, Vocabulary(known))


def is_plain(tune: Tune) -> bool:
    """Whether a tune has one metre, one unit and one key, all in its header."""
    kinds = [token_type(token) for token in tune.tokens]
    return kinds[:HEADER] == ["meter", "unit", "key"] and not {"meter", "unit", "key"} & {
        *kinds[HEADER:]
    }


def _place(tune: Tune) -> float:
    digest = hashlib.blake2b(f"{tune.book} {tune.number}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") / 2**64


@dataclass(frozen=True)
class TuneModelConfig(Config):
    """Size of the network.

    Attributes:
        symbols: How many tokens there are.
        start: Number of the token before a tune.
        end: Number of the token behind it.
        embedding: Numbers that stand for a token.
        hidden: Width of the recurrent layer.
        dropout: Share of its outputs that is left out in training.
    """

    symbols: int = 2
    start: int = 0
    end: int = 1
    embedding: int = 64
    hidden: int = 256
    dropout: float = 0.2


class TuneModel(AutoregressiveModel):
    """A long short-term memory over tokens of ABC.

    Source: after Sturm et al. 2016, https://arxiv.org/abs/1604.08723, with one layer for three.
    Examples are numbers of tokens, int64 (batch, length), filled with the end behind a tune.
    """

    config_type = TuneModelConfig
    example: ClassVar[Literal["audio", "image", "tokens"]] = "tokens"
    config: TuneModelConfig

    def __init__(self, config: TuneModelConfig) -> None:
        super().__init__(config)
        self.embed = nn.Embedding(config.symbols, config.embedding)
        self.layer = nn.LSTM(config.embedding, config.hidden, batch_first=True)
        self.head = nn.Linear(config.hidden, config.symbols)
        with torch.no_grad():  # what is kept is kept from the beginning
            self.get_parameter("layer.bias_ih_l0")[config.hidden : 2 * config.hidden] = 1.0

    @property
    def base_measure(self) -> str:
        """See `ExplicitModel.base_measure`."""
        return "tokens of ABC"

    @property
    def initial(self) -> int:
        """See `AutoregressiveModel.initial`."""
        return self.config.start

    @property
    def final(self) -> int | None:
        """See `AutoregressiveModel.final`."""
        return self.config.end

    def symbols(self, x: Tensor) -> Tensor:
        """Return the numbers of tokens as they are, (batch, length)."""
        return x

    def render(self, symbols: Tensor) -> Tensor:
        """Return the numbers of tokens as they are, (batch, length)."""
        return symbols

    def start(self, count: int, condition: Condition | None = None) -> tuple[Tensor, Tensor]:
        """Return output and cell of the layer, each (count, hidden): zero."""
        zeros = self.head.weight.new_zeros(count, self.config.hidden)
        return zeros, zeros

    def advance(
        self, previous: Tensor, state: tuple[Tensor, Tensor]
    ) -> tuple[Categorical, tuple[Tensor, Tensor]]:
        """See `AutoregressiveModel.advance`."""
        first = tuple(part[None].contiguous() for part in state)
        output, last = self.layer(self.embed(previous), first)
        output = F.dropout(output, self.config.dropout, self.training)
        log_probs = self.head(output).log_softmax(-1)
        return Categorical(logits=log_probs, validate_args=False), (last[0][0], last[1][0])


class Endless(TuneModel):
    """The same network where no tune may end: the end is left out and the rest adds up to one."""

    @property
    def final(self) -> None:
        """See `AutoregressiveModel.final`: there is none."""
        return

    def advance(
        self, previous: Tensor, state: tuple[Tensor, Tensor]
    ) -> tuple[Categorical, tuple[Tensor, Tensor]]:
        """See `AutoregressiveModel.advance`."""
        distribution, state = super().advance(previous, state)
        log_probs = distribution.logits.clone()
        log_probs[..., self.config.end] = -torch.inf
        return Categorical(logits=log_probs.log_softmax(-1), validate_args=False), state


def endless(model: TuneModel) -> Endless:
    """Return a network with the weights of another, of which no tune ends."""
    with seeded_globally(0):  # layers draw first weights, which are not used
        other = Endless(model.config)
    other.load_state_dict(model.state_dict())
    other.eval().requires_grad_(False)
    return other


class Recipe(NamedTuple):
    """How the network is trained: some three minutes on one core."""

    hidden: int = 256
    steps: int = 700
    batch: int = 32
    longest: int = 192  # tokens of a tune that are learnt from
    learning_rate: float = 6e-3
    average: float = 0.98


RECIPE = Recipe()


def trained(
    tunes: Tunes, recipe: Recipe = RECIPE, *, seed: int = 0, progress: Progress = SILENT
) -> TuneModel:
    """Return a network that was trained on tunes, in evaluation mode.

    Its weights are kept in the user's cache folder, by a hash of the tunes, the recipe and the
    seed, and taken from there the next time.
    """
    from safetensors.torch import save_file

    from typica.core.files import replacing

    place = weights_home() / f"tunes-{_digest(tunes, recipe, seed)}.safetensors"
    model = _new(tunes, recipe, seed)
    if _load(model, place):
        return model
    fitted = fit(
        model,
        {"tokens": _padded(tunes, recipe.longest)},
        steps=recipe.steps,
        batch=recipe.batch,
        learning_rate=recipe.learning_rate,
        average=recipe.average,
        seed=seed,
        progress=progress,
    )
    assert isinstance(fitted, TuneModel)
    with replacing(place) as aside:
        save_file(fitted.state_dict(), str(aside))
    return fitted


def weights_home() -> Path:
    """Return the folder of weights that the lab trained: $TYPICA_CACHE, or the user's cache."""
    return kernels_home().parent / "lab"


def _new(tunes: Tunes, recipe: Recipe, seed: int) -> TuneModel:
    vocabulary = tunes.vocabulary
    config = TuneModelConfig(
        len(vocabulary), vocabulary.start, vocabulary.end, hidden=recipe.hidden
    )
    with seeded_globally(seed):
        return TuneModel(config)


def _load(model: TuneModel, place: Path) -> bool:
    """Load weights, if they are there and whole; say whether they were."""
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        model.load_state_dict(load_file(str(place)))
    except (OSError, SafetensorError, RuntimeError):  # none yet, or damaged: they are made again
        return False
    model.eval().requires_grad_(False)
    return True


def _digest(tunes: Tunes, recipe: Recipe, seed: int) -> str:
    told = hashlib.blake2b(repr((recipe, seed)).encode(), digest_size=12)
    told.update(" ".join(tunes.vocabulary.tokens).encode())
    for tune in tunes.train:
        told.update(" ".join(tune.tokens).encode() + b"\0")
    return told.hexdigest()


def _padded(tunes: Tunes, longest: int) -> Tensor:
    """Return training tunes as rows of one length: cut, or filled with the end."""
    rows = np.full((len(tunes.train), longest), tunes.vocabulary.end)
    for row, symbols in zip(rows, tunes.symbols(tunes.train), strict=True):
        row[: len(symbols)] = symbols[:longest]
    return torch.from_numpy(rows)


@torch.no_grad()
def network_nats(model: TuneModel, sequences: Sequence[np.ndarray]) -> float:
    """Return what a network pays for sequences, in nats per token."""
    total = 0.0
    ordered = sorted(sequences, key=len)
    for begin in range(0, len(ordered), 32):
        some = ordered[begin : begin + 32]
        rows = np.full((len(some), len(some[-1])), model.config.end)
        for row, symbols in zip(rows, some, strict=True):
            row[: len(symbols)] = symbols
        total -= model.log_prob(torch.from_numpy(rows)).sum().item()
    return total / sum(map(len, sequences))


def ngram_nats(tunes: Tunes) -> dict[int, float]:
    """Return what n-grams of each order pay for the held-out tunes, in nats per token."""
    train, held_out = tunes.symbols(tunes.train), tunes.symbols(tunes.held_out)
    size = len(tunes.vocabulary)
    return {
        order: nats_per_symbol(NGrams(train, order, size), held_out)
        for order in range(1, MOST_COUNTED + 1)
    }
