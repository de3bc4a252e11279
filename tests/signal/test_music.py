"""The representations on music: chords that a sampled piano plays."""

import math

from typica.signal.constant_q import ConstantQ
from typica.signal.phase import accumulated_phase, instantaneous_frequency, with_phase
from typica.signal.spectrum import istft, stft


def ratio_db(audio, back):
    return 20 * math.log10(float(audio.norm() / (back - audio).norm()))


def test_spectra_and_instantaneous_frequencies_give_the_piano_back(piano):
    spectrum = stft(piano)
    length = len(piano)

    frequency = instantaneous_frequency(spectrum.angle())
    again = with_phase(spectrum.abs(), accumulated_phase(frequency))

    assert (istft(spectrum, length=length) - piano).abs().max() < 1e-6
    assert (istft(again, length=length) - piano).abs().max() < 1e-4


def test_constant_q_gives_the_piano_back(piano):
    transform = ConstantQ(16000)

    back = transform.decode(transform.encode(piano), length=len(piano))

    assert ratio_db(piano, back) > 100
