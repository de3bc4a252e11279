"""Utilities: what holds for all of them, and values worked out by hand."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from typica.core.errors import ConfigError, ShapeError
from typica.core.randomness import seeded
from typica.decoding.utilities.agreement import ExactMatch, HammingSimilarity
from typica.decoding.utilities.edit import EditSimilarity
from typica.decoding.utilities.ngrams import NgramF1
from typica.decoding.utilities.notes import NoteF1, OnsetF1
from typica.decoding.utilities.spectral import LogMelSimilarity, LogSpectralSimilarity
from typica.decoding.utilities.text import ChrF, SentenceBleu
from typica.decoding.utilities.utility import identity
from typica.score.notes import Note, Notes

words = st.text("ab c", max_size=8)
bars = st.lists(st.tuples(st.integers(60, 62), st.integers(0, 30)), max_size=6)
pieces = bars.map(
    lambda rows: Notes.of(Note(pitch, 0.03 * at, 0.03 * at + 0.2) for pitch, at in rows)
)
sounds = st.integers(0, 50).map(
    lambda seed: 0.3 * torch.randn(700, generator=seeded(seed)) * (seed % 3 > 0)
)

UTILITIES = [
    (ExactMatch(), words),
    (HammingSimilarity(), st.text("abc", min_size=5, max_size=5)),
    *((NgramF1(order), words) for order in (1, 2, 3, 4)),
    (EditSimilarity(), words),
    (ChrF(), words),
    (ChrF(order=3, words=2, beta=1), words),
    (SentenceBleu(), words),
    (LogSpectralSimilarity(windows=(128, 512)), sounds),
    (LogMelSimilarity(rate=8000, bands=20, window=512), sounds),
    (OnsetF1(), pieces),
    (NoteF1(), pieces),
]


@pytest.mark.parametrize(("utility", "items"), UTILITIES, ids=lambda part: str(part)[:40])
def test_it_lies_in_the_unit_interval_is_1_of_the_same_and_symmetric_where_it_says_so(
    utility, items
):
    @settings(max_examples=60, deadline=None)
    @given(items, items)
    def holds(left, right):
        places = np.array([0, 1, 0, 1])
        there, back, one, two = utility.pairs([left, right], places, np.array([1, 0, 0, 1]))
        assert 0 <= there <= 1
        assert one == two == 1
        assert not utility.symmetric or there == pytest.approx(back, abs=1e-12)

    holds()


def test_bleu_and_chrf_are_not_symmetric_and_say_so():
    assert not SentenceBleu().symmetric
    assert SentenceBleu()("a b c d", "a b c d e f") != SentenceBleu()("a b c d e f", "a b c d")
    assert not ChrF().symmetric
    assert ChrF()("abc", "abcdef") != ChrF()("abcdef", "abc")
    assert ChrF(beta=1).symmetric


def test_exact_match_is_by_content():
    match = ExactMatch()
    assert match(torch.tensor([1, 2]), torch.tensor([1, 2])) == 1
    assert match(torch.tensor([1, 2]), torch.tensor([2, 1])) == 0
    notes = [Notes.of([Note(pitch, 0.0, 1.0)]) for pitch in (60, 60, 61)]
    assert match(notes[0], notes[1]) == 1
    assert match(notes[0], notes[2]) == 0
    assert identity([1, 2]) == identity((1, 2))
    assert identity([[1, 2], [3]]) == identity(((1, 2), (3,))) != identity([[1], [2, 3]])
    assert identity([torch.tensor([1, 2])]) == identity([torch.tensor([1, 2])])


def test_hamming_similarity_by_hand():
    assert HammingSimilarity()("abcd", "abdc") == 0.5
    assert HammingSimilarity()(torch.tensor([1, 2, 3]), torch.tensor([1, 0, 3])) == 2 / 3
    assert HammingSimilarity()("", "") == 1
    with pytest.raises(ShapeError, match="lengths from 2 to 3"):
        HammingSimilarity()("ab", "abc")


def test_ngram_f1_by_hand():
    # Shared: a once (it comes once in the second), b twice; 2 * 3 / (4 + 4).
    assert NgramF1(1)("aabb", "abbc") == 6 / 8
    # aa ab bb against ab bb bc: two of three.
    assert NgramF1(2)("aabb", "abbc") == 2 / 3
    assert NgramF1(3)("aabb", "abbc") == 1 / 2
    assert NgramF1(4)("aabb", "abbc") == 0
    assert NgramF1(4)("ab", "ab") == 1
    assert NgramF1(4)("ab", "ba") == 0
    assert NgramF1(1)([3, 3, 5], [3, 5, 5]) == pytest.approx(2 / 3)
    with pytest.raises(ConfigError, match="order=0"):
        NgramF1(0)


def test_edit_similarity_by_hand():
    assert EditSimilarity()("kitten", "sitting") == pytest.approx(1 - 3 / 7)
    assert EditSimilarity()("", "abc") == 0
    assert EditSimilarity()([1, 2, 3, 4], [1, 3, 4]) == 0.75
    assert EditSimilarity()(torch.tensor([300, 2]), torch.tensor([300, 7])) == 0.5


def test_chrf_by_hand():
    # Bigrams ab against ab, bc; unigrams a, b against a, b, c: F2 at each order, then the mean.
    def f2(precision, recall):
        return 5 * precision * recall / (4 * precision + recall)

    precision, recall = 1.0, (2 / 3 + 1 / 2) / 2
    assert ChrF(order=2)("ab", "abc") == pytest.approx(f2(precision, recall))


def test_sentence_bleu_by_hand():
    # Precisions 3/4, 2/3, 1/2 and, smoothed, 1 / (2 * 1): no penalty, for both have four words.
    expected = (3 / 4 * 2 / 3 * 1 / 2 * 1 / 2) ** 0.25
    assert SentenceBleu()("a b c x", "a b c d") == pytest.approx(expected)
    # Two words of three: only the penalty exp(1 - 3 / 2).
    assert SentenceBleu(order=2)("a b", "a b c") == pytest.approx(math.exp(-0.5))


def test_a_spectrum_twice_as_loud_is_six_decibels_away():
    audio = 0.2 * torch.randn(4000, generator=seeded(0))
    six = math.exp(-20 * math.log10(2) / 10)
    utility = LogSpectralSimilarity(windows=(256, 1024), floor_db=-300)
    assert utility(audio, 2 * audio) == pytest.approx(six, rel=1e-3)
    mel = LogMelSimilarity(rate=8000, floor_db=-300)
    assert mel(audio, 2 * audio) == pytest.approx(six, rel=1e-3)
    assert mel(audio[None], audio[None]) == 1


def test_silence_is_as_far_from_white_noise_as_the_floor_is():
    noise = torch.randn(20_000, generator=seeded(1))
    # A band of white noise of variance 1 has power 4 sum(w^2) / (sum w)^2 = 6 / window.
    level = 10 * math.log10(6 / 1024)
    utility = LogMelSimilarity(rate=8000, bands=10, scale_db=100, floor_db=-80)
    distance = -100 * math.log(utility(noise, torch.zeros(20_000)))
    assert distance == pytest.approx(80 + level, abs=1)


def test_audio_of_other_shapes_is_refused():
    with pytest.raises(ShapeError, match=r"\(3,\), \(4,\)"):
        LogSpectralSimilarity()(torch.zeros(3), torch.zeros(4))


def test_onsets_match_within_fifty_milliseconds_and_one_to_one():
    reference = Notes.of([Note(60, 0.0, 0.4), Note(64, 0.5, 0.9), Note(67, 1.0, 1.4)])
    # Exactly 50 ms late; of another pitch; 51 ms late; and one that would match a note twice.
    rows = [Note(60, 0.05, 0.4), Note(65, 0.5, 0.9), Note(67, 1.051, 1.4), Note(60, 0.01, 0.4)]
    candidate = Notes.of(rows)

    assert NoteF1()(candidate, reference) == 2 * 1 / 7
    assert OnsetF1()(candidate, reference) == 2 * 2 / 7
    assert NoteF1(tolerance_s=0.06)(candidate, reference) == 2 * 2 / 7


def test_the_most_notes_are_matched_not_the_first_ones():
    left = Notes.of([Note(60, 0.00, 1.0), Note(60, 0.06, 1.0)])
    right = Notes.of([Note(60, 0.04, 1.0), Note(60, 0.10, 1.0)])
    assert NoteF1()(left, right) == NoteF1()(right, left) == 1


def test_pieces_without_notes_are_the_same():
    empty, one = Notes.of([]), Notes.of([Note(60, 0.0, 1.0)])
    assert NoteF1()(empty, empty) == 1
    assert NoteF1()(empty, one) == 0


def test_what_a_utility_cannot_compare_is_refused():
    with pytest.raises(ShapeError, match="compares texts, got tuple"):
        ChrF()((1, 2), (1, 2))
    with pytest.raises(ShapeError, match="notes, got str"):
        NoteF1()("a", "a")
    with pytest.raises(ShapeError, match=r"shape \(length,\), got \(2, 2\)"):
        EditSimilarity()(torch.zeros(2, 2), torch.zeros(2, 2))


@pytest.mark.parametrize(
    "utility", [ExactMatch(), NgramF1(1), EditSimilarity()], ids=["exact", "F1", "edit"]
)
def test_symbols_may_be_sequences_themselves(utility):
    assert utility([[1, 2], [3]], [[1, 2], [3]]) == 1
    assert utility([[1, 2], [3]], [(1, 2), [3]]) == 1
    assert utility([[1, 2], [3]], [[4], [5]]) == 0


def test_audio_may_be_an_array():
    one, other = (0.3 * torch.randn(700, generator=seeded(seed)) for seed in (1, 2))
    utility = LogSpectralSimilarity(windows=(128,))
    assert utility(one.numpy(), other.numpy()) == utility(one, other)


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"bands": 0}, "bands must be a whole number of at least 1, got 0"),
        ({"bands": 2.5}, "bands must be a whole number of at least 1, got 2.5"),
        ({"window": 0}, "frames must have an even number of samples, at least 4, got 0"),
    ],
)
def test_a_mel_spectrum_of_no_bands_is_refused(settings, reason):
    with pytest.raises(ConfigError, match=reason):
        LogMelSimilarity(8000, **settings)


def test_a_frame_of_less_than_a_hop_is_refused():
    with pytest.raises(ConfigError, match="even number of samples, at least 4, got 2"):
        LogSpectralSimilarity(windows=(256, 2))
