"""The commands that draw: what they print, what they write, how they answer mistakes."""

from __future__ import annotations

from pathlib import Path

import pytest

from command_line import Steepest, steepest
from drawings import groups, parsed, texts

__all__ = ["steepest"]

E6 = ("(x + y)*z", "--at", "x=-2,y=5,z=-4")


def lines(text: str) -> list[str]:
    return [" ".join(line.split()) for line in text.splitlines()]


def test_graph_prints_the_table_of_the_nodes(steepest: Steepest) -> None:
    said = steepest("graph", *E6)
    assert (said.status, said.err) == (0, "")
    assert lines(said.out) == [
        "node operation value gradient local derivatives",
        "x parameter −2 −4",
        "y parameter 5 −4",
        "v1 x + y 3 −4 ∂v1/∂x = 1; ∂v1/∂y = 1",
        "z parameter −4 3",
        "f v1·z −12 1 ∂f/∂v1 = z = −4; ∂f/∂z = v1 = 3",
    ]


def test_graph_explains_nodes_that_the_formula_names(steepest: Steepest) -> None:
    said = steepest("graph", "q = x + y; q*z", "--at", "x=-2,y=5,z=-4", "--explain", "x", "--explain", "q")
    assert said.out.splitlines() == ["∂f/∂x = ∂f/∂q · ∂q/∂x = −4 · 1 = −4", "∂f/∂q = z = −4"]


def test_graph_json(steepest: Steepest) -> None:
    found = steepest("graph", *E6, "--json", "--explain", "z").json
    assert found["nodes"][-1] == {
        "node": "f", "operation": "v1·z", "value": -12, "gradient": 1,
        "local": ["∂f/∂v1 = z = −4", "∂f/∂z = v1 = 3"],
    }  # fmt: skip
    assert found["explain"] == {"z": "∂f/∂z = v1 = 3"}
    assert (found["layers"], found["folded"]) == ([], [])


@pytest.mark.parametrize("suffix", ["svg", "png", "dot", "tex", "html"])
def test_graph_draws(steepest: Steepest, suffix: str, tmp_path: Path) -> None:
    said = steepest("graph", *E6, "-o", f"graph.{suffix}")
    assert (said.status, said.out, said.err) == (0, "", f"written to graph.{suffix}\n")
    assert (tmp_path / f"graph.{suffix}").stat().st_size > 500


def test_graph_of_a_model_on_a_table(steepest: Steepest, tmp_path: Path) -> None:
    words = ("z ~ sigmoid(x*w1 + y*w2 + b)", "--table", "nand", "--at", "w1=.3,w2=.6,b=.1")
    found = {row["node"]: row for row in steepest("graph", *words, "--json").json["nodes"]}
    assert found["w1"]["gradient"] == pytest.approx(0.0236576192, abs=1e-9)  # README
    assert found["x"]["value"] == [0, 0, 1, 1]
    one = {row["node"]: row for row in steepest("graph", *words, "--sample", "2", "--json").json["nodes"]}
    assert (one["x"]["value"], one["y"]["value"]) == (1, 0)
    assert one["w1"]["gradient"] == pytest.approx(0.0236576192, abs=1e-9)
    drawn = steepest("graph", *words, "--sample", "2", "-o", "g.svg", "--unfold", "")
    assert drawn.status == 2
    assert steepest("graph", *words, "-o", "g.svg", "--unfold", "cost").status == 0
    assert texts(parsed((tmp_path / "g.svg").read_text(encoding="utf-8")), "label") == ["layer 1"]
    partly = steepest("graph", "z ~ sigmoid(x*w1 + y*w2 + b)", "--table", "nand", "--at", "w1=.3")
    assert partly.err == "note: w2, b drawn from the seed 0; set them with --at\n"


def test_graph_and_diagram_of_a_saved_model(steepest: Steepest, tmp_path: Path) -> None:
    assert steepest("fit", "nand", "--save", "nand.safetensors").status == 0
    said = steepest("graph", "nand.safetensors", "--table", "nand", "--json")
    found = {row["node"]: row for row in said.json["nodes"]}
    assert found["C"]["value"] == pytest.approx(0.0626237279065, abs=1e-12)  # mission.md, A6
    assert steepest("graph", "nand.safetensors").status == 2
    assert steepest("diagram", "nand.safetensors", "-o", "nand.svg").err == "written to nand.svg\n"
    root = parsed((tmp_path / "nand.svg").read_text(encoding="utf-8"))
    assert texts(root, "weight") == ["−1.74", "−1.73"]
    assert texts(root, "bias") == ["2.77"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("(x + y)*z", "--at", "x=1,y=2"), "the formula needs values of z: give them with --at, or give a --table"),
        (("x*w", "--at", "x=1,w=2,v=3"), "--at has 'v', which is not in the formula"),
        (
            ("x*w", "--at", "x=1,w=2", "--explain", "q"),
            "there is no node 'q' in the graph; its nodes are 'x', 'w', 'f'",
        ),
        (("x*w", "--at", "x=1,w=2", "--sample", "1"), "there is no sample 1; the table's are 0 alone"),
        (("x*w", "--at", "x=1,w=2", "-o", "g.gif"), "no format 'gif'"),
        (("x*(w", "--at", "x=1,w=2"), "found the end"),
        (("none.safetensors", "--table", "nand"), "there is no such file"),
        (("x*w", "--at", "x=1,w=2", "--unfold", "a1"), "this graph has no layers"),
    ],
)
def test_mistakes_in_a_graph_are_answered_by_a_sentence(
    steepest: Steepest, words: tuple[str, ...], message: str
) -> None:
    said = steepest("graph", *words)
    assert (said.status, said.out) == (2, "")
    assert message in said.err
    assert "Traceback" not in said.err


def test_diagram_describes_and_draws(steepest: Steepest, tmp_path: Path) -> None:
    said = steepest("diagram", "network 2,3,1")
    assert (said.status, said.err) == (0, "")
    assert "Layer 1: 3 neurons, tanh; weights W⁽¹⁾; bias b⁽¹⁾." in said.out
    for suffix in ("svg", "png", "tex"):
        assert steepest("diagram", "chain 3", "-o", f"model.{suffix}").status == 0
    root = parsed((tmp_path / "model.svg").read_text(encoding="utf-8"))
    assert len(groups(root, "neuron")) == 3
    layers = steepest("diagram", "xor", "--json").json["layers"]
    assert [layer["biases"] for layer in layers] == [["b1"], ["b2"], ["b3"]]
    assert steepest("diagram", "y ~ sin(w*x)*cos(v*x)", "--data", "x,y", "--json").json["layers"] is None


def test_diagram_says_which_names_it_takes_for_data(steepest: Steepest) -> None:
    said = steepest("diagram", "y ~ x*w + b")
    assert said.err == "note: reading y, x as data and w, b as parameters; change that with --data\n"
    assert steepest("diagram", "y ~ x*w + b", "--data", "x,y").err == ""


@pytest.mark.parametrize(
    ("model", "message"),
    [
        ("linaer", "neither a saved model nor a formula 'target ~ prediction'"),
        ("network 2", "sizes are the numbers of inputs"),
        ("network two", "sizes are the numbers of inputs"),
        ("chain", "a chain has one length"),
        ("chain 0", "at least one neuron"),
        ("y ~ sgmoid(x)", "did you mean 'sigmoid'?"),
    ],
)
def test_mistakes_in_a_diagram_are_answered_by_a_sentence(steepest: Steepest, model: str, message: str) -> None:
    said = steepest("diagram", model)
    assert (said.status, said.out) == (2, "")
    assert message in said.err
    assert "Traceback" not in said.err


@pytest.mark.parametrize(
    ("formula", "at", "kink"),
    [
        ("abs(x)", "x=0", "|x|, where x = 0"),
        ("q = 2*x; relu(q)", "x=0", "relu(2·x), where 2·x = 0"),
        ("q = 2*x; relu(q)^2", "x=0", ""),
        ("abs(x)", "x=1", ""),
    ],
)
def test_explaining_says_where_a_slope_is_no_derivative(steepest: Steepest, formula: str, at: str, kink: str) -> None:
    """relu(q)² has the slope 0 to both sides."""
    _, _, remark = steepest("graph", formula, "--at", at, "--explain", "x").out.strip().partition("; ")
    assert remark == (f"there is no derivative here, since the slope jumps at {kink}" if kink else "")


def test_of_a_chosen_sample_only_its_own_kink_counts(steepest: Steepest, tmp_path: Path) -> None:
    """Of x = 0 and 1 only the first is at the kink of relu(x·w)."""
    (tmp_path / "t.csv").write_text("x\n0\n1\n", encoding="utf-8")
    for sample, at_kink in ((0, True), (1, False)):
        words = ("mean(relu(x*w))", "--table", "t.csv", "--at", "w=1", "--explain", "x", "--sample", str(sample))
        assert ("no derivative" in steepest("graph", *words).out) == at_kink


def test_the_target_is_data_by_itself(steepest: Steepest) -> None:
    """Left of '~' stand columns only, so --data need not name them."""
    said = steepest("diagram", "temp ~ A*exp(-k*t) + T0", "--data", "t")
    assert (said.status, said.err) == (0, "")
    assert said.out == steepest("diagram", "temp ~ A*exp(-k*t) + T0", "--data", "t,temp").out
    assert steepest("paper", "log(temp) ~ a*t", "--data", "t", "-o", "a.md").status == 0
