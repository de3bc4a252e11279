"""What is true of WaveNet beyond the contract: the invariants of its sheet."""

import itertools
import math

import pytest
import torch

from typica.core import registry
from typica.core.condition import Track
from typica.core.errors import ConfigError, ShapeError
from typica.core.randomness import draw_index, seeded
from typica.decoding.sampling import ancestral

ROLL = {"local": "roll", "local_channels": 5, "hop": 8}
SIXTEEN_BITS = {"output": "logistics", "input": "scalar", "quantiser": "linear", "bits": 16}
CONFIGURATIONS = [
    {},
    {"kernel": 3},
    {"stacks": 2, "layers": 3, "input_kernel": 3},
    {"embedding": 6, "bias": False},
    ROLL | {"embedding": 6, "weight_norm": True, "context_stacks": 1, "context_layers": 2},
    {"tied": True, "head": [8]},
    {"quantiser": "mulaw-rounding"},
    SIXTEEN_BITS,
    {"output": "logistics", "components": 3},
    {"output": "gaussian", "input": "scalar", "input_kernel": 4},
    {"labels": 3},
    ROLL,
    ROLL | {"upsampling": "repeat", "labels": 2},
    ROLL | {"upsampling": "learnt", "kernel": 3},
    {"context_stacks": 2, "context_layers": 2, "context_pool": 4},
    ROLL | {"context_stacks": 1, "context_layers": 2, "context_pool": 7, "input_kernel": 2},
]


def build(seed=0, scale=0.3, **settings):
    """Return a tiny WaveNet whose every parameter matters."""
    torch.manual_seed(seed)
    model = registry.build("wavenet", "tiny", **settings)
    for parameter in model.parameters():
        parameter.data += scale * torch.randn(parameter.shape)
    return model


def told(model, count=2, length=160):
    condition = {}
    if model.config.labels:
        condition["label"] = Track(torch.arange(count) % model.config.labels)
    if model.config.local:
        frames = torch.rand(count, 5, length // 8, generator=seeded(3))
        condition["roll"] = Track(frames, 1000.0)
    return condition


def numbers(distribution):
    """Return what parametrises a distribution, (batch, time, parameters)."""
    if hasattr(distribution, "mean_"):
        parts = (distribution.logits, distribution.mean_, distribution.log_scale)
        return torch.cat(parts, -1)
    if hasattr(distribution, "logits"):
        return distribution.logits
    return torch.stack([distribution.loc, distribution.scale], -1)


def noise(count=2, length=150, seed=1):
    return torch.rand(count, 1, length, generator=seeded(seed)) * 2 - 1


@pytest.mark.parametrize("settings", CONFIGURATIONS)
def test_steps_after_a_prompt_equal_the_full_pass(settings):
    model = build(**settings)
    audio = noise()
    symbols, state = model.symbols(audio), model.start(2, told(model))
    previous = torch.cat([torch.full((2, 1), model.initial), symbols[:, :-1]], 1)

    with torch.no_grad():
        blocks = []
        for block in previous[:, :96].split([61, 30, 5], 1):
            distribution, state = model.advance(block, state)
            blocks.append(numbers(distribution))
        for time in range(96, 150):
            distribution, state = model.step(previous[:, time], state)
            blocks.append(numbers(distribution))

    expected = numbers(model.conditionals(audio, told(model)))
    torch.testing.assert_close(torch.cat(blocks, 1), expected, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("settings", CONFIGURATIONS)
def test_a_sample_never_sees_itself_but_sees_the_one_before(settings):
    model = build(**settings)
    audio = noise(1)
    changed = audio.clone()
    changed[0, 0, 60] = -changed[0, 0, 60]

    before, after = (numbers(model.conditionals(x, told(model, 1))) for x in (audio, changed))
    difference = (before - after).abs().amax((0, 2))

    assert (difference[:61] == 0).all()
    assert difference[61] > 0


@pytest.mark.parametrize(
    "settings",
    [
        {"layers": 4},
        {"layers": 3, "kernel": 3},
        {"layers": 3, "stacks": 2, "input_kernel": 3},
        {"layers": 3, "context_stacks": 1, "context_layers": 2, "context_pool": 16},
    ],
)
def test_the_receptive_field_is_as_long_as_it_says(settings):
    model = build(scale=0.0, **settings).double()
    for parameter in model.parameters():  # nothing cancels or saturates: all paths rise gently
        parameter.data = 0.1 * parameter.data.abs() + 0.05 * torch.rand(parameter.shape).double()
    field, length = model.receptive_field, 300
    quiet = torch.full((1, 1, length), -0.5)

    reached = []
    for lag in (field, field + 1):
        # The context network's field is longest just before one of its frames is full.
        for time in range(length - 32, length):
            loud = quiet.clone()
            loud[0, 0, time - lag] = 0.5
            pair = [numbers(model.conditionals(x))[0, time] for x in (quiet, loud)]
            reached.append(lag if not torch.equal(*pair) else 0)

    assert max(reached) == field


@pytest.mark.parametrize(
    ("stacks", "kernel", "expected"),
    [(1, 2, 1024), (3, 2, 3070), (4, 2, 4093), (5, 2, 5116), (1, 3, 2047)],
)
def test_receptive_fields_are_the_published_ones(stacks, kernel, expected):
    with torch.device("meta"):
        model = registry.build("wavenet", "tiny", stacks=stacks, layers=10, kernel=kernel)
    assert model.receptive_field == expected


def test_the_past_beyond_the_receptive_field_does_not_matter():
    model = build()
    audio = noise(1)

    whole = numbers(model.conditionals(audio))[0, -1]
    cut = numbers(model.conditionals(audio[..., -model.receptive_field - 1 :]))[0, -1]

    torch.testing.assert_close(whole, cut, atol=1e-5, rtol=1e-5)


def test_parameter_counts_are_the_published_ones():
    wide = {"stacks": 4, "layers": 10, "channels": 64, "gate": 64, "skip": 1024}
    sashimi = registry.build("wavenet", "tiny", **wide, head=[512, 256], bias=False, embedding=256)
    w64 = registry.build(
        "wavenet", "tiny", stacks=2, layers=10, channels=64, gate=64, skip=128, head=[128]
    )

    assert sum(p.numel() for p in sashimi.parameters()) == 4_244_480
    assert sum(p.numel() for p in w64.parameters()) == 645_760


def test_probabilities_of_all_sequences_sum_to_one():
    model = build(bits=1, scale=1.0)
    codes = torch.tensor(list(itertools.product(range(2), repeat=6)))

    total = model.log_prob(model.render(codes)).exp().sum()

    assert total.item() == pytest.approx(1, abs=1e-5)


def test_an_untrained_model_knows_nothing():
    model = registry.build("wavenet", "tiny")

    nats = -model.log_prob(noise(4)).float() / 150

    torch.testing.assert_close(nats, torch.full((4,), 8 * math.log(2)))


def test_a_free_run_draws_what_the_density_says():
    model = build(bits=2, scale=1.0)
    fast, slow = (seeded(1) for _ in "ab")

    # Slow and plainly right: price each continuation of the past, then draw one.
    codes = torch.empty(4, 0, dtype=torch.long)
    for _ in range(16):
        candidates = torch.cat([codes, torch.arange(4)[:, None]], dim=1)
        prices = model.log_prob(model.render(candidates))
        drawn = draw_index(prices[None], slow)
        codes = candidates[drawn].expand(4, -1)

    assert torch.equal(model.sample(1, 16, generator=fast), model.render(codes[:1]))


def test_silence_before_the_beginning_is_silence():
    model = build()
    silence = torch.zeros(1, 1, 200)

    prediction = numbers(model.conditionals(silence))[0]

    # Never told of a beginning, the model says at once what it says after much silence.
    torch.testing.assert_close(prediction[0], prediction[-1], atol=1e-5, rtol=1e-5)


def test_rows_of_a_batch_do_not_mix():
    model = build(labels=3)
    audio, condition = noise(3), told(registry.build("wavenet", "tiny", labels=3), 3)

    together = model.log_prob(audio, condition)
    alone = torch.cat(
        [model.log_prob(audio[i : i + 1], {"label": Track(torch.tensor([i]))}) for i in range(3)]
    )

    torch.testing.assert_close(together, alone)


def test_a_zero_condition_is_no_condition():
    model = build(labels=3)
    plain = build()
    for name, parameter in plain.named_parameters():
        parameter.data = dict(model.named_parameters())[name].data
    model.label.weight.data.zero_()

    with_label = model.log_prob(noise(), told(model))

    torch.testing.assert_close(with_label, plain.log_prob(noise()))


def test_long_recordings_are_scored_in_blocks_without_changing_the_score(monkeypatch):
    monkeypatch.setattr("typica.core.model.BLOCK", 37)
    model = build(**ROLL)

    whole = model.log_prob(noise(), told(model))
    with torch.no_grad():
        in_blocks = model.log_prob(noise(), told(model))

    torch.testing.assert_close(whole, in_blocks)


def test_the_condition_reaches_every_step():
    model = build(**ROLL)
    other = {"roll": Track(1 - told(model)["roll"].values, 1000.0)}

    here = numbers(model.conditionals(noise(), told(model)))
    there = numbers(model.conditionals(noise(), other))

    assert ((here - there).abs().amax((0, 2)) > 0).all()


def test_padding_is_not_scored():
    model = build()
    audio = noise(2, 100)
    batch = {"audio": audio, "context": 40, "length": torch.tensor([60, 15])}
    padded = audio.clone()
    padded[1, :, 55:] = 0.7

    losses = [model.likelihood_loss(batch | {"audio": one})["nll"] for one in (audio, padded)]
    log_prob = model.conditionals(audio).log_prob(model.symbols(audio))

    torch.testing.assert_close(*losses)
    real = torch.cat([log_prob[0, 40:], log_prob[1, 40:55]])
    torch.testing.assert_close(losses[0], -real.mean())


def test_a_label_shifts_with_the_audio():
    model = build(labels=3)
    audio = noise(1, 150)
    shifted = audio[..., 1:]

    whole = numbers(model.conditionals(audio, told(model, 1)))
    later = numbers(model.conditionals(shifted, told(model, 1)))

    reach = model.receptive_field + 1
    torch.testing.assert_close(whole[:, reach + 1 :], later[:, reach:], atol=1e-5, rtol=1e-5)


def test_cutting_at_the_alignment_changes_nothing():
    model = build(context_stacks=1, context_layers=2, context_pool=16)
    audio = noise(1, 300)
    begin = (300 - 50 - model.receptive_field) // model.alignment * model.alignment

    whole = numbers(model.conditionals(audio))[:, -50:]
    cut = numbers(model.conditionals(audio[..., begin:]))[:, -50:]

    assert model.alignment == 16
    torch.testing.assert_close(whole, cut, atol=1e-5, rtol=1e-5)


def test_what_a_gaussian_draws_is_clipped_before_it_is_read_again():
    model = build(output="gaussian", input="scalar")
    model.head.last.bias.data[1] = 0.5  # wide: most draws pass the ends

    drawn = ancestral(model, 2, 60, generator=seeded(0))

    torch.testing.assert_close(drawn.log_prob, model.log_prob(drawn.audio), atol=1e-3, rtol=1e-4)


def test_a_condition_that_ends_too_early_is_refused():
    model = build(**ROLL)
    with pytest.raises(ConfigError, match="covers 80 samples, but 150 are asked for"):
        model.log_prob(noise(), told(model, length=80))


def test_a_missing_condition_is_named():
    with pytest.raises(ConfigError, match="is told: label; the condition holds: none"):
        build(labels=3).log_prob(noise())


def test_a_class_that_does_not_exist_is_refused():
    with pytest.raises(ConfigError, match="classes from 0 to 2"):
        build(labels=3).log_prob(noise(), {"label": Track(torch.tensor([0, 3]))})


def test_mono_audio_without_its_channel_axis_is_refused():
    with pytest.raises(ShapeError, match=r"\(batch, 1, time\), got \(4, 100\)"):
        build().log_prob(torch.zeros(4, 100))


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"layers": 0}, "model.layers must be at least 1, got 0"),
        ({"chanels": 8}, "no setting 'model.chanels': did you mean 'channels'"),
        ({"output": "gaussian"}, "needs model.input=scalar"),
        ({"local": "roll"}, "needs model.local_channels and model.hop"),
        ({"tied": True}, "vectors as wide as the last of model.head: 8 and 16"),
        ({"tied": True, "output": "logistics"}, "model.tied needs input=onehot"),
        ({"bits": 20}, "1 to 16 bits"),
        ({"labels": -1}, "model.labels must not be below 0, got -1"),
        ({"embedding": -3}, "model.embedding must not be below 0"),
        ({"context_stacks": -1}, "model.context_stacks must not be below 0"),
        ({"context_channels": 0}, "model.context_channels must be at least 1"),
        ({"head": [0]}, "model.head must hold widths of at least 1"),
        ({"layers": 45}, "a stack has at most 20 layers"),
        ({"log_scale_floor": float("nan")}, "model.log_scale_floor must be a number"),
        ({"local_channels": 7}, "model.local must name the frames"),
        ({"local": "label", "local_channels": 2, "hop": 4}, "model.local must name the frames"),
        ({"output": "softmax"}, "model.output must be one of categorical, logistics, gaussian"),
    ],
)
def test_settings_that_cannot_be_are_refused(settings, sentence):
    with pytest.raises(ConfigError, match=sentence):
        registry.build("wavenet", "tiny", **settings)


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"kernel": 3, "labels": 3},
        ROLL,
        {"weight_norm": True},
        {"tied": True, "skip": 3, "head": []},
    ],
)
def test_gradients_are_those_of_finite_differences(settings):
    small = {"layers": 3, "channels": 3, "gate": 3, "skip": 4, "head": [4], "bits": 3}
    model = build(**small | settings).double()
    audio, condition = noise(2, 20), told(model, 2, 40)
    loss = model.log_prob(audio, condition).sum()
    gradients = torch.autograd.grad(loss, list(model.parameters()), allow_unused=True)

    for parameter, gradient in zip(model.parameters(), gradients, strict=True):
        if gradient is None:
            continue
        direction = torch.randn(parameter.shape, generator=seeded(5)).double()
        change = []
        for sign in (1, -1):
            parameter.data += sign * 1e-5 * direction
            change.append(model.log_prob(audio, condition).sum().item())
            parameter.data -= sign * 1e-5 * direction
        slope = (change[0] - change[1]) / 2e-5
        assert (gradient * direction).sum().item() == pytest.approx(slope, rel=1e-4, abs=1e-6)


def test_weight_norm_begins_as_the_plain_network_and_forgets_the_lengths_of_directions():
    torch.manual_seed(0)
    plain = registry.build("wavenet", "tiny", **ROLL)
    torch.manual_seed(0)
    model = registry.build("wavenet", "tiny", weight_norm=True, **ROLL)
    for network in (plain, model):
        network.head.last.weight.data.copy_(torch.randn(256, 16, generator=seeded(2)))
    audio, condition = noise(), told(plain)
    before = model.log_prob(audio, condition)
    torch.testing.assert_close(before, plain.log_prob(audio, condition))

    for name, parameter in model.named_parameters():
        if name.endswith(".direction"):
            parameter.data *= 3

    torch.testing.assert_close(model.log_prob(audio, condition), before)
    assert sum("gain" in name for name, _ in model.named_parameters()) == 4 * 5 + 1


def test_a_tied_network_has_one_table():
    model = build(tied=True, head=[8])
    plain = build(head=[8])
    count, free = (sum(p.numel() for p in m.parameters()) for m in (model, plain))

    assert count == free - 256 * 8 + 1
    gain, table = model.head.last.weight_expr.gain, model.input.tables[0].weight
    torch.testing.assert_close(model.head.last.weight, gain * table)


def test_it_learns_a_tone_that_no_markov_chain_can():
    # Two tones that beat: the next sample needs more than the last one.
    time = torch.arange(4000) / 8000
    tone = 0.4 * torch.sin(6.2832 * 440 * time) + 0.4 * torch.sin(6.2832 * 620 * time)
    torch.manual_seed(0)
    model = registry.build("wavenet", "tiny")
    optimiser = torch.optim.Adam(model.parameters(), 5e-3)
    codes = model.symbols(tone[None, None])[0]
    pairs = torch.zeros(256, 256).index_put_((codes[:-1], codes[1:]), torch.tensor(1.0), True)
    rows = pairs[pairs.sum(1) > 0]
    chances = rows / rows.sum(1, keepdim=True)
    markov = -(rows * chances.clamp_min(1e-9).log2()).sum() / pairs.sum()

    for step in range(150):
        begin = (step * 617) % 3400
        crop = tone[begin : begin + 600][None, None]
        loss = model.likelihood_loss({"audio": crop, "context": model.context})["nll"]
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()

    assert loss.item() / math.log(2) < markov.item() - 0.5
