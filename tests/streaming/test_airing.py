import json
import threading
import time
import urllib.request

import pytest
import soundfile

pytest.importorskip("starlette")
pytest.importorskip("uvicorn")
pytest.importorskip("websockets")

from typica.streaming.airing import Airing, speed  # noqa: E402
from typica.streaming.errors import StreamError  # noqa: E402
from typica.streaming.recording import Recording, Segments  # noqa: E402
from typica.streaming.server import listen  # noqa: E402
from typica.streaming.sink import Sink  # noqa: E402


@pytest.fixture
def said():
    return []


@pytest.fixture
def air(said):
    def air(performance, sinks=(), stop=lambda: False, **settings):
        return Airing(performance, sinks, say=said.append, **settings).run(stop)

    return air


class Picky(Sink):
    """Has had enough after a block, or breaks."""

    name = "picky"

    def __init__(self, error=None):
        self.error = error

    def play(self, listener, rate):
        listener.wait()
        if self.error:
            raise self.error


def test_a_performance_is_heard_to_its_end(air, perform, tmp_path):
    aired = air(perform(60), [Recording(tmp_path / "a.wav"), Segments(tmp_path / "b", 1)])

    assert aired.seconds == 3.0
    assert aired.errors == []
    assert soundfile.info(tmp_path / "a.wav").frames == 60 * 400
    assert len(list((tmp_path / "b").iterdir())) == 3


def test_it_ends_when_no_sink_is_left(air, perform):
    aired = air(perform(slowness_s=0.01), [Picky(), Picky()])
    assert aired.errors == []
    assert aired.seconds < 60


def test_asked_to_stop_it_leaves_whole_files(air, perform, tmp_path):
    asked = threading.Event()
    threading.Timer(0.3, asked.set).start()

    aired = air(perform(slowness_s=0.01), [Recording(tmp_path / "a.wav")], asked.is_set)

    written = soundfile.info(tmp_path / "a.wav").duration
    assert written == pytest.approx(aired.seconds, abs=0.051)  # a block was in the making


def test_it_tells_how_far_what_it_went_to_has_come(air, perform, tmp_path):
    class Early(Sink):
        name = "early"

        def play(self, listener, rate):
            for _ in range(5):
                listener.wait()

    assert air(perform(60), [Early()]).heard == 5 * 400
    assert air(perform(60), [Recording(tmp_path / "a.wav")], length=1234).heard == 1234
    assert air(perform(10), http=listen("127.0.0.1:0")).heard == 10 * 400
    broken = perform(10, error=StreamError("gone"))
    assert air(broken, [Recording(tmp_path / "b.wav")]).heard is None


def test_a_generation_that_takes_long_is_waited_for_where_it_is_to_end(air, perform, monkeypatch):
    monkeypatch.setattr("typica.streaming.airing.FAREWELL_S", 0.05)
    left, kept = perform(slowness_s=0.5), perform(slowness_s=0.5)

    Airing(left, [Picky()], say=print).run(lambda: True)
    was_left = not left.closed
    Airing(kept, [Picky()], say=print).run(lambda: True, to_the_end=True)

    assert was_left
    assert kept.closed


class Speaker(Sink):
    """Plays a block in a twentieth of a second, and counts them."""

    name, live, played = "speaker", True, 0

    def play(self, listener, rate):
        while listener.wait():
            self.played += 1
            time.sleep(0.05)


def test_asked_to_stop_a_speaker_falls_silent_though_its_buffer_is_full(air, perform):
    speaker, asked = Speaker(), threading.Event()
    threading.Timer(0.3, asked.set).start()

    aired = air(perform(), [speaker], asked.is_set)

    assert aired.metrics["blocks"] > 60
    assert speaker.played < 20


def test_what_broke_is_told_and_what_was_heard_before_is_kept(air, perform, tmp_path):
    performance = perform(10, error=StreamError("the model is gone"))
    aired = air(performance, [Recording(tmp_path / "a.wav")])

    assert [str(error) for error in aired.errors] == ["the model is gone"]
    assert soundfile.info(tmp_path / "a.wav").frames == 4000
    assert aired.report()["errors"] == ["the model is gone"]


def test_a_sink_that_breaks_stops_no_one_else(air, perform, said, tmp_path):
    sinks = [Picky(StreamError("no more room")), Recording(tmp_path / "a.wav")]

    aired = air(perform(60), sinks, http=listen("127.0.0.1:0"))

    assert [str(error) for error in aired.errors] == ["no more room"]
    assert soundfile.info(tmp_path / "a.wav").frames == 60 * 400
    assert any("sink: no more room" in sentence for sentence in said)


def test_it_says_where_how_fast_and_what_happens(air, perform, said):
    event = {"at": 8000, "kind": "loop", "text": "It went round in a circle."}
    performance = perform(100, events={20: [event]}, reading={"level": -20.0})
    states = []

    def look():
        if not states and said and "listen at" in said[0]:
            with urllib.request.urlopen(f"{said[0].split()[-1]}/state", timeout=5) as answer:
                states.append(json.load(answer))
        return False

    aired = air(performance, http=listen("127.0.0.1:0"), stop=look, title="demo", engine="by hand")

    assert said[0].startswith("listen at http://127.0.0.1:")
    assert said[1] == "0:00:01 loop: It went round in a circle."
    assert any("times real time" in sentence for sentence in said)
    assert (states[0]["title"], states[0]["engine"]) == ("demo", "by hand")
    report = aired.report()
    assert report["counts"] == {"loop": 1}
    assert report["minutes"] == [{"minute": 0, "readings": {"level": [-20.0] * 3}}]
    json.dumps(report, allow_nan=False)


def test_a_slow_generation_is_told_of_honestly():
    assert speed(3.14159, True) == "generated at 3.14 times real time"
    assert "0.5 times real time, slower than it sounds: listeners will hear" in speed(0.5, True)
    assert "-o FILE" in speed(0.5, False)
