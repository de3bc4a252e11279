"""A stream that stops and goes on elsewhere, as if it had not."""

import json
import shutil
from itertools import islice

import numpy as np
import pytest
import torch
from toy_engines import Fated

from typica.core import registry
from typica.core.engine import StepEngine
from typica.core.errors import ConfigError, RunError
from typica.core.files import DiskError
from typica.core.randomness import seeded
from typica.engines.compiler import compile
from typica.streaming.bookmark import ABOUT, ARRAYS, STATE, check_place, read_bookmark
from typica.streaming.performance import UNHEARD_S, Performance
from typica.typicality.monitor.grid import Grid
from typica.typicality.monitor.monitor import Monitor

RATE = 4000
TICK = Grid(RATE).tick
WATCHING = Monitor.uncalibrated(RATE)


def play(engine, seconds, *, monitor=WATCHING, mark=None, seed=0, block=TICK):
    """Return a performance, its sound and its events."""
    generator = None if mark and seed is None else seeded(seed)
    performance = Performance(
        engine, rate=RATE, monitor=monitor, generator=generator, bookmark=mark, block=block
    )
    blocks = list(islice(performance, round(seconds * RATE / block)))
    events = [event for one in blocks for event in one.events]
    return performance, np.concatenate([one.audio for one in blocks]), events


def through_a_folder(performance, heard, engine, folder, monitor=WATCHING):
    performance.close()
    performance.bookmark(heard).save(folder)
    return read_bookmark(folder, engine, monitor, RATE)


@pytest.mark.parametrize("heard", [0, 1, 33 * TICK - 7, 33 * TICK])
def test_a_stream_goes_on_from_what_was_heard(tmp_path, heard):
    whole = play(Fated(risk=0.02), 60 * TICK / RATE)[1]
    first, _, _ = play(Fated(risk=0.02), 33 * TICK / RATE)

    mark = through_a_folder(first, heard, Fated(), tmp_path / "state")
    rest = play(Fated(risk=0.02), 20 * TICK / RATE, mark=mark, seed=None, block=100)[1]

    np.testing.assert_array_equal(rest, whole[heard : heard + len(rest)])


def test_rescues_go_back_to_before_the_stop(tmp_path):
    # It stops a second after it fell into a trap, which is noticed only after it has gone on.
    fall, stop = 20 * RATE // TICK * TICK, 21 * RATE // TICK * TICK
    _, whole, events = play(Fated(risk=1.0, after=fall), 90)
    first, _, before = play(Fated(risk=1.0, after=fall), stop / RATE)

    mark = through_a_folder(first, stop, Fated(), tmp_path / "state")
    _, rest, after = play(Fated(risk=1.0, after=fall), 60, mark=mark, seed=None)

    assert before == []
    assert len(after) > 3
    np.testing.assert_array_equal(rest, whole[stop : stop + len(rest)])
    shifted = [event | {"at": event["at"] + stop} for event in after]
    assert shifted == [event for event in events if event["at"] < stop + len(rest)]


@pytest.mark.parametrize("kind", [StepEngine, compile])
def test_a_real_model_goes_on_bit_for_bit(tmp_path, kind):
    model = registry.build("wavenet", "tiny").eval().requires_grad_(False)
    monitor = Monitor.uncalibrated(1000)

    def begin(**settings):
        return Performance(kind(model), rate=1000, monitor=monitor, block=100, **settings)

    def sound(performance, blocks):
        return np.concatenate([block.audio for block in islice(performance, blocks)])

    whole = sound(begin(generator=seeded(1)), 8)
    first = begin(generator=seeded(1))
    heard = sound(first, 3)
    first.bookmark(250).save(tmp_path / "state")
    mark = read_bookmark(tmp_path / "state", kind(model), monitor, 1000)

    np.testing.assert_array_equal(heard, whole[:300])
    np.testing.assert_array_equal(sound(begin(bookmark=mark), 5), whole[250:750])


def test_another_seed_is_another_continuation_of_one_past(tmp_path):
    first, _, _ = play(Fated(), 5)
    mark = through_a_folder(first, 5 * RATE - TICK, Fated(), tmp_path / "state")

    same, other, again = (play(Fated(), 3, mark=mark, seed=n)[1] for n in (None, 7, 7))

    at = len(mark.unheard)
    np.testing.assert_array_equal(same[:at], other[:at])
    assert not np.array_equal(same[at:], other[at:])
    np.testing.assert_array_equal(other, again)


def test_a_stream_can_go_on_with_a_monitor_or_without(tmp_path):
    watched, bare = (
        through_a_folder(play(Fated(), 5, monitor=m)[0], 5 * RATE, Fated(), tmp_path / name, n)
        for name, m, n in (("a", WATCHING, None), ("b", None, WATCHING))
    )

    assert watched.watch is None
    assert bare.watch is None
    assert play(Fated(), 1, mark=watched, monitor=None, seed=None)[1].any()
    assert play(Fated(), 1, mark=bare, seed=None)[0]._watch.at == round(RATE / TICK) * TICK


def test_a_monitor_that_hears_otherwise_begins_anew(tmp_path):
    other = Monitor.uncalibrated(RATE, windows_s=(1.0, 2.0))
    first, _, _ = play(Fated(), 5)
    assert through_a_folder(first, 5 * RATE, Fated(), tmp_path / "a").watch.at > 0
    assert through_a_folder(first, 5 * RATE, Fated(), tmp_path / "b", other).watch is None


def test_what_is_kept_of_the_unheard_is_bounded(tmp_path):
    first, whole, _ = play(Fated(), 100)
    unheard = first.bookmark(0).unheard
    assert UNHEARD_S * RATE <= len(unheard) < UNHEARD_S * RATE + 2 * TICK
    np.testing.assert_array_equal(unheard, whole[-len(unheard) :])


def test_a_bookmark_stays_as_it_is_while_the_stream_goes_on():
    performance, _, _ = play(Fated(), 20)
    mark = performance.bookmark(performance._made)
    at, kept = mark.watch.at, list(mark.rescue.kept)
    list(islice(performance, 100))
    assert (mark.watch.at, list(mark.rescue.kept)) == (at, kept)


def test_a_bookmark_replaces_a_bookmark_and_nothing_else(tmp_path):
    first, _, _ = play(Fated(), 5)
    first.bookmark(0).save(tmp_path / "state")
    first.bookmark(5 * RATE // TICK * TICK).save(tmp_path / "state")
    assert len(read_bookmark(tmp_path / "state", Fated(), None, RATE).unheard) == 0

    (tmp_path / "music").mkdir()
    (tmp_path / "song.wav").write_bytes(b"")
    for name in ("music", "song.wav"):
        with pytest.raises(ConfigError, match="is there and is no state of a stream"):
            first.bookmark(0).save(tmp_path / name)
    with pytest.raises(DiskError, match="cannot write"):
        check_place(tmp_path / "song.wav" / "state")


@pytest.fixture
def saved(tmp_path):
    play(Fated(), 5)[0].bookmark(4 * RATE).save(tmp_path / "state")
    return tmp_path / "state"


def cut(path):
    path.write_bytes(path.read_bytes()[:-40])


def flip(path):
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 255
    path.write_bytes(data)


def without_a_field(path):
    about = json.loads(path.read_text())
    del about["device"]
    path.write_text(json.dumps(about))


@pytest.mark.parametrize(
    ("name", "damage"),
    [
        (ABOUT, without_a_field),
        (ARRAYS, cut),
        (ARRAYS, flip),
        (STATE, cut),
        ("watch.npz", cut),
        ("kept-00.npz", flip),
        ("kept-01.safetensors", lambda path: path.unlink(missing_ok=True)),
        (ARRAYS, lambda path: path.unlink()),
    ],
)
def test_what_is_damaged_is_one_sentence(saved, name, damage):
    if not (saved / name).exists():
        name = sorted(path.name for path in saved.glob("kept-*.safetensors"))[-1]
    damage(saved / name)
    with pytest.raises(RunError, match="it cannot be gone on from|is not a state that can be read"):
        read_bookmark(saved, Fated(), WATCHING, RATE)


def test_what_is_no_bookmark_is_one_sentence(saved, tmp_path):
    with pytest.raises(RunError, match="is no state of a stream: --save-state writes one"):
        read_bookmark(tmp_path / "nothing", Fated(), None, RATE)
    (saved / ABOUT).write_text('{"kind": "something else"}')
    with pytest.raises(RunError, match="is no state of a stream of this version"):
        read_bookmark(saved, Fated(), None, RATE)


def test_a_state_of_another_model_is_refused(tmp_path):
    def engine(seed):
        torch.manual_seed(seed)
        return StepEngine(registry.build("wavenet", "tiny").eval().requires_grad_(False))

    first = Performance(engine(0), rate=1000, generator=seeded(0), block=8)
    next(first)
    first.bookmark(8).save(tmp_path / "state")
    with pytest.raises(RunError, match="is the state of another model"):
        read_bookmark(tmp_path / "state", engine(1), None, 1000)


def test_what_does_not_fit_is_refused(saved):
    mark = read_bookmark(saved, Fated(), None, RATE)
    with pytest.raises(RunError, match="the stream was at 4000 Hz, the run is at 8000 Hz"):
        Performance(Fated(), rate=8000, bookmark=mark)
    with pytest.raises(RunError, match="drawn on cpu, whose random numbers cuda does not have"):
        mark.generator(torch.device("cuda"))
    with pytest.raises(ConfigError, match="without a generator of its own"):
        Performance(Fated(), rate=RATE).bookmark(0)


def test_a_bookmark_is_whole_or_not_there(saved, monkeypatch):
    before = {path.name: path.read_bytes() for path in saved.iterdir()}
    monkeypatch.setattr("typica.streaming.bookmark._write_rescue", _fail)
    with pytest.raises(DiskError, match="no space left"):
        play(Fated(), 1)[0].bookmark(0).save(saved)
    assert {path.name: path.read_bytes() for path in saved.iterdir()} == before
    shutil.rmtree(saved)


def _fail(*_):
    raise OSError(28, "No space left on device")
