"""What is true of SampleRNN beyond the contract: the invariants of its sheet."""

import itertools
import math

import pytest
import torch

from typica.core import registry
from typica.core.condition import Track
from typica.core.engine_state import pick_streams
from typica.core.errors import ConfigError, ShapeError
from typica.core.randomness import draw_index, seeded
from typica.data import corpora
from typica.data.crops import Crops
from typica.data.prepare import prepare
from typica.evaluation.baselines import fit_baselines, price
from typica.evaluation.stretches import choose
from typica.training.fit import fit
from typica.training.held_out import held_out_bits
from typica.training.learner import Learner, own_randomness
from typica.training.processes import Processes
from typica.training.settings import PhaseConfig, TrainingConfig

CONFIGURATIONS = {
    "two tiers": {"frames": [8]},
    "three tiers": {"frames": [8, 2]},
    "four tiers, of frames that are no powers of 2": {"frames": [24, 12, 3]},
    "LSTM": {"cell": "lstm", "layers": 2},
    "skips": {"layers": 3, "skips": True},
    "LSTM with skips, without weight norm": {
        **{"cell": "lstm", "layers": 2, "skips": True, "weight_norm": False},
    },
    "amplitudes": {"embedding": 0, "learnt_start": False},
    "few levels": {"bits": 3, "quantiser": "linear"},
    "independent": {"within": "independent", "frames": [12, 4]},
    "labels": {"labels": 3, "layers": 2},
    "a sample a frame": {"frames": [4, 1]},
}
settings_of_all = pytest.mark.parametrize(
    "settings", CONFIGURATIONS.values(), ids=CONFIGURATIONS.keys()
)


def build(seed=0, scale=0.3, **settings):
    """Return a small SampleRNN whose every parameter matters."""
    torch.manual_seed(seed)
    model = registry.build("samplernn", "tiny", **settings)
    for parameter in model.parameters():
        parameter.data += scale * torch.randn(parameter.shape)
    return model


def told(model, count=2):
    labels = torch.arange(count) % model.config.labels if model.config.labels else None
    return {} if labels is None else {"label": Track(labels)}


def noise(count=2, length=100, seed=1):
    return torch.rand(count, 1, length, generator=seeded(seed)) * 2 - 1


def log_probs(model, audio):
    return model.conditionals(audio, told(model, len(audio))).logits


def previous(model, audio):
    symbols = model.symbols(audio)
    return torch.cat([torch.full((len(audio), 1), int(model.initial)), symbols[:, :-1]], 1)


@settings_of_all
def test_blocks_at_any_phase_equal_the_full_pass(settings):
    model = build(**settings)
    audio = noise(length=300)
    state, blocks = model.start(2, told(model)), []

    with torch.no_grad():
        # Three of the longest frames and more, begun and left at every phase; single steps last.
        for block in previous(model, audio).split([1, 5, 61, 30, 97, 3, 3, *[1] * 100], 1):
            distribution, state = model.advance(block, state)
            blocks.append(distribution.logits)

    torch.testing.assert_close(torch.cat(blocks, 1), log_probs(model, audio), atol=1e-5, rtol=1e-5)


@settings_of_all
def test_a_sample_never_sees_itself_or_what_follows(settings):
    model = build(**settings)
    audio = noise(1, 60)
    before = log_probs(model, audio)

    for place in range(20, 44):  # every phase of every tier
        changed = audio.clone()
        changed[..., place] = -changed[..., place]
        difference = (before - log_probs(model, changed)).abs().amax((0, 2))

        assert (difference[: place + 1] == 0).all()
        # Where a frame's samples do not hear one another, the next frame does.
        frame = model.config.frames[-1]
        wait = frame - 1 - place % frame if settings.get("within") else 0
        assert (difference[place + 1 :][:wait] == 0).all()
        assert difference[place + 1 + wait] > 0


def test_no_gradient_comes_from_the_future():
    model = build(embedding=0)
    values = torch.linspace(0, 255, 48).requires_grad_()
    quantiser = model.quantiser
    tiers, state = model.tiers, model.start(1)

    def logits(place):
        heard = torch.cat([state.heard[0].float(), values])[None]
        scaled = 2 * (2 * heard / (quantiser.levels - 1) - 1)
        words = None
        for tier, memory in zip(tiers, state.tiers, strict=True):
            words, _ = tier(scaled, 0, len(values), words, None, memory)
        return model.perceptron(heard.long(), scaled, words)[0][0, place]

    for place in range(16, 34):
        (gradient,) = torch.autograd.grad(logits(place).square().sum(), values)
        assert (gradient[place + 1 :] == 0).all()  # values[place] is what was read last
        assert (gradient[place - 1 : place + 1] != 0).all()


def test_each_output_of_a_frame_has_a_projection_of_its_own():
    model = build(frames=[8, 4], labels=0)
    tier = model.tiers[0]
    values, memory = noise(2, 7 + 24)[:, 0], tier.start(2)

    def words():
        return tier(values, 0, 24, None, None, memory)[0].unflatten(1, (3, 2))

    before = words()
    upsampling = tier.upsampling
    with torch.no_grad():  # nothing is left of all but the second projection
        upsampling.bias[:16] = 0
        upsampling.weight_expr.gain[:16] = 0
    after = words()

    assert torch.equal(after[:, :, 1], before[:, :, 1])
    assert (after[:, :, 0] == 0).all()


def test_tiers_hear_the_frames_before_what_they_tell():
    model = build(frames=[6, 3])
    audio, heard = noise(1, 36), []
    for tier in model.tiers:
        tier.input.register_forward_pre_hook(lambda _, x: heard.append(x[0][0]))

    log_probs(model, audio)

    values = 2 * (2 * model.symbols(audio)[0] / 255 - 1)
    slow, fast = heard
    torch.testing.assert_close(slow[1:], values[:30].view(5, 6))
    torch.testing.assert_close(fast[1:], values[:33].view(11, 3))


@pytest.mark.parametrize("cell", ["gru", "lstm"])
def test_probabilities_of_all_sequences_sum_to_one(cell):
    model = build(bits=2, frames=[2], scale=1.0, cell=cell)
    codes = torch.tensor(list(itertools.product(range(4), repeat=5)))

    total = model.log_prob(model.render(codes)).exp().sum()

    assert total.item() == pytest.approx(1, abs=1e-5)


def test_a_free_run_draws_what_the_density_says():
    model = build(bits=2, scale=1.0, frames=[4, 2])
    fast, slow = (seeded(1) for _ in "ab")

    # Slow and plainly right: price each continuation of the past, then draw one.
    codes = torch.empty(4, 0, dtype=torch.long)
    for _ in range(16):
        candidates = torch.cat([codes, torch.arange(4)[:, None]], dim=1)
        prices = model.log_prob(model.render(candidates)).float()  # as many bits are drawn
        codes = candidates[draw_index(prices[None], slow)].expand(4, -1)

    assert torch.equal(model.sample(1, 16, generator=fast), model.render(codes[:1]))


def test_looking_products_up_is_multiplying():
    model = build(bits=2, frames=[3])
    windows = torch.randint(4, (2, 50, 3), generator=seeded(0))
    perceptron = model.perceptron

    looked_up = perceptron._read(windows)
    multiplied = perceptron.reading(perceptron.embedding(windows).flatten(2))

    torch.testing.assert_close(looked_up, multiplied, atol=1e-5, rtol=1e-5)


def test_weight_norm_begins_as_the_plain_network_and_forgets_the_lengths_of_directions():
    settings = {"layers": 2, "skips": True, "cell": "lstm"}
    plain, model = (build(scale=0.0, weight_norm=norm, **settings) for norm in (False, True))
    before = model.log_prob(noise())
    torch.testing.assert_close(before, plain.log_prob(noise()))

    for name, parameter in model.named_parameters():
        if name.endswith(".direction"):
            parameter.data *= 3

    torch.testing.assert_close(model.log_prob(noise()), before)
    # Each tier: what reads, what speaks, two layers with two matrices each and an output.
    assert sum("gain" in name for name, _ in model.named_parameters()) == 2 * (2 + 2 * 3) + 3


@pytest.mark.parametrize("norm", [True, False])
def test_untrained_it_finds_all_levels_about_as_likely(norm):
    torch.manual_seed(0)
    model = registry.build("samplernn", "tiny", width=128, embedding=64, weight_norm=norm)

    bits = model.likelihood_loss({"audio": noise(4, 512)})["nll"].item() / math.log(2)

    assert bits == pytest.approx(8, abs=0.03)


def test_gates_that_forget_begin_open():
    model = registry.build("samplernn", "tiny", cell="lstm")
    layer = model.tiers[0].stack.layers[0]

    forget = (layer.bias_ih_l0 + layer.bias_hh_l0).unflatten(0, (4, -1))[1]

    assert (forget == 3).all()


@pytest.mark.parametrize("within", ["autoregressive", "independent"])
def test_samples_of_a_frame_hear_one_another_unless_told_otherwise(within):
    model = build(frames=[8, 4], within=within)
    audio = noise(1, 64)
    changed = audio.clone()
    changed[..., 33] *= -1

    same = (log_probs(model, audio) == log_probs(model, changed)).all(-1)[0]

    assert same[34:36].all() == (within == "independent")
    assert not same[36]


def test_digital_silence_is_one_level_and_its_price_is_a_number():
    for kind, level in (("linear", 128), ("mulaw", 128)):
        model = build(quantiser=kind)
        silence = torch.zeros(1, 1, 64)
        assert (model.symbols(silence) == level).all()
        assert model.initial == level
        assert model.log_prob(silence).isfinite().all()


PERFORMANCE_PAGE = {"frames": [64, 16], "width": 512, "layers": 2, "embedding": 256}
SASHIMI = {"frames": [32, 16, 8], "width": 1024, "layers": 1, "embedding": 256}


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        # deepsound's port at two widths, and the baseline of SaShiMi: 14.2, 51.8 and 35.0 million.
        (PERFORMANCE_PAGE, 14_157_568),
        (PERFORMANCE_PAGE | {"width": 1024}, 51_842_304),
        (SASHIMI, 35_026_176),
    ],
)
def test_parameter_counts_are_the_published_ones(settings, expected):
    with torch.device("meta"):
        model = registry.build("samplernn", "tiny", **settings, weight_norm=False)
    assert sum(p.numel() for p in model.parameters()) == expected


def test_states_are_values_of_the_streams_in_front():
    model = build(labels=3, cell="lstm", layers=2)
    audio = noise(3)
    _, state = model.advance(previous(model, audio), model.start(3, told(model, 3)))

    picked = pick_streams(state, [2, 0, 2], 3)

    symbols = torch.tensor([5, 9, 200])
    whole = model.step(symbols[[1, 2, 0]], state)[0].logits
    some = model.step(symbols, picked)[0].logits
    torch.testing.assert_close(some[:2], whole[[2, 0]], atol=1e-5, rtol=1e-5)
    assert state.time == picked.time == 100


def test_the_label_reaches_every_step():
    model = build(labels=3)

    here, there = (
        model.conditionals(noise(), {"label": Track(torch.full((2,), label))}).logits
        for label in (0, 2)
    )

    assert ((here - there).abs().amax((0, 2)) > 0).all()


def test_gradients_are_those_of_finite_differences():
    model = build(frames=[4, 2], width=4, embedding=3, bits=2, layers=2, skips=True).double()
    audio = noise(2, 20)
    loss = model.log_prob(audio).sum()
    gradients = torch.autograd.grad(loss, list(model.parameters()))

    for parameter, gradient in zip(model.parameters(), gradients, strict=True):
        direction = torch.randn(parameter.shape, generator=seeded(5)).double()
        change = []
        for sign in (1, -1):
            parameter.data += sign * 1e-5 * direction
            change.append(model.log_prob(audio).sum().item())
            parameter.data -= sign * 1e-5 * direction
        slope = (change[0] - change[1]) / 2e-5
        assert (gradient * direction).sum().item() == pytest.approx(slope, rel=1e-4, abs=1e-6)


# ---- truncated back-propagation


def parts(model, audio, *sizes):
    """Return batches that hold a stretch, and what each leaves behind."""
    begin, batches = 0, []
    for number, size in enumerate(sizes):
        part = {"audio": audio[..., begin : begin + size], "part": number}
        batches.append(part | {"places": (begin, 1000 + begin), "condition": told(model)})
        begin += size
    return batches


@settings_of_all
def test_parts_that_carry_their_state_equal_one_long_crop(settings):
    model = build(**settings)
    audio = noise(length=96)

    carried, nats = None, []
    for batch in parts(model, audio, 40, 7, 49):
        terms, carried = model.carried_loss(batch, carried)
        nats.append(terms["nll"].item() * batch["audio"].shape[-1])

    whole = model.likelihood_loss({"audio": audio, "condition": told(model)})["nll"]
    assert sum(nats) / 96 == pytest.approx(whole.item(), rel=1e-5)


def test_no_gradient_crosses_the_border_of_a_part():
    model = build(learnt_start=True)
    first, second = parts(model, noise(length=64), 32, 32)
    starts = [tier.stack.first for tier in model.tiers]

    one, carried = model.carried_loss(first, None)
    two, _ = model.carried_loss(second, carried)

    assert not any(t.requires_grad for tier in carried.state.tiers for t in tier if t is not None)
    reached = torch.autograd.grad(one["nll"], starts)
    assert all(gradient.abs().max() > 0 for gradient in reached)
    # A start that the loss has never seen: it has no gradient at all.
    assert torch.autograd.grad(two["nll"], starts, allow_unused=True) == (None, None)


def test_what_was_heard_crosses_the_border_of_a_part():
    model = build()
    audio = noise(length=64)
    other = audio.clone()
    other[..., :8] = -other[..., :8]  # long before the second part's own frames

    def second(x):
        first, then = parts(model, x, 32, 32)
        return model.carried_loss(then, model.carried_loss(first, None)[1])[0]["nll"]

    assert second(audio) != second(other)


def test_a_batch_that_goes_on_elsewhere_begins_anew():
    model = build()
    first, second = parts(model, noise(length=64), 32, 32)
    carried = model.carried_loss(first, None)[1]
    alone = model.likelihood_loss({"audio": second["audio"]})["nll"]

    elsewhere = [
        second | {"part": 0},
        second | {"places": (32, 1033)},
        {"audio": second["audio"]},
        {name: value for name, value in second.items() if name != "part"},
    ]

    assert model.carried_loss(second, carried)[0]["nll"] != alone
    for batch in elsewhere:
        assert torch.equal(model.carried_loss(batch, carried)[0]["nll"], alone)


def test_held_out_audio_is_read_part_after_part():
    model = build()
    audio = noise(length=64)
    batches = parts(model, audio, 32, 32)

    bits = held_out_bits(model, lambda number: batches[number], 2, torch.device("cpu"))

    nats = model.likelihood_loss({"audio": audio})["nll"].item()
    assert bits == pytest.approx(nats / math.log(2), rel=1e-5)


@pytest.mark.parametrize("cell", ["gru", "lstm"])
def test_low_precision_leaves_states_and_losses_in_full(cell):
    model = build(cell=cell)
    batch = {"audio": noise()}
    full = model.carried_loss(batch, None)[0]["nll"]

    with torch.autocast("cpu", torch.bfloat16):
        terms, carried = model.carried_loss(batch, None)

    numbers = [one for tier in carried.state.tiers for one in tier if one is not None]
    assert {one.dtype for one in [*numbers, terms["nll"]]} == {torch.float32}
    assert terms["nll"] != full
    torch.testing.assert_close(terms["nll"], full, atol=0.05, rtol=0)


# ---- what is refused


def test_mono_audio_without_its_channel_axis_is_refused():
    with pytest.raises(ShapeError, match=r"\(batch, 1, time\), got \(4, 100\)"):
        build().log_prob(torch.zeros(4, 100))


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"frames": [16, 6]}, r"each a multiple of the next, as in \[16, 4\]; got \[16, 6\]"),
        ({"frames": [4, 16]}, "model.frames must fall"),
        ({"frames": [4, 4]}, "model.frames must fall"),
        ({"frames": []}, "model.frames must be sizes of at least 1"),
        ({"frames": [0]}, "model.frames must be sizes of at least 1"),
        ({"skips": True}, "model.skips needs model.layers of at least 2"),
        ({"width": 0}, "model.width must be at least 1, got 0"),
        ({"layers": 0}, "model.layers must be at least 1"),
        ({"embedding": -1}, "model.embedding must not be below 0"),
        ({"cell": "rnn"}, "model.cell must be one of gru, lstm"),
        ({"bits": 20}, "1 to 16 bits"),
    ],
)
def test_settings_that_cannot_be_are_refused(settings, sentence):
    with pytest.raises(ConfigError, match=sentence):
        registry.build("samplernn", "tiny", **settings)


# ---- learning


def learnt(symbols, **settings):
    """Train a small model on sequences of levels (count, time); return its bits of a level."""
    torch.manual_seed(0)
    small = {"bits": 4, "frames": [4], "width": 32, "quantiser": "linear"}
    model = registry.build("samplernn", "tiny", **small | settings)
    audio = model.render(symbols)
    model = fit(model, {"audio": audio[:-32]}, steps=150, batch=16, learning_rate=1e-2)
    with torch.no_grad():
        return float(-model.log_prob(audio[-32:]).mean()) / symbols.shape[1] / math.log(2)


def test_a_frame_that_hears_itself_learns_what_one_that_does_not_cannot():
    """A walk of one level up or down costs a bit; n steps after the last that is heard, more."""
    steps = 2 * torch.randint(2, (288, 64), generator=seeded(0)) - 1
    walks = steps.cumsum(1).remainder(16)

    hearing, deaf = (learnt(walks, within=kind) for kind in ("autoregressive", "independent"))

    chances = [[math.comb(n, k) / 2**n for k in range(n + 1)] for n in (1, 2, 3, 4)]
    least = sum(-p * math.log2(p) for one in chances for p in one) / 4
    assert hearing < 1.2
    assert deaf > least - 0.05


def test_levels_with_vectors_of_their_own_are_told_apart_sooner_than_amplitudes():
    """Each level follows another by a table without order: nine times in ten, else any."""
    table = torch.randperm(16, generator=seeded(0))
    symbols = torch.randint(16, (288, 64), generator=seeded(1))
    for time in range(1, 64):
        follows = torch.rand(288, generator=seeded(time)) < 0.9
        symbols[:, time] = symbols[:, time].where(~follows, table[symbols[:, time - 1]])

    embedded, plain = (learnt(symbols, embedding=size) for size in (16, 0))

    assert embedded < plain - 0.2


@pytest.fixture(scope="module")
def chorales(tmp_path_factory):
    """Bach's chorales on a piano, at 8 kHz: half an hour, with what is held out."""
    pytest.importorskip("music21")
    folder = tmp_path_factory.mktemp("chorales") / "corpus"
    return prepare(corpora.find("chorales")(), folder, rate=8000, workers=1)


def trained(corpus, *, steps, carries, **shape):
    """Train on stretches of two seconds; return held-out bits a sample, read in the same way."""
    torch.manual_seed(0)
    model = registry.build(
        *("samplernn", "tiny"), frames=[16, 4], width=128, layers=1, embedding=64
    )
    shape = {"context": model.context} | shape
    learning, held_out = (
        Crops(corpus, split, seed=seed, **shape).batch
        for split, seed in (("train", 1), ("valid", 2))
    )
    if not carries:
        learning, held_out = _forgetting(learning), _forgetting(held_out)
    alone = Processes(torch.device("cpu"))
    phase = {"likelihood": PhaseConfig(learning_rate=2e-3)}
    learner = Learner(model, model.phases(), TrainingConfig(average=0.99), phase, alone)
    with own_randomness(alone.device):
        for step in range(steps):
            learner.step(learning, step / steps)
    return held_out_bits(learner.average.model, held_out, shape["parts"], alone.device)


def _forgetting(draw):
    """Return the same batches, each of which begins anew."""
    return lambda number: {**draw(number), "part": 0}


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_it_learns_more_than_a_markov_chain_and_more_by_what_it_carries(chorales):
    quantiser = registry.build("samplernn", "tiny").quantiser
    baselines = fit_baselines(chorales, quantiser)
    prices = price(baselines, chorales, choose(chorales, "valid"), quantiser)
    (markov,) = [one.mean.value for one in prices if one.name == "first-order Markov"]
    shape = {"length": 128, "parts": 125, "batch": 32, "steps": 600}

    carrying, forgetting = (trained(chorales, carries=kind, **shape) for kind in (True, False))

    print(f"bits: {markov:.3f} Markov, {carrying:.3f} carrying, {forgetting:.3f} forgetting")
    assert carrying < markov - 0.2
    assert carrying < forgetting - 0.02
