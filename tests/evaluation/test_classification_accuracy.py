import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.naive_bayes import GaussianNB

from typica.core.errors import ConfigError, DataError
from typica.evaluation.classification_accuracy import cas

X, Y = load_digits(return_X_y=True)
TRAIN, VALID, TRAIN_Y, VALID_Y = train_test_split(X, Y, test_size=0.4, random_state=0, stratify=Y)
REAL = VALID, VALID_Y
SEEDS = (0, 1, 2)


def real(label, count, rng):
    return rng.choice(TRAIN[label == TRAIN_Y], count)


def permuted(label, count, rng):
    return real((label + 1) % 10, count, rng)


def score(sampler, **settings):
    return cas(sampler, lambda seed: GaussianNB(var_smoothing=1e-3), REAL, 100, SEEDS, **settings)


def test_real_data_as_samples_score_what_real_data_score():
    expected = GaussianNB(var_smoothing=1e-3).fit(TRAIN, TRAIN_Y).score(VALID, VALID_Y)

    result = score(real)

    assert result.interval[0] < expected < result.interval[1]
    assert result.mean == pytest.approx(expected, abs=0.02)
    assert set(result.recall) == set(range(10))


def test_wrong_labels_score_below_chance():
    assert score(permuted).mean < 0.1


def test_a_mode_that_is_left_out_shows_in_the_recall_of_its_class():
    def without_four(label, count, rng):
        return real(9 if label == 4 else label, count, rng)

    recall, before = score(without_four).recall, score(real).recall

    assert recall[4] < 0.5 * before[4]
    others = [label for label in range(10) if label not in (4, 9)]
    assert all(recall[label] > before[label] - 0.05 for label in others)


def test_recall_and_accuracy_are_shares_of_the_same_answers():
    class Stubborn:
        def fit(self, features, labels):
            return self

        def predict(self, features):
            return np.zeros(len(features), int)

    validation = np.zeros((5, 1)), np.array([0, 0, 1, 1, 1])
    result = cas(lambda *_: np.zeros((1, 1)), lambda seed: Stubborn(), validation, 1, [0])

    assert result.mean == pytest.approx(0.4)
    assert result.recall == {0: 1.0, 1: 0.0}


def test_the_interval_holds_the_true_accuracy_as_often_as_it_says():
    class Guess:
        """Right with a chance of its own, around 0.7."""

        def __init__(self, seed):
            self.rng = np.random.default_rng([seed, 7])
            self.chance = self.rng.normal(0.7, 0.05)

        def fit(self, features, labels):
            return self

        def predict(self, features):
            return (self.rng.random(len(features)) < self.chance).astype(int)

    validation = np.zeros((200, 1)), np.ones(200, int)
    held = 0
    for trial in range(200):
        seeds = range(5 * trial, 5 * trial + 5)
        low, high = cas(lambda *_: np.zeros((1, 1)), Guess, validation, 1, seeds).interval
        held += low < 0.7 < high

    assert held / 200 > 0.93


def test_the_same_seeds_give_the_same_score_and_others_another():
    assert score(real).accuracies == score(real).accuracies
    assert len(set(score(real).accuracies)) > 1


def test_classes_keep_their_own_numbers():
    asked = {}

    def recording(label, count, rng):
        asked[label] = count
        return real(label, count, rng)

    counts = {label: 20 + label for label in range(10)}
    cas(recording, lambda seed: GaussianNB(var_smoothing=1e-3), REAL, counts, [0])

    assert asked == counts


def test_samples_beside_few_real_data_help():
    few = TRAIN[:40], TRAIN_Y[:40]

    alone = LogisticRegression(max_iter=500).fit(*few).score(VALID, VALID_Y)
    beside = cas(real, lambda seed: LogisticRegression(max_iter=500), REAL, 20, [0], beside=few)

    assert beside.mean > alone + 0.03


def test_scores_without_samples_seeds_or_labels_are_refused():
    with pytest.raises(ConfigError, match="one seed"):
        cas(real, GaussianNB, REAL, 1, [])
    with pytest.raises(ConfigError, match="no samples to class 3"):
        cas(real, GaussianNB, REAL, {label: 1 for label in range(10) if label != 3}, [0])
    with pytest.raises(DataError, match="label an example"):
        cas(real, GaussianNB, (VALID, VALID_Y[:-1]), 1, [0])
