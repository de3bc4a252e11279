"""What is true of the VQ-VAE beyond the contract: the invariants of its sheet."""

import itertools
import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from typica.core import registry
from typica.core.condition import Track
from typica.core.errors import ConfigError, DataError, ShapeError
from typica.core.model import BLOCK
from typica.core.parts import LENGTH
from typica.core.randomness import seeded, seeded_rows
from typica.decoding.sampling import draw_samples
from typica.training.fit import fit

SMALL_DECODER = {"stacks": 1, "layers": 3, "channels": 4, "gate": 4, "skip": 8, "head": [8]}
ARGMAX = {"bottleneck": "argmax", "codes": 8}
GRADIENT = {"learning": "gradient", "initial": "normal"}
LABELS = {"labels": 3}
CODES = {"quantiser": "codes", "bits": 4, "input": "onehot"}
KINDS = [{}, ARGMAX, GRADIENT, LABELS, CODES, {"modulator_layers": 2, "residual_layers": 1}]
KINDS += [{"strides": [3, 5], "input": "onehot"}, {"strides": [1]}]


def build(scale=0.3, decoder=(), **settings):
    """Return a tiny VQ-VAE whose every parameter matters."""
    torch.manual_seed(0)
    settings["decoder"] = {"system": "wavenet"} | SMALL_DECODER | dict(decoder)
    model = registry.build("vqvae", "tiny", **settings)
    for parameter in model.parameters():
        parameter.data += scale * torch.randn(parameter.shape)
    return model.eval()


def examples(model, count=2, length=80, seed=1):
    if model.config.quantiser == "codes":
        return torch.randint(1 << model.config.bits, (count, 1, length), generator=seeded(seed))
    return torch.rand(count, 1, length, generator=seeded(seed)) * 2 - 1


def told(model, count=2):
    return {"label": Track(torch.arange(count) % 3)} if model.config.labels else None


@pytest.mark.parametrize("settings", KINDS, ids=str)
def test_examples_of_any_length_have_codes_and_come_back_as_long(settings):
    model = build(**settings)
    hop = math.prod(model.config.strides)

    for length in (1, hop, hop + 1, 3 * hop - 1):
        x = examples(model, length=length)
        codes = model.encode(x)
        back = model.decode(codes, length=length, condition=told(model), generator=seeded(0))

        assert codes.shape == (2, math.ceil(length / hop))
        assert codes.dtype == torch.int64
        assert back.shape == x.shape
        assert back.dtype == x.dtype
    whole = model.decode(codes, condition=told(model), generator=seeded(0))
    assert whole.shape == (2, 1, codes.shape[1] * hop)


@settings(max_examples=25)
@given(st.integers(1, 50))
def test_what_is_missing_of_the_last_frame_is_silence(length):
    model = build()
    x = examples(model, length=length)

    padded = torch.nn.functional.pad(x, (0, -length % 8))

    assert torch.equal(model.encode(x), model.encode(padded))


@pytest.mark.parametrize("settings", KINDS, ids=str)
def test_codes_are_always_the_same_and_looking_for_them_changes_nothing(settings):
    model = build(**settings, jitter=0.5).train()
    x = examples(model)
    before = {name: value.clone() for name, value in model.state_dict().items()}

    first = model.encode(x)
    bound = model.log_prob(x, told(model))
    model.decode(first, condition=told(model))

    assert torch.equal(model.encode(x), first)
    assert torch.equal(model.eval().encode(x), first)
    assert torch.equal(model.log_prob(x, told(model)), bound)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


def test_a_long_sound_is_coded_in_parts_and_its_codes_are_those_of_the_whole():
    model = build(strides=[3, 5], residual_layers=2)
    x = examples(model, 1, LENGTH + 5_000)
    whole = model.bottleneck.encode(model._vectors(x))

    heard = []
    model.encoder.register_forward_hook(lambda _, args, __: heard.append(args[0].shape[1]))
    codes = model.encode(x)

    assert torch.equal(codes, whole)
    assert len(codes.unique()) > 4
    assert len(heard) == 2
    assert max(heard) < LENGTH + 2 * (model.margin + 15)


@pytest.mark.parametrize("upsampling", ["repeat", "linear", "learnt"])
def test_without_gradients_a_long_sound_is_told_in_parts_and_scored_as_in_one(upsampling):
    model = build(**LABELS, modulator_layers=2, decoder={"upsampling": upsampling})
    x, condition = examples(model, 1, BLOCK + 5_003), told(model, 1)
    whole = model.log_prob(x, condition), model.unaided(x, condition)

    frames = []
    model.modulator.register_forward_hook(lambda _, args, __: frames.append(args[0].shape[2]))
    with torch.no_grad():
        parts = model.log_prob(x, condition), model.unaided(x, condition)

    torch.testing.assert_close(parts, whole, atol=0, rtol=1e-7)
    assert len(frames) == 4
    assert max(frames) <= BLOCK // 8 + 2 * model.reach


def toy(**settings):
    """Three codes, two of them an example, four samples of two levels."""
    small = {"bits": 1, "strides": [2], "channels": 4, "codes": 3, "modulator_layers": 1}
    model = build(scale=1.0, **(small | settings)).double()
    levels = torch.tensor(list(itertools.product(range(2), repeat=4)))
    codes = torch.tensor(list(itertools.product(range(3), repeat=2)))
    return model, model.decoder.render(levels).double(), codes


@pytest.mark.parametrize("settings", [{}, {"bottleneck": "argmax"}], ids=str)
def test_the_bound_is_never_above_the_sum_over_all_codes(settings):
    model, x, codes = toy(**settings)

    given_codes = torch.stack([model.likelihood(x, one.expand(16, 2)) for one in codes])
    exact = (given_codes - 2 * math.log(3)).logsumexp(0)
    bound = model.log_prob(x)

    assert exact.exp().sum().item() == pytest.approx(1, abs=1e-6)
    assert (bound <= exact + 1e-9).all()
    assert (exact - bound).max() > 1e-3
    chosen = (model.encode(x)[None] == codes[:, None]).all(-1)
    expected = given_codes[chosen.nonzero()[:, 0], chosen.nonzero()[:, 1]]
    torch.testing.assert_close(
        bound[chosen.nonzero()[:, 1]], expected - 2 * math.log(3), atol=1e-6, rtol=0
    )
    assert model.encode(x).unique().numel() > 1


@pytest.mark.parametrize("settings", [{}, ARGMAX, {"modulator_layers": 2}], ids=str)
def test_a_sample_never_sees_itself_and_may_be_told_all_codes(settings):
    model = build(**settings)
    x, codes = examples(model, 1), model.encode(examples(model, 1))
    changed = x.clone()
    changed[0, 0, 40] *= -1

    before, after = (
        model.decoder.conditionals(one, model.tell(codes)).logits for one in (x, changed)
    )

    difference = (before - after).detach().abs().amax((0, 2))
    assert (difference[:41] == 0).all()
    assert difference[41] > 0


@pytest.mark.parametrize("layers", [0, 1, 3])
def test_a_code_reaches_as_far_as_the_modulator_says(layers):
    model = build(modulator_layers=layers, decoder={"layers": 1})
    x, codes = examples(model, 1, 320), torch.zeros(1, 40, dtype=torch.int64)
    changed = codes.clone()
    changed[0, 20] = 5

    tracks = [model.tell(one)["codes"].values for one in (codes, changed)]
    moved = (tracks[0] - tracks[1]).detach().abs().amax((0, 1)).nonzero().flatten()

    assert model.modulator.reach == 2**layers - 1
    assert (moved.min(), moved.max()) == (20 - 2**layers + 1, 20 + 2**layers - 1)
    logits = [model.decoder.conditionals(x, model.tell(one)).logits for one in (codes, changed)]
    heard = (logits[0] - logits[1]).detach().abs().amax((0, 2)).nonzero().flatten()
    assert heard.min() == 8 * moved.min()


@pytest.mark.parametrize(
    ("strides", "layers", "left", "right"),
    [((2, 2, 2), 0, 7, 7), ((3,), 0, 1, 2), ((4, 3), 2, 54, 58), ((1, 2), 1, 3, 4)],
)
def test_a_code_hears_the_margin_and_nothing_beyond(strides, layers, left, right):
    torch.manual_seed(0)
    model = registry.build("vqvae", "tiny", strides=list(strides), residual_layers=layers)
    for parameter in model.parameters():
        parameter.data.abs_()  # so that no rectifier closes
    hop, at = model.hop, -(-model.margin // model.hop) + 1
    x = torch.full((1, (2 * at + 1) * hop), 255.0, requires_grad=True)

    model.encoder(x)[0, 0, at].backward()

    heard = x.grad[0].nonzero()[:, 0]
    assert heard.min() == at * hop - left
    assert heard.max() == (at + 1) * hop - 1 + right
    assert model.margin == max(left, right)


def test_the_loss_is_the_bound_for_each_sample():
    model = build()
    x = examples(model)

    terms = model.likelihood_loss({"audio": x})

    expected = -model.log_prob(x).mean() / 80
    torch.testing.assert_close(terms["nll"].double(), expected, atol=1e-6, rtol=1e-6)


def test_the_past_is_not_scored_and_its_codes_are_paid_for():
    model = build()
    x = examples(model)
    codes = model.encode(x)

    nll = model.likelihood_loss({"audio": x, "context": 40})["nll"]

    log_prob = model.decoder.conditionals(x, model.tell(codes)).log_prob(model.decoder.symbols(x))
    expected = -log_prob[:, 40:].mean() + 10 * math.log(16) / 40
    torch.testing.assert_close(nll, expected)


def test_what_pads_a_short_recording_costs_nothing():
    model = build()
    x = examples(model)
    batch = {"audio": x, "context": 40, "length": torch.tensor([40, 12])}

    nll = model.likelihood_loss(batch)["nll"]

    log_prob = model.decoder.conditionals(x, model.tell(model.encode(x))).log_prob(
        model.decoder.symbols(x)
    )
    heard = log_prob[0, 40:].sum() + log_prob[1, 40:52].sum()
    frames = 10 + 7  # 80 and 52 samples
    torch.testing.assert_close(nll, (frames * math.log(16) - heard) / 52)


@pytest.mark.parametrize("settings", [{}, ARGMAX, GRADIENT], ids=str)
def test_the_decoders_gradient_reaches_the_encoder(settings):
    model = build(**settings).train()

    model.likelihood_loss({"audio": examples(model)})["nll"].backward()

    first = model.encoder.convolutions[0].weight.grad
    assert first is not None
    assert first.abs().max() > 0
    if settings is GRADIENT:
        assert model.bottleneck.codebook.grad is None  # moved by its own loss alone


def test_jitter_is_for_training_alone():
    model, plain = build(jitter=0.9), build()
    x = {"audio": examples(model)}

    assert model.likelihood_loss(x)["nll"] == plain.likelihood_loss(x)["nll"]
    model.bottleneck.frozen = True
    torch.manual_seed(0)
    assert model.train().likelihood_loss(x)["nll"] != plain.likelihood_loss(x)["nll"]


def test_a_label_is_what_codes_need_not_tell():
    """Codes do not depend on it, what is made of them does: encode with A, decode with B."""
    model = build(**LABELS)
    x = examples(model, 1)

    codes = model.encode(x)
    voices = [
        model.decode(codes, condition={"label": Track(torch.tensor([b]))}, generator=seeded(0))
        for b in (0, 1)
    ]

    assert not torch.equal(*voices)
    assert model.needs["label"].channels == 3
    with pytest.raises(ConfigError, match="this model is told: label; the condition holds: none"):
        model.log_prob(x)


def test_codes_of_codes_are_codes_again():
    model = build(**CODES)
    x = examples(model)

    drawn = model.sample(2, 30, generator=seeded(0))

    assert drawn.dtype == torch.int64
    assert 0 <= drawn.min() <= drawn.max() < 16
    assert torch.isfinite(model.log_prob(x)).all()
    assert model.base_measure == "codes, 1 of 16"
    for wrong in (x + 16, x - 16, x + 0.5):
        with pytest.raises(DataError, match="whole numbers from 0 to 15"):
            model.log_prob(wrong)


def test_tools_draw_what_the_model_draws():
    model = build()

    drawn = draw_samples(model, 2, 60, generator=seeded_rows(0, 2))

    assert torch.equal(drawn.audio, model.sample(2, 60, generator=seeded_rows(0, 2)))
    assert torch.equal(drawn.audio[:1], model.sample(1, 60, generator=seeded_rows(0, 1)))
    assert drawn.log_prob is None
    with pytest.raises(ConfigError, match="codes of VQVAE are drawn at random: it takes no prompt"):
        draw_samples(model, 2, 60, prompt=examples(model))


def test_codes_are_drawn_evenly():
    model = build()

    drawn = model.draw_codes(50, 200, seeded(0))

    shares = torch.bincount(drawn.flatten(), minlength=16) / drawn.numel()
    assert (shares - 1 / 16).abs().max() < 0.01


def test_withheld_codes_are_zeros():
    model = build(scale=0.5)
    x = examples(model)
    model.bottleneck.codebook[3] = 0

    nothing = model.unaided(x)

    torch.testing.assert_close(nothing, model.likelihood(x, torch.full((2, 10), 3)))
    assert not torch.allclose(nothing, model.likelihood(x, model.encode(x)))


def test_a_run_keeps_its_codes(tmp_path):
    from typica.core.run import Run, write_model

    model = build().train()
    model.likelihood_loss({"audio": examples(model)})["nll"].backward()
    model.eval()
    settings = model.config.to_dict()
    write_model(tmp_path, model, {"system": "vqvae", "rate": 8000, "model": settings})

    again = Run(tmp_path).model

    x = examples(model, seed=4)
    assert torch.equal(again.encode(x), model.encode(x))
    torch.testing.assert_close(again.log_prob(x), model.log_prob(x))


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"strides": []}, "model.strides must hold numbers of at least 1"),
        ({"jitter": 1.5}, "model.jitter is from 0 to 1, got 1.5"),
        ({"quantiser": "codes"}, "model.quantiser=codes needs model.input=onehot"),
        ({"decoder": {"system": "wavnet"}}, "model.decoder.system must name a system.*'wavenet'"),
        ({"decoder": {"system": "glow"}}, "model.decoder.system=glow .*take wavenet"),
        ({"decoder": {"system": "wavenet", "hop": 4}}, "model.decoder.hop follows from"),
        ({"decoder": {"system": "wavenet", "stakcs": 4}}, "'model.decoder.stakcs': did you mean"),
        ({"codes": 0}, "model.codes must be at least 1"),
    ],
    ids=str,
)
def test_what_does_not_fit_is_refused_with_the_mend(settings, sentence):
    with pytest.raises(ConfigError, match=sentence):
        registry.build("vqvae", "tiny", **settings)


def test_what_are_no_codes_are_refused():
    model = build()
    codes = torch.zeros(2, 5, dtype=torch.int64)

    with pytest.raises(ShapeError, match=r"codes must have shape \(batch, frames\), got \(2, 1, 5"):
        model.decode(codes[:, None])
    with pytest.raises(ShapeError, match=r"there are no codes, in a tensor of shape \(2, 0\)"):
        model.decode(codes[:, :0])
    with pytest.raises(DataError, match="codes must be from 0 to 15"):
        model.decode(codes + 16)
    with pytest.raises(DataError, match="codes must be whole numbers"):
        model.decode(codes.float())
    with pytest.raises(ConfigError, match="these codes stand for 40 samples: length=41 is none"):
        model.decode(codes, length=41)
    with pytest.raises(ShapeError, match=r"audio must have shape \(batch, 1, time\)"):
        model.encode(torch.zeros(2, 2, 30))
    with pytest.raises(ConfigError, match="must be a table of settings; got 'wavenet'"):
        registry.from_settings("vqvae", {"decoder": "wavenet"})


def gusts(count, length=512, seed=0):
    """Noise that is loud or quiet for 8 samples at a time: a code can tell which."""
    generator = seeded(seed)
    loud = torch.randint(2, (count, 1, length // 8), generator=generator).float()
    loudness = (0.02 + 0.5 * loud).repeat_interleave(8, -1)
    return loudness * (torch.rand(count, 1, length, generator=generator) * 2 - 1)


@pytest.fixture(scope="module")
def learnt():
    torch.manual_seed(0)
    model = registry.build("vqvae", "tiny", codes=8)
    average = fit(model, {"audio": gusts(64)}, steps=150, batch=8, learning_rate=1e-2)
    return model.eval(), average


def bits(model, x):
    return -model.log_prob(x).mean().item() / (x.shape[-1] * math.log(2))


def test_codes_are_worth_their_rate_to_the_decoder(learnt):
    model, x = learnt[0], gusts(32, seed=1)
    with torch.no_grad():
        given_codes, nothing = model.likelihood(x, model.encode(x)), model.unaided(x)

    worth = (given_codes - nothing).mean().item() / (512 * math.log(2))

    assert worth > 3 / 8 + 0.2  # bits a sample; a code costs 3 bits, 8 samples share it
    assert len(model.encode(x).unique()) >= 4


def test_the_averaged_encoder_and_codebook_fit_together(learnt):
    model, average = learnt
    x = gusts(32, seed=1)

    with torch.no_grad():
        assert bits(average, x) < bits(model, x) + 0.02
    assert not torch.equal(average.bottleneck.codebook, model.bottleneck.codebook)
