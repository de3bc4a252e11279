"""The monitor: traps are caught, music is not, and the martingale sees how it is drawn."""

import json

import numpy as np
import pytest
import torch

from typica.core.errors import ConfigError, DataError, RunError
from typica.core.randomness import seeded
from typica.typicality.monitor.grid import Grid
from typica.typicality.monitor.hearing import as_mono, hear, hear_draws
from typica.typicality.monitor.monitor import Monitor

RATE = 4000
GRID = Grid(RATE)


def read(monitor, engine, audio, block=700):
    """Watch audio (1, time) as if it were played, up to the first alarm."""
    model = engine.model
    symbols = model.symbols(audio[None])
    distribution, _ = engine.follow(symbols, engine.start(1))
    log_prob = distribution.log_prob(symbols)[0].numpy()
    entropy = distribution.entropy()[0].numpy()
    sound = as_mono(model.render(symbols))
    watch = monitor.begin()
    for start in range(0, len(sound), block):
        part = slice(start, start + block)
        # As if it had been drawn: the martingale shall not be what catches a trap.
        _, alarm = watch.read(sound[part], -entropy[part], entropy[part], 0 * log_prob[part] + 1)
        if alarm:
            return alarm
    return None


TIME = np.arange(26 * RATE) / RATE
TRAPS = {
    "silence": np.zeros(26 * RATE),
    "constant tone": 0.2 * np.sin(2 * np.pi * 220 * TIME),
    "stuck sample": np.full(26 * RATE, 0.25),
    "repeated riff": None,
    "white noise": 0.2 * np.random.default_rng(0).standard_normal(26 * RATE),
}


@pytest.fixture(scope="module")
def after_music(music):
    """Ten seconds of music, then the trap of a name."""

    def build(name):
        sound = music(1.3, 51).repeat(1, 20) if TRAPS[name] is None else TRAPS[name][None]
        return torch.cat([music(10, 50), torch.as_tensor(sound, dtype=torch.float32)], 1)

    return build


@pytest.mark.parametrize("trap", TRAPS)
def test_every_trap_is_caught(monitor, dice, after_music, trap):
    alarm = read(monitor, dice, after_music(trap))

    assert alarm is not None
    assert alarm.at <= 35 * RATE  # within 25 s of its beginning
    assert alarm.since <= 10.2 * RATE  # a rewind to there is a rewind to music
    assert abs(alarm.value) > 0
    assert alarm.gauge in alarm.text


def test_a_riff_is_called_a_loop_and_noise_noise(monitor, dice, after_music):
    only = {
        kind: Monitor(
            monitor.grid,
            monitor.reference,
            {name: one for name, one in monitor.limits.items() if name.startswith(kind)},
        )
        for kind in ("loop", "flatness", "silence")
    }

    assert read(only["loop"], dice, after_music("repeated riff")).kind == "loop"
    assert read(only["loop"], dice, after_music("constant tone")).kind == "loop"
    assert read(only["flatness"], dice, after_music("white noise")).kind == "noise"
    assert read(only["silence"], dice, after_music("silence")).kind == "silence"


def test_music_raises_no_more_false_alarms_than_were_asked_for(heard, fresh_music):
    often = Monitor.of(heard, GRID, alarms_per_hour=60.0).without("martingale")
    alarms = 0
    for one in fresh_music:
        alarmed = (often.strains(one) > 1).any(1)
        alarms += int(np.sum(np.diff(alarmed.astype(int)) == 1) + alarmed[0])

    hours = sum(len(one.totals) for one in fresh_music) * GRID.tick_s / 3600
    # At most, with the chance of a Poisson count beyond its mean by 3 standard deviations.
    assert alarms <= 60 * hours + 3 * np.sqrt(60 * hours)


def test_music_raises_no_alarm_at_one_an_hour(monitor, fresh_music):
    strict = monitor.without("martingale")

    assert not any((strict.strains(one) > 1).any() for one in fresh_music)


def test_a_watch_reads_what_the_calibration_read(monitor, dice, music):
    audio = music(24, 7)
    expected = monitor.values(hear(dice, audio, GRID))
    watch = monitor.begin()
    symbols = dice.model.symbols(audio[None])
    distribution, _ = dice.follow(symbols, dice.start(1))
    columns = [distribution.log_prob(symbols)[0], distribution.entropy()[0]]
    sound = as_mono(dice.model.render(symbols))
    varentropy = dice.draw(dice.start(1), 1, spread=True).varentropy[0, 0].item()
    for start in range(0, len(sound), 999):
        part = slice(start, start + 999)
        log_prob, entropy = (column[part].numpy() for column in columns)
        watch.read(sound[part], log_prob, entropy, np.full(len(log_prob), varentropy))

    for gauge, value in zip(monitor.gauges, expected[-1], strict=True):
        assert watch.reading[gauge.name].value == pytest.approx(value, rel=1e-4, abs=1e-4)


@pytest.mark.parametrize("block", [1, 7, 4096])
def test_alarms_do_not_depend_on_blocks(monitor, dice, after_music, block):
    trap = after_music("silence")[:, : 20 * RATE]
    reference, other = (read(monitor, dice, trap, size) for size in (512, block))

    assert other == reference


def test_a_copy_of_a_watch_goes_on_by_itself(monitor, dice):
    watch = monitor.begin()
    audio, columns = np.zeros(30 * RATE, np.float32), np.zeros((3, 30 * RATE))
    watch.read(audio[: 18 * RATE + 5], *columns[:, : 18 * RATE + 5])
    kept = watch.copy()
    first = watch.read(audio[:9999], *columns[:, :9999])
    watch.read(np.ones(9999, np.float32), *columns[:, :9999])

    assert kept.at == 18 * RATE + 5
    assert kept.read(audio[:9999], *columns[:, :9999]) == first


def drawn(monitor, engine, temperature, seconds, seed):
    """Return the first alarm of a stream of dice, watched by the martingale alone."""
    watch, state, generator = monitor.begin(), engine.start(1), seeded(seed)
    for _ in range(round(seconds / 10)):
        draws = engine.draw(
            state, 10 * RATE, temperature=temperature, generator=generator, spread=True
        )
        columns = (column[0].numpy() for column in draws[1:2] + draws[3:5])
        _, alarm = watch.read(as_mono(engine.model.render(draws.symbols)), *columns)
        if alarm:
            return alarm
    return None


@pytest.fixture(scope="module")
def martingale():
    bare = Monitor.uncalibrated(RATE)
    limits = {name: one for name, one in bare.limits.items() if name != "silence"}
    return Monitor(bare.grid, bare.reference, limits)


@pytest.mark.parametrize(
    ("temperature", "kind"),
    [
        (0.0, "too predictable"),
        (0.5, "too predictable"),
        (0.8, "too predictable"),
        (1.25, "too surprising"),
    ],
)
def test_the_martingale_sees_greed_and_temperatures(martingale, dice, temperature, kind):
    alarm = drawn(martingale, dice, temperature, 30, seed=0)

    assert alarm.kind == kind
    assert alarm.at < 5 * RATE


def test_the_models_own_draws_are_hardly_ever_caught(martingale, dice):
    # Limits for one alarm in seven hours; eight minutes in all: 0.02 are expected.
    assert not any(drawn(martingale, dice, 1.0, 120, seed) for seed in range(4))


def test_own_draws_pass_limits_as_often_as_said(dice):
    often = Monitor.uncalibrated(RATE, alarms_per_hour=7 * 120.0).without("silence")
    engine, generator = dice, seeded(3)
    draws = engine.draw(engine.start(1), 600 * RATE, generator=generator, spread=True)
    watch, alarms = often.begin(), 0
    tick = GRID.tick
    columns = [column[0].numpy() for column in draws[1:2] + draws[3:5]]
    was_alarmed, silence = False, np.full(tick, 0.1, np.float32)
    for start in range(0, 600 * RATE // tick * tick, tick):
        _, alarm = watch.read(silence, *(column[start : start + tick] for column in columns))
        alarms += alarm is not None and not was_alarmed
        was_alarmed = alarm is not None

    assert 20 / 4 < alarms < 20 + 3 * np.sqrt(20)  # 120 an hour, for ten minutes


def test_a_model_that_is_the_truth_is_left_alone_and_only_as_it_is(dice):
    def played(temperature, seconds, seed):
        settings = {"temperature": temperature, "generator": seeded(seed)}
        return hear_draws(dice, 4, seconds, GRID, **settings)

    monitor = Monitor.of(played(1.0, 40, 0), GRID)  # recordings that the model itself has drawn

    assert not any((monitor.strains(one) > 1).any() for one in played(1.0, 40, 1))
    for temperature in (0.0, 0.5, 1.25):
        assert all((monitor.strains(one)[:8] > 1).any() for one in played(temperature, 2, 2))


def test_it_is_saved_and_read_without_loss(monitor, fresh_music, tmp_path):
    monitor.noting(corpus="notes").save(tmp_path / "monitor.json")
    again = Monitor.load(tmp_path / "monitor.json")

    assert again.calibration["corpus"] == "notes"
    assert again.calibration["hours"] == pytest.approx(1 / 6, abs=0.001)
    assert again.limits == monitor.limits
    np.testing.assert_allclose(
        again.values(fresh_music[0]), monitor.values(fresh_music[0]), atol=1e-3
    )


def test_it_says_what_its_limits_rest_on(monitor):
    found = monitor.calibration["limits"]["loop 4 s, high"]

    assert found["alarms_per_hour_asked"] == pytest.approx(1 / 7 / 2, abs=1e-4)
    low, high = found["interval"]
    assert low <= found["alarms_per_hour"] <= high
    assert found["blocks"] > 8


def test_it_says_which_limits_nothing_can_pass(dice, music):
    """Limits that are drawn from little lie far beyond all that was heard, or can be heard."""
    told = {}
    for seconds, seed in ((70, 20), (120, 21)):
        monitor = Monitor.of([hear(dice, music(seconds, seed), GRID)], GRID)
        told |= {(seconds, name): one for name, one in monitor.calibration["limits"].items()}

    flat = {name: one for (_, name), one in told.items() if name.startswith("flatness")}
    assert flat
    for one in flat.values():  # white noise is there, and nothing that lasts is flatter
        assert one["can_be_passed"] == (one["limit"] < -np.euler_gamma)
    for (_, name), one in told.items():
        if name.startswith("level") and name.endswith("high"):
            assert one["can_be_passed"] == (one["limit"] < 0)


def test_what_it_is_blind_to_is_a_sentence(monitor):
    names = ("flatness 1 s, high", "flatness 4 s, high", "loop 4 s, high", "level 1 s, low")
    limits = {name: {"can_be_passed": False} for name in names}
    limits["level 1 s, high"] = {"can_be_passed": True}
    blind = Monitor(monitor.grid, monitor.reference, {}, {"limits": limits})

    assert blind.blindness.startswith(
        "too little was held out for limits that can be passed on flatness and loop: hold out more"
    )
    assert monitor.blindness == ""
    assert Monitor.uncalibrated(RATE).blindness == ""


def change(plain, place, value):
    """Put a value where a path of names leads; None takes away what is there."""
    *way, last = place
    for name in way:
        plain = plain[name]
    if value is None:
        del plain[last]
    else:
        plain[last] = value


@pytest.mark.parametrize(
    ("place", "value"),
    [
        (["rate"], 10),  # no sampling rate that is heard
        (["rate"], "4000"),
        (["rate"], 4000.5),
        (["windows_s"], [4.0, 1.0]),
        (["windows_s"], [0.25, float("inf")]),
        (["windows_s"], []),
        (["limits"], []),
        (["limits", "level 1 s"], {"usual": -20.0, "low": "soft", "high": 0.0}),
        (["limits", "level 1 s"], {"usual": float("nan"), "low": -30.0, "high": 0.0}),
        (["limits", "level 1 s", "high"], None),
        (["limits", "wow and flutter"], {"usual": 0.0, "low": None, "high": 1.0}),
        (["reference", "mean_db"], [0.0]),
        (["reference", "floor_db"], None),
        (["reference", "unlike", "31"], [1.0, 2.0]),
        (["reference", "shape_db", "long"], [[0.0] * 40] * 2),
        (["calibration"], [1, 2]),
        (["calibration"], None),
    ],
)
def test_a_file_in_which_one_thing_is_wrong_is_refused(monitor, tmp_path, place, value):
    monitor.save(tmp_path / "monitor.json")
    plain = json.loads((tmp_path / "monitor.json").read_text())
    change(plain, place, value)
    (tmp_path / "monitor.json").write_text(json.dumps(plain))

    with pytest.raises(
        RunError, match=r"monitor\.json is missing or damaged: calibrate the monito"
    ):
        Monitor.load(tmp_path / "monitor.json")


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{}",
        b'{"format": 1}',
        b"[1]",
        b"null",
        b"\x89PNG\r\n",
        b'{"format": 1, "rate": 8',
        b"[" * 9999,
    ],
)
def test_what_is_no_monitor_is_refused(content, tmp_path):
    (tmp_path / "monitor.json").write_bytes(content)

    with pytest.raises(
        RunError, match=r"monitor\.json is missing or damaged: calibrate the monito"
    ):
        Monitor.load(tmp_path / "monitor.json")


def test_a_truncated_file_is_refused_wherever_it_ends(monitor, tmp_path):
    monitor.save(tmp_path / "monitor.json")
    whole = (tmp_path / "monitor.json").read_bytes()

    for length in range(0, len(whole) - 2, 997):
        (tmp_path / "monitor.json").write_bytes(whole[:length])
        with pytest.raises(RunError, match="missing or damaged"):
            Monitor.load(tmp_path / "monitor.json")


def test_a_file_that_is_missing_or_of_another_version_is_refused(tmp_path):
    with pytest.raises(RunError, match="missing or damaged"):
        Monitor.load(tmp_path / "monitor.json")

    (tmp_path / "monitor.json").write_text('{"format": 0}')
    with pytest.raises(RunError, match="of another version of typica: calibrate it again"):
        Monitor.load(tmp_path / "monitor.json")


def test_what_is_asked_wrongly_is_refused(heard, dice, music):
    with pytest.raises(ConfigError, match="above 0"):
        Monitor.of(heard, GRID, alarms_per_hour=0)
    with pytest.raises(ConfigError, match="rising order"):
        Monitor.fit(dice, [], rate=RATE, windows_s=(4, 1))
    with pytest.raises(DataError, match="long enough"):
        Monitor.fit(dice, [torch.zeros(1, 10)], rate=RATE)
    with pytest.raises(DataError, match="too short"):
        Monitor.fit(dice, [music(20, 0)], rate=RATE)


def test_a_number_that_is_none_is_an_alarm(monitor):
    watch = monitor.begin()
    zeros, broken = np.zeros(GRID.tick, np.float32), np.full(GRID.tick, np.nan)

    assert watch.read(zeros, broken, zeros, zeros)[1].kind == "broken"
    assert watch.read(zeros, -zeros - np.inf, zeros, zeros)[1].kind == "broken"


def test_the_file_is_plain_json(monitor, tmp_path):
    monitor.save(tmp_path / "monitor.json")

    plain = json.loads((tmp_path / "monitor.json").read_text())

    assert plain["rate"] == RATE
    assert (tmp_path / "monitor.json").stat().st_size < 100_000
