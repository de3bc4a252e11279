import pytest
import torch
from toy_training import Toy, chords

from typica.training.job import describe
from typica.training.memory import Growth, SavedTensors
from typica.training.plan import _first, _steps, measure
from typica.training.schedule import share_done, stage_at
from typica.training.settings import TrainingConfig


def test_a_tensor_that_is_kept_counts_once_and_weights_do_not():
    model = Toy()
    weight = model.net[0].weight
    x = torch.ones(1000, 4, requires_grad=True)

    with SavedTensors(model) as saved:
        y = x @ weight.t()  # keeps x and the weight
        z = y.exp()  # keeps its result
        w = z * z  # keeps the same result, twice
        w.sum().backward()

    assert saved.peak == 4 * (1000 * 4 + 1000 * 8)


def test_what_one_phase_kept_is_gone_when_the_next_begins():
    x = torch.ones(1000, requires_grad=True)

    with SavedTensors(Toy()) as saved:
        for _ in range(3):
            (x.exp().sum()).backward()

    assert saved.peak == 4 * 1000


def test_memory_that_is_used_for_a_moment_is_measured():
    with Growth(torch.device("cpu")) as growth:
        torch.ones(25_000_000)

    if growth.peak is None:
        pytest.skip("this system does not tell")
    assert 95e6 < growth.peak < 120e6


@pytest.fixture(scope="module")
def job(tmp_path_factory):
    tables = {
        "model": {"stacks": 1, "layers": 3, "channels": 4, "gate": 4, "skip": 4, "head": [4]},
        "data": {"crop": 64, "batch": 3},
        "training": {"steps": 500, "keep": 2, "sample_every": 100, "sample_seconds": 1.0},
    }
    return describe("wavenet", "none", tables, chords(tmp_path_factory.mktemp("data")))


def test_a_plan_counts_what_training_will_hold(job):
    plan = measure(job, torch.device("cpu"))

    weights = 4 * sum(parameter.numel() for parameter in job.model.parameters())
    moved = 4 * sum(p.numel() for p in job.model.parameters() if p.grad is not None)
    assert plan.weights_bytes == plan.gradients_bytes == plan.average_bytes == weights
    assert 2 * moved <= plan.optimiser_bytes < 2 * moved + 400
    assert plan.activations_bytes > 4 * 3 * 64 * 256  # the logits alone
    assert plan.checkpoint_bytes == 2 * weights + plan.optimiser_bytes
    assert plan.disk_bytes > 3 * plan.checkpoint_bytes + 5 * 2 * 8000
    assert plan.fits
    assert plan.training_s == pytest.approx(500 * plan.step_s)
    assert plan.audio_s == pytest.approx(500 * 3 * 64 / 8000)
    assert plan.epochs == pytest.approx(plan.audio_s / job.corpus.seconds("train"))


@pytest.mark.parametrize("minutes", [None, 0.5, 2.0, 4.0, 100.0])
def test_steps_of_stages_are_those_that_the_loop_would_take(minutes):
    training, steps_s = TrainingConfig(steps=1000, minutes=minutes), [0.01, 1.0, 0.1]
    ends, counts, step, elapsed_s = [0.5, 0.7, 1.0], [0, 0, 0], 0, 0.0
    while (done := share_done(training, step, elapsed_s)) < 1:
        stage = stage_at(ends, done)
        counts[stage] += 1
        step, elapsed_s = step + 1, elapsed_s + steps_s[stage]

    assert _steps(training, steps_s, ends) == pytest.approx(counts, abs=12)  # a slow step lasts ten


def test_a_batch_that_does_not_fit_is_not_tried(job, monkeypatch):
    monkeypatch.setattr("typica.training.plan.free_bytes", lambda device: 1000)

    plan = measure(job, torch.device("cpu"))

    assert plan.step_was_scaled
    assert plan.working_bytes is None
    assert not plan.fits


def test_one_example_of_a_batch_keeps_all_that_it_tells(job):
    batch = job.crops("train").batch(0) | {"length": torch.tensor([5, 6])}

    first = _first(batch)

    assert first.keys() == batch.keys()
    assert len(first["audio"]) == 1
    assert first["length"].tolist() == [5]


def test_what_one_example_left_behind_is_no_past_of_a_whole_batch(tmp_path):
    tables = {
        "model": {"frames": [8], "width": 4, "layers": 1, "embedding": 4},
        "data": {"crop": 64, "batch": 3, "parts": 4},
    }

    plan = measure(describe("samplernn", "none", tables, chords(tmp_path)), torch.device("cpu"))

    assert plan.step_s > 0
    assert not plan.step_was_scaled
