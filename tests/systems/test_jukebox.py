"""Jukebox: codes of several rates, apart from one another, and transformers that go down them."""

import itertools
import math

import pytest
import torch

from typica.core import registry
from typica.core.condition import Track
from typica.core.errors import ConfigError
from typica.core.parts import LENGTH
from typica.core.randomness import seeded, seeded_rows
from typica.engines.compiler import compile as compile_engine
from typica.systems.cascades.jukebox import spectral_convergence_db, spectral_distance
from typica.training.fit import fit

WINDOWS = (64, 32)


@pytest.fixture
def model():
    torch.manual_seed(0)
    model = registry.build("jukebox", "tiny")
    for parameter in model.parameters():
        parameter.data += 0.2 * torch.randn(parameter.shape)
    return model.eval()


def sound(batch, length, seed=0):
    return (torch.randn(batch, 1, length, generator=seeded(seed)).cumsum(-1) / 10).sin()


@pytest.mark.parametrize("length", [16, 64, 65, 79])
def test_each_rate_has_its_codes_and_gives_back_the_length(model, length):
    x = sound(2, length)
    assert [codes.shape[1] for codes in model.encode(x)] == [
        math.ceil(length / 4),
        math.ceil(length / 16),
    ]
    for rate in (0, 1):
        assert model.reconstruct(x, rate).shape == x.shape


def test_an_autoencoder_gives_the_others_no_gradient(model):
    model.train()
    for number in (0, 1):
        loss = sum(model.coding_loss(number, {"audio": sound(2, 128)}).values())
        named = dict(model.named_parameters())
        gradients = torch.autograd.grad(loss, list(named.values()), allow_unused=True)
        touched = {name for name, value in zip(named, gradients, strict=True) if value is not None}
        assert touched
        assert all(name.startswith(f"autoencoders.{number}.") for name in touched)


def test_codes_stand_still_while_transformers_learn(model):
    model.train()
    before = {name: value.clone() for name, value in model.autoencoders.state_dict().items()}
    for phase in model.phases()[2:]:
        phase.loss({"audio": sound(2, 128)})["nll"].backward()
    after = model.autoencoders.state_dict()
    assert all(torch.equal(value, after[name]) for name, value in before.items())
    assert all(p.grad is None for p in model.autoencoders.parameters())


def test_the_spectral_loss_hears_magnitudes_alone():
    x = sound(3, 256)
    assert float(spectral_distance(x, x, WINDOWS)) < 1e-3
    assert float(spectral_distance(x, -x, WINDOWS)) < 1e-3
    assert float(spectral_distance(x, 0.5 * x, WINDOWS)) == pytest.approx(0.5, abs=0.02)
    assert float(spectral_distance(x, x.roll(37, -1), WINDOWS)) > 0.1


def test_the_spectral_loss_has_a_slope_at_silence():
    silence = torch.zeros(1, 1, 128, requires_grad=True)
    for target in (sound(1, 128), torch.zeros(1, 1, 128)):
        (slope,) = torch.autograd.grad(spectral_distance(target, silence, WINDOWS), silence)
        assert torch.isfinite(slope).all()


def test_spectral_convergence_is_in_decibels():
    x = sound(2, 8000)
    assert spectral_convergence_db(x, torch.zeros_like(x)) == pytest.approx(0, abs=0.05)
    assert spectral_convergence_db(x, x / 2) == pytest.approx(20 * math.log10(0.5), abs=0.01)


def test_an_upsampler_hears_the_code_above_it_and_no_future_of_its_own(model):
    tokens = model.tokens
    lower = torch.randint(16, (1, 1, 24), generator=seeded(0))
    above = torch.randint(16, (1, 6), generator=seeded(1))
    upsampler = tokens.levels[1]
    before = upsampler.conditionals(lower, tokens.tell(1, above)).logits

    other = above.clone()
    other[0, 3] = (other[0, 3] + 1) % 16
    after = upsampler.conditionals(lower, tokens.tell(1, other)).logits
    changed = (after != before).any(-1)[0]
    assert changed[12:16].all()
    reach = tokens.telling[0].before
    assert not changed[: 4 * (3 - reach)].any()

    moved = lower.clone()
    moved[..., 10] = (moved[..., 10] + 1) % 16
    after = upsampler.conditionals(moved, tokens.tell(1, above)).logits
    assert torch.equal(after[:, :11], before[:, :11])
    assert not torch.equal(after[:, 11], before[:, 11])


@pytest.mark.parametrize("upsampling", ["repeat", "linear", "learnt"])
def test_frames_depend_on_no_codes_beyond_those_that_are_drawn_ahead(upsampling):
    small = {"positions": 32, "stride": 4, "layers": 1, "width": 8, "heads": 2}
    own = {"system": "sparse_transformer", "upsampling": upsampling} | small
    tokens = registry.build("jukebox", "tiny", upsamplers=[own], told_layers=0).tokens
    (told,), codes = tokens.telling, torch.tensor([[1, 2, 3, 4, 5, 6]])
    other = codes.clone()
    other[0, 3] = 9

    one, two = (
        tokens.upsamplers[0].upsampling(tokens.tell(1, each)["codes"].values, 0, 6 * told.hop)
        for each in (codes, other)
    )

    changed = (one != two).any(-1)[:, 0].nonzero()[:, 0]
    assert changed.min() >= (3 - told.after) * told.hop
    assert changed.max() < (4 + told.before) * told.hop


@pytest.mark.parametrize("rate", [0, 1])
def test_a_decoder_reaches_no_farther_than_it_says(model, rate):
    coder = model.coders[rate]
    frames, at = 4 * coder.reach, 2 * coder.reach
    codes = torch.randint(16, (1, frames), generator=seeded(0))
    other = codes.clone()
    other[0, at] = (other[0, at] + 1) % 16

    changed = (coder.decode(codes) != coder.decode(other))[0, 0].nonzero()[:, 0]

    assert changed.min() >= (at - coder.reach) * coder.hop
    assert changed.max() < (at + 1 + coder.reach) * coder.hop
    assert changed.max() - changed.min() > (2 * coder.reach - 6) * coder.hop


@pytest.mark.parametrize("rate", [0, 1])
def test_a_long_sound_is_coded_in_parts_as_at_once(model, rate):
    coder, sizes = model.coders[rate], []
    x = torch.rand(1, 1, LENGTH + 1001) - 0.5
    at_once = coder.bottleneck.encode(coder.encoder(coder._whole(x)))
    coder.encoder.register_forward_pre_hook(lambda _, given: sizes.append(given[0].shape[-1]))

    assert torch.equal(coder.encode(x), at_once)
    assert max(sizes) <= LENGTH + 2 * coder.margin + coder.hop


@pytest.mark.parametrize("rate", [0, 1])
def test_a_code_hears_the_margin_and_nothing_beyond(model, rate):
    coder = model.coders[rate]
    at = -(-coder.margin // coder.hop)
    x = torch.randn(1, 1, (2 * at + 1) * coder.hop, generator=seeded(0), requires_grad=True)

    coder.encoder(x)[:, :, at].sum().backward()

    heard = x.grad[0, 0].nonzero()[:, 0]
    assert heard.min() == at * coder.hop - coder.margin
    assert heard.max() == (at + 1) * coder.hop - 1 + coder.margin


def test_a_stream_is_the_sample_with_the_same_seed(model):
    drawn = model.sample(2, 200, generator=seeded(3))
    stream = model.stream(2, generator=seeded(3))
    heard = torch.cat([next(stream) for _ in range(200 // 16 + 1)], -1)[..., :200]
    torch.testing.assert_close(heard, drawn, atol=1e-5, rtol=1e-5)


def test_untrained_transformers_know_nothing():
    torch.manual_seed(0)
    model = registry.build("jukebox", "tiny")
    for level in (0, 1):
        loss = model.tokens.loss(level, {"audio": sound(2, 256)})["nll"]
        assert float(loss.detach()) == pytest.approx(math.log(16), abs=1e-5)


def test_settings_that_do_not_go_together_are_refused():
    with pytest.raises(ConfigError, match="halvings must rise"):
        registry.build("jukebox", "tiny", halvings=[4, 2])
    with pytest.raises(ConfigError, match="one system for each of 2 rates"):
        registry.build("jukebox", "tiny", halvings=[2, 4, 6])
    with pytest.raises(ConfigError, match=r"model.prior.bits follows"):
        registry.build("jukebox", "tiny", prior={"system": "sparse_transformer", "bits": 3})


def blind(tokens, codes):
    told = tokens.tell(1, codes)["codes"]
    return {"codes": told._replace(values=told.values * 0)}


def test_three_rates_are_told_by_their_ratios():
    halvings, upsampler = [1, 2, 5], registry.preset("jukebox", "tiny")["model"]["upsamplers"][0]
    model = registry.build("jukebox", "tiny", halvings=halvings, upsamplers=[upsampler] * 2)
    assert [told.hop for told in model.tokens.telling] == [8, 2]
    symbols = model.tokens.read(sound(1, 64))
    assert [one.shape[1] for one in symbols] == [2, 16, 32]
    assert model.sample(1, 64, generator=seeded(0)).shape == (1, 1, 64)


def test_true_codes_above_are_worth_more_than_others():
    """Two tones take turns: which one sounds is known from above."""
    time = torch.arange(512)
    tones = torch.stack([(0.3 * time).sin(), (1.1 * time).sin()])
    x = tones[torch.randint(2, (32, 4), generator=seeded(0))][..., :64].flatten(1)[:, None] * 0.7
    torch.manual_seed(0)
    model = registry.build("jukebox", "tiny")
    fitted = fit(model, {"audio": x}, steps=160, batch=8, learning_rate=1e-2)

    tokens = fitted.tokens
    above, own = fitted.encode(x)[1], fitted.encode(x)[0]

    def nats(told):
        return float(-tokens.levels[1].log_prob(own[:, None], told).mean() / own.shape[1])

    true = nats(tokens.tell(1, above))
    shuffled = above[torch.randperm(32, generator=seeded(1))]
    assert true < nats(tokens.tell(1, shuffled)) - 0.5
    assert true < nats(blind(tokens, above)) - 0.5


def told(*classes):
    return {"label": Track(torch.tensor(classes))}


@pytest.fixture
def labelled():
    torch.manual_seed(0)
    model = registry.build("jukebox", "tiny", labels=2, unknown=0.25)
    for parameter in model.parameters():
        parameter.data += 0.3 * torch.randn(parameter.shape)
    return model.eval().requires_grad_(False)


@pytest.mark.parametrize("level", [0, 1])
def test_no_class_of_a_corpus_is_the_unknown_one(labelled, level):
    tokens = labelled.tokens
    assert labelled.needs["label"] == (2, None, True)
    assert tokens.levels[level].needs["label"].channels == 3
    assert tokens.tell_classes(level, told(0, 1, 1), 3)["label"].values.tolist() == [1, 2, 2]
    assert tokens.tell_classes(level, {}, 2)["label"].values.tolist() == [0, 0]


@pytest.mark.parametrize("level", [0, 1])
def test_some_labels_are_left_out_in_training_alone(labelled, level):
    kept, classes = [], torch.arange(2).repeat(2000)
    labelled.tokens.levels[level].likelihood_loss = lambda batch: kept.append(batch)
    batch = {"audio": sound(1, 16).expand(4000, -1, -1), "condition": told(*classes.tolist())}
    labelled.tokens.loss(level, batch)
    labelled.train().tokens.loss(level, batch)

    true, learnt = (one["condition"]["label"].values for one in kept)
    assert torch.equal(true, classes + 1)
    left_out = learnt == 0
    assert float(left_out.float().mean()) == pytest.approx(0.25, abs=0.03)
    assert torch.equal(learnt[~left_out], classes[~left_out] + 1)


def test_a_level_is_priced_given_codes_and_label(labelled):
    tokens, x = labelled.tokens, sound(2, 128)
    above, own = labelled.encode(x)[::-1]
    inner = tokens.tell(1, above) | {"label": Track(torch.tensor([2, 1]))}
    expected = -tokens.levels[1].log_prob(own[:, None], inner).mean() / own.shape[1]
    nats = [
        float(tokens.loss(1, {"audio": x, "condition": one})["nll"])
        for one in (told(1, 0), told(0, 1), {})
    ]
    assert nats[0] == pytest.approx(float(expected), rel=1e-5)
    assert len({round(one, 4) for one in nats}) == 3


@pytest.mark.parametrize("condition", [told(1, 0), None], ids=["label", "none"])
def test_what_computes_changes_nothing_of_what_a_label_says(labelled, condition):
    steps, engine = labelled.steps(), compile_engine(labelled)
    x = sound(2, 256)
    assert "C++" in engine.name

    one, other = (
        each.follow(x[:, 0], each.start(2, condition=condition)) for each in (steps, engine)
    )
    torch.testing.assert_close(
        one[0].log_prob(x[:, 0]), other[0].log_prob(x[:, 0]), atol=1e-4, rtol=1e-4
    )
    first, second = (
        each.draw(each.start(2, condition=condition), 400, temperature=0.5, generator=seeded(1))
        for each in (steps, engine)
    )
    torch.testing.assert_close(first.symbols, second.symbols, atol=1e-4, rtol=1e-4)


def test_rows_of_a_stream_have_each_its_own_label_which_a_saved_state_keeps(labelled, tmp_path):
    engine = labelled.steps()

    def drawn(state):
        return engine.draw(state, 200, generator=seeded_rows(3, state.count)).symbols

    mixed = engine.start(2, condition=told(1, 0))
    for row, number in enumerate((1, 0)):
        alone = engine.start(2, condition=told(number, number))
        torch.testing.assert_close(drawn(mixed)[row], drawn(alone)[row], atol=1e-5, rtol=1e-5)
        assert not torch.allclose(drawn(mixed)[row], drawn(engine.start(2))[row], atol=1e-2)

    engine.draw(mixed, 100, generator=seeded(1)).state.save(tmp_path / "state")
    loaded = compile_engine(labelled).load(tmp_path / "state")
    expected = drawn(engine.draw(mixed, 100, generator=seeded(1)).state)
    again = compile_engine(labelled).draw(loaded, 200, generator=seeded_rows(3, 2)).symbols
    torch.testing.assert_close(again, expected, atol=1e-4, rtol=1e-4)


def test_labels_that_a_model_is_not_told_are_refused(model, labelled):
    with pytest.raises(ConfigError, match="this model is told: none; the condition holds: label"):
        model.sample(1, 16, condition=told(0))
    with pytest.raises(ConfigError, match="must hold classes from 0 to 1"):
        labelled.sample(1, 16, condition=told(2))
    with pytest.raises(ConfigError, match="must hold classes from 0 to 1"):
        labelled.tokens.loss(0, {"audio": sound(1, 64), "condition": told(-1)})
    with pytest.raises(ConfigError, match=r"model.prior.labels follows"):
        registry.build("jukebox", "tiny", prior={"system": "sparse_transformer", "labels": 3})
    with pytest.raises(ConfigError, match="unknown must be from 0 to below 1, got 1"):
        registry.build("jukebox", "tiny", labels=2, unknown=1.0)
    always = registry.build("jukebox", "tiny", labels=2, unknown=0.0)
    with pytest.raises(ConfigError, match="is told: label; the condition holds: none"):
        always.sample(1, 16)


def tones_by_class(classes, seed):
    """Half-tones of 32 samples, low ones in class 0 and high ones in 1, but for a tenth of them."""
    tones = 0.7 * torch.stack([(0.2 * torch.arange(32)).sin(), (1.2 * torch.arange(32)).sin()])
    is_other = torch.rand(len(classes), 8, generator=seeded(seed)) < 0.1
    return tones[classes[:, None] ^ is_other.long()].flatten(1)[:, None]


def test_a_label_tells_which_tones_are_played_and_without_one_they_are_of_either():
    torch.manual_seed(0)
    own = {"halvings": [4], "upsamplers": [], "labels": 2, "unknown": 0.2}
    model = registry.build("jukebox", "tiny", **own).train()
    classes, tokens = torch.arange(16) % 2, model.tokens
    model.coding_loss(0, {"audio": tones_by_class(classes, 0)})  # whence codes are of these sounds
    optimiser = torch.optim.Adam(tokens.parameters(), lr=1e-2)
    for step in range(40):
        batch = {"audio": tones_by_class(classes, step), "condition": told(*classes.tolist())}
        optimiser.zero_grad()
        tokens.loss(0, batch)["nll"].backward()
        optimiser.step()
    model.eval().requires_grad_(False)
    (codes,) = tokens.read(tones_by_class(classes, 50))
    low, high = (torch.bincount(codes[one::2].flatten(), minlength=16) for one in (0, 1))

    def share(condition):
        """Return the share of drawn codes that are more frequent in high tones than in low ones."""
        engine = model.steps().codes
        start = engine.start(16, condition=condition)
        return float(
            (high > low)[engine.draw(start, 32, generator=seeded(1)).symbols].float().mean()
        )

    shares = [share(one) for one in (told(*[0] * 16), None, told(*[1] * 16))]
    assert shares[0] + 0.1 < shares[1] < shares[2] - 0.1
    nats = [
        float(tokens.loss(0, {"audio": tones_by_class(classes, 50), "condition": one})["nll"])
        for one in (told(*classes.tolist()), {}, told(*(1 - classes).tolist()))
    ]
    assert nats[0] + 0.02 < nats[1] < nats[2] - 0.1


@pytest.mark.parametrize("level", [0, 1])
def test_all_sequences_of_codes_of_a_level_together_have_probability_one(level):
    torch.manual_seed(0)
    small = {"system": "sparse_transformer", "positions": 4, "stride": 2, "pattern": "rows"}
    small |= {"layers": 3, "width": 8, "heads": 2}
    tokens = registry.build("jukebox", "tiny", codes=2, prior=small, upsamplers=[small]).tokens
    for parameter in tokens.parameters():
        parameter.data += 0.5 * torch.randn(parameter.shape)
    codes = torch.tensor(list(itertools.product(range(2), repeat=6)))

    for above in itertools.product(range(2), repeat=2) if level else [()]:
        told = tokens.tell(1, torch.tensor(above).expand(64, 2)) if level else None
        log_prob = tokens.levels[level].log_prob(codes[:, None], told)
        assert float(log_prob.exp().sum().detach()) == pytest.approx(1, abs=1e-5)
        assert float(log_prob.detach().std()) > 0.1


def test_codes_behind_a_prompt_follow_its_own_through_full_tables():
    torch.manual_seed(0)
    model = registry.build("jukebox", "tiny", told_layers=0).requires_grad_(False)
    for parameter in model.parameters():
        parameter += 0.3 * torch.randn(parameter.shape)
    engine, x = model.eval().steps(), sound(2, 256)
    kept = [[], []]
    for one, store in zip(engine.codes.engines, kept, strict=True):

        def draw(*args, inner=one.draw, store=store, **settings):
            store.append(inner(*args, **settings))
            return store[-1]

        one.draw = draw

    engine.draw(engine.start(2, prompt=x), 1200, generator=seeded(1))

    heard = model.tokens.read(x)
    codes = [
        torch.cat([own, *(one.symbols for one in new)], 1)
        for own, new in zip(heard, kept, strict=True)
    ]
    found = [torch.cat([one.log_prob for one in new], 1) for new in kept]
    told = [None, model.tokens.tell(1, codes[0])]
    for level, own, past, nats, condition in zip(
        model.tokens.levels, codes, heard, found, told, strict=True
    ):
        assert own.shape[1] > 3 * level.config.positions
        expected = level.conditionals(own[:, None], condition).log_prob(own)[:, past.shape[1] :]
        torch.testing.assert_close(nats, expected, atol=1e-4, rtol=1e-4)


def test_the_papers_codes_stand_for_8_32_and_128_samples():
    with torch.device("meta"):
        model = registry.build("jukebox", "paper")
    assert [coder.hop for coder in model.coders] == [8, 32, 128]
    assert [told.hop for told in model.tokens.telling] == [4, 4]
    contexts = [
        hop * level.config.positions
        for hop, level in zip((128, 32, 8), model.tokens.levels, strict=True)
    ]
    assert [round(one / 44100, 1) for one in contexts] == [23.8, 5.9, 1.5]
