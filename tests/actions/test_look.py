"""What a look draws, told by the numbers on its axes."""

import math

import numpy as np
import pytest
import soundfile
import torch

from typica.actions.look import look
from typica.core.errors import ConfigError, DataError, MissingFeatureError
from typica.data.excerpt import Excerpt
from typica.evaluation.views import analysis
from typica.evaluation.views.axes import COLUMNS, Span, hertz_of, pooled
from typica.evaluation.views.panels import PANELS
from typica.evaluation.views.roll import DRUMS, draw_roll
from typica.evaluation.views.sheet import analyse, draw_sound
from typica.score.abc.playing import played
from typica.score.controls import Control, Controls, Performance
from typica.score.midi import encode_midi
from typica.score.notes import Note, Notes
from typica.score.pedal import sustained

pytest.importorskip("matplotlib")

RATE = 8000
TUNE = "X:1\nT:Up\nM:4/4\nL:1/4\nQ:1/4=60\nK:C\nCDEF|GABc|\n\nX:2\nT:Down\nM:4/4\nL:1/4\nK:C\nc4|\n"


def sine(hertz=440.0, seconds=1.0, amplitude=0.5, rate=RATE, phase=0.0):
    time = np.arange(round(seconds * rate)) / rate
    return (amplitude * np.cos(2 * np.pi * hertz * time + phase)).astype(np.float32)


def excerpt(audio, rate=RATE, start_s=0.0):
    audio = np.atleast_2d(np.asarray(audio, np.float32))
    return Excerpt(audio.mean(0), audio, len(audio), rate, rate, start_s, None)


def drawn(audio, *panels, **settings):
    """Draw panels of audio; return their axes by name, and the analysis."""
    stretch = excerpt(audio, **settings)
    found = analyse(stretch)
    figure = draw_sound(stretch, found, panels or tuple(PANELS), name="a", about=["b"])
    return {axes.get_gid(): axes for axes in figure.axes if axes.get_gid()}, found


def picture(axes):
    """Return the values of a panel's picture, and where its rows and columns have their middles."""
    (image,) = axes.images
    values = np.ma.filled(image.get_array().astype(float), np.nan)
    left, right, low, high = image.get_extent()
    rows, columns = values.shape
    y = low + (np.arange(rows) + 0.5) * (high - low) / rows
    x = left + (np.arange(columns) + 0.5) * (right - left) / columns
    return values, y, x


def write(path, audio, rate=RATE, **kind):
    soundfile.write(path, np.asarray(audio).T, rate, **kind)
    return path


def inner(values, frames=16):
    return values[:, frames:-frames]


def test_the_instantaneous_frequency_of_a_sine_is_its_frequency():
    axes, found = drawn(sine(440.0), "frequency")

    known = inner(found.frequency_is_known)
    assert (known.sum(0) >= 2).all()
    assert (inner(found.frequency)[known] - 440.0).abs().max() < 0.05
    values, kilohertz, _ = picture(axes["frequency"])
    row, _ = np.unravel_index(np.nanargmax(values), values.shape)
    assert abs(kilohertz[row] - 0.44) <= (kilohertz[1] - kilohertz[0]) / 2
    lit = np.isfinite(inner(values)).any(1)
    assert kilohertz[lit] == pytest.approx([kilohertz[row]])


def test_what_is_soft_has_no_frequency_and_no_phase():
    soft = 0.5 * 10 ** ((analysis.MASK_DB - 6) / 20)
    axes, found = drawn(sine(1000.0) + sine(3000.0, amplitude=soft), "phase", "frequency")

    for values in (inner(found.frequency_is_known), inner(found.loud)):
        hertz = torch.nonzero(values.any(1)) * RATE / found.sizes.window
        assert hertz.numel()
        assert ((hertz - 1000).abs() < 100).all()
    values, kilohertz, _ = picture(axes["phase"])
    assert np.isnan(inner(values)[np.abs(kilohertz - 1) > 0.1]).all()


def test_the_click_at_a_cut_does_not_widen_the_axis():
    axes, _ = drawn(sine(440.0, seconds=0.3), "phase", "frequency")  # it begins at its crest

    for one in axes.values():
        assert one.get_ylim() == (0, 1)


def test_the_phase_of_a_partial_is_counted_from_the_beginning():
    window = analysis.sizes_of(RATE, RATE).window
    hertz = 41 * RATE / window  # the middle of a bin, of an odd one: half a window is half a turn
    axes, _ = drawn(sine(hertz, phase=0.7), "phase")

    values, kilohertz, _ = picture(axes["phase"])
    row = np.abs(kilohertz - hertz / 1000).argmin()
    assert inner(values)[row] * math.pi == pytest.approx(
        np.full(inner(values).shape[1], 0.7), abs=1e-3
    )
    (image,) = axes["phase"].images
    ends = image.cmap(0.0), image.cmap(1.0)
    assert ends[0] == pytest.approx(ends[1], abs=0.02)  # the colours go round
    assert image.get_clim() == (-1, 1)


@pytest.mark.parametrize("panel", ["magnitude", "constant-q"])
def test_decibels_are_those_of_a_full_scale_sine(panel):
    window = analysis.sizes_of(RATE, RATE).window
    hertz = {"magnitude": 40 * RATE / window, "constant-q": 440.0}[panel]
    for amplitude in (1.0, 0.1):
        axes, _ = drawn(sine(hertz, amplitude=amplitude), panel)
        values, _, x = picture(axes[panel])
        middle = np.abs(x - 0.5).argmin()
        assert values[:, middle].max() == pytest.approx(20 * math.log10(amplitude), abs=0.1)


def test_the_constant_q_axis_says_the_note():
    axes, _ = drawn(sine(440.0), "constant-q")

    values, rows, x = picture(axes["constant-q"])
    loudest = rows[values[:, np.abs(x - 0.5).argmin()].argmax()]
    names = [label.get_text() for label in axes["constant-q"].get_yticklabels()]
    octave = dict(zip(names, axes["constant-q"].get_yticks(), strict=True))
    assert loudest - octave["C4"] == pytest.approx(9 / 12 * (octave["C5"] - octave["C4"]))


def test_the_mel_axis_says_hertz():
    axes, _ = drawn(sine(2000.0), "mel")

    values, mels, _ = picture(axes["mel"])
    marks = zip(axes["mel"].get_yticklabels(), axes["mel"].get_yticks(), strict=True)
    place = {label.get_text(): tick for label, tick in marks}
    loudest = mels[np.nanmax(values, axis=1).argmax()]
    assert loudest == pytest.approx(place["2"], abs=mels[1] - mels[0])
    assert np.nanmax(values) == 0


def test_pitch_is_drawn_where_it_is_with_its_confidence():
    pytest.importorskip("swift_f0")
    voice = sum(sine(220.0 * k, amplitude=0.4 / k, rate=16000) for k in range(1, 6))
    axes, found = drawn(voice, "pitch", rate=16000, start_s=5.0)

    points = axes["pitch"].collections[0]
    where, sureness = np.asarray(points.get_offsets()), np.asarray(points.get_array())
    assert np.median(where[sureness >= 0.5, 1]) == pytest.approx(220, rel=0.01)
    assert sureness == pytest.approx(found.pitch.confidence.numpy())
    assert where[:3, 0] == pytest.approx(5 + np.arange(3) * 0.016)
    assert axes["pitch"].get_yscale() == "log"


def test_without_the_network_yin_tracks_the_pitch_and_says_so(tmp_path, monkeypatch):
    def missing(*_, **__):
        raise MissingFeatureError("tracking pitch", "swift-f0", "pitch")

    monkeypatch.setattr(analysis, "track_pitch", missing)
    file = write(tmp_path / "a.wav", sine(220.0))

    axes, found = drawn(sine(220.0), "pitch")
    (one,) = look([file], out=tmp_path, panels=["waveform"]).looks

    assert "YIN" in axes["pitch"].get_title(loc="right")
    assert found.pitch.median_hertz == pytest.approx(220, rel=1e-3)
    assert (one.facts.pitch_tracker, one.facts.pitch_name) == ("YIN", "A3")
    assert "typica[pitch]" in one.remarks[0]


def test_loudness_is_the_a_weighted_level():
    axes, _ = drawn(sine(1000.0, amplitude=0.1), "loudness")

    (line,) = axes["loudness"].lines
    assert line.get_ydata()[16:-16] == pytest.approx(-23.01, abs=0.1)


def test_the_waveform_reaches_its_extremes_in_whichever_column():
    audio = np.zeros(60 * RATE, np.float32)
    audio[123_457], audio[400_001] = 0.9, -0.8
    axes, _ = drawn(audio, "waveform", start_s=10.0)

    (band,) = axes["waveform"].collections
    corners = band.get_paths()[0].vertices
    assert corners[corners[:, 1].argmax()] == pytest.approx([10 + 123_457 / RATE, 0.9], abs=0.05)
    assert corners[corners[:, 1].argmin()] == pytest.approx([10 + 400_001 / RATE, -0.8], abs=0.05)


def test_channels_have_lanes_of_their_own_and_the_rest_is_of_their_mean():
    left, right = sine(440.0), -sine(440.0)
    axes, found = drawn([left, right], "waveform", "magnitude")

    names = [label.get_text() for label in axes["waveform"].get_yticklabels()]
    assert names == ["left", "right"]
    assert not found.loud.any()


def test_all_panels_share_the_seconds_of_the_file():
    axes, _ = drawn(sine(seconds=3.0), start_s=100.0)

    assert set(axes) == set(PANELS)
    for one in axes.values():
        assert one.get_xlim() == pytest.approx((100, 103))
        for image in one.images:
            first, last = image.get_extent()[:2]
            assert first <= 100.02
            assert last >= 102.97


def test_an_event_stands_at_its_time_in_every_picture():
    audio = 1e-4 * np.random.default_rng(0).standard_normal(40 * RATE).astype(np.float32)
    at = 27.3
    audio[round(at * RATE) : round(at * RATE) + 400] += sine(800.0, 0.05)
    axes, _ = drawn(audio, "magnitude", "mel", "frequency", "constant-q", start_s=7.0)

    for name, one in axes.items():
        values, _, x = picture(one)
        assert values.shape[1] <= COLUMNS
        _, column = np.unravel_index(np.nanargmax(values), values.shape)
        assert x[column] == pytest.approx(7 + at + 0.025, abs=0.06), name


def test_pooling_keeps_the_loudest():
    values = torch.zeros(1025, 7001)
    values[1024, 7000], values[3, 17] = 5.0, 7.0

    small = pooled(values)

    assert small.shape[0] <= 300
    assert small.shape[1] <= COLUMNS
    assert small[-1, -1] == 5
    assert small[0, 2] == 7
    assert int((small > 0).sum()) == 2


STRANGE = {
    "silence": (np.zeros(RATE), RATE, {}),
    "click": ([0, 0, 0.5, 1, -0.7, 0.2, -0.1, 0, 0, 0], 44100, {}),
    "one sample": ([0.5], RATE, {}),
    "8 bits": (sine(), RATE, {"subtype": "PCM_U8"}),
    "192 kHz": (sine(rate=192_000, seconds=0.2), 192_000, {"subtype": "PCM_24"}),
    "1 kHz": (sine(100, rate=1000), 1000, {}),
    "10 channels": (np.tile(sine(seconds=0.2), (10, 1)), RATE, {}),
    "integers as floats": (32768 * sine(), RATE, {"subtype": "FLOAT"}),
}


@pytest.mark.parametrize("name", STRANGE)
def test_strange_sound_has_a_picture(name, tmp_path, monkeypatch):
    figures = []
    monkeypatch.setattr("typica.actions.look.write_figure", lambda one, *_: figures.append(one))
    audio, rate, kind = STRANGE[name]
    file = write(tmp_path / "a.wav", audio, rate, **kind)

    (one,) = look([file]).looks

    assert one.facts.stop_s == pytest.approx(np.shape(audio)[-1] / rate)
    (figure,) = figures
    for axes in figure.axes:
        assert np.isfinite([*axes.get_xlim(), *axes.get_ylim()]).all()
        assert all(np.isfinite(image.get_clim()).all() for image in axes.images)
        assert all(np.isfinite(line.get_ydata()).all() for line in axes.lines)


@pytest.mark.parametrize("name", ["silence", "one sample"])
def test_where_nothing_is_the_panels_say_so(name, tmp_path):
    audio, rate, _ = STRANGE[name]
    panels = ["loudness", "phase", "frequency", "pitch"]
    file = write(tmp_path / "a.wav", audio, rate)

    look([file], out=tmp_path / "a.svg", panels=panels)

    text = (tmp_path / "a.svg").read_text()
    assert ("nothing sounds" if name == "silence" else "too short to tell") in text
    assert "no pitch found" in text


def test_what_is_no_sound_is_refused_in_a_sentence(tmp_path):
    wild, huge = sine(), sine()
    wild[10], huge[10] = np.nan, 1e30
    write(tmp_path / "wild.wav", wild, subtype="FLOAT")
    write(tmp_path / "huge.wav", huge, subtype="FLOAT")
    (tmp_path / "broken.wav").write_bytes(b"RIFF" + bytes(50))
    (tmp_path / "empty.mid").write_bytes(encode_midi(Notes.of([])))
    reasons = {
        "wild.wav": "not finite numbers",
        "huge.wav": "amplitudes that no sound has",
        "broken.wav": "broken sound file",
        "empty.mid": "it holds no notes",
        "none.wav": "no such file",
    }

    for name, reason in reasons.items():
        with pytest.raises(DataError, match=f"cannot use .*{name}: .*{reason}"):
            look([tmp_path / name], out=tmp_path)
    assert not list(tmp_path.glob("*.png"))


def test_of_a_long_file_only_the_stretch_is_read(tmp_path):
    audio = sine(seconds=100.0)
    audio[: 40 * RATE - 1] = np.nan  # nobody may look there
    audio[42 * RATE + 1 :] = np.nan
    file = write(tmp_path / "a.wav", audio, subtype="FLOAT")

    (one,) = look([file], out=tmp_path, start_s=40.0, seconds=2.0, panels=["waveform"]).looks

    facts = one.facts
    assert (facts.start_s, facts.stop_s, facts.duration_s) == (40, 42, 100)
    assert one.shown.startswith("40 to 42 s of 100 s")


def test_the_facts_are_measured(tmp_path):
    file = write(tmp_path / "a.wav", [sine(997.0, 2.0, 0.25, 48000)] * 2, 48000, subtype="FLOAT")

    (one,) = look([file], out=tmp_path, panels=["loudness"], rate=16000).looks

    facts = one.facts
    assert (facts.rate, facts.read_at, facts.channels) == (48000, 16000, 2)
    assert facts.peak == pytest.approx(0.25, rel=0.02)
    assert facts.level_db == pytest.approx(-15.05, abs=0.02)
    assert facts.lufs == pytest.approx(-15.05, abs=0.1)
    assert facts.clipped_share == 0


def piece(count=40, seed=0):
    """Return random notes of three instruments and drums."""
    draw = np.random.default_rng(seed)
    rows = []
    for _ in range(count):
        channel = int(draw.choice([0, 3, 5, 9]))
        onset = float(draw.uniform(0, 9))
        pitch = int(draw.integers(36, 84))
        program = {0: 0, 3: 40, 5: 73, 9: 0}[channel]
        length = float(draw.uniform(0.05, 1))
        rows.append(
            Note(pitch, onset, onset + length, int(draw.integers(1, 128)), channel, program)
        )
    return Notes.of(rows)


def rolled(notes, controls=()):
    """Draw a roll; return its panels by their titles."""
    performance = Performance(notes, Controls.of(controls))
    figure = draw_roll(performance, Span(0.0, 10.0), name="a", about=["b"])
    return {axes.get_title(loc="left"): axes for axes in figure.axes}, figure


def rectangles(axes, label="notes"):
    """Return onset, offset and middle of each rectangle, and its colour."""
    (found,) = [one for one in axes.collections if one.get_label() == label]
    corners = np.array([path.vertices[:4] for path in found.get_paths()])
    edges = np.column_stack([corners[:, 0, 0], corners[:, 2, 0], corners[:, :, 1].mean(axis=1)])
    return edges, found.get_facecolor()


@pytest.mark.parametrize("seed", range(3))
def test_the_rectangles_are_the_notes(seed):
    notes = piece(seed=seed)
    axes, _ = rolled(notes)

    pitched = notes.channel != 9
    edges, _ = rectangles(axes["Notes"])
    wanted = np.column_stack([notes.onset_s, notes.offset_s, notes.pitch])[pitched]
    assert edges == pytest.approx(wanted)
    low, high = axes["Notes"].get_ylim()
    assert low < wanted[:, 2].min()
    assert high > wanted[:, 2].max()


def test_instruments_have_colours_and_loud_notes_strong_ones():
    rows = [
        Note(60, n, n + 1, velocity, channel, program)
        for n, (velocity, channel, program) in enumerate(
            [(30, 0, 0), (120, 0, 0), (120, 1, 40), (120, 0, 73)]
        )
    ]
    axes, figure = rolled(Notes.of(rows))

    _, colours = rectangles(axes["Notes"])
    soft, loud, other, changed = colours[:, :3]
    assert (soft > loud - 1e-9).all()
    assert (1 - soft) / (1 - loud) == pytest.approx(((1 - soft) / (1 - loud))[0])  # one hue
    assert np.abs(loud - other).max() > 0.2
    assert np.abs(loud - changed).max() > 0.2
    names = [text.get_text() for text in figure.legends[0].get_texts()]
    assert [name.split(" (")[0] for name in names] == ["acoustic grand piano", "flute", "violin"]


def test_drums_are_marked_in_lanes_with_their_names():
    rows = [Note(36, 0.0, 0.1, 100, 9), Note(38, 1.0, 1.1, 100, 9), Note(36, 2.0, 2.1, 50, 9)]
    axes, _ = rolled(Notes.of(rows))

    assert set(axes) == {"Drums", "Velocity"}
    marks = axes["Drums"].collections[0]
    assert np.asarray(marks.get_offsets()).tolist() == [[0, 0], [1, 1], [2, 0]]
    names = [label.get_text() for label in axes["Drums"].get_yticklabels()]
    assert names == ["bass drum", "snare"]
    assert DRUMS not in ("#2f6fde", "#e0862b")


def test_stems_are_as_high_as_velocities():
    notes = piece()
    axes, _ = rolled(notes)

    (stems,) = axes["Velocity"].collections
    tops = np.array(sorted(segment[1].tolist() for segment in stems.get_segments()))
    wanted = sorted(zip(notes.onset_s.tolist(), notes.velocity.tolist(), strict=True))
    assert tops == pytest.approx(np.array(wanted))


def test_notes_that_the_pedal_holds_go_on_in_a_paler_shade():
    notes = Notes.of([Note(60, 0.0, 1.0, 100), Note(64, 5.0, 6.0, 90)])
    controls = [Control(0.5, 127), Control(3.0, 0)]
    axes, _ = rolled(notes, controls)

    held, pale = rectangles(axes["Notes"], "rings on")
    played_, strong = rectangles(axes["Notes"])
    assert held[:, 1] == pytest.approx(
        sustained(Performance(notes, Controls.of(controls))).offset_s
    )
    assert held[:, 1].tolist() == [3.0, 6.0]
    assert played_[:, 1].tolist() == [1.0, 6.0]
    assert (pale[0, :3] > strong[0, :3]).all()
    (lane,) = axes["Sustain pedal"].collections
    corners = lane.get_paths()[0].vertices
    down = corners[corners[:, 1] > 0.5, 0]
    assert (down.min(), down.max()) == (0.5, 3.0)


def test_a_stretch_of_a_piece_of_three_hours_is_shown(tmp_path):
    draw = np.random.default_rng(0)
    onset = np.sort(draw.uniform(0, 10_799, 30_000))
    zeros = np.zeros(len(onset), np.uint8)
    pitch = draw.integers(40, 80, len(onset))
    notes = Notes(pitch, onset, onset + 0.5, zeros + 64, zeros, zeros)
    (tmp_path / "long.mid").write_bytes(encode_midi(notes))

    (one,) = look([tmp_path / "long.mid"], out=tmp_path, start_s=9000, seconds=30).looks

    facts = one.facts
    assert (facts.start_s, facts.stop_s) == (9000, 9030)
    wanted = int(((onset < 9030) & (onset + 0.5 > 9000)).sum())
    assert facts.notes_shown == pytest.approx(wanted, abs=2)  # ticks may move one over the edge
    assert facts.notes > 29_000
    assert facts.duration_s == pytest.approx(onset.max() + 0.5, abs=0.01)


@pytest.mark.parametrize(("lasts", "shown"), [(20, 20), (80, 80), (100, 60)])
def test_a_score_is_shown_whole_unless_it_is_long(lasts, shown, tmp_path, monkeypatch):
    monkeypatch.setattr("typica.actions.look.write_figure", lambda *_: None)
    notes = Notes.of([Note(60, 0.0, 1.0), Note(62, lasts - 1.0, float(lasts))])
    (tmp_path / "a.mid").write_bytes(encode_midi(notes))

    (one,) = look([tmp_path / "a.mid"]).looks

    assert (one.facts.start_s, one.facts.stop_s) == (0, pytest.approx(shown))


def test_a_tune_is_drawn_as_it_is_played(tmp_path):
    (tmp_path / "a.abc").write_text(TUNE)

    (one,) = look([tmp_path / "a.abc"], out=tmp_path / "a.svg").looks
    (second,) = look([tmp_path / "a.abc"], out=tmp_path / "b.svg", tune=2).looks

    assert one.kind == "ABC"
    assert (one.facts.tune.title, one.facts.tune.of) == ("Up", 2)
    assert (one.facts.notes, one.facts.duration_s) == (8, pytest.approx(8.0))
    assert (second.facts.tune.title, second.facts.duration_s) == ("Down", pytest.approx(2.0))
    tokens = ["M:4/4", "L:1/4", "K:Cmaj", "C", "D", "E", "F", "|", "G", "A", "B", "c", "|"]
    axes, _ = rolled(played(tokens, quarters_per_minute=60))
    edges, _ = rectangles(axes["Notes"])
    assert edges[:, 2].tolist() == [60, 62, 64, 65, 67, 69, 71, 72]


def test_every_file_gets_a_picture_named_as_it_is(tmp_path):
    files = [write(tmp_path / name, sine(seconds=0.1)) for name in ("a.wav", "b $x_1$.wav")]
    (tmp_path / "c.wav").write_bytes(b"no")

    looks = look(
        [*files, tmp_path / "c.wav"], out=tmp_path / "out", kind="svg", panels=["waveform"]
    )

    assert [one.figure.name for one in looks.looks] == ["a.wav.svg", "b $x_1$.wav.svg"]
    assert all(one.figure.read_text().startswith("<?xml") for one in looks.looks)
    assert list(looks.refused) == [str(tmp_path / "c.wav")]


@pytest.mark.parametrize("kind", ["png", "svg", "pdf"])
def test_the_same_file_gives_the_same_picture(kind, tmp_path):
    file = write(tmp_path / "a.wav", sine(seconds=0.2))

    for name in ("one", "two"):
        look([file], out=tmp_path / f"{name}.{kind}", panels=["phase"])

    assert (tmp_path / f"one.{kind}").read_bytes() == (tmp_path / f"two.{kind}").read_bytes()


def test_places_that_cannot_be_are_refused(tmp_path):
    (tmp_path / "x").mkdir()
    one, other = (write(tmp_path / name, sine(seconds=0.1)) for name in ("a.wav", "x/a.wav"))

    with pytest.raises(ConfigError, match=r"two pictures would be called a\.wav\.png"):
        look([one, other], out=tmp_path)
    with pytest.raises(ConfigError, match="make --out a folder"):
        look([one, other], out=tmp_path / "a.png")
    with pytest.raises(ConfigError, match="cannot be a pdf"):
        look([one], out=tmp_path / "a.png", kind="pdf")
    for name in ("a.jpg", "a.WEBP", "a.eps"):
        with pytest.raises(ConfigError, match=f"{name} cannot be written: pictures are png, svg"):
            look([one], out=tmp_path / name)


def test_a_folder_may_have_any_name(tmp_path):
    file = write(tmp_path / "a.wav", sine(seconds=0.1))
    (tmp_path / "old.jpg").mkdir()

    for name in ("old.jpg", "takes.2"):
        (one,) = look([file], out=tmp_path / name, panels=["waveform"]).looks
        assert one.figure == tmp_path / name / "a.wav.png"


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"panels": ["wavform"]}, "did you mean 'waveform'"),
        ({"start_s": -1}, "begins at 0 s or later"),
        ({"start_s": math.nan}, "begins at 0 s or later"),
        ({"seconds": 0}, "longer than 0 s"),
        ({"seconds": 61}, "at most 60 s"),
        ({"rate": 10}, "1000 to 768000 Hz"),
        ({"tune": 0}, "counted from 1"),
    ],
)
def test_impossible_wishes_are_refused(settings, words, tmp_path):
    file = write(tmp_path / "a.wav", sine(seconds=0.1))

    with pytest.raises(ConfigError, match=words):
        look([file], out=tmp_path, **settings)


def test_marks_of_the_pitch_axis_are_notes():
    assert hertz_of(60) == pytest.approx(261.6256, abs=1e-4)
    assert hertz_of(69) == 440
