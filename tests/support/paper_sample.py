"""A paper that has every block, with texts, formulas and tables that are hard to set."""

from __future__ import annotations

import steepest as st
from steepest.documents.document import (
    Block,
    Code,
    Document,
    Equation,
    Equations,
    Figure,
    Formula,
    Heading,
    ItemList,
    Paragraph,
    Reference,
    Table,
)
from steepest.expressions.expression import Expression
from steepest.expressions.latex import latex
from steepest.expressions.maths_text import maths

NAMES = ("linear", "neuron", "chain-2", "chain-m", "network-2-2-1", "network-64-32-10")
"""The papers of ``docs/papers``."""

SVG = """<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" viewBox="0 0 120 60"
 width="120" height="60"><style>text{fill:currentColor}.a &gt; .b{stroke:red}*{stroke-linejoin:round}</style>
<title>A neuron</title><desc>Two circles &amp; an arrow.</desc><defs><clipPath id="c"><rect id="r" width="120"
 height="60"/></clipPath></defs><g clip-path="url(#c)">
<circle cx="30" cy="30" r="20" fill="none" stroke="currentColor"/>
<use xlink:href="#r" fill="none"/><text x="60" y="34" font-size="12">σ(x·w) &lt; 1</text></g></svg>"""
TIKZ = r"""\begin{tikzpicture}
\node[circle,draw] (a) {$x_i$}; \node[circle,draw] (b) at (12,0) {σ}; \draw[->] (a) -- node[above] {−0.5 ≤ w} (b);
\end{tikzpicture}"""
WIDE_TIKZ = TIKZ.replace("12,0", "25,0")
NASTY = "50 % of R&D_costs cost $a$ {net} #1 ~ a^b \\ \"quoted\" 'single' `back` <b>bold</b> | --option x--y, 3 < 4 > 2"
UNICODE = (
    "∂C/∂w₁ = 2·Σ (σ(z) − y)² ≤ 1 ≠ ∞, Greek αβγδεζηθλμπρστφχψω ΓΔΘΛΣΦΨΩ, ⁽²⁾ and x̄, ŷ, δ̂, größe naïve Łódź œuvre, "
    "“typo” – — … → ⊙ √2 ½ ⊤ ℝ 中 🎉 \u00a0é"
)


def formula(expression: Expression) -> Formula:
    return Formula(latex(expression), maths(expression))


def sample() -> Document:
    """The paper."""
    x, y, z = st.data("x", "y", "z")
    w1, w2, b = st.params("w1", "w2", "b")
    a = st.sigmoid(x * w1 + y * w2 + b)
    cost = st.mean((a - z) ** 2)
    chain = st.models.chain(3)
    net = st.models.network([2, 3, 2])
    gradient = st.gradient(cost)
    blocks: list[Block] = [
        Heading(("The model: ", formula(a), " & more")),
        Paragraph((NASTY,)),
        Paragraph((UNICODE,)),
        Paragraph(
            ("By ", Reference("cost"), ", table ", Reference("numbers"), " and figure ", Reference("neuron"), ".")
        ),
        Heading(("Derivation <first>",)),
        Equations(
            (
                Equation(Formula("C", "C"), formula(cost), label="cost"),
                Equation(Formula(r"\partial_{w_{1}} C", "∂C/∂w1"), formula(gradient["w1"]), "sum rule, chain rule"),
                Equation(None, Formula(r"x \cdot 2", "x·2"), "power rule"),
                Equation(None, Formula("x + y < 3", "x + y < 3"), "a rule that speaks of A & B, 100 % of x_i, σ < 1"),
                Equation(None, Formula("0", "0"), "a rule as long as a whole sentence, " * 6, sign="≈"),
            )
        ),
        Heading(("Networks",), 2),
    ]
    lines = []
    for model in (chain, net):
        lines.append(Equation(Formula("C", "C"), formula(model.cost), sign=":="))
        for name, part in st.gradient(model.cost).items():
            left = Formula(rf"\frac{{\partial C}}{{\partial {name}}}", f"∂C/∂{name}")
            lines.append(Equation(left, formula(part), "product rule, chain rule"))
    blocks.append(Equations(tuple(lines)))
    blocks.append(
        Equations(
            (
                Equation(formula(cost), formula(gradient["b"]), "left and right are long"),
                Equation(
                    Formula("y", "y"), Formula(r"\mathrm{" + "unbreakable\\_name" * 9 + "}", "unbreakable_name" * 9)
                ),
                Equation(
                    Formula("y", "y"),
                    Formula(r"\frac{" + latex(gradient["w1"]) + "}{" + latex(gradient["b"]) + "}", "∂w1 C / ∂b C"),
                    "quotient rule",
                ),
                Equation(Formula(r"\mathrm{größe}", "größe"), formula(st.where(w1 > 0, w1, 0.01 * w1))),
                Equation(
                    Formula(r"\delta^{(l)}", "δ⁽ˡ⁾"),
                    Formula(
                        r"\left(W^{(l+1)\top}\, \delta^{(l+1)}\right) \odot \sigma'\left(z^{(l)}\right)",
                        "(W⁽ˡ⁺¹⁾ᵀ δ⁽ˡ⁺¹⁾) ⊙ σ′(z⁽ˡ⁾)",
                    ),
                    label="delta",
                ),
            )
        )
    )
    wide = formula(gradient["w1"])
    blocks += [
        Paragraph(("Inline ", formula(cost), " and wide ", wide, ", then by ", Reference("delta"), ".")),
        ItemList(((NASTY,), ("of ", formula(a)), (UNICODE,))),
        Table(
            (("parameter",), ("verdict",), (formula(w1),)),
            ((("w_1",), ("correct & fine",), ("−0.5 ± 2e-14",)), (("a|b",), ("wrong",), (formula(cost),))),
            ("Verdicts of 100 % & more, see ", Reference("cost"), "."),
            (2,),
            "numbers",
        ),
        Table(
            tuple((f"column {k}",) for k in range(40)),
            tuple(tuple((f"{(k * 37 + r) % 101 / 7:.5f}",) for k in range(40)) for r in range(3)),
            ("Forty columns.",),
            tuple(range(40)),
        ),
        Table(
            (("name",), ("what is to be said of it",), ("why",)),
            ((("w1",), ("words " * 30,), ("reasons " * 20,)), (("w2",), ("short",), ("also short",))),
            ("Words that wrap, of ", wide, ".",),
        ),
        Table(
            (("name",), ("formula and ", wide), ("words",)),
            ((("w1",), ("of ", formula(cost), " it is said"), ("words " * 30,)),),
            ("Words beside formulas.",),
        ),
        Heading(("A heading with ", wide), 3),
        Table(
            (("row",), ("square",)),
            tuple(((str(k),), (str(k * k),)) for k in range(70)),
            ("Longer than a page.",),
            (0, 1),
        ),
        Figure(SVG, TIKZ, 'Two circles & an arrow, "x" <to> σ.', ("A neuron of ", formula(a), "."), "neuron"),
        Figure(SVG, WIDE_TIKZ, "The same, wider\nthan the page.", ("A wide one, 100 %.",)),
        Code("import steepest as st\n\nif True:\n    print('σ --x--', \"<&>\", " + "1234567890 + " * 12 + "0)"),
        Code("steepest fit nand --rate 1", "sh"),
    ]  # fmt: skip
    return Document(("Gradient descent of ", formula(a), " & 100 %"), tuple(blocks), ("The cost ", formula(cost)))
