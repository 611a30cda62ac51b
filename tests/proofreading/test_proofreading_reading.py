"""What the proof-reader reads: passages with their places, macros, notations, worked numbers, verdicts."""

from __future__ import annotations

import pytest

from steepest.proofreading import VERDICTS, proofread
from steepest.proofreading.reading.passages import passages


def verdicts(text: str) -> list[tuple[str, str | None]]:
    return [(f.verdict, f.cause) for f in proofread(text).findings]


# -- where formulas stand ------------------------------------------------------------------------------------


def test_findings_point_at_line_and_column() -> None:
    text = "Some words.\n\n  Then $1 + 1 = 3$ and\n\\begin{align}\n  2 + 2 &= 4 \\\\\n   &= 5\n\\end{align}\n"
    places = [(f.line, f.column, f.verdict) for f in proofread(text).findings]
    assert places == [(3, 9, "differs"), (5, 3, "holds"), (6, 7, "differs")]
    for finding in proofread(text).findings:
        assert text.split("\n")[finding.line - 1][finding.column - 1].isdigit()


def test_places_survive_macros() -> None:
    defined = "\\def\\avg[#1,#2]{\\frac{1}{#2}\\sum_{#1=1}^{#2}}\n"
    text = defined + "$$m = \\avg[i,n] x_i$$\n$$\\avg[i,n] x_i = 2 \\avg[i,n] x_i$$\n"
    wrong = proofread(text).wrong
    assert [(f.line, f.column, f.cause) for f in wrong] == [(3, 3, "factor")]
    assert wrong[0].source == r"\frac{1}{n}\sum_{i=1}^{n} x_i = 2 \frac{1}{n}\sum_{i=1}^{n} x_i"


def test_what_stands_in_an_argument_keeps_its_place() -> None:
    text = "\\newcommand{\\both}[2]{#1 = #2}\n$$\\both{1 + 1}{2} \\quad \\both{4}{5}$$\n"
    first, second = proofread(text).findings
    assert text[first.start : first.start + 5] == "1 + 1"
    assert (second.line, second.column) == (2, text.split("\n")[1].index("4") + 1)


@pytest.mark.parametrize(
    "text",
    [
        "% $1 = 2$\n\\section{A} nothing",
        "\\begin{document}\\begin{verbatim}$1 = 2$\\end{verbatim}",
        "`$1 = 2$` is code",
        "```python\nx = '$1 = 2$'\n```\n",
        "It costs $5 and then $6 = six dollars",
        "\\begin{document}\\verb|$1 = 2$|",
        "\\begin{document}\\begin{tikzpicture}\\node {$1 = 2$};\\end{tikzpicture}",
        "<!-- $1 = 2$ -->",
    ],
)
def test_what_is_no_mathematics_of_the_text_is_left_alone(text: str) -> None:
    assert not proofread(text).findings


@pytest.mark.parametrize(
    "text",
    [
        "$1 = 2$",
        "$$1 = 2$$",
        r"\(1 = 2\)",
        r"\[1 = 2\]",
        r"\begin{equation}1 = 2\end{equation}",
        "```math\n1 = 2\n```\n",
        r"\begin{gather*}1 = 2\end{gather*}",
        r"$$\begin{aligned}1 &= 2\end{aligned}$$",
        r"\begin{align}1 &= 2 \label{x}\tag{1}\end{align}",
        "$$1 =$$\n(3)\n$$= 2$$",
        r"$$1 = 2 \quad (7)$$",
        "$$1 = 2",
    ],
)
def test_every_kind_of_display_is_read(text: str) -> None:
    assert verdicts(text) == [("differs", "arithmetic")]


def test_prose_and_formulas_cover_the_document_in_order() -> None:
    text = "# Title\nwords $a$ words\n\n$$b$$\n"
    found = passages(text)
    assert [p.kind for p in found] == ["heading", "prose", "inline", "prose", "display"]
    assert all(text[p.places[0] : p.places[-1]].strip() == p.text.strip() for p in found)


def test_chains_run_over_lines_and_displays() -> None:
    text = r"""
\begin{align}
(a + b)^2 &= (a + b)(a + b) = \\
&= a^2 + 2ab + b^2 = \\
c &= a b
\end{align}
$$c = b a =$$
$$= a \cdot b$$
"""
    assert [v for v, _ in verdicts(text)] == ["holds", "holds", "defines", "holds", "holds"]


# -- notation ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        r"$(x y)' = y$",
        r"$\frac{d}{dx} x^2 = 2x$",
        r"$\frac{\partial (w x)}{\partial w} = x$",
        r"$\partial_w (w^2) = 2w$",
        r"$\sum_{i=1}^{3} i = 6$",
        r"$\prod_{k=1}^{4} k = 24$",
        r"$|{-x}| = |x|$",
        r"$\sqrt{x^2} = |x|$",
        r"$\max(x, x) = x$",
        r"$\frac12 x + \frac1 2 x = x$",
        r"$2(x + 1)(x - 1) = 2x^2 - 2$",
        r"$e^{a + b} = e^a e^b$",
        r"$\ln e^x = x$",
        r"$\tanh^2(z) = 1 - \frac{d}{dz} \tanh z$",
        r"$\lim_{h \to 0} \frac{(x + h)^2 - x^2}{h} = 2x$",
        r"$x² + x₁ = x₁ + x^2$",
        r"$\sigma(x) = \frac{1}{1 + e^{-x}}$ $\sigma'(x) = \sigma(x)(1 - \sigma(x))$",
        r"$x / y \cdot y = x$",
        r"$-x^2 = -(x^2)$",
        r"$\begin{cases} x & x > 0 \\ 0 & \text{otherwise} \end{cases} = \max(0, x)$",
        r"$\mathbb{1}[x > 0] x = \max(0, x)$",
        r"$W^T = Y$ $(A^T)^\top = A$",
        r"$\sum_i \sum_j a_i b_j = \sum_j \sum_i a_i b_j$",
        r"$\left( x \right)^{2} = x \times x$",
        r"$f(x) = x^2$, $f(x + h) - f(x) = 2 x h + h^2$",
        r"$g(t) = t^3$, $\frac{dg}{dt} = 3t^2$, $g''(t) = 6t$",
        r"$y = x^2$ and $dy/dx = 2x$",
        r"$u = x y$; $\frac{\partial^2 u}{\partial x \partial y} = 1$",
        r"$\Delta y = y_1 - y_0$",
        r"$\frac{df(x)}{dx} = \lim_{\Delta x \to 0} \frac{f(x + \Delta x) - f(x)}{\Delta x}$",
        r"$f(x,y) = x y$, $\nabla f = \begin{bmatrix} y \\ x \end{bmatrix}$, $\|\nabla f\|^2 = x^2 + y^2$",
        r"$\operatorname{stopgrad}(x) = x$",
        r"$[i = i] = 1$",
    ],
)
def test_right_lines_hold_in_any_notation(text: str) -> None:
    proof = proofread(text)
    assert proof.ok, str(proof)
    assert not proof.counts["not-understood"], str(proof)


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        (r"$\frac{d}{dx} x^3 = 3x^3$", "term"),
        (r"$\sum_{i=1}^{3} i = 7$", "arithmetic"),
        (r"$(a - b)^2 = a^2 + 2ab + b^2$", "sign"),
        (r"$\sqrt{x^2} = x$", "condition"),
        (r"$e^{a b} = e^a e^b$", None),
        (r"$\tanh'(z) = \tanh(z)(1 - \tanh(z))$", "activation"),
        (r"$f(x, y) = x y$ and $\frac{\partial f}{\partial x} = x$", "variable"),
        (r"$\frac{d}{dx} \cos x = \sin x$", "sign"),
        (r"$\frac{d}{dx} \arctan x = -\frac{1}{1 + x^2}$", "sign"),
    ],
)
def test_wrong_lines_differ_with_their_cause(text: str, cause: str | None) -> None:
    assert verdicts(text)[-1] == ("differs", cause)


@pytest.mark.parametrize(
    ("line", "right"),
    [
        ("-4.4992 = -4.50", True),
        ("-4.4992 = -4.49", False),
        (r"\frac{1}{3} = 0.333", True),
        (r"\frac{1}{3} = 0.334", False),
        ("2 \\cdot 3 = 6", True),
        ("2 \\cdot 3 = 7", False),
        ("-3 + 0 \\cdot 8 = -2 \\cdot 2", True),
        ("(0.2).(-2.2) = -0.44", True),
        (r"\sigma(1) = 0.731059", True),
        (r"\sigma(1) = 0.731060", False),
        ("1 - (0.01)20 = 0.8", True),
        (r"e^{1} = 2.718", True),
        ("7 = 7.0", True),
        (r"\sqrt{2} \approx 1.41", True),
        (r"\sqrt{2} \approx 1.51", False),
        ("2^{10} = 1024", True),
    ],
)
def test_printed_digits_decide_worked_numbers(line: str, right: bool) -> None:
    assert proofread(f"${line}$").ok == right


# -- honesty -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        r"$$\frac{\partial J}{\partial J} = \frac{\partial J}{$$",
        r"$x = \text{something else}$",
        r"$a \propto b$",
        r"$\mathbb{E}[x] = \mu$",
        r"$\int_0^1 x dx = \frac12$",
        r"$p = \oint q$",
        r"$a = b + $",
        r"$= 3 + $ $x$ $y = \frac{1$",
    ],
)
def test_what_is_not_understood_is_said_to_be_so(text: str) -> None:
    proof = proofread(text)
    assert proof.ok
    if "= 3" not in text:
        assert proof.counts["not-understood"] >= 1
        assert all(f.message for f in proof.findings)


def test_derivatives_of_what_is_not_defined_are_taken_as_given() -> None:
    text = r"""$\frac{\partial L}{\partial z} = a - y$ and $z = w x$,
so $\frac{\partial L}{\partial z} \frac{\partial z}{\partial w} = (a - y) x$"""
    assert [v for v, _ in verdicts(text)] == ["defines", "defines", "holds"]


def test_a_new_meaning_is_no_mistake() -> None:
    text = "# One\n$f(x) = x^2$ and $f'(x) = 2x$\n# Two\n$f(x) = x^3$ and $f'(x) = 3x^2$\n"
    assert [v for v, _ in verdicts(text)] == ["defines", "holds", "defines", "holds"]


def test_assumed_numbers_are_used() -> None:
    text = r"$$\frac{1}{n} \sum_{i=1}^{n} x_i = \frac{x_1 + x_2 + x_3 + x_4}{4}$$"
    assert not proofread(text).ok
    assert proofread(text, {"n": 4}).ok


def test_a_mistake_that_is_carried_on_is_reported_once() -> None:
    text = r"$$f(x) = x^4$$ $$f'(x) = 4 x^2 = 2 \cdot 2 x^2$$"
    assert verdicts(text) == [("defines", None), ("differs", "term"), ("holds", None)]


def test_a_long_document_is_read_whole() -> None:
    """A hundred equations; the time is measured by benchmarks/proofreading.py."""
    lines = [rf"$$f(x) = x^{{{k}}}$$ $$f'(x) = {k} x^{{{k - 1}}}$$" for k in range(2, 52)]
    proof = proofread("\n\n".join(f"# {k}\n{line}" for k, line in enumerate(lines)))
    assert len(proof.findings) == 100
    assert proof.ok
    assert set(proof.counts) == set(VERDICTS)
