"""The small WaveNet of the lab, and the three studies that stand on it."""

import numpy as np
import pytest

from typica.lab import sounds as subject
from typica.lab.sounds import KINDS, sounds


def test_sounds_are_what_their_kinds_say():
    clips = sounds(60, 1024, np.random.default_rng(0))
    audio, kind = clips.audio[:, 0].numpy(), clips.kind.numpy()

    assert abs(audio).max(1).min() > 0.04  # no clip is silent throughout
    assert clips.audio.shape == (60, 1, 1024)
    assert abs(audio).max() <= 1
    assert (audio[kind == KINDS.index("pause")] == 0).all()
    rises = {
        name: np.abs(np.diff(audio))[(kind == number)[:, 1:]].mean()
        / np.abs(audio[kind == number]).mean()
        for number, name in enumerate(KINDS[:2])
    }
    assert rises["noise"] > 2 * rises["tone"]  # a tone goes on as it was


@pytest.mark.slow
def test_the_studies_of_sounds_show_what_they_claim(tmp_path, monkeypatch):
    from typica.lab.study import perform

    silence, _ = perform("silence_in_audio", tmp_path)
    greedy, _ = perform("greedy_wavenet", tmp_path)
    muffled, _ = perform("muffled_noise", tmp_path)

    bits = {number.name: number.value for number in silence.numbers}
    assert bits["digital silence"] < 0.2 * bits["sounds like those heard"]
    assert bits["sounds like those heard"] < bits["white noise"] < bits["uniform levels"]
    assert greedy.numbers[0].value == 1
    assert muffled.numbers[0].value < -0.5
    assert subject.heard.cache_info().misses == 1
