import os

import pytest

from typica.core.errors import ConfigError
from typica.streaming import destination
from typica.streaming.destination import Destination
from typica.streaming.errors import StreamError
from typica.streaming.pipe import Pipe
from typica.streaming.recording import Recording, Segments


def sink(**asked):
    (one,) = Destination(**asked).sinks(length=None, served=False)
    return one


def test_a_name_says_where_it_goes(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "isatty", lambda _: False)
    folder = f"{tmp_path}/new/"

    assert isinstance(sink(out="a.wav"), Recording)
    assert isinstance(sink(out="-"), Pipe)
    assert isinstance(sink(out=str(tmp_path)), Segments)
    assert (sink(out=folder).seconds, sink(out=folder, segment_seconds=5).seconds) == (60, 5)
    assert sink(out="new", segment_seconds=5, format="flac").format == "flac"


def test_who_is_served_needs_no_sink():
    assert Destination().sinks(length=None, served=True) == []


def test_without_a_sound_card_it_says_what_else_there_is(monkeypatch):
    def none():
        raise StreamError("there is no sound card that plays: plug one in")

    monkeypatch.setattr(destination, "SoundCard", none)
    with pytest.raises(StreamError, match="plug one in; or give --http 127.0.0.1:8000 to listen"):
        sink()


def test_samples_are_not_poured_into_a_terminal(monkeypatch):
    monkeypatch.setattr(os, "isatty", lambda _: True)
    with pytest.raises(StreamError, match="standard output is a terminal"):
        sink(out="-")


@pytest.mark.parametrize(
    ("asked", "sentence"),
    [
        ({"out": "a.wav", "format": "wave"}, "no format 'wave': did you mean 'wav'"),
        ({"out": "a.wav", "format": "flac"}, "a.wav does not end as a flac file does"),
        ({"format": "flac"}, "--format is of files and pipes"),
        ({"segment_seconds": 5.0}, "--segment-seconds are of files: give -o FOLDER/"),
        ({"out": "-", "keep": 5}, "--keep are of files: give -o FOLDER/"),
        ({"out": "a.wav", "keep": 5}, "--keep is of segments"),
        ({"out": "new/", "format": "raw"}, "segments cannot be raw"),
    ],
)
def test_what_contradicts_itself_is_refused(asked, sentence):
    with pytest.raises(ConfigError, match=sentence):
        sink(**asked)
