"""Members that compete: what is copied, what is perturbed, who is replaced, and what is kept."""

import dataclasses
import itertools
import json
import math
import os
import signal

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.distributions import Categorical
from toy_training import (
    Memoir,
    Toy,
    ToyCascade,
    ToyGan,
    batches,
    chords,
    make_learner,
    stretches,
    weights,
)

from typica.actions.train import train
from typica.cli import main
from typica.core import registry
from typica.core.config import read_yaml
from typica.core.errors import ConfigError, RunError
from typica.core.progress import Progress
from typica.core.run import checkpoints, load
from typica.evaluation.curves import read_curves
from typica.training import checkpoint
from typica.training.exploring import scale
from typica.training.fitness import Fitness, fitness
from typica.training.job import describe
from typica.training.learner import own_randomness
from typica.training.population import assemble, evolve, refuse_processes
from typica.training.processes import Processes
from typica.training.selection import Member, Population, PopulationConfig, copy
from typica.training.settings import PhaseConfig

CPU = torch.device("cpu")
LISTED = ("likelihood.learning_rate", "model.commitment", "model.decay")


def coder(seed=0, **settings):
    torch.manual_seed(seed)
    decoder = {"system": "wavenet", "stacks": 1, "layers": 2, "channels": 4, "gate": 4, "skip": 4}
    own = {"strides": [2, 2], "jitter": 0.2, "decoder": decoder | {"head": [4]}} | settings
    return registry.build("vqvae", "tiny", **own)


def population(members=4, explore=LISTED, seed=0, **settings):
    """Return a population of tiny VQ-VAEs, judged on batches that nobody learns from."""
    phase = PhaseConfig(learning_rate=1e-2, weight_decay=0.01)
    learners = [make_learner(coder(n), phase=phase, steps=8) for n in range(members)]
    config = PopulationConfig(members=members, every=2, explore=explore, **settings)
    held_out = batches()

    def judge(model):
        return fitness(model, lambda number: held_out(number + 99), 2, CPU, config.use_weight)

    return Population([Member(one, batches()) for one in learners], judge, config, seed)


def values(population):
    return [population.judge(one.learner.average.model).value for one in population.members]


def state(population):
    return [weights(member.learner) for member in population.members]


@pytest.mark.parametrize(
    ("make", "draw"),
    [(Toy, batches()), (coder, batches()), (Memoir, stretches()), (ToyCascade, batches())],
    ids=["noise and buffers", "codebook", "carried", "stages"],
)
def test_a_copy_goes_on_to_the_last_bit_as_its_source_would_and_shares_nothing(make, draw):
    source, target, alone = (make_learner(make(), steps=12) for _ in range(3))
    with torch.no_grad():
        for parameter in target.model.parameters():
            parameter.mul_(1.5)
    with own_randomness(CPU):
        for learner, count in ((source, 8), (alone, 8), (target, 2)):
            for step in range(count):
                learner.step(draw, (step + 1) / 12)

        copy(source, target)
        before = weights(source)
        assert torch.equal(weights(target), before)
        for step in range(8, 11):
            target.step(draw, step / 12)
            alone.step(draw, step / 12)

    assert torch.equal(weights(source), before)
    assert torch.equal(weights(target), weights(alone))
    assert (target.steps, target.began) == (alone.steps, alone.began)
    assert target.average.updates == alone.average.updates


def test_the_best_fitness_never_falls_where_members_are_replaced():
    some = population(6)
    replaced = 0
    for until in (2, 4, 6):
        some.advance(until)
        before, were = values(some), state(some)
        look = some.compete()
        after = values(some)

        assert [one.value for one in look.fitness] == before
        assert max(after) == max(before)
        for number, was in enumerate(were):
            origin = look.copied.get(number, number)
            assert torch.equal(state(some)[number], were[origin])
            assert after[number] == before[origin]
            assert (origin != number) == (number in look.copied), was
        replaced += len(look.copied)
    assert replaced == 3


@settings(max_examples=200, deadline=None)
@given(
    found=st.lists(st.one_of(st.floats(-9, 9), st.just(math.nan)), min_size=2, max_size=12),
    share=st.floats(0.05, 0.5),
)
def test_the_worst_share_and_whoever_diverged_take_over_some_of_the_best(found, share):
    some = Population.__new__(Population)
    some.config, some.seed = PopulationConfig(share=share), 0
    if all(map(math.isnan, found)):
        return
    pairs = some._pairs([Fitness(one, -one) for one in found], 10)
    count = max(1, int(len(found) * share))
    real = sorted((one for one in found if not math.isnan(one)), reverse=True)

    lost = [n for n, one in enumerate(found) if math.isnan(one)]
    assert set(lost) <= set(pairs)
    assert len(pairs) == max(count, len(lost))
    assert not set(pairs) & set(pairs.values())
    for worse, better in pairs.items():
        assert found[better] >= real[:count][-1]
        assert math.isnan(found[worse]) or found[worse] <= min(real[:-count] or real)
    assert max(real) in [one for n, one in enumerate(found) if n not in pairs]


def test_only_listed_hyper_parameters_differ_and_change_and_only_by_the_stated_factors():
    explore = ("likelihood.learning_rate", "model.decay")
    some = population(8, explore, factors=(0.5, 4.0))
    for until in (2, 4):
        some.advance(until)
        before = some.settings()
        look = some.compete()
        after = some.settings()
        for number in range(8):
            if number not in look.copied:
                assert after[number] == before[number]
                continue
            parent = before[look.copied[number]]
            rate = after[number][explore[0]] / parent[explore[0]]
            distance = (1 - after[number][explore[1]]) / (1 - parent[explore[1]])
            for factor in (rate, distance):
                assert min(abs(factor - 0.5), abs(factor - 4)) < 1e-9
    for member, own in zip(some.members, some.settings(), strict=True):
        learner = member.learner
        rate, decay = own.values()
        model, phase = learner.model.config, learner.phase_configs["likelihood"]
        assert model == dataclasses.replace(coder().config, decay=decay)
        assert phase == PhaseConfig(learning_rate=rate, weight_decay=0.01)
        assert learner.optimisers["likelihood"].config is phase
        assert learner.model.bottleneck.decay == decay
        assert learner.model.bottleneck.commitment == coder().config.commitment
        assert learner.model.jitter.probability == 0.2


def test_members_begin_within_the_spread_and_the_first_as_given():
    some = population(6, spread=2.0)
    given, *others = some.settings()

    assert given == {
        "likelihood.learning_rate": 1e-2,
        "model.commitment": 0.25,
        "model.decay": 0.99,
    }
    for own in others:
        assert 0.5e-2 <= own["likelihood.learning_rate"] <= 2e-2
        assert 0.125 <= own["model.commitment"] <= 0.5
        assert 0.98 <= own["model.decay"] <= 0.995
    assert len({tuple(own.values()) for own in others}) == 5


def test_the_rate_that_is_explored_is_the_one_that_moves_the_weights():
    one, other = population(2, spread=1.0), population(2, spread=1.0)
    for some, factor in ((one, 1.0), (other, 2.0)):
        scale(some.members[0].learner, "likelihood.learning_rate", factor)
        some.advance(1, [0])
    start = coder()
    moved = [
        (some.members[0].learner.model.encoder.last.weight - start.encoder.last.weight).norm()
        for some in (one, other)
    ]
    assert 1.8 < float((moved[1] / moved[0]).detach()) < 2.2  # Adam's first step is the rate's


@pytest.mark.parametrize("order", [[3, 2, 1, 0], [2, 0, 3, 1]], ids=str)
def test_a_seed_gives_one_history_whatever_the_order_in_which_members_are_trained(order):
    one, other, another = population(), population(), population(seed=1)
    looks = []
    for until in (2, 4, 6):
        one.advance(until)
        other.advance(until, order)
        another.advance(until)
        looks.append([some.compete().to_dict() for some in (one, other, another)])

    for first, second, _ in looks:
        assert first == second
    assert all(map(torch.equal, state(one), state(other)))
    assert looks[-1][0] != looks[-1][2]


def test_gradients_are_kept_for_no_member_between_turns():
    some = population(2)
    some.advance(1)

    assert all(p.grad is None for one in some.members for p in one.learner.model.parameters())


def test_a_member_that_diverged_takes_over_another_and_without_any_left_it_is_said():
    learners = [make_learner(Toy(), steps=8) for _ in range(4)]

    def judge(model):
        return fitness(model, batches(), 1, CPU, 0.0)

    some = Population([Member(one, batches()) for one in learners], judge, PopulationConfig(), 0)
    some.advance(2)
    for lost in learners[:2]:
        lost.average.model.net[0].weight.fill_(math.nan)
    look = some.compete()

    assert sorted(look.copied) == [0, 1]
    assert look.copied[0] == look.copied[1] == look.best
    assert all(map(math.isfinite, values(some)))
    assert json.loads(json.dumps(look.to_dict()))["members"][0]["bits"] is None
    for learner in learners:
        learner.average.model.net[0].weight.fill_(math.nan)
    with pytest.raises(RunError, match="no member's held-out bits are a number any more at step 2"):
        some.compete()


def test_fitness_is_bits_and_the_logarithm_of_how_many_codes_are_used():
    model = coder().eval()
    bare, weighted = (fitness(model, batches(), 3, CPU, weight) for weight in (0.0, 0.5))
    codes = torch.cat([model.encode(batches()(n)["audio"]).flatten() for n in range(3)])
    shares = torch.bincount(codes).double() / len(codes)
    entropy = -sum(float(share) * math.log2(share) for share in shares if share)

    assert bare.value == -bare.bits
    assert weighted.perplexity == pytest.approx(2**entropy)
    assert 1 < weighted.perplexity < 16
    assert weighted.value == pytest.approx(0.5 * entropy - weighted.bits)
    assert fitness(Toy().eval(), batches(), 3, CPU, 0.5).perplexity is None


def test_codes_of_padding_are_not_counted():
    model = coder().eval()
    audio = batches()(0)["audio"]
    silent = torch.nn.functional.pad(audio, (0, 400))
    padded = {"audio": silent, "context": 0, "length": torch.full((4,), 32)}

    one = fitness(model, lambda _: {"audio": audio, "context": 0}, 1, CPU, 1.0)
    # The decoder's modulator looks ahead at nothing here: the codes of the audio are the same.
    other = fitness(model, lambda _: padded, 1, CPU, 1.0)

    assert other.perplexity == pytest.approx(one.perplexity)


def test_codes_of_all_levels_of_a_hierarchy_count():
    torch.manual_seed(0)
    model = registry.build("hierarchical_wavenet", "tiny").eval()
    audio = torch.rand(4, 1, 62) * 2 - 1
    batch = {"audio": F.pad(audio, (0, 58)), "context": 0, "length": torch.full((4,), 62)}

    found = fitness(model, lambda _: batch, 1, CPU, 0.5)

    low = model.coders[0].encode(batch["audio"])
    high = model.coders[1].encode(low[:, None])
    logs = [
        Categorical(torch.bincount(codes.flatten()).double()).entropy() / math.log(2)
        for codes in (low[:, :16], high[:, :8])  # of 4 and of 8 samples, the last half heard
    ]
    assert math.log2(found.perplexity) == pytest.approx(float(sum(logs)) / 2)
    assert found.value == pytest.approx(0.25 * float(sum(logs)) - found.bits)
    assert logs[0] > 0.1 < logs[1] != logs[0]


def test_levels_of_a_hierarchy_are_explored_and_go_on_where_they_were(corpus):
    name = "model.autoencoders[1].commitment"
    settings = (*SETTINGS, "population.every=2", f'population.explore=["{name}"]')
    folder = train("hierarchical_wavenet", corpus.path, "tiny", settings, steps=4, population=2)
    train("hierarchical_wavenet", corpus.path, name=folder.name, resume=True, steps=6)

    lines = (folder / "log" / "population.jsonl").read_text().splitlines()
    first, *later = [[one["settings"][name] for one in json.loads(x)["members"]] for x in lines]
    (loser,) = [
        n for n, one in enumerate(json.loads(lines[0])["members"]) if one["took_over"] is not None
    ]
    winner = 1 - loser
    assert first[0] == 0.25 != first[1]
    assert len(later) == 2
    for own in later:  # the look after step 4 was the last of its training: nobody took over
        assert own[winner] == first[winner]
        assert own[loser] / first[winner] in (pytest.approx(0.8), pytest.approx(1.25))
    for number, own in enumerate(later[-1]):
        (last,) = checkpoints(folder / "members" / str(number))
        table = read_yaml(last / "config.yaml")
        assert table["model"]["autoencoders"][1].get("commitment", 0.25) == own


@pytest.mark.parametrize(
    ("explore", "words"),
    [
        (["model.comitment"], "did you mean 'model.commitment'"),
        (["model.diversity"], "cannot be explored"),  # this bottleneck has none
        (["model.channels"], "fixed once a model is built"),
        (["likelihood.final_learning_rate"], "or 0"),
        (["likelihood.share"], "cannot be explored"),
    ],
    ids=str,
)
def test_what_cannot_be_explored_is_refused_with_a_sentence(explore, words):
    with pytest.raises(ConfigError, match=words):
        population(2, tuple(explore))


def test_what_is_refused_leaves_no_folder(corpus, tmp_path):
    for wrong in ("explore=[model.comitment]", "members=1", "every=0"):
        settings = (*SETTINGS, f"population.{wrong}")
        with pytest.raises(ConfigError):
            train("vqvae", corpus.path, "tiny", settings, name="run", steps=2)
    with pytest.raises(ConfigError, match="minutes cannot limit"):
        train("vqvae", corpus.path, "tiny", SETTINGS, name="run", minutes=1, population=2)
    assert not (tmp_path / "runs" / "run").exists()


def test_a_report_knows_how_far_a_population_is(corpus):
    settings = (*SETTINGS, "population.every=2")
    folder = train("vqvae", corpus.path, "tiny", settings, name="run", steps=4, population=2)
    train("vqvae", corpus.path, name="run", resume=True, steps=6)
    curves = read_curves(folder)
    looks = [json.loads(x) for x in (folder / "log" / "population.jsonl").read_text().splitlines()]
    assert (curves.steps, curves.valid.steps) == (6, [2, 4, 6])
    assert curves.seconds > 0
    assert curves.valid.bits == [look["members"][look["best"]]["bits"] for look in looks]


def test_what_is_listed_twice_is_explored_once():
    assert population(2, LISTED * 2).explored == LISTED


def test_nothing_listed_explores_all_that_a_factor_changes():
    assert population(2, ()).explored == (
        *("likelihood.learning_rate", "likelihood.weight_decay"),
        *("model.commitment", "model.decay", "model.jitter"),
    )


@pytest.mark.parametrize(
    "wrong",
    [{"members": 1}, {"every": 0}, {"share": 0.6}, {"factors": (1.0,)}, {"factors": ()}]
    + [{"spread": 0.5}, {"use_weight": -1.0}, {"factors": (-2.0,)}, {"share": 0.0}],
    ids=str,
)
def test_settings_that_make_no_sense_are_refused(wrong):
    with pytest.raises(ConfigError, match=f"population.{next(iter(wrong))} "):
        PopulationConfig(**wrong)


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    return chords(tmp_path_factory.mktemp("corpora"), count=10)


def job(corpus, system="vqvae", **training):
    tables = registry.preset(system, "tiny") | {
        "data": {"crop": 64, "batch": 2},
        "training": {"steps": 6, "validate_seconds": 0.05} | training,
    }
    return describe(system, "tiny", tables, corpus)


SHORT = PopulationConfig(members=3, every=2)
SETTINGS = ("data.crop=64", "data.batch=2", "training.validate_seconds=0.05")


def test_the_first_member_is_the_plain_training(corpus):
    evolved = evolve(job(corpus), PopulationConfig(members=2, every=6, explore=LISTED))
    plain = job(corpus)
    learner = make_learner(plain.model, phase=plain.settings.phases["likelihood"], steps=6)
    learner.average.decay = plain.settings.training.average
    crops = plain.crops("train")
    with own_randomness(CPU):
        for step in range(6):
            learner.step(crops.batch, step / 6)
    assert torch.equal(state(evolved.population)[0], weights(learner))


def test_members_begin_with_weights_of_their_own_that_the_seed_gives(corpus):
    one, other = (assemble(job(corpus), SHORT, Processes(CPU)) for _ in range(2))

    assert all(map(torch.equal, state(one), state(other)))
    assert not any(torch.equal(*pair) for pair in itertools.combinations(state(one), 2))


def test_a_population_is_the_same_again_and_leaves_the_users_randomness_alone(corpus, whole):
    one = whole[1]
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    other = evolve(job(corpus), SHORT)

    assert torch.equal(torch.rand(3), expected)
    assert one.history == other.history
    assert [look["step"] for look in one.history] == [2, 4, 6]
    assert all(map(torch.equal, state(one.population), state(other.population)))
    assert one.bits == min(
        member["bits"]
        for member in one.history[-1]["members"]
        if member["value"] == max(m["value"] for m in one.history[-1]["members"])
    )


class Killed(BaseException):
    """As if the process were gone."""


@pytest.fixture(scope="module")
def whole(corpus, tmp_path_factory):
    folder = tmp_path_factory.mktemp("whole")
    return folder, evolve(job(corpus), SHORT, folder)


@pytest.mark.parametrize("writes", [2, 5, 9], ids=lambda n: f"after {n} checkpoints")
def test_a_killed_population_goes_on_to_the_same_history_and_weights(
    corpus, whole, tmp_path, monkeypatch, writes
):
    kept, whole = whole
    count, write = itertools.count(), checkpoint.write

    def written(*arguments):
        if next(count) == writes:
            raise Killed
        return write(*arguments)

    final = checkpoint.write_final
    monkeypatch.setattr(checkpoint, "write", written)
    monkeypatch.setattr(checkpoint, "write_final", lambda *_: (_ for _ in ()).throw(Killed))
    with pytest.raises(Killed):
        evolve(job(corpus), SHORT, tmp_path / "killed")
    monkeypatch.setattr(checkpoint, "write", write)
    monkeypatch.setattr(checkpoint, "write_final", final)
    resumed = evolve(job(corpus), SHORT, tmp_path / "killed")

    assert resumed.history == whole.history
    assert all(map(torch.equal, state(whole.population), state(resumed.population)))
    assert resumed.population.settings() == whole.population.settings()
    log, members = "log/population.jsonl", "members/*/checkpoints/*"
    assert (tmp_path / "killed" / log).read_text() == (kept / log).read_text()
    steps = [path.name for path in (tmp_path / "killed").glob(members)]
    assert steps == ["step-00000006"] * 3


def damage(folder, member, step):
    """Change a byte of what a member was kept as after a step."""
    path = folder / "members" / str(member) / "checkpoints" / f"step-{step:08d}"
    (path / checkpoint.LIVE).write_bytes(b"x" + (path / checkpoint.LIVE).read_bytes()[1:])


def test_a_damaged_member_is_said_and_the_others_are_not_thrown_away(corpus, tmp_path):
    with pytest.raises(KeyboardInterrupt):
        evolve(job(corpus), SHORT, tmp_path, progress=CtrlC())
    damage(tmp_path, 1, 2)
    kept = sorted(tmp_path.rglob("*.*"))

    with pytest.raises(RunError, match="no step of all members of .* is whole: --name another run"):
        evolve(job(corpus), SHORT, tmp_path)

    assert sorted(tmp_path.rglob("*.*")) == kept


def test_a_longer_training_that_is_killed_at_its_end_is_ended_and_not_called_finished(
    corpus, tmp_path, monkeypatch
):
    sizes = ("tiny", (*SETTINGS, "population.every=2"))
    folder = train("vqvae", corpus.path, *sizes, name="run", steps=2, population=2)
    with monkeypatch.context() as patch:
        patch.setattr(checkpoint, "write_final", lambda *_: (_ for _ in ()).throw(Killed))
        with pytest.raises(Killed):
            train("vqvae", corpus.path, name="run", resume=True, steps=4)

    train("vqvae", corpus.path, name="run", resume=True)

    looks = [json.loads(x) for x in (folder / "log" / "population.jsonl").read_text().splitlines()]
    best = folder / "members" / str(looks[-1]["best"]) / "checkpoints" / "step-00000004"
    own, expected = (load(path).model.state_dict() for path in (folder, best))
    assert all(torch.equal(own[name], expected[name]) for name in own)
    assert "4 steps" in (folder / "card.md").read_text()


def test_rates_of_members_are_their_own_and_none_is_said_to_be_changed(corpus):
    sizes = ("tiny", (*SETTINGS, "population.every=2"))
    train("vqvae", corpus.path, *sizes, name="run", steps=2, population=2)
    for setting in ("learning_rate=1e-4", "weight_decay=0.1"):
        with pytest.raises(RunError, match=r"members .* have .* of their own: leave it out"):
            train(
                *("vqvae", corpus.path, None, [f"likelihood.{setting}"]),
                **{"name": "run", "resume": True, "steps": 4},
            )
    explored = ["population.explore=[model.commitment]"]
    train("vqvae", corpus.path, *sizes[:1], [*sizes[1], *explored], name="two", steps=2)


def test_members_that_never_compete_are_spoken_of(corpus):
    evolve(job(corpus), dataclasses.replace(SHORT, every=6), progress=(one := CtrlC()))
    evolve(job(corpus), dataclasses.replace(SHORT, every=5), progress=(other := CtrlC()))
    sentence = "members never take over one another: 6 steps end with the first look"
    assert [sum(sentence in said for said in some.heard) for some in (one, other)] == [1, 0]


def test_the_card_counts_the_examples_of_all_batches_of_a_step(corpus):
    settings = (*SETTINGS, "training.accumulate=3")
    folder = train("vqvae", corpus.path, "tiny", settings, name="run", steps=2, population=2)
    assert "2 steps of 6 examples of 64 samples" in (folder / "card.md").read_text()


class CtrlC(Progress):
    """Presses Ctrl-C after the first look; remembers what it heard."""

    def __init__(self):
        self.heard = []

    def say(self, sentence):
        self.heard.append(sentence)
        if sentence.startswith("step 2:"):
            os.kill(os.getpid(), signal.SIGINT)


def test_an_interrupted_population_says_where_it_goes_on_and_does(corpus, whole, tmp_path):
    progress = CtrlC()
    with pytest.raises(KeyboardInterrupt):
        evolve(job(corpus), SHORT, tmp_path, progress=progress)
    resumed = evolve(job(corpus), SHORT, tmp_path, progress=(again := CtrlC()))

    assert progress.heard[-1] == "members go on from their last look, after step 2"
    assert again.heard[0] == f"going on after step 2 of each member of {tmp_path}"
    assert resumed.history == whole[1].history


def test_what_a_population_cannot_be_trained_by_is_refused_with_a_sentence(corpus):
    with pytest.raises(ConfigError, match="minutes cannot limit them: --steps N"):
        evolve(job(corpus, minutes=1.0), SHORT)
    with pytest.raises(ConfigError, match="by one process and 2 were asked for"):
        refuse_processes(2)
    processes = Processes(CPU)
    processes.world = 2
    with pytest.raises(ConfigError, match="leave out --processes"):
        evolve(job(corpus), SHORT, processes=processes)
    gan = ToyGan()
    fake = dataclasses.replace(job(corpus), model=gan, phases=list(gan.phases()), system="gan")
    with pytest.raises(ConfigError, match="gan has no density"):
        evolve(fake, SHORT)


def command(*arguments):
    with pytest.raises(SystemExit) as ended:
        main(["train", "vqvae", *arguments])
    return ended.value.code or 0


def test_the_command_keeps_the_best_member_and_refuses_what_would_not_go_on_exactly(
    corpus, tmp_path, capsys
):
    own = ("--data", str(corpus.path), "--name", "run")
    settings = (*SETTINGS, "population.every=2")
    settings = [word for setting in settings for word in ("--set", setting)]
    sizes = ("--preset", "tiny", "--population", "2", "--steps", "4")
    assert command(*own, *sizes, *settings) == 0
    folder = tmp_path / "runs" / "run"
    looks = [json.loads(x) for x in (folder / "log" / "population.jsonl").read_text().splitlines()]
    best = looks[-1]["best"]
    member = load(folder / "members" / str(best) / "checkpoints" / "step-00000004")
    run = load(folder)

    assert [look["step"] for look in looks] == [2, 4]
    for name, tensor in run.model.state_dict().items():
        assert torch.equal(tensor, member.model.state_dict()[name])
    assert run.sample(0.01).shape == (1, 1, 80)
    assert "the best of 2 members" in (folder / "card.md").read_text()
    assert f"{looks[-1]['members'][best]['bits']:.3f} bits" in (folder / "card.md").read_text()
    capsys.readouterr()

    for words, sentence in (
        ((), "has finished its training"),
        (("--population", "3"), "begun with population.members 2 and cannot go on with 3"),
        (("--set", "population.every=3"), "begun with population.every 2"),
        (("--population", "2", "--processes", "2"), "by one process and 2 were asked for"),
        (("--minutes", "1"), "minutes cannot limit them"),
    ):
        assert command(*own, "--resume", *words) == 2
        error = capsys.readouterr().err
        assert sentence in " ".join(error.split())
        assert "Traceback" not in error
    assert command(*own, "--resume", "--steps", "6") == 0
    looks = (folder / "log" / "population.jsonl").read_text().splitlines()
    assert [json.loads(look)["step"] for look in looks] == [2, 4, 6]


def test_a_plain_run_does_not_become_a_population(corpus, tmp_path):
    train("vqvae", corpus.path, "tiny", SETTINGS, name="plain", steps=2)
    with pytest.raises(RunError, match="begun with population.members None"):
        train("vqvae", corpus.path, name="plain", resume=True, steps=4, population=2)
