from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from typica.core.errors import ConfigError, DataError
from typica.score.midi import decode_midi, encode_midi
from typica.score.multitrack import END, START, MultitrackCodec
from typica.score.notes import Note, Notes

CODEC = MultitrackCodec(styles=("bach", "folk"))
PROGRAMS = {0: 0, 1: 40, 2: 56, 9: 0}
pieces = st.lists(
    st.builds(
        lambda pitch, start, length, velocity, channel: Note(
            pitch, start / 24, (start + length) / 24, velocity, channel, PROGRAMS[channel]
        ),
        st.integers(58, 62), st.integers(0, 300), st.integers(1, 300), st.integers(1, 127),
        st.sampled_from(list(PROGRAMS)),
    ),
    max_size=15,
)  # fmt: skip


def apart(rows):
    kept, free = [], Counter()
    for row in sorted(rows, key=lambda row: row.onset_s):
        if row.onset_s >= free[row.channel, row.pitch]:
            kept.append(row)
            free[row.channel, row.pitch] = row.offset_s
    return kept


def names(tokens):
    return [CODEC.names[token] for token in tokens]


def test_a_piece_begins_with_what_it_is():
    notes = Notes.of([Note(60, 0, 1, 72), Note(67, 0, 0.5, 72, channel=1, program=48)])

    assert names(CODEC.encode(notes, "bach")) == [
        "style:bach", "with:piano", "with:strings", "start", "piano:v73:60", "strings:v73:67",
        "wait:12", "strings:v0:67", "wait:12", "piano:v0:60", "end",
    ]  # fmt: skip


@given(pieces)
def test_notes_come_back_but_for_their_volume(rows):
    rows = apart(rows)

    back = CODEC.decode(CODEC.encode(Notes.of(rows)))

    def key(row):
        return row.channel == 9, row.program, row.pitch, round(row.onset_s * 24)

    pairs = list(zip(sorted(rows, key=key), sorted(back.rows(), key=key), strict=True))
    for old, new in pairs:
        assert key(old) == key(new)
        assert round(old.offset_s * 24) == round(new.offset_s * 24)
        assert abs(old.velocity - new.velocity) <= 8


@given(pieces)
def test_tokens_are_a_fixed_point_and_releases_follow_their_strikes(rows):
    tokens = CODEC.encode(Notes.of(rows), "folk")

    assert np.array_equal(CODEC.encode(CODEC.decode(tokens), "folk"), tokens)
    open_keys = Counter()
    for name in names(tokens):
        if ":v" in name:
            instrument, volume, pitch = name.split(":")
            open_keys[instrument, pitch] += 1 if volume != "v0" else -1
            assert open_keys[instrument, pitch] >= 0
    waits = [int(name[5:]) for name in names(tokens) if name.startswith("wait")]
    assert sum(waits) == max((round(row.offset_s * 24) for row in rows), default=0)
    assert max(waits, default=0) <= 128


@given(st.lists(st.integers(0, len(CODEC) - 1), max_size=60))
def test_any_tokens_decode(tokens):
    notes = CODEC.decode(np.array(tokens, dtype=int))

    assert np.all(notes.offset_s > notes.onset_s)


@given(pieces)
def test_positions_restart_at_waits_and_count_down_to_the_end(rows):
    tokens = CODEC.encode(Notes.of(rows))
    time, chord, part, countdown = CODEC.positions(tokens)

    struck, steps = 0, 0
    for index, name in enumerate(names(tokens)):
        if name.startswith("wait"):
            struck, steps = 0, steps + int(name[5:])
        assert (chord[index], time[index]) == (struck, steps)
        struck += ":v" in name and ":v0:" not in name
    assert np.all(np.diff(part) >= 0)
    assert part[0] == 0
    if len(tokens) > 2:
        assert (part[-2], countdown[-2]) == (127, 0)


@given(pieces, st.integers(-12, 12))
def test_transposing_commutes_and_leaves_drums_and_prefix(rows, semitones):
    moved = [row if row.channel == 9 else row._replace(pitch=row.pitch + semitones) for row in rows]
    tokens = CODEC.encode(Notes.of(rows), "bach")

    transposed = CODEC.transposed(tokens, semitones)

    assert Counter(names(transposed)) == Counter(names(CODEC.encode(Notes.of(moved), "bach")))
    prefix = tokens.tolist().index(START) + 1
    assert np.array_equal(transposed[:prefix], tokens[:prefix])
    assert transposed[-1] == END


def test_what_cannot_be_told_is_refused():
    piano = MultitrackCodec(instruments={"piano": [0]}, lowest=21, highest=108)
    with pytest.raises(DataError, match="plays program 40"):
        piano.encode(Notes.of([Note(60, 0, 1, program=40)]))
    with pytest.raises(DataError, match="plays drums"):
        piano.encode(Notes.of([Note(60, 0, 1, channel=9)]))
    with pytest.raises(DataError, match="from 21 to 108"):
        piano.encode(Notes.of([Note(20, 0, 1)]))
    with pytest.raises(ConfigError, match="no style 'back': did you mean 'bach'"):
        CODEC.encode(Notes.of([]), "back")
    with pytest.raises(DataError, match="numbers in"):
        CODEC.decode([-1])


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"instruments": {}}, "1 to 15 instruments and drums"),
        ({"instruments": {f"i{number}": [number] for number in range(16)}}, "1 to 15 instruments"),
        ({"instruments": {"a": [0, 1], "b": [1]}}, "belongs to one instrument alone"),
        ({"instruments": {"a": [128]}}, r"in \[0, 127\]"),
        ({"instruments": {"a": []}}, "'a' has no programs"),
        ({"volumes": 31}, "of 31 volumes only 26 would be used: take 26"),
    ],
)
def test_a_vocabulary_that_could_not_work_is_refused(settings, sentence):
    with pytest.raises(ConfigError, match=sentence):
        MultitrackCodec(**settings)


def test_fifteen_instruments_and_drums_come_back_from_midi():
    instruments = {f"i{number}": [number] for number in range(15)} | {"drums": ()}
    codec = MultitrackCodec(instruments=instruments)
    notes = [Note(60, 0, 1, program=program) for program in range(15)]
    notes.append(Note(60, 0, 1, channel=9))

    back = decode_midi(encode_midi(codec.decode(codec.encode(Notes.of(notes)))))

    assert sorted(back.program[back.channel != 9].tolist()) == list(range(15))
    assert len(back) == 16


@pytest.mark.parametrize("wrong", [[-1], [len(CODEC)], [0.5]])
def test_what_is_no_token_is_neither_moved_nor_placed(wrong):
    with pytest.raises(DataError, match="tokens"):
        CODEC.transposed(wrong, 1)
    with pytest.raises(DataError, match="tokens"):
        CODEC.positions(wrong)
