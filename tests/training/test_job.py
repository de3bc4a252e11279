import re

import pytest
import torch
from toy_training import chords

from typica.core.errors import ConfigError, DataError
from typica.training.job import describe

TINY = {
    "model": {"stacks": 1, "layers": 3, "channels": 4, "gate": 4, "skip": 4, "head": [4]},
    "data": {"crop": 64, "batch": 2},
}


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    return chords(tmp_path_factory.mktemp("data"))


def job(corpus, model=None, **tables):
    tables = TINY | tables | {"model": TINY["model"] | (model or {})}
    return describe("wavenet", "none", tables, corpus)


def test_initial_weights_depend_on_the_seed_alone(corpus):
    torch.manual_seed(3)
    one, other = job(corpus), job(corpus)
    seeded = job(corpus, training={"seed": 1})
    weight = "input.tables.0.weight"

    assert torch.equal(one.model.state_dict()[weight], other.model.state_dict()[weight])
    assert not torch.equal(one.model.state_dict()[weight], seeded.model.state_dict()[weight])
    assert torch.initial_seed() == 3


def test_a_model_is_told_what_the_corpus_holds(corpus):
    told = {"labels": 2, "local": "roll", "local_channels": 4, "hop": 80}

    batch = job(corpus, told).crops("train").batch(0)

    assert batch["condition"].keys() == {"label", "roll"}
    assert batch["condition"]["roll"].values.shape[:2] == (2, 4)


def test_an_early_sample_is_told_what_a_held_out_recording_is(corpus):
    condition = job(corpus, {"labels": 2}).condition(800)

    assert condition["label"].values.tolist() == [corpus.recordings("valid")[0].label]


def test_a_condition_of_another_shape_is_refused_with_the_settings_that_fit(corpus):
    sentence = (
        "chords has a 'roll' of 4 channels with 80 samples a frame, and the model takes a 'roll' "
        "of 128 channels with 64 samples a frame: --set model.local_channels=4 --set model.hop=80"
    )
    with pytest.raises(ConfigError, match=re.escape(sentence)):
        job(corpus, {"local": "roll", "local_channels": 128, "hop": 64})
    with pytest.raises(ConfigError, match=r"takes 5 classes of 'label': --set model.labels=2$"):
        job(corpus, {"labels": 5})


def test_a_condition_that_the_corpus_lacks_is_refused(corpus):
    with pytest.raises(ConfigError, match="must be told 'mel' and chords holds label, roll"):
        job(corpus, {"local": "mel", "local_channels": 4, "hop": 80})


def test_a_corpus_at_another_rate_than_the_presets_is_refused(corpus):
    sentence = (
        "chords is at 8000 Hz and these settings are made for 16000 Hz: prepare it again with "
        "--rate 16000, or train at its own rate with --set data.rate=8000"
    )
    with pytest.raises(ConfigError, match=re.escape(sentence)):
        job(corpus, data={"rate": 16000})


def test_a_crop_longer_than_every_recording_is_refused(corpus):
    sentence = (
        "a crop of 9000 samples is longer than every recording of chords, whose longest has "
        "8000: --set data.crop=8000"
    )
    with pytest.raises(DataError, match=re.escape(sentence)):
        job(corpus, data={"crop": 9000})


def test_a_setting_of_another_phase_is_refused(corpus):
    with pytest.raises(ConfigError, match="no table 'critic': choose from data, likelihood"):
        job(corpus, critic={"learning_rate": 1.0})
