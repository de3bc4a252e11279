import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from typica.core.errors import DataError
from typica.score.abc.books import read_tunes
from typica.score.abc.cleaning import clean
from typica.score.abc.playing import played
from typica.score.abc.validator import validate
from typica.score.abc.writing import Setting, Tone, fewest_accidentals, written


@st.composite
def melodies(draw, longest=8):
    tones, now = [], 0
    for gap, length, pitch in draw(
        st.lists(
            st.tuples(st.integers(0, 5), st.integers(1, longest), st.integers(36, 96)),
            min_size=1,
            max_size=12,
        )
    ):
        tones.append(Tone(pitch, now + gap, now + gap + length))
        now += gap + length
    return tones


def read_back(text, grid):
    """Return the tones that our own reader finds; it strikes what is tied again.

    Where a bar is no whole number of steps, that is between two of them.
    """
    (typed,) = read_tunes(text)
    tune = clean(typed)
    assert validate(tune.tokens).faults == ()
    notes = played(tune.tokens, quarters_per_minute=60)
    return [
        Tone(p, round(48 * a * grid) / 48, round(48 * b * grid) / 48)
        for p, a, b, *_ in notes.rows()
    ]


@example(tones=[Tone(36, 2, 3)], grid=1, metre=(5, 8), sharps=None)
@given(
    tones=melodies(),
    grid=st.sampled_from([1, 2, 4, 12]),
    metre=st.sampled_from([(4, 4), (3, 4), (6, 8), (2, 2), (5, 8)]),
    sharps=st.sampled_from([None, -7, -3, 0, 4, 7]),
)
def test_a_melody_comes_back_but_for_what_bar_lines_cut(tones, grid, metre, sharps):
    text = written(tones, Setting(grid, metre, sharps))

    back = read_back(text, grid)
    joined = []
    for tone in back:
        ties = [one for one in tones if one.start < tone.start < one.stop]
        if ties and joined:
            joined[-1] = joined[-1]._replace(stop=tone.stop)
        else:
            joined.append(tone)
    assert joined == tones


@given(melodies(longest=4))
def test_notes_within_bars_come_back_as_they_are(tones):
    aligned = [Tone(t.pitch, 16 * n, 16 * n + t.stop - t.start) for n, t in enumerate(tones)]

    assert read_back(written(aligned, Setting()), 4) == aligned


def test_ties_are_those_that_other_readers_know():
    music21 = pytest.importorskip("music21")
    tones = [Tone(60, 0, 12), Tone(63, 12, 20), Tone(66, 24, 56), Tone(61, 56, 60)]

    score = music21.converter.parse(written(tones, Setting(title="a\ntune")), format="abc")

    notes = score.flatten().notes.stream().stripTies()
    assert [(n.pitch.midi, 4 * n.offset, 4 * (n.offset + n.quarterLength)) for n in notes] == [
        tuple(map(float, tone)) for tone in tones
    ]


def test_header_bars_and_spelling():
    scale = [Tone(p, 4 * n, 4 * n + 4) for n, p in enumerate([62, 64, 66, 67, 69, 71, 73, 74])]

    text = written(scale, Setting(title="A  scale\nof D", quarters_per_minute=96))

    assert text == (
        "X:1\nT:A scale of D\nM:4/4\nL:1/8\nQ:1/4=96\nK:D\nD2 E2 F2 G2 | A2 B2 c2 d2 |]\n"
    )


@given(st.integers(-6, 6))
def test_a_major_scale_needs_no_accidentals(sharps):
    pitches = [60 + (7 * sharps + step) % 12 for step in (0, 2, 4, 5, 7, 9, 11)]

    found = fewest_accidentals([Tone(p, n, n + 1) for n, p in enumerate(pitches)])

    assert found == sharps or abs(found) == abs(sharps) == 6


@pytest.mark.parametrize("tones", [[], [Tone(60, 0, 4), Tone(62, 3, 5)]])
def test_what_is_no_melody_is_refused(tones):
    with pytest.raises(DataError, match="one after another"):
        written(tones, Setting())


def test_notes_are_tied_over_a_bar_line_and_rests_are_not():
    text = written([Tone(60, 0, 20), Tone(62, 44, 48)], Setting(steps_per_quarter=4))

    assert text.splitlines()[-1] == "C8- | C2 z6 | z6 D2 |]"
