import pytest

from typica.core.errors import ConfigError
from typica.training.settings import PhaseConfig, TrainingConfig, read_settings


def test_each_phase_has_its_own_settings():
    tables = {"model": {}, "critic": {"learning_rate": 0.1}}

    settings = read_settings(tables, ["critic", "generator"])

    assert settings.phases["critic"].learning_rate == 0.1
    assert settings.phases["generator"] == PhaseConfig()


@pytest.mark.parametrize(
    ("tables", "sentence"),
    [
        ({"likelyhood": {}}, "there is no table 'likelyhood': did you mean 'likelihood'?"),
        ({"training": {"step": 3}}, "no setting 'training.step': did you mean 'steps'?"),
        ({"training": {"steps": "many"}}, "training.steps must be a whole number; got 'many'"),
        ({"training": {"steps": 0}}, "training.steps must be at least 1, got 0"),
        ({"training": {"average": 1.0}}, "training.average must be from 0 to below 1, got 1"),
        ({"training": {"clip": 0}}, "training.clip must be above 0, got 0"),
        ({"training": 3}, "'training' is a table, as in training.NAME=VALUE; got 3"),
        ({"data": {"batch": 0}}, "data.batch must be at least 1, got 0"),
        ({"likelihood": {"betas": [0.9]}}, "betas must be two numbers"),
        ({"likelihood": {"learning_rate": 0}}, "^learning_rate must be above 0, got 0"),
        (
            {"likelihood": {"final_learning_rate": -1}},
            "^final_learning_rate must not be below 0, got -1",
        ),
        ({"training": {"seed": -1}}, r"training.seed must be from 0 to below 2\^63, got -1"),
        ({"training": {"seed": 2**63}}, r"training.seed must be from 0 to below 2\^63, got 9"),
        ({"likelihood": {"schedule": "cosin"}}, "must be one of cosine, linear, constant"),
    ],
)
def test_a_wrong_setting_is_refused_by_its_name(tables, sentence):
    with pytest.raises(ConfigError, match=sentence.replace("?", r"\?")):
        read_settings(tables, ["likelihood"])


def test_what_is_written_can_be_read_again():
    config = TrainingConfig(minutes=3, precision="bfloat16")

    assert TrainingConfig.from_dict(config.to_dict()) == config
