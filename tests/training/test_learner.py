import pytest
import torch
from torch.nn.utils import parameters_to_vector
from toy_training import Toy, ToyConfig, ToyGan, batches, make_learner, weights

from typica.training.processes import Processes
from typica.training.settings import PhaseConfig


def test_a_phase_gives_the_others_no_gradient():
    model = ToyGan()
    learner = make_learner(model)

    learner.step(batches(), 0.0)

    assert [(phase, clean) for phase, _, clean in model.seen] == [
        ("critic", True),
        ("critic", True),
        ("generator", True),
    ]
    assert all(p.grad is not None for p in model.generator.parameters())


def test_a_phase_moves_its_own_parameters_alone():
    model = ToyGan()
    learner = make_learner(model)
    before = {name: value.clone() for name, value in model.state_dict().items()}

    learner.phases = learner.phases[:1]
    learner.step(batches(), 0.0)

    assert torch.equal(model.generator.weight, before["generator.weight"])
    assert not torch.equal(model.critic.weight, before["critic.weight"])


def test_each_repeat_sees_fresh_examples():
    model = ToyGan()
    learner = make_learner(model)

    learner.step(batches(), 0.0)
    learner.step(batches(), 0.0)

    shown = [audio for _, audio, _ in model.seen]
    expected = [batches()(number)["audio"] for number in (0, 1, 0, 2, 3, 2)]
    assert all(torch.equal(one, other) for one, other in zip(shown, expected, strict=True))


def test_accumulated_batches_make_the_step_of_a_large_one():
    def halves(number):
        return {"audio": batches(4)(number // 2)["audio"].chunk(2)[number % 2]}

    once = make_learner(Toy(ToyConfig(dropout=0)))
    in_two = make_learner(Toy(ToyConfig(dropout=0)), accumulate=2)

    for _ in range(3):
        whole, parts = once.step(batches(4), 0.0), in_two.step(halves, 0.0)

    one, other = (parameters_to_vector(x.model.parameters()) for x in (once, in_two))
    torch.testing.assert_close(other, one, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(parts["likelihood/nll"], whole["likelihood/nll"])


def test_the_noise_of_a_step_depends_on_the_seed_and_the_step_alone():
    one, other, seeded = make_learner(), make_learner(), make_learner(seed=1)

    one.step(batches(), 0.0)
    torch.manual_seed(99)
    torch.rand(17)
    other.step(batches(), 0.0)
    seeded.step(batches(), 0.0)

    assert torch.equal(weights(one), weights(other))
    assert not torch.equal(weights(one), weights(seeded))


def test_the_learning_rate_is_that_of_the_schedule():
    phase = PhaseConfig(learning_rate=0.1, schedule="linear", warmup=2)
    learner = make_learner(phase=phase, clip=None)
    before = parameters_to_vector(learner.model.net.parameters()).clone()

    learner.step(batches(), 0.25)
    moved = parameters_to_vector(learner.model.net.parameters()) - before

    # Adam's first step is the rate itself, whatever the gradient.
    torch.testing.assert_close(moved.abs(), torch.full_like(moved, 0.1 * 0.75 / 2))


def test_the_norm_is_told_before_clipping():
    learner = make_learner(clip=1e-3)

    terms = learner.step(batches(), 0.0)

    norms = [p.grad.norm() for p in learner.model.parameters() if p.grad is not None]
    assert terms["likelihood/gradient"] > 1e-2
    assert torch.stack(norms).norm() == pytest.approx(1e-3, rel=1e-3)


def test_low_precision_leaves_the_weights_in_full():
    learner, full = make_learner(precision="bfloat16"), make_learner()

    learner.step(batches(), 0.0)
    full.step(batches(), 0.0)

    assert all(p.dtype == torch.float32 for p in learner.model.parameters())
    assert not torch.equal(weights(learner), weights(full))
    torch.testing.assert_close(weights(learner), weights(full), atol=3e-2, rtol=3e-2)


def test_each_step_and_each_process_has_noise_of_its_own():
    heard = []

    def draw(number):
        heard.append(torch.rand(()).item())
        return batches()(number)

    for rank in (0, 1):
        learner = make_learner(processes=Processes(torch.device("cpu"), rank=rank))
        learner.step(draw, 0.0)
        learner.step(draw, 0.0)

    assert len(set(heard)) == 4


def test_a_batch_keeps_all_that_it_tells_when_it_is_placed():
    learner = make_learner()
    batch = batches()(0) | {"length": torch.tensor([3, 32, 32, 9])}

    placed = learner._place(batch)

    assert placed.keys() == batch.keys()
    assert torch.equal(placed["length"], batch["length"])
