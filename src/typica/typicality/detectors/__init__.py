"""Detectors of what is not typical: estimators in the manner of scikit-learn."""
