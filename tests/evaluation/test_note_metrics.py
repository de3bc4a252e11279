import numpy as np
import pytest

from typica.core.errors import DataError, ShapeError
from typica.evaluation.note_metrics import frame_scores, note_scores
from typica.score.notes import Note, Notes

pytest.importorskip("mir_eval")
PLAYED = [Note(60 + index, index / 4, index / 4 + 0.2, 20 + 5 * index) for index in range(20)]


def scored(rows):
    return note_scores(Notes.of(PLAYED), Notes.of(rows))


def test_the_truth_is_right():
    assert all(score == (1, 1, 1) for score in scored(PLAYED))


def test_nothing_found_is_0_and_nothing_played_has_no_score():
    assert all(score == (0, 0, 0) for score in scored([]))
    with pytest.raises(DataError, match="without notes has no score"):
        note_scores(Notes.of([]), Notes.of(PLAYED))


def test_each_rule_is_stricter():
    early = [row._replace(onset_s=max(row.onset_s - 0.04, 0)) for row in PLAYED[:10]]
    long = [row._replace(offset_s=row.offset_s + 0.06) for row in PLAYED[10:15]]
    other = [row._replace(pitch=row.pitch + 1, onset_s=row.onset_s + 0.06) for row in PLAYED[15:]]

    onset, offset, _ = scored(early + long + other)

    assert onset == pytest.approx((0.75, 0.75, 0.75))
    assert offset == pytest.approx((0.5, 0.5, 0.5))
    assert scored(PLAYED[:10]).onset == pytest.approx((1, 0.5, 2 / 3))


def test_velocities_count_up_to_a_line():
    halved = [row._replace(velocity=row.velocity // 2 + 30) for row in PLAYED]
    random = np.random.default_rng(0).permutation([row.velocity for row in PLAYED]).tolist()
    shuffled = [row._replace(velocity=v) for row, v in zip(PLAYED, random, strict=True)]

    assert scored(halved).velocity.f1 == 1
    assert scored(shuffled).velocity.f1 < 0.5
    assert scored(shuffled).offset.f1 == 1


def test_frames_are_counted():
    there, found = np.zeros((2, 4, 128))
    there[:, 60], found[1:, 60], found[0, 61] = 1, 1, 1

    assert frame_scores(there, found) == (0.75, 0.75, 0.75)
    assert frame_scores(there, 0 * found) == (0, 0, 0)
    with pytest.raises(DataError, match="nothing sounds"):
        frame_scores(0 * there, found)
    with pytest.raises(ShapeError, match="one shape"):
        frame_scores(there, found[:3])
