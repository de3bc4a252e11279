"""Copies are found at any level and under noise, and music that was played anew is none."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from scipy.signal import resample

from typica.core.errors import ConfigError, ShapeError
from typica.data.corpus import Recording
from typica.evaluation.copying import Copy, CopyIndex, _goes_on, copied_share

RATE = 4000


def play(seconds, seed):
    """Notes of changing pitch, length and loudness, (time,)."""
    rng = np.random.default_rng(seed)
    parts, missing = [], round(seconds * RATE)
    while missing > 0:
        length = min(missing, round(rng.uniform(0.15, 0.6) * RATE))
        time = np.arange(length) / RATE
        pitch = 110 * 2 ** (rng.integers(0, 30) / 12)
        partials = sum(np.sin(2 * np.pi * k * pitch * time) / k for k in (1, 2, 3))
        parts.append(rng.uniform(0.1, 0.4) * np.exp(-3 * time) * partials)
        missing -= length
    noise = 1e-3 * rng.standard_normal(round(seconds * RATE))
    return (np.concatenate(parts) + noise).astype(np.float32)


def shelf(sounds):
    """Make something like a corpus of sounds, and its recordings."""

    def audio(one, start=0, stop=None):
        stop = one.length if stop is None else stop
        padded = np.pad(sounds[one.id], (max(0, -start), max(0, stop - one.length)))
        begin = start + max(0, -start)
        return torch.from_numpy(padded[begin : begin + stop - start])[None]

    recordings = [Recording(name, "train", "", 0, len(sound)) for name, sound in sounds.items()]
    return SimpleNamespace(rate=RATE, audio=audio), recordings


SOUNDS = {f"song {seed}": play(40, seed) for seed in range(6)}


@pytest.fixture(scope="module")
def index():
    return CopyIndex(*shelf(SOUNDS))


def find(index, sound):
    return index.find(torch.from_numpy(np.asarray(sound, np.float32))[None])


def between(copied, seed=100):
    """Lay a sound into ten seconds of other music."""
    around = play(10, seed)
    return np.concatenate([around[: 5 * RATE], copied, around[5 * RATE :]])


@pytest.mark.parametrize("gain_db", [-25, 0, 6])
@pytest.mark.parametrize("begin_s", [3.0, 17.3217, 36.9])
def test_three_seconds_are_found_in_noise_at_any_level(index, begin_s, gain_db):
    rng, begin = np.random.default_rng(0), round(begin_s * RATE)
    copied = SOUNDS["song 4"][begin : begin + 3 * RATE]
    noise = copied.std() / 10 * rng.standard_normal(len(copied))  # 20 dB below
    sound = between(10 ** (gain_db / 20) * (copied + noise))

    (found,) = find(index, sound)

    assert found.recording == "song 4"
    assert 4.9 < found.start_s < 5.5
    assert found.stop_s <= 8.0
    assert found.at_s - found.start_s == pytest.approx(begin_s - 5, abs=2e-3)
    assert found.likeness > 0.97


def test_a_long_copy_is_one_and_two_are_two(index):
    first, second = SOUNDS["song 0"][8000:48000], SOUNDS["song 5"][20000:40000]

    long, short = find(index, between(np.concatenate([first, second])))

    assert (long.recording, short.recording) == ("song 0", "song 5")
    assert long.seconds == pytest.approx(10, abs=0.6)
    assert short.seconds == pytest.approx(5, abs=0.6)
    assert copied_share([long, short], 25.0) == pytest.approx(0.6, abs=0.05)


@pytest.mark.parametrize(
    ("window", "goes_on"),
    [
        (Copy(4.5, 7.0, "a", 14.5, 1.0), True),
        (Copy(4.5, 7.0, "a", 20.0, 1.0), False),  # from another place
        (Copy(4.5, 7.0, "b", 14.5, 1.0), False),
        (Copy(5.5, 8.0, "a", 15.5, 1.0), False),  # something else lies between
    ],
)
def test_a_copy_goes_on_while_it_is_from_one_place_without_a_gap(window, goes_on):
    assert _goes_on(Copy(0.0, 5.0, "a", 10.0, 1.0), window) == goes_on


def test_music_that_was_not_trained_on_is_no_copy(index):
    assert not any(find(index, play(40, seed)) for seed in range(200, 206))


def test_a_copy_that_was_played_faster_is_none(index):
    sound = SOUNDS["song 1"][: 20 * RATE]

    assert find(index, sound)
    assert not find(index, resample(sound, round(len(sound) / 1.01)))


def test_the_same_notes_played_anew_are_no_copy():
    time = np.arange(20 * RATE) / RATE
    pitches = np.random.default_rng(7).uniform(150, 900, 40).repeat(RATE // 2)

    def melody(partials):
        phase = 2 * np.pi * np.cumsum(pitches) / RATE
        return np.exp(-3 * (time % 0.5)) * sum(a * np.sin(k * phase) for k, a in partials)

    corpus = shelf({"flute": melody([(1, 0.3), (2, 0.05)]).astype(np.float32)})
    index = CopyIndex(*corpus)

    assert find(index, melody([(1, 0.3), (2, 0.05)]))
    assert not find(index, melody([(1, 0.2), (2, 0.2), (3, 0.1)]))


@pytest.mark.parametrize("seconds", [0.0, 0.1, 1.0, 1.8])
def test_what_is_shorter_is_none(index, seconds):
    copied = SOUNDS["song 2"][4000 : 4000 + round(seconds * RATE)]

    assert not find(index, copied)
    assert not find(index, between(copied))


def test_silence_noise_and_a_tone_are_no_copies(index):
    time, rng = np.arange(10 * RATE) / RATE, np.random.default_rng(0)

    assert not find(index, np.zeros(10 * RATE))
    assert not find(index, 0.1 * rng.standard_normal(10 * RATE))
    assert not find(index, 0.3 * np.sin(2 * np.pi * 440 * time))


def test_memory_is_bounded_and_what_is_known_is_from_all_over(monkeypatch):
    monkeypatch.setattr("typica.evaluation.copying.PART_S", 10.0)

    index = CopyIndex(*shelf(SOUNDS), most_s=60)

    assert index.all_s == pytest.approx(240)
    assert index.known_s == pytest.approx(60)
    known = {(part.recording.id, part.start) for part in index._parts}
    assert {name for name, _ in known} >= {"song 0", "song 2", "song 4"}
    name, start = max(known)
    assert find(index, SOUNDS[name][start : start + 6 * RATE])


def test_a_copy_over_the_border_of_two_parts_is_found(monkeypatch):
    monkeypatch.setattr("typica.evaluation.copying.PART_S", 10.0)
    index = CopyIndex(*shelf(SOUNDS))

    (found,) = find(index, SOUNDS["song 3"][8 * RATE : 14 * RATE])

    assert (found.recording, found.at_s) == ("song 3", pytest.approx(8.0, abs=2e-3))
    assert found.seconds > 5


def test_where_nothing_is_known_nothing_is_copied():
    assert find(CopyIndex(*shelf({})), play(5, 0)) == []
    assert find(CopyIndex(*shelf({"click": np.ones(3, np.float32)})), play(5, 0)) == []


def test_what_is_copied_twice_counts_once():
    copies = [Copy(0.0, 4.0, "a", 0.0, 1.0), Copy(3.0, 5.0, "b", 9.0, 1.0)]

    assert copied_share(copies, 10.0) == 0.5
    assert copied_share([], 10.0) == 0.0


def test_no_sound_has_no_share():
    with pytest.raises(ConfigError, match="of 0 s has no share"):
        copied_share([], 0.0)


def test_channels_are_not_taken_for_one_long_sound():
    with pytest.raises(ShapeError, match=r"must have shape \(1, time\), got \(2, 100\)"):
        CopyIndex(*shelf({})).find(torch.zeros(2, 100))
