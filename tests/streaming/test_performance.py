"""A performance: one seed gives one signal, traps are left, and nobody hears a click."""

from itertools import islice, pairwise

import numpy as np
import pytest
import torch
from toy_engines import Fated, ToyState

from typica.core import registry
from typica.core.engine import StepEngine
from typica.core.errors import ConfigError
from typica.core.randomness import seeded
from typica.streaming.crossfade import crossfade, crossfade_gains
from typica.streaming.performance import Performance
from typica.streaming.rescue import FAILURES, FRESH_STARTS, KEPT, Rescue
from typica.typicality.monitor.grid import Grid
from typica.typicality.monitor.monitor import Monitor
from typica.typicality.monitor.watch import Alarm

RATE = 4000
TICK = Grid(RATE).tick


def play(engine, seconds, *, monitor=None, seed=0, block=None, **settings):
    performance = Performance(
        engine, rate=RATE, monitor=monitor, generator=seeded(seed), block=block, **settings
    )
    blocks = list(islice(performance, round(seconds * RATE) // performance.block))
    return performance, blocks


def sound(blocks):
    return np.concatenate([block.audio for block in blocks])


WATCHING = Monitor.uncalibrated(RATE)


@pytest.mark.parametrize("block", [1, 7, 4096])
def test_blocks_of_any_size_give_one_signal(block):
    reference = sound(play(Fated(risk=0.02), 30, monitor=WATCHING)[1])
    blocks = play(Fated(risk=0.02), 30, monitor=WATCHING, block=block)[1]

    assert [one.at for one in blocks[:3]] == [0, block, 2 * block]
    signal = sound(blocks)
    length = min(len(signal), len(reference))
    np.testing.assert_array_equal(signal[:length], reference[:length])


def test_events_and_readings_do_not_depend_on_the_size_of_blocks():
    small = play(Fated(risk=0.02), 30, monitor=WATCHING, block=TICK // 2)[1]
    large = play(Fated(risk=0.02), 30, monitor=WATCHING, block=TICK)[1]

    assert [e for one in small for e in one.events] == [e for one in large for e in one.events]
    assert [one.reading for one in small[1::2]] == [one.reading for one in large[: len(small) // 2]]


def test_a_healthy_stream_passes_bit_for_bit():
    bare = sound(play(Fated(), 20)[1])
    watched = sound(play(Fated(), 20, monitor=WATCHING)[1])

    np.testing.assert_array_equal(watched, bare)


def test_it_plays_what_the_engine_draws():
    engine, ticks = Fated(), 10
    state, generator, expected = engine.start(1), seeded(5), []
    for _ in range(ticks):
        draws = engine.draw(state, TICK, generator=generator)
        state = draws.state
        expected.append(engine.model.render(draws.symbols)[0, 0].numpy())

    blocks = play(Fated(), ticks * TICK / RATE, seed=5, block=TICK)[1]

    np.testing.assert_array_equal(sound(blocks), np.concatenate(expected))


def test_a_real_model_plays_one_signal_in_any_blocks():
    model = registry.build("wavenet", "tiny").eval()
    streams = [
        sound(
            islice(
                Performance(
                    StepEngine(model),
                    rate=1000,
                    monitor=Monitor.uncalibrated(1000),
                    generator=seeded(1),
                    block=block,
                ),
                256 // block,
            )
        )
        for block in (1, 128, 256)
    ]

    np.testing.assert_array_equal(streams[0], streams[1])
    np.testing.assert_array_equal(streams[0], streams[2])


def test_a_trap_is_left_for_a_state_before_it():
    engine = Fated(risk=1.0, after=20 * RATE // TICK * TICK)
    performance, blocks = play(engine, 24, monitor=WATCHING, block=TICK)

    (event, *_) = (event for block in blocks for event in block.events)
    fell = 20 * RATE // TICK * TICK
    went_back_to = next(
        later for earlier, later in pairwise(engine.seen) if later.time < earlier.time
    )
    assert event["kind"] == "silence"
    assert fell < event["at"] <= fell + 2.2 * RATE
    assert not went_back_to.trapped
    assert 0 <= fell - went_back_to.time <= 2.2 * RATE
    assert performance.report()["interventions"]["silence"] >= 1


def test_a_rewind_restores_the_exact_state_and_the_watch():
    engine = Fated(risk=1.0, after=20 * RATE // TICK * TICK)
    performance = Performance(engine, rate=RATE, monitor=WATCHING, generator=seeded(0), block=TICK)
    states = {}
    for block in performance:
        if block.events:
            break
        states[performance._state.time] = (performance._state, performance._watch.copy())

    turned = [
        i for i in range(1, len(engine.seen)) if engine.seen[i].time < engine.seen[i - 1].time
    ]
    state, watch = states[engine.seen[turned[0]].time]
    assert engine.seen[turned[0]] is state
    assert performance._watch.at == watch.at + TICK


def test_what_follows_a_rewind_is_new():
    engine = Fated(risk=0.03)
    blocks = play(engine, 120, monitor=WATCHING, block=TICK)[1]

    assert sum(len(block.events) for block in blocks) > 1
    sounding = [block.audio.tobytes() for block in blocks if np.abs(block.audio).max() > 0.02]
    assert len(set(sounding)) == len(sounding)


def test_the_share_of_silence_is_bounded_by_the_monitor():
    def silent(blocks):
        return np.mean([not np.any(np.abs(block.audio) > 0.01) for block in blocks])

    watched = play(Fated(risk=0.01), 120, monitor=WATCHING, block=TICK)[1]
    alone = play(Fated(risk=0.01), 120, block=TICK)[1]

    assert silent(watched) < 0.3
    assert silent(alone) > 0.5


def test_a_trap_for_ever_does_not_stop_the_stream():
    performance, blocks = play(Fated(risk=1.0), 300, monitor=WATCHING, block=TICK)

    events = [event for block in blocks for event in block.events]
    assert len(blocks) == 300 * RATE // TICK
    assert sum(event["action"] == "started afresh" for event in events) >= FRESH_STARTS
    assert any("not tried" in event["action"] for event in events)
    assert len(events) < 60  # most of the time it is left alone
    assert performance.report()["share_in_alarm"] > 0.1


def test_a_stream_that_falls_silent_sounds_again_even_where_rescues_pause():
    # Every start sounds for two seconds and then falls silent for ever.
    engine = Fated(risk=1.0, after=2 * RATE)
    _, blocks = play(engine, 120, monitor=WATCHING, block=TICK)

    sounding = [float(np.abs(block.audio).max() > 0.02) for block in blocks]
    assert np.mean(sounding) > 0.3
    assert np.mean(sounding[len(sounding) // 2 :]) > 0.3


def test_rescues_go_further_back_each_time_and_then_start_afresh():
    watch = WATCHING.begin()
    rescue = Rescue.begin(RATE, ToyState(torch.tensor([128])), watch)
    for time in range(0, 60 * RATE, TICK):
        watch.at = time
        rescue.keep(ToyState(torch.tensor([128]), time), watch)
    back = []
    for _ in range(FAILURES + 2):
        alarm = Alarm("silence", "silence", 0.0, 3.0, 2.0, 60 * RATE, 50 * RATE, "")
        back.append(rescue.choose(alarm).kept.at / RATE)

    assert back == sorted(back, reverse=True)
    assert back[0] == pytest.approx(49, abs=1.1)
    assert back[-1] == 0


def test_memory_is_bounded():
    engine = Fated(risk=0.01)
    performance = Performance(engine, rate=RATE, monitor=WATCHING, generator=seeded(0))
    engine.seen = _Forgetful()
    for _ in islice(performance, 500):
        pass

    assert len(performance._rescue.kept) <= KEPT
    assert len(performance._ready) <= 1
    rows = performance._watch._ledger.rows
    assert rows.base is None or rows.base.size <= 2 * rows.size


class _Forgetful:
    def append(self, value):
        pass


def test_the_same_seed_gives_the_same_stream():
    first, second, other = (
        sound(play(Fated(risk=0.02), 20, monitor=WATCHING, seed=seed)[1]) for seed in (3, 3, 4)
    )

    np.testing.assert_array_equal(first, second)
    assert not np.array_equal(first, other)


def test_squared_gains_sum_to_one():
    gains = crossfade_gains(200)

    np.testing.assert_allclose(np.square(gains).sum(0), 1, rtol=1e-6)
    assert gains[0, 0] > 0.999
    assert gains[1, -1] > 0.999


@pytest.mark.parametrize(("low", "high"), [(110, 170), (50, 52), (60, 60)])
def test_a_crossfade_has_no_jump_that_its_sources_do_not_have(low, high):
    time = np.arange(512) / RATE
    going = (0.6 * np.sin(2 * np.pi * low * time)).astype(np.float32)
    coming = (0.6 * np.sin(2 * np.pi * high * time + 1)).astype(np.float32)
    gains = crossfade_gains(200)
    mixed = crossfade(going, coming, gains)

    own = np.hypot(np.abs(np.diff(going)).max(), np.abs(np.diff(coming)).max())
    of_gains = np.pi / 2 / 200 * (np.abs(going).max() + np.abs(coming).max())
    assert np.abs(np.diff(mixed)).max() <= own + of_gains
    assert np.abs(mixed[0] - going[0]) <= of_gains  # it begins where the stream was
    np.testing.assert_array_equal(mixed[200:], coming[200:])
    assert np.abs(mixed).max() <= 1


def test_an_intervention_in_a_stream_has_no_jump():
    class Tones(Fated):
        """A tone, instead of noise, that rises with the number of its draws."""

        def draw(self, state, length, **settings):
            draws = super().draw(state, length, **settings)
            if draws.state.trapped:
                return draws
            time = torch.arange(state.time, state.time + length) / RATE
            tone = 0.5 * torch.cos(2 * np.pi * 131 * time)
            return draws._replace(symbols=self.model.symbols(tone[None, None]))

    blocks = play(Tones(risk=0.02), 60, monitor=WATCHING, block=TICK)[1]
    joined = [i for i, block in enumerate(blocks) if block.events]

    assert joined
    for index in joined:
        stretch = np.concatenate([blocks[index - 1].audio, blocks[index].audio])
        # Steepest of the tone is 0.103 a sample, a level of the quantiser 0.02.
        assert np.abs(np.diff(stretch)).max() < 0.13


def test_once_closed_it_plays_no_more():
    performance, _ = play(Fated(), 1, monitor=WATCHING)
    performance.close()

    assert list(performance) == []


def test_what_does_not_fit_is_refused():
    with pytest.raises(ConfigError, match="4000 Hz, the stream has 8000"):
        Performance(Fated(), rate=8000, monitor=WATCHING)
    with pytest.raises(ConfigError, match="at least 1 sample"):
        Performance(Fated(), rate=RATE, block=0)
