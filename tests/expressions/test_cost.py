"""What an expression costs: how often it is evaluated; and that what is kept is never stale."""

from collections import Counter

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn
from torch.func import functional_call

from typica.expressions import cached, expr, get_params, learn, ref, set_param

counts = Counter()


def counted_exp(log):
    counts["exp"] += 1
    return log.exp()


def counted_turn(weight, gain):
    counts["turn"] += 1
    return gain * weight.T


class Autoencoder(nn.Module):
    """A positive encoder; the decoder refers to it twice over, the twin to both."""

    def __init__(self):
        super().__init__()
        self.encoder, self.decoder, self.twin = nn.Linear(4, 3), nn.Linear(3, 4), nn.Linear(3, 4)
        self.log, self.gain = learn(torch.rand(3, 4)).parameter, learn(torch.rand(4, 1)).parameter
        set_param(self.encoder, "weight", expr(counted_exp, self.log))
        turned = expr(counted_turn, ref(self.encoder, "weight"), self.gain)
        set_param(self.decoder, "weight", turned)
        both = ref(self.decoder, "weight") + ref(self.encoder, "weight").T
        set_param(self.twin, "weight", both)

    def forward(self, x):
        code = self.encoder(x)
        return self.decoder(code) + self.twin(code) + self.decoder(code).tanh()

    def by_hand(self):
        """The weights, from the leaves, by torch alone."""
        encoder = self.log.exp()
        decoder = self.gain * encoder.T
        return {"encoder": encoder, "decoder": decoder, "twin": decoder + encoder.T}


@pytest.fixture
def model():
    torch.manual_seed(0)
    model = Autoencoder()
    counts.clear()
    return model


def evaluations():
    """How often each function was called since this was last asked."""
    made = dict(counts)
    counts.clear()
    return made


def train_step(model, optimiser, x):
    optimiser.zero_grad()
    model(x).square().mean().backward()
    optimiser.step()


def test_outside_a_cache_each_read_is_an_evaluation(model):
    for _ in range(3):
        _ = model.encoder.weight
    assert evaluations() == {"exp": 3}

    model(torch.rand(2, 4))
    # One for the encoder, two for the decoder, the twin's two ways to it.
    assert evaluations() == {"exp": 1 + 2 + 2, "turn": 2 + 1}


def test_inside_a_cache_a_step_evaluates_each_expression_once(model):
    with cached(model):
        model(torch.rand(2, 4)).square().mean().backward()

    assert evaluations() == {"exp": 1, "turn": 1}


def test_a_cache_around_all_steps_evaluates_once_a_step(model):
    optimiser = torch.optim.SGD(model.parameters(), lr=0.1)

    with cached(model):
        for _ in range(5):
            train_step(model, optimiser, torch.rand(2, 4))
            assert evaluations() == {"exp": 1, "turn": 1}


def test_a_cache_around_each_step_evaluates_once_a_step(model):
    optimiser = torch.optim.SGD(model.parameters(), lr=0.1)

    for _ in range(5):
        with cached(model):
            train_step(model, optimiser, torch.rand(2, 4))
        assert evaluations() == {"exp": 1, "turn": 1}


def test_evaluation_without_gradients_is_done_once_for_all_batches(model):
    with cached(model), torch.no_grad():
        for _ in range(5):
            model(torch.rand(2, 4))

    assert evaluations() == {"exp": 1, "turn": 1}


def test_several_passes_before_one_backward_share_an_evaluation(model):
    with cached(model):
        loss = sum(model(torch.rand(2, 4)).mean() for _ in range(3))
        loss.backward()

    assert evaluations() == {"exp": 1, "turn": 1}


def test_after_a_backward_pass_all_is_evaluated_again(model):
    with cached(model):
        for _ in range(2):
            model(torch.rand(2, 4)).mean().backward()
            assert evaluations() == {"exp": 1, "turn": 1}


def test_after_a_leaf_is_changed_in_place_what_hangs_on_it_is_evaluated_again(model):
    with cached(model), torch.no_grad():
        model(torch.rand(2, 4))
        evaluations()

        model.gain.mul_(2)
        model(torch.rand(2, 4))
        assert evaluations() == {"turn": 1}

        model.log.mul_(2)
        model(torch.rand(2, 4))
        assert evaluations() == {"exp": 1, "turn": 1}

        model.decoder.bias.zero_()
        model(torch.rand(2, 4))
        assert evaluations() == {}


def test_nothing_is_kept_after_the_block(model):
    with cached(model):
        inside = model.encoder.weight
        assert model.encoder.weight is inside
    evaluations()

    assert model.encoder.weight is not inside
    assert evaluations() == {"exp": 1}


def test_a_trained_step_is_the_same_with_and_without_a_cache(model):
    other = Autoencoder()
    other.load_state_dict(model.state_dict())
    batches = torch.rand(5, 2, 4)

    with cached(model):
        for one in (model, other):
            optimiser = torch.optim.Adam(one.parameters(), lr=0.1)
            for batch in batches:
                train_step(one, optimiser, batch)

    for mine, theirs in zip(get_params(model), get_params(other), strict=True):
        torch.testing.assert_close(mine, theirs)


def test_a_functional_call_inside_a_cache_sees_its_own_leaves(model):
    x, fresh = torch.rand(2, 4), torch.zeros(3, 4)
    leaves = {name: p.detach().clone() for name, p in model.named_parameters()}
    leaves |= {name: fresh for name, p in model.named_parameters() if p is model.log}

    with cached(model):
        model(x)
        called = functional_call(model, leaves, x)
        after = model.encoder.weight

    torch.testing.assert_close(after, model.log.exp())
    with torch.no_grad():
        model.log.zero_()
    torch.testing.assert_close(called, model(x))


def test_a_leaf_that_is_frozen_or_freed_inside_a_cache_is_seen(model):
    model.log.requires_grad_(False)

    with cached(model):
        assert not model.encoder.weight.requires_grad
        model.log.requires_grad_(True)
        model.encoder.weight.sum().backward()

    torch.testing.assert_close(model.log.grad, model.log.exp())


def test_a_module_within_an_expression_is_seen_to_change_to_evaluation():
    dense = nn.Linear(100, 100)
    leaf = learn(torch.ones(100, 100))
    set_param(dense, "weight", expr(nn.Dropout(0.5), leaf))

    with cached(dense):
        dropped = dense.weight
        assert (dropped == 0).any()
        assert dense.weight is dropped
        dense.eval()
        assert torch.equal(dense.weight, leaf.parameter)


class Driver:
    """Does to a model what a program may, and compares what it then reads with torch alone."""

    def __init__(self, model):
        self.model, self.grad = model, True
        self.optimiser = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)

    def read(self, part):
        with torch.set_grad_enabled(self.grad):
            value = getattr(self.model, part).weight
            expected = self.model.by_hand()[part]
        assert value.requires_grad == expected.requires_grad
        torch.testing.assert_close(value, expected)
        return value, expected

    def backward(self, part):
        value, expected = self.read(part)
        if value.requires_grad:
            leaves = [p for p in (self.model.log, self.model.gain) if p.requires_grad]
            for one, other in zip(_slopes(value, leaves), _slopes(expected, leaves), strict=True):
                torch.testing.assert_close(one, other)

    def change(self, factor):
        with torch.no_grad():
            self.model.log.mul_(factor)

    def gain(self, factor):
        with torch.no_grad():
            self.model.gain.mul_(factor)

    def replace(self, factor):
        self.model.gain.data = self.model.gain.data * factor

    def step(self, _):
        self.optimiser.zero_grad()
        with torch.enable_grad():
            self.model(torch.ones(1, 4)).tanh().sum().backward()
        self.optimiser.step()

    def load(self, factor):
        state = {name: factor * value for name, value in self.model.state_dict().items()}
        self.model.load_state_dict(state)

    def toggle(self, _):
        self.grad = not self.grad

    def freeze(self, _):
        self.model.log.requires_grad_(not self.model.log.requires_grad)


def _slopes(value, leaves):
    return torch.autograd.grad(value.square().sum(), leaves, allow_unused=True)


PARTS = st.sampled_from(["encoder", "decoder", "twin"])
FACTORS = st.sampled_from([0.5, 0.8, 1.25])
CHANGES = st.sampled_from(["change", "gain", "replace", "step", "load", "toggle", "freeze"])
ACTIONS = st.one_of(
    st.tuples(st.sampled_from(["read", "backward"]), PARTS), st.tuples(CHANGES, FACTORS)
)


@given(actions=st.lists(ACTIONS, max_size=20), last=PARTS)
def test_what_is_read_inside_a_cache_is_never_stale(actions, last):
    torch.manual_seed(0)
    driver = Driver(Autoencoder())

    with cached(driver.model):
        for action, argument in actions:
            getattr(driver, action)(argument)
        driver.read(last)
        driver.backward(last)
