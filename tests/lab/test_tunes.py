import pytest
import torch

from typica.core.engine import StepEngine
from typica.core.randomness import seeded
from typica.lab import tunes as subject
from typica.lab.tunes import Recipe, TuneModel, TuneModelConfig, Tunes
from typica.score.abc.cleaning import Tune
from typica.score.abc.tokens import Vocabulary, tokenise

BODIES = ["G 2 A 2 |] ", "| A B c d | G 4 :|", "G A B c | (3 d e f g > a |]", "z 2 G 2 | G 8 ||"]
TINY = Recipe(hidden=8, steps=3, batch=2, longest=12)


@pytest.fixture
def few(monkeypatch, tmp_path):
    monkeypatch.setenv("TYPICA_CACHE", str(tmp_path / "cache"))
    header = "M:4/4 L:1/8 K:Gmaj "
    tunes = [Tune("a", str(n), "", tuple(tokenise(header + body))) for n, body in enumerate(BODIES)]
    return Tunes(tunes[:3], tunes[3:], Vocabulary(t for tune in tunes for t in tune.tokens))


def model(**sizes):
    torch.manual_seed(0)
    return TuneModel(TuneModelConfig(11, 3, 4, embedding=5, hidden=7, **sizes)).eval()


def test_steps_say_what_all_at_once_says():
    network = model()
    tokens = torch.randint(0, 11, (3, 9), generator=seeded(1))

    whole = network.conditionals(tokens).logits
    state, previous, steps = network.start(3), torch.full((3,), network.initial), []
    for symbols in tokens.T:
        distribution, state = network.step(previous, state)
        steps.append(distribution.logits)
        previous = symbols

    assert torch.allclose(torch.cat(steps, 1), whole, atol=1e-5)
    assert all(part.shape == (3, 7) for part in state)


def test_nothing_after_the_end_costs():
    network = model()
    tokens = torch.tensor([[1, 2, 4, 4, 4], [1, 2, 4, 9, 0]])
    alone = network.log_prob(tokens[:1, :3])
    assert torch.allclose(network.log_prob(tokens), alone.expand(2))


def test_streams_can_be_picked_and_saved(tmp_path):
    engine = StepEngine(model())
    state = engine.draw(engine.start(3), 4, generator=seeded(0)).state
    picked = state.pick([2, 0, 2])
    picked.save(tmp_path / "state")

    expected = engine.step(state)[0].logits[[2, 0, 2]]
    for same in (picked, engine.load(tmp_path / "state")):
        assert torch.allclose(engine.step(same)[0].logits, expected, atol=1e-6)


def test_a_network_learns_and_is_taken_from_the_cache_the_next_time(few, monkeypatch):
    first = subject.trained(few, TINY)
    monkeypatch.setattr(subject, "fit", None)
    again = subject.trained(few, TINY)

    tokens = subject._padded(few, 12)
    assert torch.equal(first.log_prob(tokens), again.log_prob(tokens))
    assert not again.training
    with pytest.raises(TypeError):  # another seed is another network
        subject.trained(few, TINY, seed=1)


def test_damaged_weights_are_made_again(few):
    first = subject.trained(few, TINY)
    (place,) = subject.weights_home().iterdir()
    place.write_bytes(place.read_bytes()[:50])

    again = subject.trained(few, TINY)

    tokens = subject._padded(few, 12)
    assert torch.equal(first.log_prob(tokens), again.log_prob(tokens))


def test_padding_does_not_change_what_tunes_cost(few):
    network = subject.trained(few, TINY)
    sequences = few.symbols(few.train)
    one_by_one = [network.log_prob(torch.from_numpy(one)[None]).item() for one in sequences]
    expected = -sum(one_by_one) / sum(map(len, sequences))
    assert subject.network_nats(network, sequences) == pytest.approx(expected)


def test_rows_are_cut_or_filled(few):
    rows = subject._padded(few, 9)
    end = few.vocabulary.end
    assert rows.shape == (3, 9)
    assert rows[0, -2:].tolist() == [few.vocabulary.numbers(["|]"])[0], end]
    assert end not in rows[2].tolist()


def test_held_out_tunes_are_no_copies_and_the_split_is_always_the_same():
    pytest.importorskip("music21")
    tunes = subject.folk_tunes(("ryan",))

    assert 0.05 < len(tunes.held_out) / len(tunes.train) < 0.12
    assert not {tune.number for tune in tunes.train} & {tune.number for tune in tunes.held_out}
    heard = subject.Collection([tune.tokens for tune in tunes.train])
    for tune in tunes.held_out:
        length = len(tune.tokens) - subject.HEADER
        assert heard.longest_copy(tune.tokens).length < 0.25 * length
    assert all(subject.is_plain(tune) for tune in tunes.train + tunes.held_out)
    assert subject.folk_tunes.__wrapped__(("ryan",))[:2] == tunes[:2]


@pytest.mark.slow
def test_the_network_beats_the_best_ngrams():
    pytest.importorskip("music21")
    tunes = subject.folk_tunes()
    network = subject.trained(tunes)
    best = min(subject.ngram_nats(tunes).values())
    assert subject.network_nats(network, tunes.symbols(tunes.held_out)) < best - 0.1
