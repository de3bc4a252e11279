import math

import pytest
import torch

from typica.core.errors import ConfigError, ShapeError
from typica.signal.constant_q import ConstantQ
from typica.signal.griffin_lim import constant_q_griffin_lim, griffin_lim
from typica.signal.spectrum import convergence_db, istft, magnitude, stft

SIZES = {"window": 256, "hop": 64}


def struck(length=8000):
    time = torch.arange(length, dtype=torch.float64) / 16000
    audio = torch.zeros(length, dtype=torch.float64)
    for index, hertz in enumerate((220, 277.18, 329.63, 440)):
        since = (time - 0.12 * index).clamp(min=0)
        envelope = torch.exp(-6 * since) * (since / 0.005).clamp(max=1)
        audio += envelope * sum(torch.sin(2 * math.pi * hertz * h * since) / h for h in range(1, 9))
    return 0.5 * audio / audio.abs().max()


def found(audio, *, seed=0, **settings):
    settings = SIZES | settings
    magnitudes = magnitude(audio, window=settings["window"], hop=settings["hop"])
    generator = torch.Generator().manual_seed(seed)
    return griffin_lim(magnitudes, length=audio.shape[-1], generator=generator, **settings)


def score(audio, **settings):
    return float(convergence_db(found(audio, **settings), magnitude(audio, **SIZES), **SIZES))


def test_without_momentum_it_never_gets_worse():
    scores = [score(struck(), iterations=count, momentum=0) for count in range(12)]

    assert all(after <= before + 1e-9 for before, after in zip(scores, scores[1:], strict=False))
    assert scores[-1] < scores[0] - 5


def test_momentum_is_faster_and_too_much_of_it_is_not():
    plain, fast, wild = (
        sum(score(struck(), iterations=32, momentum=momentum, seed=seed) for seed in range(3)) / 3
        for momentum in (0, 0.99, 1.25)
    )

    assert fast < plain - 3
    assert fast < wild


@pytest.mark.parametrize("hop", [64, 60, 128])
def test_an_iteration_is_what_its_definition_says(hop):
    """By `torch.istft` and `stft`, in Perraudin's own form, from one start."""
    audio = struck(3000)
    begin = torch.randn(3000, generator=torch.Generator().manual_seed(1)).double()
    sizes = {"window": 256, "hop": hop}
    target = magnitude(audio, **sizes)

    estimate, before = stft(begin, **sizes), None
    for _ in range(5):
        consistent = stft(
            istft(torch.polar(target, estimate.angle()), length=3000, **sizes), **sizes
        )
        estimate = consistent
        if before is not None:
            estimate = consistent + 0.9 * (consistent - before)
        before = consistent
    expected = istft(torch.polar(target, estimate.angle()), length=3000, **sizes)

    result = griffin_lim(target, length=3000, iterations=5, momentum=0.9, start=begin, **sizes)
    assert torch.allclose(result, expected, atol=1e-9)


@pytest.mark.parametrize("momentum", [0, 0.99])
def test_audio_of_the_right_phase_stays_as_it_is(momentum):
    audio = struck()

    again = found(audio, start=audio, iterations=5, momentum=momentum)

    assert torch.allclose(again, audio, atol=1e-10)


def test_a_warm_start_goes_on_from_where_it_was():
    once = found(struck(), iterations=6, momentum=0)

    assert torch.allclose(
        found(struck(), iterations=4, momentum=0, start=once),
        found(struck(), iterations=11, momentum=0),
        atol=1e-9,
    )


def test_silence_stays_silent_and_single_precision_single():
    silence = torch.zeros(2, 1, 1000)

    result = found(silence)

    assert result.dtype == torch.float32
    assert torch.equal(result, silence)


def test_a_batch_is_done_as_each_alone():
    both = torch.stack([struck(), struck().flip(-1)])[:, None]
    start = torch.randn(2, 1, 8000, generator=torch.Generator().manual_seed(1)).double()

    together = found(both, start=start, iterations=4)

    alone = found(both[1, 0], start=start[1, 0], iterations=4)
    assert together.shape == both.shape
    assert torch.allclose(together[1, 0], alone, atol=1e-12)


def test_magnitudes_of_another_length_are_refused():
    with pytest.raises(ShapeError, match="have a short-time spectrum"):
        griffin_lim(torch.ones(513, 4), length=5000)


def test_negative_iterations_are_refused():
    with pytest.raises(ConfigError, match="iterations=-1"):
        griffin_lim(torch.ones(513, 4), length=800, iterations=-1)


def of_constant_q(audio, **settings):
    """Return how far constant-Q magnitudes of what is found are from those of audio, in dB."""
    transform = ConstantQ(16000, per_octave=12, lowest=110.0)
    wanted = transform.encode(audio).abs()
    generator = torch.Generator().manual_seed(0)
    back = constant_q_griffin_lim(
        wanted, transform, length=audio.shape[-1], generator=generator, **settings
    )
    distance = torch.linalg.vector_norm(transform.encode(back).abs() - wanted)
    return float(20 * (distance / torch.linalg.vector_norm(wanted)).log10())


def test_constant_q_magnitudes_are_met_the_better_the_longer_and_with_momentum():
    audio = struck(6000)

    plain = [of_constant_q(audio, iterations=count, momentum=0) for count in (0, 4, 32)]

    assert plain[2] < plain[1] - 1 < plain[0] - 4
    assert of_constant_q(audio, iterations=32, momentum=0.99) < plain[2] - 3


def test_constant_q_magnitudes_of_the_right_phase_stay_as_they_are():
    audio = torch.stack([struck(6000), struck(6000).flip(-1)])
    transform = ConstantQ(16000, per_octave=12, lowest=110.0)
    wanted = transform.encode(audio).abs()

    again = constant_q_griffin_lim(wanted, transform, length=6000, start=audio, iterations=3)

    assert torch.allclose(again, audio, atol=1e-10)


def test_constant_q_magnitudes_of_another_length_are_refused():
    with pytest.raises(ShapeError, match="constant-Q coefficients of shape"):
        constant_q_griffin_lim(torch.ones(3, 9), ConstantQ(16000), length=5000)
