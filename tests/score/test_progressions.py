import numpy as np
import pytest

from typica.score.progressions import random_progression


def chords_of(notes):
    """Return the pitches of each chord, from the soprano down."""
    rows = sorted(notes.rows(), key=lambda row: (row.onset_s, row.channel))
    return np.array([row.pitch for row in rows]).reshape(-1, 4)


@pytest.mark.parametrize("seed", range(20))
def test_each_chord_is_a_triad_of_one_major_scale_and_the_last_its_tonic(seed):
    chords = chords_of(random_progression(np.random.default_rng(seed), chords=9))

    tonic = chords[-1, 3] % 12
    assert chords[0, 3] % 12 == tonic
    assert chords[-2, 3] % 12 == (tonic + 7) % 12
    for chord in chords:
        assert set((chord - tonic) % 12) <= {0, 2, 4, 5, 7, 9, 11}
        thirds = set((chord - chord[3]) % 12)
        assert thirds <= {0, 3, 4, 7}


def test_voices_move_little():
    chords = chords_of(random_progression(np.random.default_rng(0), chords=50))

    assert np.abs(np.diff(chords[:, :3], axis=0)).max() <= 5


def test_times_are_as_asked():
    notes = random_progression(np.random.default_rng(0), chords=4, chord_s=0.5)

    assert sorted(set(notes.onset_s.tolist())) == [0.0, 0.5, 1.0, 1.5]
    assert notes.duration_s == 2.5


def test_equal_generators_give_equal_notes():
    one, same, other = (random_progression(np.random.default_rng(seed)) for seed in (1, 1, 2))

    assert one.rows() == same.rows()
    assert one.rows() != other.rows()
