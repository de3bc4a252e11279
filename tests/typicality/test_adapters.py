import pickle

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from torch.utils.data import DataLoader, TensorDataset

from typica.core.errors import ConfigError
from typica.typicality.adapters import as_pyod, as_pytorch_ood
from typica.typicality.detectors.density_of_states import DensityOfStates
from typica.typicality.detectors.martingale import MartingaleTest
from typica.typicality.detectors.one_point import OnePointTypicality


def log_probs(count, seed=0):
    return -np.random.default_rng(seed).chisquare(100, count) / 2


def test_pyod_calls_high_what_scikit_learn_calls_low():
    reference, rows = log_probs(1000), log_probs(2000, seed=1)
    ours = OnePointTypicality(alpha=0.05).fit(reference)

    theirs = as_pyod(OnePointTypicality(alpha=0.05)).fit(reference)

    assert np.array_equal(theirs.decision_function(rows), -ours.score_samples(rows))
    assert np.array_equal(theirs.predict(rows), (ours.predict(rows) == -1).astype(int))
    assert np.array_equal(theirs.decision_scores_, -ours.score_samples(reference))
    assert np.array_equal(theirs.labels_, (ours.predict(reference) == -1).astype(int))
    assert np.array_equal(theirs.labels_, theirs.fit_predict(reference))
    assert 0 < theirs.labels_.mean() <= theirs.contamination == 0.05


def test_a_fitted_detector_serves_as_pyods_at_once():
    ours = OnePointTypicality().fit(log_probs(1000)).calibrate(log_probs(500, seed=1))

    theirs = as_pyod(ours)

    assert theirs.threshold_ == -ours.offset_
    assert np.array_equal(np.sort(theirs.decision_scores_), np.sort(-ours.reference_scores_))
    assert theirs.predict(log_probs(50, seed=2)).shape == (50,)


def test_pyods_probabilities_grow_from_normal_to_odd():
    reference = log_probs(500)
    theirs = as_pyod(OnePointTypicality(entropy=50)).fit(reference)

    for method in ("linear", "unify"):
        normal, odd = theirs.predict_proba([-50.0, -60.0, -1000.0, -np.inf], method=method).T
        assert normal + odd == pytest.approx(1)
        assert list(odd) == sorted(odd)
        assert odd[0] == pytest.approx(0, abs=1e-3)
        assert list(odd[2:]) == [1, 1]
    with pytest.raises(ConfigError, match='"linear" or "unify"'):
        theirs.predict_proba([-50.0], method="sigmoid")


def test_pyods_form_is_cloned_pickled_and_fitted_anew():
    theirs = as_pyod(OnePointTypicality(alpha=0.1)).fit(log_probs(100))

    copy = pickle.loads(pickle.dumps(theirs))

    assert np.array_equal(copy.predict(log_probs(9)), theirs.predict(log_probs(9)))
    assert clone(theirs).get_params()["detector__alpha"] == 0.1
    with pytest.raises(NotFittedError):
        clone(theirs).predict(log_probs(9))
    assert as_pyod(MartingaleTest()).fit([0.0, 1.0]).predict([9.0]) == [1]


def test_pytorch_ood_takes_and_gives_tensors():
    rows = torch.from_numpy(log_probs(200))
    ours = OnePointTypicality().fit(rows)

    theirs = as_pytorch_ood(OnePointTypicality()).fit_features(rows)

    assert isinstance(theirs(rows), torch.Tensor)
    assert theirs(rows).tolist() == theirs.predict_features(rows).tolist()
    assert theirs(rows).tolist() == (-ours.score_samples(rows)).tolist()
    assert theirs(torch.tensor([-500.0])) > theirs(torch.tensor([-50.0]))


def test_pytorch_ood_fits_a_loader_through_a_model_without_its_outliers():
    points = torch.randn(500, 20, generator=torch.Generator().manual_seed(0))
    points[::10] *= 100
    labels = torch.where(torch.arange(500) % 10 == 0, -1, 3)
    weight = torch.ones((), requires_grad=True)

    def statistics(x):
        return weight * torch.stack([-x.square().sum(1) / 2, x.std(1)], dim=1)

    loader = DataLoader(TensorDataset(points, labels), batch_size=64)
    theirs = as_pytorch_ood(DensityOfStates(), encoder=statistics).fit(loader)

    normal = statistics(points[labels >= 0])
    ours = DensityOfStates().fit(normal)
    assert theirs(points).tolist() == pytest.approx(
        (-ours.score_samples(statistics(points))).tolist(), rel=1e-5
    )
    again = as_pytorch_ood(DensityOfStates()).fit_features(statistics(points), labels)
    assert again(normal).tolist() == pytest.approx((-ours.score_samples(normal)).tolist())
    bare = as_pytorch_ood(DensityOfStates(), statistics).fit(iter([points[1:10], points[11:20]]))
    assert bare.detector.n_features_in_ == 2


def test_a_models_log_prob_alone_serves_a_detector_of_several_statistics():
    rows = torch.from_numpy(log_probs(200))

    theirs = as_pytorch_ood(DensityOfStates(), encoder=lambda x: x).fit([rows[:100], rows[100:]])

    ours = DensityOfStates().fit(rows[:, None])
    assert theirs(rows).tolist() == (-ours.score_samples(rows[:, None])).tolist()
