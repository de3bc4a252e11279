"""The page, in a real browser."""

import asyncio
import importlib.util
import shutil
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("starlette")
pytest.importorskip("uvicorn")
pytest.importorskip("websockets")

from typica.streaming.block import Block  # noqa: E402

BROWSER = shutil.which("chromium") or shutil.which("google-chrome")
MEASURES = Path(__file__).parents[2] / "benchmarks" / "stream_page.py"
needs_browser = pytest.mark.skipif(
    not BROWSER, reason="no Chromium on this machine: apt install chromium"
)
pytestmark = [needs_browser, pytest.mark.timeout(120)]


@pytest.fixture(scope="module")
def measures():
    """The benchmark's module: a ramp, a browser, a counter behind the worklet."""
    spec = importlib.util.spec_from_file_location("stream_page", MEASURES)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def browser(measures):
    with measures.chromium(BROWSER) as browser:
        yield browser


def test_every_sample_is_heard_one_after_the_other(measures, browser):
    with measures.served(measures.Ramp()) as (broadcast, address):
        heard = measures.count(browser, address, seconds=5)

        assert heard["complaints"] == []
        assert (heard["breaks"], heard["underruns"], heard["rate"]) == (0, 0, 16000)
        assert heard["heard"] == pytest.approx(5 * 16000, rel=0.05)
        assert browser.text("#status") == "Playing"
        assert browser.text("#listeners") == "1"
        assert broadcast.metrics()["late_blocks"] == 0

        browser.click("#play")
        browser.wait("document.querySelector('#status').textContent === 'Stopped'")


class Sine:
    """A tone at a quarter of the rate's half, with a reading out of its limits and an event."""

    rate, block = 16000, 1550
    limits = {"tone": (0.0, 1.0)}

    def __init__(self, length=None):
        self.at, self.length = 0, length

    def __iter__(self):
        return self

    def __next__(self):
        if self.length and self.at >= self.length:
            raise StopIteration
        at, self.at = self.at, self.at + self.block
        audio = 0.5 * np.sin(2 * np.pi * 2000 * (at + np.arange(self.block)) / 16000)
        event = {"at": at, "kind": "loop", "text": "Round and round."}
        events = [event] if at == 10 * self.block else []
        return Block(audio.astype(np.float32), at, {"tone": 2.0, "other_db": -3.0}, events)

    def close(self):
        pass


# The energy that is not that of the tone, in decibels below it, of the newest second.
IMPURITY = """
(async () => {
  const context = playing.context;
  const analyser = new AnalyserNode(context, { fftSize: 16384, smoothingTimeConstant: 0 });
  playing.connect(analyser);
  await new Promise((done) => setTimeout(done, 800));
  const samples = new Float32Array(analyser.fftSize);
  analyser.getFloatTimeDomainData(samples);
  const turn = (2 * Math.PI * 2000) / context.sampleRate;
  const whole = context.sampleRate / 100; // samples of 20 periods
  const count = Math.floor(samples.length / whole) * whole;
  let [re, im, all] = [0, 0, 0];
  for (let i = 0; i < count; i++) {
    re += samples[i] * Math.cos(turn * i);
    im += samples[i] * Math.sin(turn * i);
    all += samples[i] ** 2;
  }
  const tone = (2 * (re ** 2 + im ** 2)) / count;
  return [10 * Math.log10(Math.abs(all - tone) / tone), Math.sqrt((2 * tone) / count)];
})()
"""


@pytest.mark.parametrize("rate", [48000, 44100])
def test_a_context_of_another_rate_hears_the_same_tone(measures, browser, rate):
    with measures.served(Sine()) as (_, address):
        browser.open(f"{address}/?rate={rate}")
        browser.wait("document.querySelector('#status')?.textContent === 'Ready'")
        browser.click("#play")
        browser.wait("document.querySelector('#status').textContent === 'Playing'")

        impurity, amplitude = browser.evaluate(IMPURITY)

        assert browser.evaluate("playing.context.sampleRate") == rate
        assert amplitude == pytest.approx(0.5, abs=2e-3)
        assert impurity < -60


def test_the_page_shows_readings_limits_and_events_and_the_end(measures, browser):
    with measures.served(Sine(length=48000), Sine.limits) as (_, address):
        browser.open(address)
        browser.wait("document.querySelector('#status')?.textContent === 'Ready'")
        browser.click("#play")
        browser.wait("document.querySelectorAll('.events li').length === 1")
        browser.wait("document.querySelectorAll('.reading').length === 2")

        assert browser.text(".events strong") == "loop"
        assert browser.text(".outside span") == "tone"
        assert browser.text(".outside small") == "0 to 1"

        browser.wait("document.querySelector('#status').textContent === 'The stream has ended'")
        browser.wait("document.querySelector('#play').ariaPressed === 'false'")
        assert browser.text("#underruns") == "0"


def test_a_page_goes_on_when_its_line_broke(measures, browser, monkeypatch):
    from typica.streaming.routes import Conversation

    whole, lines = Conversation._play, []

    async def breaking(self, listener):
        lines.append(listener)
        if len(lines) == 1:
            await asyncio.wait_for(whole(self, listener), 2)
        await whole(self, listener)

    monkeypatch.setattr(Conversation, "_play", breaking)
    with measures.served(measures.Ramp()) as (_, address):
        heard = measures.count(browser, address, seconds=8)

        assert len(lines) == 2
        assert heard["heard"] > 6 * 16000
        assert (heard["breaks"], heard["underruns"]) == (0, 0)
        assert browser.text("#status") == "Playing"


def test_where_no_worklet_is_allowed_an_element_plays(measures, browser):
    with measures.served(Sine(), Sine.limits) as (broadcast, address):
        browser.open(address.replace("127.0.0.1", "another.test"))
        browser.wait("document.querySelector('#status')?.textContent === 'Ready'")
        assert browser.evaluate("window.isSecureContext") is False

        browser.click("#play")

        browser.wait("document.querySelector('#status').textContent === 'Playing'")
        browser.wait("parseFloat(document.querySelector('#buffer').textContent) > 0")
        browser.wait("document.querySelectorAll('.reading').length === 2")
        assert [one.name for one in broadcast.listeners] == ["/stream.flac"]
        assert browser.text("#underruns") == "0"
        browser.click("#play")
        browser.wait("document.querySelector('#status').textContent === 'Stopped'")


RING = """
(async () => {
  const { Ring } = await import("/ring.js");
  const ring = new Ring(100);
  const push = (at, count) => ring.push(at, Int16Array.from({ length: count }, (_, i) => at + i));
  const pull = (count) => {
    const out = new Float32Array(count);
    return [...out.subarray(0, ring.pull(out, count))].map((sample) => sample * 32768);
  };
  const told = [];
  const tell = (count) => told.push([pull(count), ring.position, ring.lost]);
  push(10, 5); tell(3);   // in the middle of a stream
  push(13, 4); tell(9);   // some of it twice
  push(20, 2); tell(9);   // three are missing
  ring.restart(); push(0, 2); tell(9);
  push(2, 150); tell(2);  // more than it holds
  return told;
})()
"""


def test_the_ring_knows_what_it_has_what_is_missing_and_what_begins_anew(measures, browser):
    with measures.served(measures.Ramp()) as (_, address):
        browser.open(address)
        browser.wait("document.querySelector('#status')?.textContent === 'Ready'")

        told = browser.evaluate(RING)

    assert told == [
        [[10, 11, 12], 13, 0],
        [[13, 14, 15, 16], 17, 0],
        [[20, 21], 22, 3],
        [[0, 1], 2, 3],
        [[52, 53], 54, 53],
    ]


WORDS = """
(async () => {
  const { Words } = await import("/words.js");
  const words = new Words();
  const told = (position) => words.until(position).map(({ at }) => at);
  for (let at = 0; at < 5000; at += 10) words.add({ at });
  const heard = [told(25), told(25)];
  for (let at = 5000; at < 20000; at += 10) words.add({ at }); // nothing is heard meanwhile
  const kept = words.waiting.length;
  return [...heard, kept, words.forgotten, told(10000), told(1e9).length, told(1e9).length];
})()
"""


def test_words_wait_for_their_sound_and_not_without_end(measures, browser):
    with measures.served(measures.Ramp()) as (_, address):
        browser.open(address)
        browser.wait("document.querySelector('#status')?.textContent === 'Ready'")

        told = browser.evaluate(WORDS)

    assert told == [[0, 10, 20], [], 1000, 997, [10000], 999, 0]


SUSPENDED = """
(async () => {
  await playing.context.suspend();
  await new Promise((done) => setTimeout(done, 1500));
  await playing.context.resume();
})()
"""


def test_a_page_that_was_suspended_plays_on(measures, browser):
    with measures.served(measures.Ramp()) as (_, address):
        browser.open(address)
        browser.wait("document.querySelector('#status')?.textContent === 'Ready'")
        browser.click("#play")
        browser.wait("document.querySelector('#status').textContent === 'Playing'")

        browser.evaluate(SUSPENDED)

        browser.wait("document.querySelector('#status').textContent === 'Playing'")
        browser.wait("document.querySelectorAll('.reading').length === 1")
        assert browser.text("#underruns") == "0"


@pytest.mark.slow
@pytest.mark.timeout(700)
def test_ten_minutes_pass_without_a_gap(measures, browser):
    with measures.served(measures.Ramp()) as (_, address):
        heard = measures.count(browser, address, seconds=600)
        assert (heard["breaks"], heard["underruns"]) == (0, 0)
