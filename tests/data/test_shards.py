import errno
import tracemalloc
from dataclasses import dataclass

import numpy as np
import pytest
import torch

from typica.core.files import DiskError
from typica.data import shards
from typica.data.shards import is_whole, pcm_path, read_index, track_path, write_shard
from typica.data.source import Item, Sound, Source, TrackKind
from typica.data.units import Settings, Unit
from typica.signal.resample import resample

LEAVE = Settings(normalise="none", minimum_s=0)


def noise(length, level=0.3, seed=0):
    return np.random.default_rng(seed).uniform(-level, level, length).astype(np.float32)


def written(folder, source, settings=LEAVE):
    """Write one shard of a source; return its lines and its samples in [-1, 1)."""
    write_shard(source, Unit("s", tuple(source.items())), settings, folder)
    codes = np.fromfile(pcm_path(folder, "s"), "<i2")
    return read_index(folder, "s"), codes / 2**15


def test_16_bit_samples_at_the_same_rate_stay_as_they_are(tmp_path, memory):
    codes = np.random.default_rng(0).integers(-(2**15), 2**15, 5000)

    _, samples = written(tmp_path, memory({"a": codes / 2**15}))

    assert np.array_equal(samples * 2**15, codes)


def test_channels_are_mixed_in_equal_parts(tmp_path, memory):
    stereo = np.stack([noise(5000), noise(5000, seed=1)], 1)

    _, samples = written(tmp_path, memory({"a": stereo}))

    assert np.abs(samples - stereo.mean(1)).max() <= 2**-16 + 1e-7  # half a level


def test_another_rate_is_resampled_as_a_whole_would_be(tmp_path, memory):
    audio = noise(44_100)

    _, samples = written(tmp_path, memory({"a": audio}, 44_100))

    whole = resample(torch.from_numpy(audio), 44_100, 16_000).numpy()
    assert np.abs(samples - whole).max() <= 2**-15


def test_the_peak_is_normalised_and_the_gain_is_kept(tmp_path, memory):
    source = memory({"quiet": noise(9000, 0.01), "loud": noise(9000, 3.0)})

    lines, samples = written(tmp_path, source, Settings())

    for line in lines:
        part = samples[line["offset"] :][: line["length"]]
        assert np.abs(part).max() == pytest.approx(0.99, abs=2**-15)
        original = source.sounds[line["id"]]
        assert np.abs(part / line["gain"] - original).max() < 2**-14 / line["gain"]


def test_the_peak_may_be_below_zero(tmp_path, memory):
    audio = np.r_[noise(9000, 0.1), -0.5]

    lines, samples = written(tmp_path, memory({"a": audio}), Settings())

    assert samples.min() == pytest.approx(-0.99, abs=2**-15)
    assert lines[0]["gain"] == pytest.approx(0.99 / 0.5)


def test_levels_beyond_full_scale_are_clipped_where_they_are_left_alone(tmp_path, memory):
    _, samples = written(tmp_path, memory({"a": np.array([0.5, 1.7, -1.7] * 9)}))

    assert set(samples) == {0.5, 1 - 2**-15, -1.0}


def test_the_index_tells_where_each_recording_lies(tmp_path, memory):
    source = memory({"a": noise(9000), "b": noise(9500, seed=1)}, labels={"b": "drums"})

    lines, samples = written(tmp_path, source)

    assert [line["offset"] for line in lines] == [0, 9000]
    assert [line["label"] for line in lines] == [None, "drums"]
    assert lines[1]["rms"] == pytest.approx(np.sqrt(np.mean(samples[9000:] ** 2)), rel=1e-3)


def test_the_digest_tells_sounds_apart(tmp_path, memory):
    source = memory({"a": noise(9000), "b": noise(9000), "c": noise(9000, seed=1)})

    lines, _ = written(tmp_path, source)

    digests = [line["digest"] for line in lines]
    assert digests[0] == digests[1] != digests[2]


def test_tracks_cover_the_recording_to_its_last_sample(tmp_path, memory):
    rolls = {"a": np.full((3, 4), 7, np.uint8), "b": np.full((90, 4), 9, np.uint8)}
    source = memory({name: noise(1001, seed=ord(name)) for name in rolls})
    source.track_kinds = {"roll": TrackKind(4, 160.0)}
    source.tracks = {name: {"roll": roll} for name, roll in rolls.items()}

    lines, _ = written(tmp_path, source)

    rows = np.fromfile(track_path(tmp_path, "s", "roll"), np.uint8).reshape(-1, 4)
    assert [line["tracks"]["roll"] for line in lines] == [[0, 11], [11, 11]]
    assert rows[:, 0].tolist() == [7] * 3 + [0] * 8 + [9] * 11


@pytest.mark.parametrize(
    ("sound", "reason"),
    [
        (np.zeros(20_000), "silent"),
        (np.full(20_000, 0.5), "silent"),
        (np.full(20_000, np.nan), "holds values that are not finite numbers"),
        (np.r_[noise(9000), np.inf, noise(9000)], "holds values that are not finite numbers"),
        (np.r_[np.inf, -np.inf, noise(9000)], "holds values that are not finite numbers"),
        (noise(7999), "too short: 0.5 s, less than 0.5 s"),
        (noise(1), "too short: 6.25e-05 s, less than 0.5 s"),
        (noise(0), "too short: 0 s, less than 0.5 s"),
    ],
)
def test_an_unusable_sound_is_refused_and_the_next_is_kept(tmp_path, memory, sound, reason):
    source = memory({"bad": sound, "good": noise(9000)})

    lines, _ = written(tmp_path, source, Settings())

    assert lines[0] == {"file": "bad", "reason": reason}
    assert lines[1]["id"] == "good"
    assert lines[1]["offset"] == 0


def test_one_value_that_is_not_a_number_is_found_by_the_resampler_too(tmp_path, memory):
    sound = noise(44_100)
    sound[20_000] = np.nan

    lines, _ = written(tmp_path, memory({"bad": sound}, 44_100))

    assert lines[0]["reason"] == "holds values that are not finite numbers"


def test_a_rate_that_no_recording_has_is_refused(tmp_path, memory):
    lines, _ = written(tmp_path, memory({"bad": noise(9000)}, 3))

    assert lines[0]["reason"] == "broken sound file: it claims 3 samples a second"


class Failing(Source):
    """A sound that cannot be read to its end."""

    def __init__(self, error):
        self.error = error

    def items(self):
        return [Item("a", 1, "1")]

    def open(self, item):
        return Sound(16000, self.blocks())

    def blocks(self):
        yield noise(20_000)[:, None]
        raise self.error


def test_an_error_in_reading_is_not_taken_for_one_in_writing(tmp_path):
    lines, _ = written(tmp_path, Failing(OSError(errno.EIO, "Input/output error")))

    assert lines == [{"file": "a", "reason": "cannot be read: input/output error"}]


@pytest.mark.parametrize("error", [KeyboardInterrupt(), RuntimeError("a fault of ours")])
def test_nothing_is_left_of_a_shard_that_is_broken_off(tmp_path, error):
    with pytest.raises(type(error)):
        written(tmp_path, Failing(error))

    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("step", ["_write", "_hold"])
def test_a_full_disk_is_told_in_a_sentence_and_leaves_nothing(tmp_path, memory, monkeypatch, step):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(shards._Shard, step, full)

    with pytest.raises(DiskError, match="^cannot write .*: no space left on device; nothing"):
        written(tmp_path, memory({"a": noise(9000)}))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("damage", ["cut", "missing", "unreadable", "unfinished"])
def test_a_damaged_shard_is_not_whole(tmp_path, memory, damage):
    written(tmp_path, memory({"a": noise(9000)}))
    assert is_whole(tmp_path, "s", {})

    pcm, index = tmp_path / "s.pcm", tmp_path / "s.jsonl"
    if damage == "cut":
        pcm.write_bytes(pcm.read_bytes()[:-2])
    elif damage == "missing":
        pcm.unlink()
    elif damage == "unreadable":
        index.write_text("{")
    else:
        index.unlink()

    assert not is_whole(tmp_path, "s", {})


def test_a_shard_without_its_track_is_not_whole(tmp_path, memory):
    written(tmp_path, memory({"a": noise(9000)}))

    assert not is_whole(tmp_path, "s", {"roll": TrackKind(4, 160.0)})


@dataclass
class Long(Source):
    """Noise of any length, in blocks of a second."""

    seconds: int

    def items(self):
        return [Item("a", 1, "1")]

    def open(self, item):
        block = noise(48_000 * 2).reshape(-1, 2)
        return Sound(48_000, (block for _ in range(self.seconds)))


def test_memory_does_not_grow_with_the_length_of_a_recording(tmp_path):
    peaks = []
    for seconds in (20, 1800):
        tracemalloc.start()
        written_seconds = write_shard(
            Long(seconds), Unit("s", (Item("a", 1, "1"),)), Settings(), tmp_path
        )
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
        assert written_seconds == pytest.approx(seconds)

    assert peaks[1] < 1.1 * peaks[0]
    assert peaks[1] < 8e6
