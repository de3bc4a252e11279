"""Every way of decoding by its words, against enumeration."""

import pytest
import torch
from enumerable import enumerate_sequences, random_model

from typica.core.engine import StepEngine
from typica.core.errors import ConfigError
from typica.core.randomness import seeded
from typica.decoding.decoder import DECODERS, Beam, Decoder, Selective, Wanted
from typica.decoding.plan import OPTIONS, plan_from

LENGTH = 4


def wanted(model, count=2, **more):
    return Wanted(StepEngine(model), count, LENGTH, generator=seeded(1), **more)


@pytest.fixture
def model():
    return random_model(3, levels=3, depth=LENGTH, ends=True)


@pytest.mark.parametrize("words", ["beam=81", "exact"])
def test_searches_by_words_find_the_most_likely(model, words):
    found = plan_from(words).decode(wanted(model)).generation
    every = enumerate_sequences(model, LENGTH)
    best = every.log_prob[:2]
    assert found.log_prob.allclose(best)


@pytest.mark.parametrize(
    "words",
    ["beam=4", "stochastic-beam", "exact", "selective=-5:5", "global-temperature=0.8:400", "mbr=9"],
)
def test_each_gives_as_many_as_are_wanted_with_their_likelihood(model, words):
    decoded = plan_from(words).decode(wanted(model))
    found = decoded.generation
    assert len(found) == 2
    assert model.log_prob(found.symbols).allclose(found.log_prob)
    assert decoded.note


def test_words_are_read_back():
    for words in (
        "beam=5",
        "stochastic-beam",
        "exact=100",
        "contrastive=4:0.5",
        "contrastive=4:0.5:100",
        "selective=-1:1:9",
        "selective=-0.123456789:1",
        "exact=1000000",
    ):
        plan = plan_from(words)
        assert isinstance(plan, Decoder)
        assert plan_from(str(plan)) == plan
    assert str(plan_from("contrastive=4")) == "contrastive=4:0.6"
    assert str(plan_from("selective=-2:0.5")) == "selective=-2:0.5:1000"


def test_options_complete_words_and_add_stages():
    assert str(plan_from("nucleus", {"top_p": 0.9, "top_k": None})) == "nucleus=0.9"
    assert str(plan_from("typical=0.5", {"top_k": 7})) == "typical=0.5,top-k=7"
    assert str(plan_from(numbers={"top_k": 7, "top_p": 0.9})) == "top-k=7,nucleus=0.9"
    assert plan_from("beam", {"width": 5}) == Beam(5)
    assert plan_from("top_p", {"top_p": 0.9}) == plan_from("nucleus=0.9")
    assert plan_from("beam", {"width": 1_000_000}) == Beam(1_000_000)
    for name, value in (("top_p", 0.99999999), ("epsilon", 1.23456789e-4), ("top_k", 1234567)):
        assert plan_from(numbers={name: value}).stages[0].values == (value,)
    assert set(OPTIONS.values()) <= {*DECODERS, "top-k", "nucleus", "typical", "epsilon", "eta"} | {
        "min-p",
        "mirostat",
    }


@pytest.mark.parametrize(
    ("words", "numbers", "reason"),
    [
        ("nuclaus=0.9", {}, "did you mean 'nucleus'"),
        ("beam=8,top-k=3", {}, "top-k does not go with it"),
        ("beam=8", {"top_p": 0.9}, "nucleus does not go with it"),
        ("top-k=3", {"width": 8}, "width 8 is for beam, not for top-k: ask for strategy beam"),
        ("beam=0", {}, "width must be a whole number of at least 1, got 0"),
        ("beam=2.5", {}, "whole number"),
        ("contrastive=5:0.6:0", {}, "window must be a whole number of at least 1, got 0"),
        ("beam=x", {}, "beam takes a number, got 'x'"),
        (
            "ancestral",
            {"width": 4},
            "width 4 is for beam, not for ancestral: ask for strategy beam",
        ),
        ("beam=8", {"width": 4}, "beam is told twice, by beam=8 and by width 4"),
        ("beam=", {}, "beam takes a number, got ''"),
        ("stochastic-beam=3", {}, "stochastic-beam takes no number, got 3"),
        ("ancestral=5", {}, "ancestral takes no number, got 5"),
        ("", {}, "there is no strategy ''"),
        ("global-temperature", {}, "takes 1 to 2 numbers"),
        ("selective=1:-1", {}, "low < high"),
    ],
)
def test_what_does_not_go_together_is_refused(model, words, numbers, reason):
    with pytest.raises(ConfigError, match=reason):
        plan_from(words, numbers).decode(wanted(model))


def test_searches_take_no_temperature(model):
    with pytest.raises(ConfigError, match="temperature must be 1, got 0.5"):
        Beam(3).decode(wanted(model, temperature=0.5))


def test_a_band_that_is_not_filled_is_an_error(model):
    with pytest.raises(ConfigError, match="3 are wanted"):
        Selective(-1, 1, 2).decode(wanted(model, count=3))


def test_minimum_bayes_risk_chooses_the_middle_of_what_was_drawn():
    sure = torch.tensor([0.02, 0.96, 0.02]).log()
    model = random_model(1, levels=3, depth=LENGTH)
    model.log_probs.data[:] = sure
    found = plan_from("mbr=30").decode(wanted(model, count=1)).generation
    assert found.symbols.tolist() == [[1] * LENGTH]
