"""Sound in slices: what each of them hears, that nothing is lost, and what a user does with it."""

import itertools
import os
from pathlib import Path

import pytest
import soundfile
import torch

from typica.cli import main
from typica.core import registry
from typica.core.engine import StepEngine
from typica.core.errors import ConfigError
from typica.core.phase import Phase
from typica.core.randomness import seeded
from typica.core.slices import joined, sliced
from typica.data import corpora
from typica.data.crops import Crops
from typica.data.folder import FolderSource
from typica.data.prepare import prepare
from typica.evaluation.baselines import fit_baselines, price
from typica.evaluation.stretches import choose
from typica.training.fit import fit
from typica.training.held_out import held_out_bits
from typica.training.learner import Learner, own_randomness
from typica.training.processes import Processes
from typica.training.settings import PhaseConfig, TrainingConfig

WAVENET = {"system": "wavenet", "stacks": 1, "layers": 3, "channels": 4, "gate": 4, "skip": 8}
GAUSSIAN = WAVENET | {"input": "scalar", "output": "gaussian"}


def model_of(**settings):
    torch.manual_seed(0)
    small = {"bits": 4, "factor": 3, "look_ahead": 2, "look_back": 2, "inner": dict(WAVENET)}
    model = registry.build("subscale_sound", "tiny", **small | {"told_channels": 4} | settings)
    for parameter in model.parameters():
        parameter.data += 0.3 * torch.randn(parameter.shape)
    return model.eval().requires_grad_(False)


def sound(*shape):
    return torch.rand(*shape, generator=seeded(0)) - 0.5


# ---- the order


def reached(model, place, length=48):
    """Return which samples what is said of one depends on, by its gradient."""
    x = sound(1, 1, length).requires_grad_()
    model.sample_log_probs(x)[0, place].backward()
    return set(x.grad[0, 0].nonzero()[:, 0].tolist())


@pytest.mark.parametrize("look_ahead", [0, 2])
@pytest.mark.parametrize("factor", [1, 2, 3])
def test_a_slice_hears_earlier_ones_up_to_the_look_ahead_and_no_others(factor, look_ahead):
    model = model_of(factor=factor, look_ahead=look_ahead, inner=GAUSSIAN)
    frame = 8
    for b in range(factor):
        found = {divmod(place, factor)[::-1] for place in reached(model, frame * factor + b)}

        assert all(c < b or (c == b and t <= frame) for c, t in found)
        assert all(t <= frame + look_ahead for _, t in found)
        assert {(b, frame - 1), (b, frame)} <= found
        assert {(c, frame + look_ahead) for c in range(b)} <= found
        assert {(c, frame - model.look_back) for c in range(b)} <= found


def test_without_a_look_ahead_the_context_is_the_past():
    model = model_of(look_ahead=0, inner=GAUSSIAN)
    for place in range(20, 26):
        assert max(reached(model, place)) == place


@pytest.mark.parametrize("factor", [1, 3])
def test_the_past_reaches_as_far_as_the_context_says(factor):
    model = model_of(factor=factor, inner=GAUSSIAN)
    farthest = [60 + b - min(reached(model, 60 + b, 96)) for b in range(factor)]
    assert farthest[0] == factor * model.inner.context
    # A frame less than any system might: WaveNet's first convolution is not told.
    assert model.context - factor <= max(farthest) <= model.context


def test_what_is_not_there_is_not_silence():
    model = model_of(look_back=0)
    near = torch.full((1, 3, 2, 5), 8)
    known = torch.ones(1, 3, 2, 5, dtype=torch.bool)
    known[0, 0] = known[0, 1, 1] = False

    def says(near, known):
        return model.tell(near, known)["slices"].values

    told = says(near, known)
    other = near.masked_fill(~known, 3)
    assert torch.equal(says(other, known), told)
    assert not torch.allclose(says(near, torch.ones_like(known))[1], told[1])
    assert told.shape == (3, 4, 3)
    assert told[0].unique(dim=1).shape[1] == 1  # the first slice hears nothing, anywhere
    blank = model_of(look_back=0)
    blank.teller.number.weight.data.zero_()
    silence = blank.tell(near, ~known & known)["slices"].values
    assert torch.equal(silence[0], silence[2])  # their numbers alone told them apart
    assert not torch.equal(says(near, ~known & known)[0], says(near, ~known & known)[2])


# ---- the likelihood


@pytest.mark.parametrize("factor", [1, 2, 3])
@pytest.mark.parametrize("length", [1, 4, 5])
def test_all_sounds_together_have_probability_one(factor, length):
    model = model_of(bits=2, factor=factor, look_ahead=1)
    levels = torch.tensor(list(itertools.product(range(4), repeat=length)))
    log_prob = model.log_prob(model.render(levels))
    assert float(log_prob.exp().sum()) == pytest.approx(1, abs=1e-5)


def test_slice_by_slice_the_inner_system_says_the_same_step_by_step():
    model = model_of()
    symbols = model.symbols(sound(2, 1, 31))
    slices = sliced(torch.nn.functional.pad(symbols, (0, 2)), 3)
    told = model.told(slices, 31, 0, 11)

    state, previous, found = model.inner.start(6, told), torch.full((6,), model.initial), []
    for time in range(11):
        distribution, state = model.inner.step(previous, state)
        previous = slices[..., time].flatten()
        found.append(distribution.log_prob(previous[:, None]))

    in_time = joined(torch.cat(found, 1).unflatten(0, (2, 3)))[:, :31]
    torch.testing.assert_close(model.sample_log_probs(model.render(symbols)), in_time)


def test_long_sounds_are_scored_in_blocks_without_changing_the_score(monkeypatch):
    model, x = model_of(), sound(2, 1, 100)
    whole = model.log_prob(x)
    monkeypatch.setattr("typica.systems.cascades.subscale_sound.BLOCK", 16)
    with torch.no_grad():
        torch.testing.assert_close(model.log_prob(x), whole)
        assert model.log_prob(x).dtype == torch.float64


def test_one_slice_is_the_ordinary_wavenet():
    model = model_of(factor=1)
    same = {name: value for name, value in WAVENET.items() if name != "system"}
    wavenet = registry.from_settings("wavenet", {"bits": 4, **same})
    wavenet.load_state_dict(model.inner.state_dict())
    x = sound(2, 1, 40)

    torch.testing.assert_close(model.log_prob(x), wavenet.log_prob(x))
    assert model.context == wavenet.context
    assert {f"inner.{name}" for name in wavenet.state_dict()} == set(model.state_dict())
    batch = {"audio": x, "context": 9, "length": torch.tensor([31, 20])}
    losses = [one.likelihood_loss(batch)["nll"] for one in (model, wavenet)]
    torch.testing.assert_close(*losses)
    mine, theirs = model.steps(), StepEngine(wavenet)
    drawn = mine.draw(mine.start(2), 50, generator=seeded(1)).symbols
    assert torch.equal(drawn, theirs.draw(theirs.start(2), 50, generator=seeded(1)).symbols)


def test_untrained_it_knows_nothing():
    model = registry.build("subscale_sound", "tiny")
    x = sound(2, 1, 64)
    assert model.base_measure == "8-bit mu-law levels"
    torch.testing.assert_close(
        model.sample_log_probs(x), torch.full((2, 64), -8 * torch.log(torch.tensor(2.0)).item())
    )


def test_cutting_at_the_alignment_changes_nothing():
    model = model_of()
    x, stop = sound(1, 1, 200), 200
    begin = (stop - 60 - model.context) // model.alignment * model.alignment
    with torch.no_grad():
        whole, part = model.sample_log_probs(x), model.sample_log_probs(x[..., begin:])
    assert model.alignment == 3
    torch.testing.assert_close(part[:, -60:], whole[:, -60:])


# ---- what is learnt from


@pytest.mark.parametrize("context", [0, 10])
def test_one_slice_of_each_example_is_unbiased(context):
    model = model_of()
    batch = {
        "audio": sound(2, 1, 52),
        "context": context,
        "length": torch.tensor([42 - context, 30]),
    }
    targets = [torch.full((2,), b) for b in range(3)]

    mean = torch.stack([model.target_loss(batch, target) for target in targets]).mean()

    torch.testing.assert_close(mean, model.likelihood_loss(batch)["nll"])
    every = [
        model.target_loss(batch, torch.tensor(two)) for two in itertools.product(range(3), repeat=2)
    ]
    torch.testing.assert_close(torch.stack(every).mean(), mean)
    one = model_of(targets="one")
    torch.manual_seed(1)
    (phase,) = one.phases()
    found = {round(float(phase.loss(batch)["nll"]), 5) for _ in range(30)}
    assert found <= {round(float(value), 5) for value in every}
    assert len(found) > 3


def test_what_lies_in_the_context_and_what_pads_is_not_scored():
    model = model_of()
    batch = {"audio": sound(2, 1, 40), "context": 7, "length": torch.tensor([33, 11])}
    nats = -model.sample_log_probs(batch["audio"])
    expected = torch.cat([nats[0, 7:], nats[1, 7:18]]).mean()
    torch.testing.assert_close(model.likelihood_loss(batch)["nll"], expected)


@pytest.mark.parametrize("targets", ["all", "one"])
def test_later_slices_learn_from_what_lies_around_them(targets):
    """Noise of which every other sample is as the one before it: half of it can be known."""
    noise = torch.randint(16, (64, 1, 64), generator=seeded(0)).repeat_interleave(2, 2)
    model = registry.build("subscale_sound", "tiny", bits=4, factor=2, targets=targets)
    x = model.render(noise[:, 0])

    fitted = fit(model, {"audio": x}, steps=250, batch=16, learning_rate=1e-2)

    bits = sliced(-fitted.sample_log_probs(x) / torch.log(torch.tensor(2.0)), 2).mean((0, 2))
    assert bits[0] == pytest.approx(4, abs=0.2)
    assert bits[1] < 1


def test_settings_that_do_not_go_together_are_refused():
    with pytest.raises(ConfigError, match="model.inner.bits follows from other settings"):
        model_of(inner=WAVENET | {"bits": 2})
    with pytest.raises(ConfigError, match="model.inner.system=glow will not do there"):
        model_of(inner={"system": "glow"})
    with pytest.raises(ConfigError, match="told nothing from outside, got label"):
        model_of(inner=WAVENET | {"labels": 3})
    with pytest.raises(ConfigError, match="factor must be at least 1"):
        model_of(factor=0)
    with pytest.raises(ConfigError, match="factor must be at most 256, got 1000"):
        model_of(factor=1000)


# ---- as a user trains and uses it


def typica(*arguments):
    """Give a command in this process; return its exit status."""
    with pytest.raises(SystemExit) as ended:
        main([str(argument) for argument in arguments])
    return ended.value.code or 0


@pytest.fixture
def tones(tmp_path):
    """A folder of short tones and its corpus."""
    folder = tmp_path / "tones"
    folder.mkdir()
    time = torch.arange(8000) / 8000
    for number in range(6):
        tone = 0.4 * torch.sin(6.2832 * (200 + 50 * number) * time) * torch.exp(-time)
        soundfile.write(folder / f"{number}.wav", tone.numpy(), 8000)
    source = FolderSource(folder, licence="CC0-1.0")
    return folder, prepare(source, tmp_path / "corpus", rate=8000, workers=1).path


def test_a_run_is_trained_resumed_sampled_streamed_and_evaluated(tones, tmp_path, capsys):
    (folder, corpus), runs = tones, Path(os.environ["TYPICA_RUNS"])
    changes = ["data.crop=60", "data.batch=2", "training.validate_seconds=0.2"]
    changes += ["likelihood.schedule=constant"]
    train = ["train", "subscale_sound", "--preset", "tiny", "--data", corpus]
    train += [word for change in changes for word in ("--set", change)]

    assert typica(*train, "--steps", 8, "--name", "whole") == 0
    assert typica(*train, "--steps", 4, "--name", "parts") == 0
    assert typica(*train, "--steps", 8, "--name", "parts", "--resume") == 0
    last = [runs / name / "checkpoints" / "step-00000008" for name in ("whole", "parts")]
    for name in ("live.safetensors", "optimizer.safetensors", "weights.safetensors"):
        assert (last[0] / name).read_bytes() == (last[1] / name).read_bytes()

    prompt = folder / "0.wav"
    sample = ["sample", "whole", "--seconds", "0.1", "--prompt", prompt, "-o", tmp_path / "out"]
    assert typica(*sample, "--count", 2) == 0
    assert len(list((tmp_path / "out").glob("*.wav"))) == 2
    assert typica("score", "whole", prompt) == 0
    stream = tmp_path / "stream.wav"
    assert typica("stream", "whole", "--seconds", "0.5", "-o", stream, "--no-monitor") == 0
    assert soundfile.info(stream).duration == pytest.approx(0.5, abs=0.1)
    assert typica("evaluate", "whole") == 0
    capsys.readouterr()
    beam = ["sample", "whole", "--seconds", "0.1", "--strategy", "beam"]
    assert typica(*beam, "-o", tmp_path / "beam") == 2
    assert "there is no next sample by itself" in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_it_learns_more_of_music_than_a_markov_chain(tmp_path):
    pytest.importorskip("music21")
    corpus = prepare(corpora.find("chorales")(), tmp_path / "corpus", rate=8000, workers=1)
    torch.manual_seed(0)
    inner = WAVENET | {"layers": 7, "channels": 24, "gate": 24, "skip": 48, "head": [48]}
    model = registry.build(
        "subscale_sound", "tiny", factor=2, look_ahead=8, look_back=8, inner=inner
    )
    prices = price(
        *(fit_baselines(corpus, model.inner.quantiser), corpus),
        *(choose(corpus, "valid"), model.inner.quantiser),
    )
    (markov,) = [one.mean.value for one in prices if one.name == "first-order Markov"]
    shape = {"length": 2048, "context": model.context, "batch": 4}
    learning, held_out = (Crops(corpus, s, seed=1, **shape).batch for s in ("train", "valid"))
    alone = Processes(torch.device("cpu"))
    phase: dict[str, PhaseConfig] = {"likelihood": PhaseConfig(learning_rate=5e-3)}
    learner = Learner(model, list[Phase](model.phases()), TrainingConfig(), phase, alone)
    with own_randomness(alone.device):
        for step in range(400):
            learner.step(learning, step / 400)

    bits = held_out_bits(learner.average.model, held_out, 20, alone.device)

    print(f"bits: {markov:.3f} Markov, {bits:.3f} in slices")
    assert bits < markov - 0.3
