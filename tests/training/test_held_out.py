import math

import pytest
import torch
from toy_training import Heard, Toy, chords, make_learner

from typica.core import registry
from typica.training.held_out import held_out_bits
from typica.training.job import describe
from typica.training.start import ready

CPU = torch.device("cpu")


class Loudness(Toy):
    """Whose score of a sample is its amplitude, so that a mean of scores is known."""

    def likelihood_loss(self, batch):
        audio = batch["audio"][:, 0, batch["context"] :]
        lengths = batch.get("length", torch.full((len(audio),), audio.shape[1]))
        is_real = torch.arange(audio.shape[1]) < lengths[:, None]
        return {"nll": audio[is_real].mean()}


def batch(*rows, lengths=None):
    told = {} if lengths is None else {"length": torch.tensor(lengths)}
    return {"audio": torch.tensor(rows, dtype=torch.float32)[:, None], "context": 1} | told


def test_each_real_sample_counts_once_and_padding_does_not():
    short = batch([9, 1, 0, 0, 0], [9, 2, 2, 0, 0], lengths=[1, 2])
    full = batch([9, 3, 3, 3, 3], [9, 4, 4, 4, 4], lengths=[4, 4])

    bits = held_out_bits(Loudness(), [short, full].__getitem__, 2, CPU)

    assert bits == pytest.approx((1 + 2 * 2 + 4 * 3 + 4 * 4) / 11 / math.log(2))


def test_without_lengths_all_but_the_context_counts():
    whole = [batch([9, 1, 3]), batch([9, 5, 7])]

    assert held_out_bits(Loudness(), whole.__getitem__, 2, CPU) == pytest.approx(4 / math.log(2))


@pytest.mark.parametrize(
    ("system", "reservation"),
    [
        ("wavenet", ""),
        ("hierarchical_wavenet", ", at most"),
        ("vqvae", ", at most; codes cost 0.500 bits a sample, each as likely"),
    ],
)
def test_training_begins_with_what_bits_are_of(tmp_path, system, reservation):
    job = describe(system, "tiny", registry.preset(system, "tiny"), chords(tmp_path))
    heard = Heard()

    ready(job, tmp_path, make_learner().processes, heard)

    assert heard.said[0] == f"bits a sample are of 8-bit mu-law levels{reservation}"
