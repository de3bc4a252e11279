import pytest
import torch
from scipy.fft import dct

from typica.core.errors import ConfigError
from typica.signal.cepstrum import cepstrum, smoothed
from typica.signal.representations import representation


def bands(*shape):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


def test_coefficients_are_those_of_the_orthonormal_cosine_transform():
    logarithms = bands(2, 40, 7)

    found = cepstrum(logarithms, count=13)

    expected = dct(logarithms.numpy(), axis=-2, norm="ortho")[:, :13]
    assert found.numpy() == pytest.approx(expected, abs=1e-12)


def test_all_coefficients_give_the_spectrum_back_and_few_its_nearest():
    logarithms = bands(40, 7)

    few = smoothed(cepstrum(logarithms, count=5), bands=40)

    assert torch.allclose(smoothed(cepstrum(logarithms, count=40), bands=40), logarithms)
    # Orthonormal, so that what is left out stands at right angles to what is kept.
    assert float((few * (logarithms - few)).sum()) == pytest.approx(0, abs=1e-10)


def test_louder_music_differs_in_the_first_coefficient_alone(piano):
    mel = representation("log-mel", rate=16000, bands=40, smallest=1e-12)

    soft, loud = (cepstrum(mel.encode(level * piano[8000:16000]), count=13) for level in (1, 4))

    change = (loud - soft).abs().amax(-1)
    assert float(change[0]) == pytest.approx(40**0.5 * torch.tensor(4.0).log().item(), rel=1e-3)
    assert float(change[1:].max()) < 1e-3


def test_gradients_go_through():
    logarithms = bands(20, 3).requires_grad_()

    (slope,) = torch.autograd.grad(cepstrum(logarithms, count=4).sum(), logarithms)

    # The transform is linear.
    step = bands(20, 3).flip(0)
    assert float((slope * step).sum()) == pytest.approx(float(cepstrum(step, count=4).sum()))


def test_more_coefficients_than_bands_are_refused():
    with pytest.raises(ConfigError, match="1 to 20 coefficients; got 21"):
        cepstrum(bands(20, 3), count=21)
    with pytest.raises(ConfigError, match="1 to 3 coefficients; got 20"):
        smoothed(bands(20, 4), bands=3)
