"""The order that rules give to clips, and what is read of choices."""

import json

import pytest
import torch

from typica.core.errors import DataError
from typica.evaluation.curation import (
    CURATION,
    Clip,
    Curation,
    peaks_of,
    place,
    profile_of,
    read_curation,
)
from typica.evaluation.free_running import Stream

WHOLE = {"order": ["a", "b"], "clips": {}, "title": "", "join": "crossfade", "seconds": 2}


def clip(name, seed, profile=(0.0,), **stream):
    usual = {"traps": {}, "alarms": 0, "level_db": -20.0, "distance_db": 5.0, "repetition": 0.1}
    told = usual | {"entropy": 4.0, "copied": 0.0} | stream
    return Clip(name, seed, 8000, 8000, Stream(**told), list(profile), [])


def names(placed):
    return [one.clip.name for one in placed]


@pytest.mark.parametrize(
    ("figure", "better", "worse"),
    [
        ("traps", {"loop": 0.1}, {"loop": 0.3}),
        ("distance_db", 2.0, 9.0),
        ("clipped", 0.0, 0.2),
        ("copied", 0.0, 0.4),
    ],
)
def test_less_of_what_is_wrong_comes_first(figure, better, worse):
    clips = [clip("worse", 0, **{figure: worse}), clip("better", 1, **{figure: better})]

    assert names(place(clips)) == ["better", "worse"]


def test_what_is_unlike_the_others_comes_before_what_is_there_twice():
    clips = [clip("one", 0), clip("twin", 1, profile=(0.1,)), clip("other", 2, profile=(9.0,))]

    placed = place(clips)

    assert names(placed) == ["other", "one", "twin"]
    assert placed[0].novelty == pytest.approx(8.9)
    assert [one.place for one in placed] == [1, 2, 3]


def test_a_trapped_clip_stands_last_however_new_it_is():
    silent = clip("silent", 0, (90.0,), traps={"silence": 1.0}, distance_db=0.0)
    poor = clip("poor", 1, (1.0,), distance_db=30.0, clipped=0.5, copied=0.9)

    assert names(place([silent, poor, clip("fine", 2)])) == ["fine", "poor", "silent"]


def test_equal_clips_stand_by_their_seeds_and_one_is_new_to_nobody():
    assert names(place([clip("b", 1), clip("a", 0)])) == ["a", "b"]
    assert place([clip("a", 0)])[0].novelty is None
    assert place([]) == []


def test_a_profile_tells_tones_apart_and_no_loudness_of_silence():
    time = torch.arange(8000) / 8000
    low, high = (torch.sin(2 * torch.pi * hertz * time)[None] for hertz in (200, 2000))

    assert profile_of(low, 8000) == profile_of(low, 8000)
    assert (
        max(abs(a - b) for a, b in zip(profile_of(low, 8000), profile_of(high, 8000), strict=True))
        > 20
    )
    assert peaks_of(low / 2)[100] == 50
    assert len(peaks_of(low)) == 400


def test_a_curation_is_read_as_it_was_written(tmp_path):
    said = {"a": {"verdict": "keep", "title": "A", "note": "n"}, "b": {"verdict": None}}
    found = Curation.from_json(WHOLE | {"clips": said, "order": ["b", "a", "b"]})

    (tmp_path / CURATION).write_text(json.dumps(found.to_json()))

    assert read_curation(tmp_path) == found
    assert found.order == ("b", "a")
    assert found.kept == ["a"]
    assert read_curation(tmp_path / "none") is None


@pytest.mark.parametrize(
    ("plain", "words"),
    [
        (None, "no curation"),
        ([], "no curation"),
        ({**WHOLE, "clips": {"a": {"verdict": "maybe"}}}, "no curation"),
        ({**WHOLE, "clips": {"a": {"title": 3}}}, "no curation"),
        ({**WHOLE, "join": "noise"}, "joined by a crossfade or a gap of at most 30 s, got 'noise'"),
        ({**WHOLE, "seconds": 31}, "got 'crossfade' of 31 s"),
        ({**WHOLE, "seconds": float("nan")}, "of nan s"),
    ],
)
def test_what_is_none_is_refused(plain, words):
    with pytest.raises(DataError, match=words):
        Curation.from_json(plain)


def test_a_damaged_file_is_named(tmp_path):
    (tmp_path / CURATION).write_text("{")

    with pytest.raises(DataError, match=r"curation\.json cannot be read: Expecting"):
        read_curation(tmp_path)
