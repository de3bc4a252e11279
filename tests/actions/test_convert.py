import json

import numpy as np
import pytest
import soundfile

from typica.actions.conversion.account import Wishes
from typica.actions.conversion.sound import compared
from typica.actions.convert import WAYS, convert
from typica.core.errors import ConfigError, DataError, TypicaError
from typica.data.sound_file import Account
from typica.score.controls import Control, Controls
from typica.score.difference import difference
from typica.score.midi import decode_midi, decode_performance, encode_midi
from typica.score.notes import Note, Notes

RATE = 16000
PIANO = Notes.of(
    [Note(60 + n % 5, 0.25 * n, 0.25 * n + 0.2, 60 + n, 0, 0) for n in range(12)]
    + [Note(40, 0.0, 3.0, 90)]
)
TUNE = """X:1
T:Scale
M:4/4
L:1/4
Q:1/4=150
K:D
D E F G | A B c d |]
"""


@pytest.fixture
def sound(tmp_path):
    """A decaying chord of harmonics in 16 bits, two channels."""
    time = np.arange(RATE) / RATE
    parts = [np.sin(2 * np.pi * 220 * k * r * time) / k for k in (1, 2, 3) for r in (1, 1.25)]
    mono = 0.2 * sum(parts) * np.exp(-2 * time)
    path = tmp_path / "chord.wav"
    soundfile.write(path, np.stack([mono, 0.5 * mono[::-1]], 1), RATE, subtype="PCM_16")
    return path


@pytest.fixture
def midi(tmp_path):
    path = tmp_path / "piano.mid"
    path.write_bytes(encode_midi(PIANO))
    return path


@pytest.fixture
def tune(tmp_path):
    path = tmp_path / "tune.abc"
    path.write_text(TUNE)
    return path


def samples(path):
    return soundfile.read(path, dtype="int16", always_2d=True)[0]


def go(source, name, *, force=False, **wishes):
    return convert(source, source.parent / name, wishes=Wishes(**wishes), force=force)


@pytest.mark.parametrize(
    ("name", "wishes", "what"),
    [
        ("a.wav", {}, "sound"),
        ("a.npz", {"form": "roll", "frames": 10_000}, "frames"),
        ("a.png", {"frames": 10_000}, "frames"),
    ],
)
def test_what_would_not_fit_into_memory_is_refused_before_it_is_made(
    tmp_path, monkeypatch, name, wishes, what
):
    monkeypatch.setattr("typica.actions.conversion.room.free_bytes", lambda device: 1 << 28)
    (tmp_path / "late.mid").write_bytes(encode_midi(Notes.of([Note(60, 1999, 2000)])))

    with pytest.raises(DataError, match=rf"as {what} it needs \d+\.\d GiB .* ends at 2000 s"):
        go(tmp_path / "late.mid", name, **wishes)
    assert not (tmp_path / name).exists()


def test_sound_whose_spectrum_would_not_fit_into_memory_is_refused(sound, monkeypatch):
    monkeypatch.setattr("typica.actions.conversion.room.free_bytes", lambda device: 1 << 16)

    with pytest.raises(DataError, match="as stft it needs .* take a lower --rate"):
        go(sound, "a.npz")


def test_notes_that_a_sound_bank_does_not_play_are_told(tmp_path):
    for package in ("midirenderer", "pretty_midi"):
        pytest.importorskip(package)
    (tmp_path / "high.mid").write_bytes(encode_midi(Notes.of([Note(127, 0, 1, 1)])))

    with pytest.raises(DataError, match="the sound bank is silent at these notes"):
        go(tmp_path / "high.mid", "a.wav")


EXACT_FORMS = ["stft", "magnitude-phase", "instantaneous-frequency", "constant-q", "pcm"]


@pytest.mark.parametrize("form", EXACT_FORMS)
def test_exact_representations_give_a_file_back_bit_for_bit(sound, form):
    there = go(sound, "a.npz", form=form)
    back = go(sound.parent / "a.npz", "back.wav")

    assert there.exact
    assert "bit for bit" in there.told
    assert np.array_equal(samples(back.target), samples(sound))


def test_samples_between_those_of_the_file_are_told_to_be_rounded(sound):
    go(sound, "a.npz", rate=11025)

    coarse, fine = (go(sound.parent / "a.npz", f"{bits}.wav", bits=bits) for bits in (16, 24))

    assert not coarse.exact
    assert "what is finer than 16-bit samples (signal-to-noise ratio" in coarse.told
    assert fine.exact


@pytest.mark.parametrize("name", ["a.flac", "a.aiff", "a.w64"])
def test_sound_without_loss_is_said_to_be_so_and_is(sound, name):
    done = go(sound, name)

    assert done.exact
    assert np.array_equal(samples(done.target), samples(sound))
    assert done.told.startswith(f"nothing is lost: {name} holds 16000 samples of each channel")


@pytest.mark.parametrize("name", ["low.wav", "low.flac"])
def test_fewer_bits_tell_the_ratio_that_is_heard(sound, name):
    done = go(sound, name, bits=8)

    was, now = (soundfile.read(path)[0] for path in (sound, done.target))
    ratio = 10 * np.log10(np.square(was).sum() / np.square(now - was).sum())
    assert not done.exact
    assert done.figures["signal_to_noise_db"] == pytest.approx(ratio, abs=0.01)
    assert f"8-bit samples (signal-to-noise ratio {ratio:.1f} dB)" in done.told


@pytest.mark.parametrize(
    ("name", "form", "least_db"), [("mu.wav", "mulaw", 33), ("a.ogg", None, 8), ("a.mp3", None, 8)]
)
def test_codings_that_leave_something_out_tell_how_much(sound, name, form, least_db):
    done = go(sound, name, form=form)

    was, now = (soundfile.read(path)[0] for path in (sound, done.target))
    now = np.pad(now, ((0, max(0, len(was) - len(now))), (0, 0)))[: len(was)]
    ratio = 10 * np.log10(np.square(was).sum() / np.square(now - was).sum())
    assert not done.exact
    assert done.figures["signal_to_noise_db"] == pytest.approx(ratio, abs=0.05)
    assert ratio > least_db


@pytest.mark.parametrize("sizes", [(100,), (30, 70), (1, 2, 97), (60,)])
def test_errors_are_added_up_however_the_blocks_are_cut(sizes):
    audio = np.random.default_rng(0).uniform(-1, 1, (100, 2)).astype(np.float32)
    heard = (audio + 0.25)[: sum(sizes)]
    written = iter(np.split(heard, np.cumsum(sizes)[:-1]))

    account = compared(Account(100, 0, 1.0, None), iter(np.split(audio, [45])), written)

    missing = np.square(audio[sum(sizes) :]).sum()
    assert account.error == pytest.approx(sum(sizes) * 2 * 0.0625 + missing, rel=1e-4)


def test_another_rate_says_what_it_cannot_hold(sound):
    done = go(sound, "low.wav", rate=8000)

    assert soundfile.info(done.target).frames == 8000
    assert "lost: what lies above 4000 Hz (resampled from 16000 Hz)" in done.told
    assert "the very samples" in go(sound, "high.wav", rate=44100).told


def test_what_is_clipped_is_counted(tmp_path):
    soundfile.write(tmp_path / "a.wav", np.array([0.5, 1.5, -2.0]), RATE, subtype="FLOAT")

    done = go(tmp_path / "a.wav", "b.wav", bits=16)

    assert done.figures["clipped"] == 2
    assert "2 values beyond full scale being clipped (signal-to-noise" in done.told
    assert go(tmp_path / "a.wav", "c.wav").exact


def test_long_sound_is_converted_in_bounded_memory(tmp_path):
    import tracemalloc

    with soundfile.SoundFile(tmp_path / "a.wav", "w", RATE, 1, "PCM_16") as file:
        for second in range(200):
            file.write(np.full(RATE, second, np.int16))
    go(tmp_path / "a.wav", "warm.flac", rate=8000)
    tracemalloc.start()
    done = go(tmp_path / "a.wav", "b.flac", rate=8000)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    assert done.figures["samples"] == 200 * 8000
    assert peak < 4e6  # as floats it would be 12.8 MB


@pytest.mark.parametrize(("form", "limit_db"), [("magnitude", -20), ("mel", -18)])
def test_phases_are_found_again_as_well_as_is_told(sound, form, limit_db):
    there = go(sound, "a.npz", form=form)
    back = go(sound.parent / "a.npz", "back.wav", iterations=60)

    assert not there.exact
    assert "the phase" in there.told
    assert back.figures["convergence_db"] < limit_db
    again = go(sound.parent / "back.wav", "b.npz", form=form)
    wanted, reached = (np.load(p)["code"] for p in (sound.parent / "a.npz", again.target))
    if form == "mel":
        wanted, reached = np.exp(wanted), np.exp(reached)
    distance = 20 * np.log10(np.linalg.norm(reached - wanted) / np.linalg.norm(wanted))
    assert distance == pytest.approx(back.figures["convergence_db"], abs=0.1)


def test_levels_come_back_from_the_sound_that_they_were_made_into(sound):
    there = go(sound, "a.npz", form="mulaw")
    back = go(sound.parent / "a.npz", "b.wav")
    again = go(sound.parent / "b.wav", "c.npz", form="mulaw")

    assert not there.exact
    assert 30 < there.figures["signal_to_noise_db"] < 45
    assert back.exact
    assert np.array_equal(np.load(again.target)["code"], np.load(there.target)["code"])


def test_a_picture_of_sound_sounds_like_it(sound):
    there = go(sound, "a.png", hop=128, window=512)
    back = go(sound.parent / "a.png", "b.wav")

    assert not there.exact
    assert "2 channels apart (mixed to one)" in there.told
    assert back.figures["convergence_db"] < -15
    was, now = soundfile.read(sound)[0].mean(1), soundfile.read(back.target)[0]
    level_db = 20 * np.log10(np.linalg.norm(now) / np.linalg.norm(was))
    assert abs(level_db) < 1
    spectra = [np.abs(np.fft.rfft(one)) for one in (was, now)]
    assert [int(one.argmax()) for one in spectra] == pytest.approx([220, 220], abs=60)


@pytest.mark.parametrize("form", ["notes", "roll", "events", "multitrack"])
def test_notes_come_back_within_what_is_told(midi, form):
    there = go(midi, "a.npz", form=form)
    back = go(midi.parent / "a.npz", "b.mid")

    step_s = {"notes": 1e-4, "roll": 0.01, "events": 0.01, "multitrack": 1 / 24}[form]
    after = decode_midi((midi.parent / "b.mid").read_bytes())
    found = difference(decode_midi(midi.read_bytes()), after, tolerance_s=1.01 * step_s)
    assert there.exact
    assert back.exact
    assert found.missing == found.added == found.voices == 0
    assert found.onset_s == pytest.approx(there.figures["onset_s"], abs=2e-5)
    assert found.velocity == there.figures["velocity"]


def test_columns_keep_pedals_and_tempo_and_others_say_what_they_leave_out(tmp_path):
    pedal = Controls.of([Control(0.1, 127), Control(2.0, 0)])
    notes = Notes.of([Note(60, 0.0, 0.5, 80, 3, 40), Note(60, 1.0, 1.5, 80, 0, 0)])
    path = tmp_path / "a.mid"
    path.write_bytes(encode_midi(notes, changes=pedal, quarters_per_minute=80))

    assert go(path, "a.npz").exact
    go(tmp_path / "a.npz", "b.mid")
    before, after = (decode_performance(p.read_bytes()) for p in (path, tmp_path / "b.mid"))
    assert after.controls.rows() == before.controls.rows()
    assert after.notes.program.tolist() == [40, 0]
    assert after.notes.onset_s == pytest.approx(before.notes.onset_s, abs=2e-5)
    told = go(path, "c.npz", form="events").told
    assert "2 control changes (sustain pedals are told by longer notes)" in told
    assert "channels and instruments" in told


def test_voices_in_unison_are_told_to_disturb_each_other(tmp_path):
    notes = Notes.of([Note(60, 0.0, 1.0, 80, 0), Note(60, 0.0, 3.0, 80, 1), Note(60, 2, 4, 80, 2)])
    path = tmp_path / "a.mid"
    path.write_bytes(encode_midi(notes))

    roll, events = (go(path, f"{form}.npz", form=form) for form in ("roll", "events"))

    assert "1 of 3 notes, covered by others" in roll.told
    assert (roll.figures["missing"], roll.figures["added"]) == (1, 0)
    assert "the ends of some notes (by 1 s at most)" in roll.told
    assert "channels and instruments" in events.told
    assert not roll.exact
    assert not events.exact
    assert go(path, "a.png").exact


def test_a_picture_of_notes_is_read_back_to_the_frame(midi):
    there = go(midi, "a.png")
    back = go(midi.parent / "a.png", "b.mid")

    after = decode_midi((midi.parent / "b.mid").read_bytes())
    found = difference(decode_midi(midi.read_bytes()), after, tolerance_s=0.01)
    assert there.exact
    assert back.exact
    assert (found.missing, found.added, found.velocity) == (0, 0, 0)
    assert max(found.onset_s, found.offset_s) <= 0.00502


def test_a_tune_is_played_at_its_tempo_and_written_again(tune):
    there = go(tune, "a.mid")
    notes = decode_midi((tune.parent / "a.mid").read_bytes())

    assert notes.pitch.tolist() == [62, 64, 66, 67, 69, 71, 73, 74]
    assert notes.onset_s == pytest.approx(0.4 * np.arange(8))
    assert not there.exact
    assert "titles and words" in there.told
    go(tune.parent / "a.mid", "b.abc")
    written = (tune.parent / "b.abc").read_text()
    assert "K:D\nD2 E2 F2 G2 | A2 B2 c2 d2 |]" in written
    assert "Q:1/4=150" in written


def test_a_tempo_that_is_asked_for_wins(tune):
    go(tune, "a.mid", tempo=60)

    assert decode_midi((tune.parent / "a.mid").read_bytes()).duration_s == pytest.approx(8.0)


def test_a_tune_is_one_voice(midi, tmp_path):
    with pytest.raises(DataError, match=r"at 0\.00 s two notes sound at once \(40 and 60; "):
        go(midi, "a.abc")
    two = tmp_path / "two.mid"
    two.write_bytes(encode_midi(Notes.of([Note(60, 0, 1, 80, 0), Note(64, 0, 1, 80, 2)])))
    with pytest.raises(ConfigError, match="--channel one of 0, 2"):
        go(two, "a.abc")

    done = go(two, "a.abc", channel=2)

    assert "1 note of other channels" in done.told
    assert "E4 z4 |]" in (tmp_path / "a.abc").read_text()


def test_several_tunes_are_told_apart_by_number(tune):
    tune.write_text(TUNE + "\n" + TUNE.replace("K:D", "K:C"))
    with pytest.raises(ConfigError, match="holds 2 tunes: choose one by --tune"):
        go(tune, "a.mid")

    go(tune, "a.mid", tune=2)

    assert decode_midi((tune.parent / "a.mid").read_bytes()).pitch.tolist()[2] == 65
    with pytest.raises(ConfigError, match="no tune 3"):
        go(tune, "b.mid", tune=3)


@pytest.mark.parametrize(
    ("source", "name", "way"),
    [("chord.wav", "a.abc", "by MIDI: .* chord.mid, then .* chord.mid .*a.abc")]
    + [("tune.abc", "a.png", "by MIDI"), ("tune.abc", "z.npz", "by MIDI")]
    + [("a.npz", "a.png", "from archive of sound to picture the way goes by sound")]
    + [("a.npz", "a.mid", "by sound"), ("a.npz", "b.npz", "by sound")]
    + [("a.npz", "a.abc", "by sound and MIDI"), ("n.npz", "a.wav", "by MIDI")]
    + [("n.npz", "a.png", "by MIDI"), ("n.npz", "a.abc", "by MIDI"), ("s.png", "a.mid", "by sound")]
    + [("n.png", "a.wav", "by MIDI"), ("n.png", "z.npz", "by MIDI")]
    + [("piano.mid", "a.midi", "both MIDI: there is nothing"), ("s.png", "t.png", "both picture")],
)
def test_where_there_is_no_way_the_route_is_told(sound, midi, tune, source, name, way):
    go(sound, "a.npz")
    go(midi, "n.npz")
    go(sound, "s.png")
    go(midi, "n.png")

    with pytest.raises(ConfigError, match=way):
        go(sound.parent / source, name)


def test_every_pair_has_a_way_or_a_route():
    from pathlib import Path

    from typica.actions.convert import _route

    kinds = {kind for kind, _ in WAYS}
    for kind in kinds:
        for wanted in ("sound", "MIDI", "ABC", "archive", "picture"):
            if (kind, wanted) not in WAYS:
                told = _route(Path("in.x"), Path("out.y"), kind, wanted)
                assert "typica convert" in told or "nothing to convert" in told


def test_what_cannot_be_read_or_written_is_refused_in_a_sentence(sound, midi, tmp_path):
    (tmp_path / "broken.npz").write_bytes(b"x")
    (tmp_path / "broken.mid").write_bytes(b"x")
    (tmp_path / "broken.flac").write_bytes(b"x")
    cases = [
        (tmp_path / "none.wav", "a.wav", r"cannot convert .*none\.wav: cannot be opened: no such"),
        (tmp_path, "a.wav", "cannot convert .*: not a file"),
        (sound, "chord.wav", "is the file that is read"),
        (sound, "piano.mid", r"piano\.mid is there already: --force replaces it"),
        (sound, "a.xyz", r"a\.xyz names no kind of file"),
        (sound, "a.m4a", r"a\.m4a .* can be read, not written"),
        (tmp_path / "broken.npz", "a.wav", r"broken\.npz: not an npz file"),
        (tmp_path / "broken.mid", "a.wav", r"broken\.mid: not a MIDI file"),
        (tmp_path / "broken.flac", "a.wav", r"broken\.flac: broken sound file"),
    ]
    before = sorted(tmp_path.iterdir())

    for source, name, reason in cases:
        with pytest.raises(TypicaError, match=reason):
            convert(source, tmp_path / name)
    assert sorted(tmp_path.iterdir()) == before
    assert go(sound, "piano.mid".replace("mid", "flac")).exact
    assert go(sound, "piano.flac", force=True).exact


@pytest.mark.parametrize(
    ("source", "name", "wishes", "reason"),
    [("chord.wav", "a.png", {"bits": 8}, "--bits means nothing from sound to picture")]
    + [("chord.wav", "a.npz", {"form": "mell"}, "no --as mell here: did you mean 'mel'")]
    + [("chord.wav", "a.npz", {"form": "stft", "bands": 9}, "stft has no setting 'bands'")]
    + [("chord.wav", "a.npz", {"form": "mel", "bands": 4000}, "too many for a window")]
    + [("chord.wav", "a.wav", {"rate": 10}, "--rate must lie within")]
    + [("piano.mid", "a.npz", {"frames": 9}, "--frames means nothing with --as notes")]
    + [("piano.mid", "a.npz", {"form": "stft"}, "no --as stft here")]
    + [("piano.mid", "a.abc", {"grid": 99}, "--grid lies within")]
    + [("tune.abc", "a.mid", {"tempo": 1}, "a tempo lies within")],
)
def test_wishes_that_mean_nothing_are_refused(sound, midi, tune, source, name, wishes, reason):
    with pytest.raises(TypicaError, match=reason):
        go(sound.parent / source, name, **wishes)
    assert not (sound.parent / name).exists()


def test_archives_that_were_tampered_with_are_refused(sound):
    go(sound, "a.npz", form="mulaw")
    with np.load(sound.parent / "a.npz") as file:
        entries = {name: file[name] for name in file.files}
    for changed, reason in (
        ({"code": entries["code"][:, :-1]}, "its code should have the shape"),
        ({"code": entries["code"] + 0.5}, "'code' is not what a mulaw has"),
        ({"bits": np.array(99)}, "1 to 16 bits"),
        ({"bits": np.array(4)}, "levels above those of 4 bits"),
        ({"sampling_rate": np.array(3)}, "at 3 Hz"),
        ({"length": np.array("x")}, "'length' is missing or no whole number"),
        ({"other": np.array(3)}, "no setting 'other'"),
        ({"representation": np.array("cat")}, "holds 'cat', which is none"),
    ):
        np.savez(sound.parent / "b.npz", **(entries | changed))
        with pytest.raises(DataError, match=reason):
            go(sound.parent / "b.npz", "b.wav")


def test_a_picture_that_was_scaled_is_refused(sound, midi):
    image = pytest.importorskip("PIL.Image")
    from PIL.PngImagePlugin import PngInfo

    for source, name in ((sound, "s.png"), (midi, "n.png")):
        go(source, name)
        with image.open(source.parent / name) as picture:
            info = PngInfo()
            info.add_text("typica", picture.info["typica"])
            half = picture.resize((picture.width // 2, picture.height // 2), 0)
            half.save(source.parent / name, pnginfo=info)
        out = "out.wav" if name == "s.png" else "out.mid"
        with pytest.raises(DataError, match="scaled or cut"):
            go(source.parent / name, out)


@pytest.mark.parametrize("name", ["a.png", "mulaw.npz", "mel.npz", "stft.npz", "a.mp3"])
def test_silence_becomes_silence_and_no_figure_is_nan(tmp_path, name):
    soundfile.write(tmp_path / "silent.wav", np.zeros(4000), RATE)
    form = name.split(".")[0] if name.endswith("npz") else None

    there = go(tmp_path / "silent.wav", name, form=form)
    back = go(tmp_path / name, "back.wav")

    json.dumps([there.figures, back.figures], allow_nan=False)
    assert "nan" not in there.told + back.told
    assert np.abs(soundfile.read(back.target)[0]).max() < 1e-3


def test_figures_are_those_that_a_program_can_read(sound, midi):
    for done in (go(sound, "a.npz", form="mel"), go(midi, "b.npz"), go(sound, "a.png")):
        json.dumps(done.figures, allow_nan=False)


class TestPlayed:
    """What needs the synthesiser and the pitch tracker."""

    def test_a_tune_that_is_played_is_heard_again(self, tune):
        for package in ("midirenderer", "pretty_midi", "swift_f0"):
            pytest.importorskip(package)

        played = go(tune, "a.wav")
        heard = go(tune.parent / "a.wav", "heard.mid")

        assert soundfile.info(played.target).samplerate == 48000
        found = decode_midi((tune.parent / "heard.mid").read_bytes())
        assert found.pitch.tolist() == [62, 64, 66, 67, 69, 71, 73, 74]
        assert found.onset_s == pytest.approx(0.4 * np.arange(8), abs=0.05)
        assert not heard.exact
        assert "of one voice, as an estimate" in heard.told

    def test_midi_is_played_at_the_rate_and_bits_that_were_asked_for(self, midi):
        for package in ("midirenderer", "pretty_midi"):
            pytest.importorskip(package)

        done = go(midi, "a.flac", rate=16000, bits=24)

        info = soundfile.info(done.target)
        assert (info.samplerate, info.subtype, info.channels) == (16000, "PCM_24", 2)
        assert np.abs(soundfile.read(done.target)[0]).max() > 0.05
        assert "which notes these are" in done.told

    def test_a_pedal_holds_what_is_played(self, tmp_path):
        for package in ("midirenderer", "pretty_midi"):
            pytest.importorskip(package)
        notes, pedal = Notes.of([Note(60, 0.0, 0.2)]), [Control(0.1, 127), Control(2.0, 0)]
        (tmp_path / "dry.mid").write_bytes(encode_midi(notes))
        (tmp_path / "held.mid").write_bytes(encode_midi(notes, changes=Controls.of(pedal)))

        dry, held = (
            soundfile.info(go(tmp_path / f"{n}.mid", f"{n}.wav").target) for n in ("dry", "held")
        )

        assert dry.duration < 1.3
        assert held.duration > 2

    def test_a_crowd_of_loud_notes_is_played_softer_and_that_is_told(self, tmp_path):
        for package in ("midirenderer", "pretty_midi"):
            pytest.importorskip(package)
        places = [(pitch, channel) for pitch in (60, 64, 67, 72) for channel in range(9)]
        crowd = Notes.of(Note(pitch, 0, 1, 127, channel, 48) for pitch, channel in places)
        (tmp_path / "crowd.mid").write_bytes(encode_midi(crowd))

        done = go(tmp_path / "crowd.mid", "a.wav")

        assert 0 < done.figures["softened_db"] <= 24
        assert f"{done.figures['softened_db']:g} dB of loudness" in done.told
        assert 0.3 < np.abs(soundfile.read(done.target)[0]).max() < 1

    def test_noise_has_no_notes(self, tmp_path):
        pytest.importorskip("swift_f0")
        soundfile.write(tmp_path / "a.wav", np.zeros(8000), RATE)

        with pytest.raises(DataError, match="no pitch is heard in it"):
            go(tmp_path / "a.wav", "a.mid")


class TestMusic:
    """What is lost of real music: chorales and folk tunes."""

    @pytest.fixture
    def chorale(self, tmp_path):
        pytest.importorskip("music21")
        from typica.score.chorales import chorale_files, read_chorale

        path = tmp_path / "bach.mid"
        notes = read_chorale(chorale_files()["bwv66.6"])
        path.write_bytes(encode_midi(notes, quarters_per_minute=80))
        return path

    def test_four_voices_keep_their_panels_and_disturb_each_other_in_one_roll(self, chorale):
        picture = go(chorale, "a.png")
        roll = go(chorale, "a.npz", form="roll")
        back = go(chorale.parent / "a.png", "b.mid")

        before, after = (decode_midi(p.read_bytes()) for p in (chorale, chorale.parent / "b.mid"))
        found = difference(before, after, tolerance_s=0.01)
        assert picture.exact
        assert back.exact
        assert (found.notes, found.missing, found.added, found.voices) == (163, 0, 0, 0)
        assert (roll.figures["missing"], roll.exact) == (9, False)

    def test_the_soprano_is_written_in_its_key(self, chorale):
        go(chorale, "a.abc", channel=0)

        text = (chorale.parent / "a.abc").read_text()
        assert "Q:1/4=80\nK:A\nc B A2 B2 c2 | e2 c2 B2 A2 |" in text

    def test_a_folk_tune_that_is_played_is_mostly_heard(self, tmp_path):
        for package in ("music21", "midirenderer", "pretty_midi", "swift_f0", "mir_eval"):
            pytest.importorskip(package)
        from typica.evaluation.note_metrics import note_scores
        from typica.score.abc.books import read_book
        from typica.score.abc.cleaning import clean
        from typica.score.abc.playing import played

        tune = list(clean(next(read_book("oneill"))).tokens)[:40]
        notes = played(tune, quarters_per_minute=112, program=21)
        (tmp_path / "a.mid").write_bytes(encode_midi(notes))

        go(tmp_path / "a.mid", "a.wav", rate=16000)
        go(tmp_path / "a.wav", "b.mid")

        heard = decode_midi((tmp_path / "b.mid").read_bytes())
        assert len(notes) > 15
        assert note_scores(notes, heard).onset.f1 > 0.75
