import sys
from types import SimpleNamespace

import numpy as np
import pytest

from typica.core.errors import MissingFeatureError
from typica.streaming.errors import StreamError
from typica.streaming.sink import Outlet
from typica.streaming.sound_card import SoundCard


class PortAudioError(Exception):
    pass


class OutputStream:
    """A sound card that keeps what it is given, and says of the second block that it is late."""

    played: list = []

    def __init__(self, samplerate, channels, dtype, latency):
        self.rate = samplerate

    def __enter__(self):
        self.played.clear()
        return self

    def __exit__(self, *_):
        pass

    def write(self, audio):
        assert audio.shape[1:] == (1,)
        self.played.append(audio[:, 0])
        return len(self.played) == 2


@pytest.fixture
def library(monkeypatch):
    """A stand-in for sounddevice."""
    fake = SimpleNamespace(
        PortAudioError=PortAudioError,
        OutputStream=OutputStream,
        query_devices=lambda kind: {"default_samplerate": 16000.0},
        check_output_settings=lambda **_: None,
    )
    monkeypatch.setitem(sys.modules, "sounddevice", fake)
    return fake


def played(one):
    outlet = Outlet(SoundCard(), one, patience="wait")
    one.start()
    outlet.finished.wait(10)
    return outlet


def refuse(*_, **__):
    raise PortAudioError("no such thing")


def test_it_plays_every_sample_and_counts_when_it_ran_dry(broadcast, perform, ramp_codes, library):
    outlet = played(broadcast(perform(10)))

    assert outlet.error is None
    assert outlet.listener.underruns == 1
    codes = np.concatenate(OutputStream.played) * 32768
    np.testing.assert_array_equal(codes, ramp_codes(0, 10 * 400))


def test_a_rate_that_it_does_not_take_is_changed(broadcast, perform, library):
    library.check_output_settings = refuse
    assert played(broadcast(perform(10))).error is None
    assert len(np.concatenate(OutputStream.played)) == 2 * 10 * 400


def test_a_card_that_breaks_is_one_sentence(broadcast, perform, library):
    library.OutputStream = refuse
    error = played(broadcast(perform(10))).error
    assert str(error) == "the sound card does not play: no such thing"


def test_a_machine_without_one_says_so(library):
    library.query_devices = refuse
    with pytest.raises(StreamError, match="there is no sound card that plays"):
        SoundCard()


def test_a_missing_package_names_its_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "sounddevice", None)
    with pytest.raises(MissingFeatureError, match=r"pip install 'typica\[play\]'"):
        SoundCard()
