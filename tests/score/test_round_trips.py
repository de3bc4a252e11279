"""MIDI to events to MIDI on real files: every note comes back within half a step of its clock."""

from collections import defaultdict
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from typica.core.errors import DataError
from typica.data.corpora.ensembles import ENSEMBLES
from typica.score.chorales import chorale_files, read_chorale
from typica.score.events import PERFORMANCE_388, PERFORMANCE_413
from typica.score.instruments import PROGRAMS
from typica.score.midi import decode_midi, decode_performance, encode_midi
from typica.score.multitrack import MultitrackCodec
from typica.score.notes import DRUM_CHANNEL, Note, Notes
from typica.score.pedal import sustained

pytest.importorskip("music21")
CODECS = {"388": PERFORMANCE_388, "413": PERFORMANCE_413, "tracks": MultitrackCodec()}


def at_hand():
    """MIDI files inside installed packages."""
    import music21

    return sorted(Path(music21.__file__).parent.rglob("*.mid"))


@cache
def chorale(name):
    return encode_midi(read_chorale(chorale_files()[name]))


def single_notes():
    """The notes of the corpus of single notes, one after the other."""
    rows, now = [], 0.0
    for program in PROGRAMS.values():
        for pitch in range(36, 85):
            rows.append(Note(pitch, now, now + 3.0, 50 + pitch % 60, program=program))
            now += 4.0
    return Notes.of(rows)


def singly(notes, instrument):
    """Return notes as an instrument can play them, each of its keys once at a time."""
    rows = [
        row._replace(channel=channel, program=0 if channel == 0 else row.program)
        for row, channel in zip(notes.rows(), instrument, strict=True)
        if channel is not None
    ]
    return decode_midi(encode_midi(Notes.of(rows), ticks_per_quarter=9600))


def played_by(codec, notes):
    """Give each note the channel of what plays it; of performances all but drums is one piano."""
    if not isinstance(codec, MultitrackCodec):
        return [None if channel == DRUM_CHANNEL else 0 for channel in notes.channel.tolist()]
    channels = codec._channels()[0]
    return channels[codec._instrument(notes)].tolist()


def told(codec, notes):
    """Return what events can say of notes: by channel and pitch their steps and velocities."""
    keys = defaultdict(dict)
    for row in notes.rows():
        start, stop = (int(np.floor(t * codec.steps_per_s + 0.5)) for t in row[1:3])
        kept = keys[row.channel, row.pitch]
        # Two strikes of a key in one step are one in MIDI: the longer.
        stop = max(stop, start + 1, kept.get(start, (0, 0))[0])
        kept[start] = stop, row.velocity
    for kept in keys.values():
        for start, following in zip(sorted(kept), sorted(kept)[1:], strict=False):
            kept[start] = min(kept[start][0], following), kept[start][1]
    return keys


def check(codec, data):
    """Take a file there and back; return how many notes came back."""
    notes = sustained(decode_performance(data))
    notes = singly(notes, played_by(codec, notes))
    steps = codec.steps_per_s

    events = codec.encode(notes)
    back = decode_midi(encode_midi(codec.decode(events), ticks_per_quarter=steps * 5))

    expected, found = told(codec, notes), told(codec, back)
    assert {key: {s: e for s, (e, _) in at.items()} for key, at in found.items()} == {
        key: {s: e for s, (e, _) in at.items()} for key, at in expected.items()
    }
    onsets = np.concatenate([notes.onset_s, back.onset_s])
    off = np.abs(onsets * steps - np.floor(onsets * steps + 0.5))
    assert off.max(initial=0) <= 0.5 + 1e-6
    assert off[len(notes) :].max(initial=0) < 1e-6
    for key, at in expected.items():
        for start, (_, velocity) in at.items():
            assert abs(found[key][start][1] - velocity) <= codec._bin
    return len(back)


@pytest.mark.parametrize("codec", CODECS)
@pytest.mark.parametrize("name", ["bwv66.6", "bwv10.7", "bwv248.5"])
def test_chorales_come_back_from_events(name, codec):
    assert check(CODECS[codec], chorale(name)) > 100


@pytest.mark.parametrize("codec", CODECS)
def test_files_inside_packages_come_back_from_events(codec):
    sizes = []
    for path in at_hand():
        try:
            sizes.append(check(CODECS[codec], path.read_bytes()))
        except DataError as error:
            raise AssertionError(f"{path.name}: {error}") from error

    assert len(sizes) >= 20
    assert sum(sizes) > 1000


@pytest.mark.parametrize("codec", CODECS)
def test_single_notes_come_back_from_events(codec):
    assert check(CODECS[codec], encode_midi(single_notes())) == len(single_notes())


@pytest.mark.parametrize("ensemble", ENSEMBLES)
def test_ensembles_come_back_from_tokens(ensemble):
    notes = decode_midi(chorale("bwv66.6"))
    programs = np.array(ENSEMBLES[ensemble], np.uint8)
    scored = replace(notes, program=programs[notes.channel % 4])

    assert check(CODECS["tracks"], encode_midi(scored)) > 100


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_all_chorales_come_back_from_events():
    notes = 0
    for name in chorale_files():
        data = encode_midi(read_chorale(chorale_files()[name]))
        notes += min(check(codec, data) for codec in CODECS.values())

    assert notes > 100_000
