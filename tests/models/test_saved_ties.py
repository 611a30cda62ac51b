"""Bands and errors of a saved model whose parameters are tied: those of the model with the expressions in place."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import steepest as st
from model_files import ABOUT, forge
from steepest.errors import StorageError

RNG = np.random.default_rng(3)
X = np.linspace(0, 4, 40)
TABLE = {"x": X, "y": 2 * np.exp(-X) + 1 + 0.05 * RNG.normal(size=40)}


def test_bands_count_that_tied_parameters_move_with_the_others(tmp_path: Path) -> None:
    tied = st.Model("y ~ a*exp(-k*x) + c").fit(TABLE, tied={"c": "a/2"})
    plain = st.Model("y ~ a*exp(-k*x) + a/2").fit(TABLE)
    wanted = plain.bands({"x": [0.5, 3.0]})
    tied.save(tmp_path / "m")
    for model in (tied, st.load(tmp_path / "m")):
        found = model.bands({"x": [0.5, 3.0]})
        np.testing.assert_allclose(found.standard_errors, wanted.standard_errors, rtol=1e-6)
        np.testing.assert_allclose(found.interval, wanted.interval, rtol=1e-8)


def test_a_loaded_model_finds_its_errors_again(tmp_path: Path) -> None:
    model = st.Model("y ~ a*exp(-k*x) + c").fit(TABLE, tied={"c": "a/2"}, fixed={"k": 1.0})
    model.save(tmp_path / "m")
    wanted = model.uncertainty().standard_errors
    found = st.load(tmp_path / "m").uncertainty(TABLE).standard_errors
    assert found.keys() == wanted.keys() == {"a", "c"}
    for name, error in wanted.items():
        assert float(found[name]) == pytest.approx(float(error), rel=1e-9)


def test_another_fit_forgets_the_ties(tmp_path: Path) -> None:
    model = st.Model("y ~ a*exp(-k*x) + c").fit(TABLE, tied={"c": "a/2"})
    model.fit(TABLE)
    model.save(tmp_path / "m")
    assert st.load(tmp_path / "m").uncertainty(TABLE).labels == ["a", "k", "c"]


@pytest.mark.parametrize("tied", [{"q": "a"}, {"a": "a"}, {"a": "2"}, ["a"], {"a": 3}, {"a": "os.system(1)"}])
def test_forged_ties_are_refused(tied: object, tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="not a usable model"):
        st.load(forge(tmp_path / "m.safetensors", {**ABOUT, "tied": tied}))
