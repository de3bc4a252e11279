"""`typica album`, the whole road: on six minutes of generated tones and a tiny WaveNet."""

import json
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import joblib
import numpy as np
import pytest
import soundfile
from little_room import little_room

from typica.core.files import digest

RATE = 2000
TINY = ("--system", "wavenet", "--preset", "tiny", "--rate", RATE, "--steps", 20)
QUICK = (*TINY, "--checkpoints", 2, "--audition-seconds", 4, "--clips", 3, "--clip-seconds", 4)
STAGES = ("prepare", "plan", "train", "audition", "clips", "page")


@pytest.fixture(scope="module")
def recordings(tmp_path_factory):
    """Three recordings of broken chords and noise, six minutes together."""
    folder = tmp_path_factory.mktemp("recordings") / "band"
    folder.mkdir()
    rng = np.random.default_rng(0)
    for number, seconds in enumerate((100, 140, 120)):
        notes = rng.choice([110, 138.6, 164.8, 220], size=2 * seconds)
        time = np.arange(RATE // 2) / RATE
        tones = [np.sin(2 * np.pi * hertz * time) * np.exp(-3 * time) for hertz in notes]
        audio = 0.4 * np.concatenate(tones) + rng.normal(0, 0.02, len(tones) * len(time))
        soundfile.write(folder / f"{number}.wav", audio, RATE)
    return folder


@pytest.fixture(scope="module")
def homes(tmp_path_factory):
    """Where the album of all tests lies."""
    return tmp_path_factory.mktemp("homes")


@pytest.fixture
def album(recordings, homes, monkeypatch, call):
    """Call the command on the album of this module; it is made by the first test that asks."""
    monkeypatch.setenv("TYPICA_RUNS", str(homes / "runs"))
    out = homes / "band"

    def album(*arguments, folder=recordings, out=out):
        status, printed, said = call("album", folder, "--out", out, *arguments)
        return status, printed.strip(), said

    album.out = out
    if not (out / "index.html").exists():
        with joblib.parallel_config(backend="sequential"):
            status, _, said = album(*QUICK, "--no-stream")
        assert status == 0, said
        (homes / "said.txt").write_text(said)
    album.said = (homes / "said.txt").read_text()
    return album


def files(folder):
    return {path: digest(path) for path in sorted(folder.rglob("*")) if path.is_file()}


def figures(folder):
    """Return the figures of all clips, flat."""
    clips = [json.loads(path.read_text())["clip"] for path in sorted(folder.glob("*.json"))]
    names = ("level_db", "distance_db", "entropy", "clipped", "copied", "alarms")
    streams = [one["stream"] for one in clips]
    return [stream[name] for stream in streams for name in names]


def test_every_stage_says_what_it_found(album):
    for stage in STAGES:
        assert f"\n{stage}: " in f"\n{album.said}"
    assert re.search(r"plan: [\d,]+ parameters; training .* times real time", album.said)
    assert "held out by spans" in album.said
    assert "audition: Take step" in album.said or "audition: None plays freely" in album.said
    table = json.loads((album.out / "audition" / "audition.json").read_text())
    assert [one["step"] for one in table["checkpoints"]] in ([10, 20], [20, 10])


@pytest.mark.parametrize(
    ("trapped", "distance_db", "words"),
    [
        (0.0, 6.0, []),
        (0.6, 6.0, ["train for longer, by the same command with more --minutes"]),
        (0.0, 27.0, ["it sounds unlike the recordings, 27 dB from them, where those are 9 dB"]),
    ],
)
def test_what_is_free_of_traps_and_yet_no_music_is_told(trapped, distance_db, words):
    """Loud hiss falls into no trap where limits are drawn from few seconds."""
    from typica.actions.album.make import advice
    from typica.evaluation.free_running import FreeRun, Stream

    stream = Stream({"noise": trapped}, 0, -12.0, distance_db, 0.2, 7.9)

    told = advice(FreeRun(8.0, [stream]), 9.0)

    assert len(told) == len(words)
    assert all(word in sentence for word, sentence in zip(words, told, strict=True))
    assert len(advice(FreeRun(8.0, [stream]), None)) == (trapped > 0.5)


@pytest.mark.parametrize("system", ["subscale_sound", "jukebox"])
def test_whatever_an_engine_draws_from_becomes_an_album(
    recordings, call, tmp_path, monkeypatch, system
):
    from typica.actions.album import clips, make

    pytest.importorskip("starlette")
    monkeypatch.setenv("TYPICA_RUNS", str(tmp_path / "runs"))
    for module in (clips, make):  # of recordings, a fifth of what is usually gone along
        monkeypatch.setattr(module, "USUAL", module.USUAL._replace(seconds=12.0))
    own = ("--system", system, "--preset", "tiny", "--rate", RATE, "--steps", 4)
    few = ("--checkpoints", 1, "--audition-seconds", 1, "--clips", 2, "--clip-seconds", 1)
    out = tmp_path / "a"

    with joblib.parallel_config(backend="sequential"):
        status, page, said = call(
            "album", recordings, "-o", out, *own, *few, "--http", "127.0.0.1:0", "--seconds", 0.5
        )

    assert (status, page.strip()) == (0, str(out / "index.html")), said
    assert "a at 2000 Hz" in said or "too slow to play live" in said
    told = json.loads((out / "audition" / "audition.json").read_text())
    is_exact = system == "subscale_sound"
    found = [(one["step"], one["bits"] is not None) for one in told["checkpoints"]]
    assert found == [(4, is_exact)]
    assert ("There are no bits, for it has no density" in told["how"]) == (not is_exact)
    assert ("Bits a sample" in (out / "audition" / "audition.html").read_text()) == is_exact
    check_drawn_again(out, "clip-002", call, tmp_path)


def check_drawn_again(out, name, call, place):
    """Check that a clip of an album is what `typica sample` draws with its seed."""
    chosen = json.loads((out / "album.json").read_text())["done"]["audition"]["path"]
    audio, rate = soundfile.read(out / "clips" / f"{name}.wav", dtype="int16")
    clip = json.loads((out / "clips" / f"{name}.json").read_text())["clip"]
    assert (clip["seed"], clip["samples"], rate) == (int(name[-3:]) - 1, len(audio), RATE)
    status, printed, said = call(
        *("sample", chosen, "--seconds", len(audio) / RATE, "--seed", clip["seed"]),
        *("-o", place / "drawn"),
    )
    assert status == 0, said
    drawn, _ = soundfile.read(Path(printed.split()[0]), dtype="int16")
    assert np.array_equal(drawn, audio)


def test_called_again_nothing_is_done_again(album, homes):
    before = files(homes)

    status, page, said = album(*QUICK, "--no-stream")

    assert (status, page) == (0, str(album.out / "index.html"))
    for words in ("plan: measured before", "train: done before", "audition: done before"):
        assert words in said
    assert "clips: all 3 were drawn before" in said
    assert files(homes) == before


def test_nothing_that_is_trained_on_is_held_out(album):
    from typica.core.config import read_yaml
    from typica.data.corpus import open_corpus
    from typica.data.spans import shared

    corpus = open_corpus(album.out / "corpus" / "band")

    config = read_yaml(album.out.parent / "runs" / "band" / "config.yaml")
    assert config["corpus"]["fingerprint"] == corpus.fingerprint
    assert shared(one._asdict() for one in corpus.recordings()) == 0


def test_a_clip_is_what_sample_draws_with_its_seed(album, call, tmp_path):
    check_drawn_again(album.out, "clip-003", call, tmp_path)


def test_interrupted_clips_are_whole_and_the_rest_is_drawn_as_it_would_have_been(
    album, monkeypatch
):
    from typica.actions.album import clips

    kept, whole, before = clips._keep, files(album.out / "clips"), []
    told = figures(album.out / "clips")

    def stop_before_the_third(folder, name, *rest):
        before.append(name)
        if len(before) == 3:
            raise KeyboardInterrupt
        kept(folder, name, *rest)

    for path in whole:
        path.unlink()
    monkeypatch.setattr(clips, "_keep", stop_before_the_third)
    status, _, _ = album(*QUICK, "--no-stream")
    assert status == 130
    assert {path.stem for path in files(album.out / "clips")} == {"clip-001", "clip-002"}
    monkeypatch.setattr(clips, "_keep", kept)

    status, _, said = album(*QUICK, "--no-stream")

    assert status == 0
    assert "clips: 1 drawn in" in said
    now = files(album.out / "clips")
    assert now.keys() == whole.keys()
    differing = [path for path in now if now[path] != whole[path]]
    # What the model was sure of is a sum, whose last digit depends on who played beside it.
    assert all(path.suffix == ".json" for path in differing)
    assert figures(album.out / "clips") == pytest.approx(told, rel=1e-6)


def test_more_clips_are_added_to_those_that_are_there(album, homes, tmp_path):
    few = files(album.out / "clips")
    shutil.copytree(album.out, tmp_path / "copy")
    with little_room(10_000):
        status, _, said = album("--clips", 4, "--no-stream")
    assert status == 2
    fourth = album.out / "clips" / "clip-004.wav"
    words = f"cannot write {fourth}: file too large; nothing that was there is lost"
    assert said.splitlines()[-1] == f"typica: {words}"
    assert files(album.out / "clips") == few

    status, _, said = album("--clips", 4, "--no-stream")

    assert status == 0
    assert "clips: 1 drawn" in said
    now = files(album.out / "clips")
    assert {path: now[path] for path in few} == few
    assert len(now) == len(few) + 3
    assert (album.out / "index.html").read_text().count('"place"') == 4
    shutil.rmtree(album.out)
    shutil.copytree(tmp_path / "copy", album.out)


def test_the_best_are_exported_with_their_seeds_and_how_to_draw_them_again(album):
    with little_room(20_000):  # for a track, not for both
        status, _, said = album("--export", "--best", 2)
    assert status == 2
    assert said.startswith(f"typica: cannot write {album.out / 'export'}: is there room on the di")
    assert not (album.out / "export").exists()

    status, folder, said = album("--export", "--best", 2)

    assert (status, folder) == (0, str(album.out / "export"))
    told = json.loads((album.out / "export" / "tracks.json").read_text())
    assert "2 tracks, 0:06 together" in said
    own = told["tracks"][0]["seconds"]  # half of which is the longest fade
    assert told["seconds"] == pytest.approx(1.5 * own)
    assert [track["start_s"] for track in told["tracks"]] == pytest.approx([0, own / 2])
    for track in told["tracks"]:
        assert f"--seed {track['seed']}" in track["command"]
        sound = (album.out / "export" / track["file"]).read_bytes()
        clip = album.out / "clips" / f"clip-{track['seed'] + 1:03d}.wav"
        assert sound == clip.read_bytes()
    whole, rate = soundfile.read(album.out / "export" / "band.wav")
    assert (len(whole) / rate, rate) == (pytest.approx(told["seconds"]), RATE)
    shutil.rmtree(album.out / "export")


def test_what_was_kept_is_exported_in_its_order(album, tmp_path):
    clips = {"clip-003": {"verdict": "keep", "title": "Last: first"}}
    clips |= {"clip-001": {"verdict": "keep"}, "clip-002": {"verdict": "drop"}}
    order = ["clip-003", "clip-002", "clip-001"]
    chosen = {"order": order, "clips": clips, "title": "Mine", "join": "gap", "seconds": 0.5}
    (tmp_path / "downloaded.json").write_text(json.dumps(chosen))

    status, _, said = album("--export", "--curation", tmp_path / "downloaded.json")

    assert status == 0, said
    names = sorted(path.name for path in (album.out / "export").iterdir())
    assert names == ["01 Last first.wav", "02 clip-001.wav", "Mine.cue", "Mine.wav", "tracks.json"]
    assert "INDEX 01 00:04:35" in (album.out / "export" / "Mine.cue").read_text()
    clips["clip-009"] = {"verdict": "keep"}
    chosen["order"].append("clip-009")
    (tmp_path / "downloaded.json").write_text(json.dumps(chosen))
    status, _, said = album("--export", "--curation", tmp_path / "downloaded.json")
    assert status == 2
    assert "clip-009 was kept and is not there any more" in said
    assert sorted(path.name for path in (album.out / "export").iterdir()) == names
    shutil.rmtree(album.out / "export")


def test_clips_that_were_chosen_from_are_not_drawn_anew(album):
    chosen = {"order": [], "clips": {}, "title": "", "join": "gap", "seconds": 1}
    (album.out / "curation.json").write_text(json.dumps(chosen))
    before = files(album.out / "clips")

    status, _, said = album("--clip-seconds", 5, "--no-stream")

    assert status == 2
    assert "curation.json speaks of clips of 4 s: to draw others, of 5 s, move it and clips" in said
    assert files(album.out / "clips") == before
    assert album("--no-stream")[0] == 0
    (album.out / "curation.json").unlink()


def test_clips_of_another_checkpoint_wait_until_what_was_chosen_is_moved_away(album):
    from typica.actions.album.clips import draw_clips
    from typica.core.errors import RunError
    from typica.core.run import checkpoints, load

    (album.out / "curation.json").write_text("{}")
    before = files(album.out / "clips")
    chosen = json.loads((album.out / "album.json").read_text())["done"]["audition"]["path"]
    (other,) = {*checkpoints(album.out.parent / "runs" / "band")} - {Path(chosen)}

    with pytest.raises(
        RunError, match=r"clips of another length or checkpoint, and curation\.json"
    ):
        draw_clips(load(other), album.out / "clips", 3, 4.0, 0)

    assert files(album.out / "clips") == before
    (album.out / "curation.json").unlink()


def test_clips_of_another_length_take_the_place_of_the_old_ones(album):
    before = files(album.out / "clips")

    status, _, said = album("--clip-seconds", 2, "--clips", 2, "--no-stream")

    assert status == 0
    assert "clips: 2 drawn in" in said
    now = files(album.out / "clips")
    assert {path.stem for path in now if path.suffix == ".json"} == {"clip-001", "clip-002"}
    old, rate = soundfile.read(album.out / "clips" / "clip-002.wav", dtype="int16")
    assert len(old) / rate == pytest.approx(1.92)
    assert len(now) < len(before)
    album(*QUICK, "--no-stream")
    assert files(album.out / "clips").keys() == before.keys()


def test_the_stream_is_served_from_the_chosen_checkpoint(album):
    pytest.importorskip("starlette")

    status, _, said = album("--http", "127.0.0.1:0", "--seconds", 1)

    assert status == 0
    assert re.search(r"stream: [\d.]+ times real time, with the monitor on", said)
    assert "band at 2000 Hz" in said


def test_a_machine_that_is_too_slow_says_so_and_how_to_draw_ahead(album, monkeypatch):
    from typica.actions.album import speed

    monkeypatch.setattr(speed, "real_time", lambda engine, rate, count: 0.25)

    status, _, said = album("--http", "127.0.0.1:0", "--seconds", 1)

    assert status == 0
    assert "this machine draws 0.25 times real time, too slow to play live" in said
    assert "draw ahead by typica stream " in said


def test_until_plan_trains_nothing(recordings, call, tmp_path, monkeypatch):
    monkeypatch.setenv("TYPICA_RUNS", str(tmp_path / "runs"))
    out = tmp_path / "planned"

    status, printed, said = call("album", recordings, "-o", out, *QUICK, "--until", "plan")

    assert (status, printed.strip()) == (0, str(out))
    assert "training" in said
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        (("--system", "samplernn"), "was begun with system wavenet, not samplernn: choose another"),
        (("--rate", "4000"), "was begun with rate 2000, not 4000"),
        (("--split", "chunks"), "was begun with split spans, not chunks"),
        (("--clips", "0"), "--clips must be above 0, got 0"),
        (("--minutes", "nan"), "--minutes must be above 0, got nan"),
        (("--clip-seconds", "inf"), "--clip-seconds must be above 0, got inf"),
        (("--export",), "no clip was kept: choose by typica album"),
        (("--http", "nowhere", "--curate"), "--http takes HOST:PORT"),
        (("--http", "nowhere"), "--http takes HOST:PORT"),
        (("--set", "model.chanels=9"), "there is no setting 'model.chanels': did you mean"),
        (("--set", "model.channels=9"), "was begun with model.channels"),
        (("--http", "127.0.0.1:0", "--seconds", "-1"), "--seconds must be above 0, got -1"),
        (("--export", "--curation", "no.json"), "cannot read no.json: no such file or directory"),
        (("--best", "2"), "--best is for --export: add that, or leave --best out"),
        (("--curation", "x.json"), "--curation is for --export"),
        (("--curate", "--export"), "--curate and --export are two commands"),
        (("--export", "--clips", "9"), "--export makes nothing anew: leave --clips out"),
        (("--curate", "--set", "model.channels=9"), "--curate makes nothing anew: leave --set out"),
    ],
)
def test_what_does_not_go_is_refused_in_a_sentence(album, asked, words):
    before = files(album.out)

    status, _, said = album(*asked)

    assert status == 2
    assert words in said
    assert len(said.strip().splitlines()) == 1
    assert files(album.out) == before


def test_what_was_refused_is_not_asked_for_again(album):
    """The next command, without it, goes on as if nothing had been said."""
    assert album("--set", "model.channels=9")[0] == 2
    assert album("--set", "data.crop=999999999", "--until", "plan")[0] == 2

    status, _, said = album("--until", "plan")

    assert status == 0, said
    assert "plan: measured before" in said


def test_a_recording_that_comes_after_the_training_is_told_and_not_learnt_from(album, recordings):
    before = files(album.out / "corpus")
    late = recordings / "late.wav"
    soundfile.write(late, np.random.default_rng(1).uniform(-0.5, 0.5, 60 * RATE), RATE)
    (recordings / "0.wav").rename(recordings / ".hidden")

    status, _, said = album(*QUICK, "--no-stream")

    late.unlink()
    (recordings / ".hidden").rename(recordings / "0.wav")
    assert status == 0, said
    assert "late.wav came after the training had begun, and nothing is learnt from that" in said
    assert "0.wav is not in" in said
    assert "train: done before" in said
    assert files(album.out / "corpus") == before


def test_recordings_that_lie_elsewhere_by_now_are_not_needed_any_more(album, recordings):
    away = recordings.rename(recordings.with_name("away"))

    status, _, said = album("--no-stream", folder=album.out)

    away.rename(recordings)
    assert status == 0, said
    assert f"prepare: there is no folder {recordings}; what was prepared of it is kept" in said


def test_other_recordings_do_not_take_the_place_of_a_lost_corpus(album, recordings, tmp_path):
    shutil.copytree(album.out, tmp_path / "copy")
    shutil.rmtree(album.out / "corpus")
    (recordings / "0.wav").rename(recordings / ".hidden")

    status, _, said = album("--until", "train")

    (recordings / ".hidden").rename(recordings / "0.wav")
    shutil.rmtree(album.out)
    shutil.copytree(tmp_path / "copy", album.out)
    assert status == 2
    assert "holds other recordings than those that" in said


def test_two_commands_do_not_make_the_same_album_at_once(album):
    from typica.actions.album.project import alone

    before = files(album.out)
    with alone(album.out):
        status, _, said = album(*QUICK, "--no-stream")

    assert status == 2
    assert "is being made by another command: wait for it, or take another folder by --out" in said
    assert files(album.out) == before


def test_a_command_that_has_to_wait_leaves_alone_what_another_has_just_begun(
    recordings, call, tmp_path, monkeypatch
):
    from typica.actions.album.project import alone

    monkeypatch.setenv("TYPICA_RUNS", str(tmp_path / "runs"))
    with alone(tmp_path / "a"):
        (tmp_path / "a" / "corpus" / ".half").mkdir(parents=True)
        status, _, said = call("album", recordings, "-o", tmp_path / "a", *TINY, "--no-stream")

        assert status == 2
        assert "is being made by another command" in said
        assert (tmp_path / "a" / "corpus" / ".half").is_dir()


def test_a_port_that_is_taken_is_told_before_the_training(recordings, call, tmp_path, monkeypatch):
    import socket

    pytest.importorskip("starlette")
    monkeypatch.setenv("TYPICA_RUNS", str(tmp_path / "runs"))
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        status, _, said = call("album", recordings, "-o", tmp_path / "a", *TINY, "--http", address)

    assert status == 2
    assert f"cannot listen at {address}: address already in use" in said
    assert not (tmp_path / "a").exists()


def test_an_album_that_was_stopped_while_it_was_prepared_goes_on(
    recordings, call, tmp_path, monkeypatch
):
    from typica.actions.album import make

    monkeypatch.setenv("TYPICA_RUNS", str(tmp_path / "runs"))
    words = ("album", recordings, "-o", tmp_path / "a", *TINY, "--until", "prepare")

    def stop(*arguments, **settings):
        make_whole(*arguments, **settings)
        raise KeyboardInterrupt

    make_whole = make.prepare_data
    monkeypatch.setattr(make, "prepare_data", stop)
    assert call(*words)[0] == 130
    assert [path.name for path in (tmp_path / "a").glob("[!.]*")] == ["corpus"]
    monkeypatch.setattr(make, "prepare_data", make_whole)

    status, _, said = call(*words)

    assert status == 0, said
    assert json.loads((tmp_path / "a" / "album.json").read_text())["settings"]["rate"] == RATE


@pytest.mark.parametrize("place", ["inside", "runs"])
def test_what_is_made_is_never_taken_for_a_recording(
    recordings, call, place, tmp_path, monkeypatch
):
    """As happens where the command is called in the folder of the recordings."""
    monkeypatch.setenv("TYPICA_RUNS", str((recordings if place == "runs" else tmp_path) / "runs"))
    out = (recordings if place == "inside" else tmp_path) / "albums" / "a"

    status, _, said = call("album", recordings, "-o", out, *TINY)

    assert status == 2
    assert f"would lie among the recordings, in {recordings}" in said
    assert not (recordings / "albums").exists()


@pytest.mark.parametrize(
    ("wishes", "found", "when"),
    [
        # The clock ends it, however many steps are taken by then.
        ({"minutes": 30.0}, {"steps": 700, "training_s": 1800}, ("0", "3")),
        ({"minutes": 600.0, "steps": 1000}, {"steps": 1000, "training_s": 500}, ("100", "10")),
        ({"steps": 1000}, {"steps": 1000, "training_s": 12000}, ("100", "20")),
    ],
)
def test_checkpoints_are_evenly_spaced_whatever_ends_the_training(wishes, found, when):
    from typica.actions.album.project import Settings
    from typica.actions.album.recipe import course

    set_ = dict(one.split("=") for one in course(Settings("x", 8000, **wishes), found))

    names = ("training.checkpoint_every", "training.checkpoint_minutes")
    assert tuple(set_[name] for name in names) == when
    assert set_["training.keep"] == "30"


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        (("--system", "vqvae"), "vqvae makes no stream of its own: take --system samplernn"),
        (("--system", "pixelcnn"), "pixelcnn models images and corpora hold audio"),
        (("--system", "wavnet"), "there is no system 'wavnet': did you mean"),
        (("--preset", "dadabots", "--rate", "8000"), "is made for 16000 Hz, not 8000: take --rate"),
        (("--set", "training.steps=many"), "training.steps must be a whole number"),
        (("--device", "cuda:9"), "there is no device 'cuda:9'"),
        (("-o", ".hidden"), "an album cannot be called '.hidden'"),
    ],
)
def test_what_cannot_be_trained_is_refused_before_anything_is_prepared(
    recordings, call, tmp_path, monkeypatch, asked, words
):
    monkeypatch.setenv("TYPICA_RUNS", str(tmp_path / "runs"))

    status, _, said = call("album", recordings, "-o", tmp_path / "a", *asked, "--no-stream")

    assert status == 2
    assert words in said
    assert len(said.strip().splitlines()) == 1
    assert not (tmp_path / "a").exists()


def test_too_little_music_is_refused_until_there_is_more(recordings, tmp_path, call, monkeypatch):
    monkeypatch.setenv("TYPICA_RUNS", str(tmp_path / "runs"))
    (tmp_path / "short").mkdir()
    noise = np.random.default_rng(0).uniform(-0.5, 0.5, 120 * RATE)
    soundfile.write(tmp_path / "short" / "a.wav", noise, RATE)

    words = ("album", tmp_path / "short", "-o", tmp_path / "album", *TINY, "--until", "prepare")

    status, _, said = call(*words)

    assert status == 2
    assert "too little of that is held out to tell music from traps: take at least 5 min" in said
    assert not (tmp_path / "runs").exists()
    shutil.copy(recordings / "1.wav", tmp_path / "short")
    shutil.copy(recordings / "2.wav", tmp_path / "short")
    status, _, said = call(*words)
    assert status == 0, said


def test_an_album_is_no_place_for_others(tmp_path, recordings, call, monkeypatch):
    monkeypatch.setenv("TYPICA_RUNS", str(tmp_path / "runs"))
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "diary.txt").write_text("mine")
    (tmp_path / "runs" / "taken").mkdir(parents=True)

    for name, words in (("full", "holds other things"), ("taken", "exists: choose another name")):
        status, _, said = call("album", recordings, "-o", tmp_path / name, *QUICK)
        assert status == 2
        assert words in said
    status, _, said = call("album", tmp_path / "nothing", "--curate", "-o", tmp_path / "none")
    assert status == 2
    assert "there is no album in" in said


def test_what_somebody_else_put_beside_an_export_is_never_removed(album):
    assert album("--export", "--best", 1)[0] == 0
    cover = album.out / "export" / "cover.jpg"
    cover.write_bytes(b"mine")
    before = files(album.out / "export")

    status, _, said = album("--export", "--best", 2)

    assert status == 2
    assert f"{cover} was not put there by an export" in said
    assert files(album.out / "export") == before
    cover.unlink()
    assert album("--export", "--best", 2)[0] == 0
    shutil.rmtree(album.out / "export")


def test_an_album_called_like_a_track_keeps_both(album, tmp_path):
    clips = {"clip-001": {"verdict": "keep", "title": "Dusk"}, "clip-002": {"verdict": "keep"}}
    chosen = {"order": list(clips), "clips": clips, "title": "01 dusk", "join": "gap", "seconds": 0}
    (tmp_path / "chosen.json").write_text(json.dumps(chosen))

    status, _, said = album("--export", "--curation", tmp_path / "chosen.json")

    assert status == 0, said
    track = album.out / "export" / "01 Dusk.wav"
    assert track.read_bytes() == (album.out / "clips" / "clip-001.wav").read_bytes()
    told = json.loads((album.out / "export" / "tracks.json").read_text())
    assert (told["file"], told["cue"]) == ("01 dusk (album).wav", "01 dusk (album).cue")
    assert f'FILE "{told["file"]}" WAVE' in (album.out / "export" / told["cue"]).read_text()
    shutil.rmtree(album.out / "export")


def test_nothing_is_left_of_recordings_that_cannot_be_used(tmp_path, call):
    (tmp_path / "texts").mkdir()
    (tmp_path / "texts" / "notes.txt").write_text("la la la")

    status, _, said = call("album", tmp_path / "texts", "-o", tmp_path / "a", "--no-stream")

    assert status == 2
    assert "no recording of texts can be used: notes.txt (not a sound file)" in said
    assert not (tmp_path / "a").exists()


def test_an_album_without_clips_exports_nothing(tmp_path, recordings, call, monkeypatch):
    monkeypatch.setenv("TYPICA_RUNS", str(tmp_path / "runs"))
    call("album", recordings, "-o", tmp_path / "my album", *TINY, "--until", "prepare")

    status, _, said = call("album", tmp_path / "my album", "--export", "--best", 8)

    assert status == 2
    assert f"has no clips yet: draw them by typica album '{tmp_path / 'my album'}'" in said


@pytest.mark.slow
@pytest.mark.timeout(1500)  # four commands, on a shared machine
def test_killed_in_its_training_and_in_its_clips_it_comes_to_the_same(
    album, recordings, tmp_path, monkeypatch
):
    monkeypatch.setenv("TYPICA_RUNS", str(tmp_path / "runs"))
    out, run = tmp_path / "band", tmp_path / "runs" / "band"
    words = [str(word) for word in ("album", recordings, "-o", out, *QUICK, "--no-stream")]
    command = [sys.executable, "-c", "from typica.cli import main; main()", *words]

    for sign in (run / "checkpoints" / "step-00000010", out / "clips" / "clip-001.wav"):
        with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as one:
            while not sign.exists():
                assert one.poll() is None, one.stderr.read()
                time.sleep(0.002)
            one.kill()
    status, _, said = album(*QUICK, "--no-stream", out=out)

    assert status == 0, said
    assert "train: done before" in said
    whole = album.out.parent / "runs" / "band"
    for path in (whole / "weights.safetensors", *whole.glob("checkpoints/*/weights.safetensors")):
        assert digest(run / path.relative_to(whole)) == digest(path)
    for path in (album.out / "clips").glob("*.wav"):
        assert digest(out / "clips" / path.name) == digest(path)
