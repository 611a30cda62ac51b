"""The section of papers about how sure the numbers are: against statsmodels, or with the reason why there are none."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from typing import Any

import numpy as np
import pytest
import statsmodels.api as sm

import steepest as st
from steepest.documents.document import Block, Figure, Heading, Paragraph, Table, plain
from steepest.papers import Paper

RNG = np.random.default_rng(31)
X = RNG.uniform(0, 5, 30)
LINE: dict[str, Any] = {"x": X, "y": 2 - 0.7 * X + 0.4 * RNG.normal(size=30)}
CLASSES = {"x": X, "z": (RNG.random(30) < 1 / (1 + np.exp(2 - X))).astype(float)}


def section(paper: Paper) -> list[Block]:
    """The blocks from the heading to the next one."""
    blocks = paper.document.blocks
    (begin,) = [k for k, block in enumerate(blocks) if isinstance(block, Heading)
                and plain(block.text) == "How sure the numbers are"]  # fmt: skip
    rest = list(blocks[begin + 1 :])
    end = next(k for k, block in enumerate(rest) if isinstance(block, Heading))
    return rest[:end]


def text(blocks: list[Block]) -> str:
    return " ".join(plain(block.pieces) for block in blocks if isinstance(block, Paragraph))


def cells(blocks: list[Block]) -> list[list[str]]:
    (table,) = [block for block in blocks if isinstance(block, Table)]
    return [[plain(cell).replace("−", "-") for cell in row] for row in table.rows]


def test_a_line_has_the_errors_of_statsmodels() -> None:
    paper = st.Model("y ~ a + b*x").fit(LINE).paper(LINE, compare=False)
    blocks, true = section(paper), sm.OLS(LINE["y"], sm.add_constant(X)).fit()
    rows = cells(blocks)
    assert [row[0] for row in rows] == ["a", "b"]
    wanted = np.column_stack([true.params, true.bse, true.conf_int()])
    np.testing.assert_allclose([[float(cell) for cell in row[1:]] for row in rows], wanted, rtol=3e-3)
    said = text(blocks)
    assert "by Student's t with 28 degrees of freedom" in said
    assert f"The residual standard deviation is {np.sqrt(true.mse_resid):.5g}." in said
    covariance = true.cov_params()
    correlation = covariance[0, 1] / np.sqrt(covariance[0, 0] * covariance[1, 1])
    assert f"The largest correlation is that of a and b, {correlation:.4g}" in said.replace("−", "-")
    (figure,) = [block for block in blocks if isinstance(block, Figure)]
    assert figure.label == "fit"
    assert ET.fromstring(figure.svg).tag.endswith("svg")
    assert figure.tikz.count("-- cycle;") == 2
    for suffix in (".tex", ".html", ".md", ".ipynb"):
        assert "How sure the numbers are" in paper.text(suffix)


def test_classes_have_intervals_by_the_normal_distribution() -> None:
    blocks = section(st.Model("z ~ sigmoid(a + b*x)", "cross_entropy").fit(CLASSES).paper(CLASSES, compare=False))
    true = sm.GLM(CLASSES["z"], sm.add_constant(X), family=sm.families.Binomial()).fit(tol=1e-14)
    wanted = np.column_stack([true.params, true.bse, true.conf_int()])
    np.testing.assert_allclose([[float(cell) for cell in row[1:]] for row in cells(blocks)], wanted, rtol=3e-3)
    assert "by the normal distribution" in text(blocks)
    assert "residual standard deviation" not in text(blocks)


def test_elements_of_arrays_are_named_and_counted_from_1() -> None:
    table = {"X": np.column_stack([X, X**2]), "y": LINE["y"]}
    paper = st.Model("y ~ X @ v + b", params={"v": 2}).fit(table).paper(table, compare=False)
    assert [row[0] for row in cells(section(paper))] == ["v[1]", "v[2]", "b"]


def test_a_training_by_the_paper_itself_has_them_too() -> None:
    """And the model that it is about stays as it was."""
    model = st.Model("y ~ a + b*x")
    blocks = section(model.paper(LINE, optimiser="lm", compare=False))
    true = sm.OLS(LINE["y"], sm.add_constant(X)).fit()
    np.testing.assert_allclose([float(row[2]) for row in cells(blocks)], true.bse, rtol=3e-3)
    assert model.params == {}


@pytest.mark.parametrize(
    ("model", "settings", "said"),
    [
        (st.Model("y ~ a + b*x"), {"epochs": 3}, r"^There are no standard errors: the parameters are \S+ standard"),
        (st.Model("y ~ a + b*x", l2=0.1), {"optimiser": "newton"}, "^There are no standard errors: the penalty l2"),
        (st.Model("y ~ a + b*x", "huber"), {"epochs": 3}, "the cost huber is neither"),
        (st.Model("y ~ a + b*x"), {"validate": 0.3}, "rows out, which were held out for validation"),
        (st.models.network([1, 2, 1], features=["x"]), {"epochs": 3}, "is a network with 2 tanh units"),
    ],
    ids=str,
)  # fmt: skip
def test_where_there_are_none_one_sentence_says_why(model: st.Model, settings: dict[str, Any], said: str) -> None:
    blocks = section(model.paper({"x": X, "y": np.clip(LINE["y"], 0, 1)}, rate=0.01, compare=False, **settings))
    assert [type(block) for block in blocks] == [Paragraph]
    assert re.search(said, text(blocks))
    assert text(blocks).endswith(".")


def test_an_exact_fit_has_no_scatter() -> None:
    table = {"x": [1.0, 2, 3, 4], "y": [2.0, 4, 6, 8]}
    blocks = section(st.Model("y ~ a + b*x").fit(table).paper(table, compare=False))
    assert text(blocks) == (
        "The fit is exact, so that no scatter is left from which a standard error could be estimated."
    )


def test_a_diverged_training_has_no_section() -> None:
    paper = st.models.linear().paper("twice", rate=5.0, compare=False)
    headings = [plain(block.text) for block in paper.document.blocks if isinstance(block, Heading)]
    assert "How sure the numbers are" not in headings
