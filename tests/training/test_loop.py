import os
import signal

import pytest
import torch
from toy_training import Heard, ToyCascade, ToyGan, batches, lines, make_learner, make_loop, weights

from typica.core.errors import RunError
from typica.core.run import WEIGHTS, checkpoints


def stopping_at(number, act):
    """Return batches of which one does something first."""

    def draw(wanted):
        if wanted == number:
            act()
        return batches()(wanted)

    return draw


def press(count=1, key=signal.SIGINT):
    for _ in range(count):
        os.kill(os.getpid(), key)


def test_a_run_ends_with_weights_a_checkpoint_and_a_log(tmp_path):
    loop = make_loop(tmp_path, steps=12, log_every=5)

    loop.run()

    assert (tmp_path / WEIGHTS).is_file()
    assert [path.name for path in checkpoints(tmp_path)] == ["step-00000012"]
    assert [line["step"] for line in lines(tmp_path)] == [5, 10, 12]
    first = lines(tmp_path)[0]
    assert first["bits"] == pytest.approx(first["likelihood/nll"] / 0.6931471805599453)
    assert {"seconds", "examples_per_s", "likelihood/gradient"} <= first.keys()


def test_the_log_holds_means_since_the_line_before(tmp_path):
    fine, coarse = tmp_path / "fine", tmp_path / "coarse"

    make_loop(fine, steps=4, log_every=1).run()
    make_loop(coarse, steps=4, log_every=4).run()

    mean = sum(line["likelihood/nll"] for line in lines(fine)) / 4
    assert lines(coarse)[0]["likelihood/nll"] == pytest.approx(mean, rel=1e-6)


@pytest.mark.parametrize("stop", [1, 5, 11])
def test_an_interrupted_run_reaches_the_weights_of_an_unbroken_one(tmp_path, stop):
    unbroken = make_loop(tmp_path / "unbroken")
    unbroken.run()
    broken = make_loop(tmp_path / "broken", draw=stopping_at(stop, press))
    broken.progress = Heard()

    with pytest.raises(KeyboardInterrupt):
        broken.run()
    resumed = make_loop(tmp_path / "broken")
    assert resumed.learner.steps == stop + 1
    resumed.run()

    assert broken.progress.said == [
        f"stopped after step {stop + 1}, which is kept in {tmp_path / 'broken'}: "
        f"go on with --name broken --resume"
    ]
    assert torch.equal(weights(resumed.learner), weights(unbroken.learner))
    steps = [line["step"] for line in lines(tmp_path / "broken")]
    assert steps == sorted(set(steps))


def test_a_killed_run_goes_on_from_its_last_checkpoint_to_the_same_weights(tmp_path):
    unbroken = make_loop(tmp_path / "unbroken", make_learner(ToyGan()))
    unbroken.run()

    def die():
        raise MemoryError  # nothing is written on the way out, as after a kill

    draw = stopping_at(2 * 9, die)
    killed = make_loop(tmp_path / "killed", make_learner(ToyGan(), checkpoint_every=4), draw)
    with pytest.raises(MemoryError):
        killed.run()
    resumed = make_loop(tmp_path / "killed", make_learner(ToyGan(), checkpoint_every=4))
    assert resumed.learner.steps == 8
    resumed.run()

    assert torch.equal(weights(resumed.learner), weights(unbroken.learner))


def test_a_damaged_checkpoint_is_passed_over_for_the_one_before(tmp_path):
    make_loop(tmp_path, steps=8, checkpoint_every=4).run()
    (checkpoints(tmp_path)[-1] / "live.safetensors").write_bytes(b"half")

    assert make_loop(tmp_path).learner.steps == 4


def test_a_run_whose_checkpoints_are_all_damaged_is_refused(tmp_path):
    make_loop(tmp_path, steps=4).run()
    (checkpoints(tmp_path)[-1] / "live.safetensors").write_bytes(b"half")

    with pytest.raises(RunError, match="no checkpoint of .* is whole"):
        make_loop(tmp_path)


def test_a_second_press_ends_at_once(tmp_path):
    loop = make_loop(tmp_path, draw=stopping_at(5, lambda: press(2)))

    with pytest.raises(KeyboardInterrupt):
        loop.run()

    assert loop.learner.steps == 5
    assert checkpoints(tmp_path) == []
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_a_clusters_warning_writes_a_checkpoint_too(tmp_path):
    loop = make_loop(tmp_path, draw=stopping_at(5, lambda: press(key=signal.SIGTERM)))

    with pytest.raises(SystemExit, match="143"):
        loop.run()

    assert [path.name for path in checkpoints(tmp_path)] == ["step-00000006"]


def test_an_early_sample_is_broken_off_when_asked_to_stop(tmp_path):
    loop = make_loop(tmp_path, sample_every=3)

    def sample_for_long():
        press()
        pytest.fail("the sample was drawn to its end")

    loop.sampler = sample_for_long
    with pytest.raises(KeyboardInterrupt):
        loop.run()

    assert [path.name for path in checkpoints(tmp_path)] == ["step-00000004"]


def test_the_phase_whose_loss_is_no_number_is_named(tmp_path):
    def draw(number):
        return {"audio": torch.full((2, 1, 8), float("nan") if number == 9 else 0.1)}

    loop = make_loop(tmp_path, make_learner(ToyCascade(), steps=12), draw=draw)
    with pytest.raises(RunError, match=r"at step 10 of .*--set above.learning_rate"):
        loop.run()


def test_a_loss_that_is_no_number_stops_the_run_and_keeps_the_last_good_checkpoint(tmp_path):
    def draw(number):
        batch = batches()(number)
        return batch | {"audio": batch["audio"] * (float("nan") if number == 6 else 1)}

    loop = make_loop(tmp_path, draw=draw, checkpoint_every=4)

    sentence = (
        r"no longer a number at step 7 of .*; step-00000004 is kept: "
        r"go on with --resume --set likelihood.learning_rate=0.0033$"
    )
    with pytest.raises(RunError, match=sentence):
        loop.run()
    assert [path.name for path in checkpoints(tmp_path)] == ["step-00000004"]


def test_time_ends_a_run_and_its_learning_rate(tmp_path, monkeypatch):
    now = iter(float(second) for second in range(10_000))
    monkeypatch.setattr("typica.training.loop.time.monotonic", lambda: next(now))
    loop = make_loop(tmp_path, steps=1000, minutes=1, log_every=1000)
    rates, adam = [], loop.learner.optimisers["likelihood"]
    step = adam.step
    monkeypatch.setattr(adam, "step", lambda rate: (rates.append(rate), step(rate)))

    loop.run()

    assert 60 <= loop.elapsed_s < 75
    assert min(rates) == rates[-1] < 1e-3


def test_the_users_generator_is_left_alone(tmp_path):
    torch.manual_seed(5)
    expected = torch.rand(3)
    loop = make_loop(tmp_path)

    torch.manual_seed(5)
    loop.run()

    assert torch.equal(torch.rand(3), expected)


def test_held_out_bits_are_looked_at_now_and_then_and_at_the_end(tmp_path):
    loop = make_loop(tmp_path, validate_every=5, log_every=100)
    loop.judge, loop.progress = iter([3.0, 2.0, 1.0]).__next__, Heard()

    loop.run()

    judged = {line["step"]: line["valid/bits"] for line in lines(tmp_path) if "valid/bits" in line}
    assert judged == {5: 3.0, 10: 2.0, 12: 1.0}
    assert loop.held_out_bits == 1.0
    assert "step 10: 2.000 bits a sample on held-out audio" in loop.progress.said


def test_early_samples_can_be_listened_to(tmp_path):
    import soundfile

    loop = make_loop(tmp_path, sample_every=6)
    loop.sampler = lambda: torch.full((1, 80), 0.5)

    loop.run()

    audio, rate = soundfile.read(tmp_path / "samples" / "step-00000006.wav")
    assert (len(audio), rate) == (80, 8000)
    assert audio == pytest.approx(0.5, abs=1e-4)


def test_the_bar_shows_each_phase_and_reaches_its_end(tmp_path):
    loop = make_loop(tmp_path, make_learner(ToyGan(), steps=6))
    loop.progress = Heard()

    loop.run()

    assert (loop.progress.done, loop.progress.total) == (6, 6)
    assert loop.progress.shown[-1].keys() == {"critic", "generator", "examples/s"}


def test_checkpoints_come_after_steps_or_minutes_whichever_is_first(tmp_path, monkeypatch):
    now = iter(float(second) for second in range(10_000))
    monkeypatch.setattr("typica.training.loop.time.monotonic", lambda: next(now))
    loop = make_loop(
        tmp_path, steps=80, checkpoint_every=50, checkpoint_minutes=0.5, keep=99, log_every=1000
    )

    loop.run()

    steps = [int(path.name[5:]) for path in checkpoints(tmp_path)]
    assert 50 in steps
    assert 80 in steps
    assert 15 < steps[0] < 35
