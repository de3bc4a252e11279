import pytest
import torch

from typica.core import registry
from typica.core.errors import ConfigError
from typica.core.tuning import setting, tunable, tune


def terms(model):
    audio = torch.rand(2, 1, 64, generator=torch.Generator().manual_seed(0)) - 0.5
    torch.manual_seed(0)
    return model.likelihood_loss({"audio": audio, "context": 0})


@pytest.mark.parametrize("bottleneck", ["vq", "argmax"])
def test_a_tuned_model_is_one_built_with_the_setting(bottleneck):
    settings = {"bottleneck": bottleneck, "commitment": 0.25, "diversity": 0.5, "jitter": 0.1}
    torch.manual_seed(1)
    model = registry.build("vqvae", "tiny", **settings)
    for name in tunable(model):
        tune(model, name, 0.75)
    torch.manual_seed(1)
    built = registry.build("vqvae", "tiny", **settings | dict.fromkeys(tunable(model), 0.75))

    assert model.config == built.config
    for _ in range(2):  # the second sees what the decay made of the first
        one, other = terms(model), terms(built)
        assert {n: v.item() for n, v in one.items()} == {n: v.item() for n, v in other.items()}


LEVELS = ("autoencoders[0].jitter", "autoencoders[1].commitment", "autoencoders[1].diversity")


def test_a_level_is_tuned_by_where_its_table_stands_and_no_other_is():
    tables = registry.preset("hierarchical_wavenet", "tiny")["model"]["autoencoders"]
    tables[1] |= {"bottleneck": "argmax", "diversity": 0.5}

    def built(first, second):
        torch.manual_seed(1)
        levels = [tables[0] | first, tables[1] | second]
        return registry.build("hierarchical_wavenet", "tiny", autoencoders=levels)

    model = built({}, {})
    assert set(LEVELS) < set(tunable(model))
    assert "autoencoders[0].diversity" not in tunable(model)  # that bottleneck has none
    assert setting(model, "autoencoders[1].diversity") == 0.5
    for name in LEVELS:
        tune(model, name, 0.75)
    other = built({"jitter": 0.75}, {"commitment": 0.75, "diversity": 0.75})

    assert model.config == other.config
    assert [one.config for one in model.coders] == [one.config for one in other.coders]
    assert model.coders[0].jitter.probability == 0.75
    assert model.coders[1].bottleneck.commitment == setting(model, LEVELS[1]) == 0.75
    for name in set(tunable(model)) - set(LEVELS):
        assert setting(model, name) == setting(built({}, {}), name)
    with pytest.raises(ConfigError, match=r"did you mean 'autoencoders\[0\].commitment'"):
        tune(model, "autoencoders[0].comitment", 0.5)


def test_only_settings_that_the_built_model_reads_can_change():
    vq = registry.build("vqvae", "tiny")
    argmax = registry.build("vqvae", "tiny", bottleneck="argmax")

    assert sorted(tunable(vq)) == ["commitment", "decay", "jitter"]
    assert sorted(tunable(argmax)) == ["commitment", "decay", "diversity", "jitter"]
    with pytest.raises(ConfigError, match="'diversity' cannot change in training: choose from"):
        tune(vq, "diversity", 0.5)
    with pytest.raises(ConfigError, match="'comitment' .* did you mean 'commitment'"):
        tune(vq, "comitment", 0.5)
    with pytest.raises(ConfigError, match="model.decay is from 0 to 1"):
        tune(vq, "decay", 1.5)
    assert vq.bottleneck.decay == vq.config.decay == 0.99


def test_a_decay_is_scaled_by_its_distance_from_one_and_no_setting_leaves_its_range():
    known = tunable(registry.build("vqvae", "tiny"))

    assert known["commitment"].scaled(0.2, 1.25) == 0.25
    assert known["decay"].scaled(0.99, 1.25) == pytest.approx(0.9875)
    assert known["decay"].scaled(0.1, 4.0) == 0.0
    assert known["jitter"].scaled(0.5, 4.0) == 1.0
