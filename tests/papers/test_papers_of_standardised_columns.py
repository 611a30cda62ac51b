"""A paper about a model with standardised columns says so, and its program repeats the fit from the table."""

from __future__ import annotations

import re
from typing import Any

import pytest

import steepest as st

HOUSES = {"area": [1400, 1600, 1700, 1875, 1100, 1550, 2350, 2450],
          "price": [245.3, 312.1, 279.7, 308.0, 199.9, 219.5, 405.0, 324.6]}  # fmt: skip


def test_the_scales_are_stated_and_the_program_takes_columns_in_their_own_units() -> None:
    model = st.Model("price ~ a*area + b", scale="standard").fit(HOUSES, rate=0.1, epochs=100)
    text = model.paper(HOUSES, compare=False).text(".md")
    assert r"of $\mathrm{area}$ they are $1753.12$ and $429.469$" in text
    program = re.search(r"```python\n(.*?)```", text, re.DOTALL)
    assert program is not None
    scope: dict[str, Any] = {}
    exec(program[1], scope)
    assert scope["model"].run.cost == pytest.approx(model.run.cost, rel=1e-12)
    assert scope["model"].predict({"area": [2000]})[0] == pytest.approx(model.predict({"area": [2000]})[0], rel=1e-12)
    assert "The estimates are not correlated." in text  # as the mean of a standardised column is 0


def test_feature_groups_are_named_and_papers_without_scales_say_nothing() -> None:
    table = {"p1": [1, 2, 3, 5], "p2": [30, 10, 50, 20], "y": [1.0, 2, 4, 3]}
    scaled = st.models.network([2, 2, 1], output="linear", features="p*", scale="standard")
    assert "each column of $X$" in scaled.paper(table, compare=False, epochs=3).text(".md")
    plain = st.models.network([2, 2, 1], output="linear", features="p*")
    assert "standardised" not in plain.paper(table, compare=False, epochs=3).text(".md")
