"""The studies of sound that need no model: random phase, phase, discretisation."""

import pytest
import soundfile
import torch

from typica.lab import discretise, phase, random_phase
from typica.lab.page import write_page
from typica.lab.struck import CHORD_S, CHORDS, struck_chords
from typica.lab.study import Bench, perform
from typica.signal.loudness import level_db


def test_chords_begin_where_they_should():
    audio = struck_chords(16000)

    level = audio.unfold(0, 160, 160).abs().amax(-1)
    begins = [round(index * CHORD_S * 100) for index in range(1, len(CHORDS))]
    assert float(audio.abs().max()) == pytest.approx(0.9)
    assert all(level[begin] > 2 * level[begin - 1] for begin in begins)


def test_harmony_stays_and_attacks_go():
    study = random_phase.study(Bench())

    rows = {row[0]: row[1:] for row in study.tables[0].rows}
    convergence, energy, harmony, attacks = rows["random phase"]
    assert 0.2 < energy < 0.3
    assert harmony > 0.95
    assert harmony > study.numbers[2].value + 0.25
    assert attacks < 0.5
    assert rows["its own phase"][3] > 0.999
    assert rows["fast Griffin-Lim"][3] > 0.95
    assert rows["fast Griffin-Lim"][0] < rows["Griffin-Lim"][0] < convergence


def test_clips_of_phases_are_heard_at_one_level_and_unclipped():
    clips = random_phase.study(Bench()).clips

    levels = [float(level_db(clip.audio)) for clip in clips]
    assert levels == pytest.approx(len(clips) * [levels[0]], abs=1e-3)
    assert max(float(clip.audio.abs().max()) for clip in clips) == pytest.approx(0.9)


def test_phase_is_as_random_as_noise_and_its_speed_is_not():
    music, noise = phase.study(Bench()).tables[0].rows

    assert music.phase_bits > 5.9
    assert music.frequency_bits < music.phase_bits - 1.5
    assert noise.frequency_bits > music.frequency_bits + 1
    assert max(music.error, noise.error) < 1e-4


def test_entropy_knows_the_uniform_and_the_constant():
    assert phase._entropy(torch.linspace(-1, 1, 64_001)[:-1]) == pytest.approx(6, abs=1e-3)
    assert phase._entropy(torch.tensor([2.0, 0.0, -1e-3, 4.001])) == 0


def test_mu_law_is_level_where_linear_steps_fall():
    study = discretise.study(Bench())

    numbers = {number.name: number for number in study.numbers}
    for name in ("linear, 8 bits, full scale", "linear, 16 bits, full scale"):
        assert numbers[name].value == pytest.approx(numbers[name].exact, abs=0.5)
    lost = {
        kind: numbers[f"{kind}, 8 bits, full scale"].value
        - numbers[f"{kind}, 8 bits, -40 dB"].value
        for kind in ("linear", "mu-law")
    }
    assert lost["linear"] > 35
    assert lost["mu-law"] < 6
    for bits, linear, _, exact in study.tables[1].rows:
        # Of 4 bits the steps are so coarse that errors follow the music, and are not uniform.
        assert linear == pytest.approx(exact, abs=0.05 if bits > 4 else 0.5)
    by_rate = [row[1] for row in study.tables[2].rows]
    assert by_rate == sorted(by_rate, reverse=True)


def test_what_there_is_to_hear_is_written_and_stands_on_the_page(tmp_path):
    study, _ = perform("discretise", tmp_path)

    files = sorted(path.name for path in tmp_path.glob("*.flac"))
    audio, rate = soundfile.read(tmp_path / "discretise_8_kHz.flac")
    page = write_page(tmp_path).read_text()
    assert len(files) == len(study.clips) == 4
    assert rate == 8000
    assert len(audio) == 24000
    assert all(f'src="{name}"' in page for name in files)
