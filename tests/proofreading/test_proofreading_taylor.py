"""Lines of Taylor series and of difference quotients: they end soon, and none that is right is called wrong."""

from __future__ import annotations

from itertools import pairwise

import pytest

from steepest.proofreading import proofread
from steepest.proofreading.meaning import document_model
from steepest.proofreading.meaning.document_model import Work

SERIES = r"f(x+h) = f(x) + h f'(x) + \frac{h^2}{2} f''(x) + \frac{h^3}{6} f'''(x)"


@pytest.mark.parametrize(
    ("line", "order"),
    [
        (SERIES, "third"),
        (SERIES + r" + \frac{h^4}{24} f''''(x)", "fourth"),
        (SERIES + r" + \frac{h^4}{24} f^{(4)}(x)", "fourth"),
        (r"f(x+h) + f(x-h) = 2 f(x) + h^2 f''(x)", "third"),
        (r"f(x+h) + f(x-h) = 2 f(x) + h^2 f''(x) + \frac{h^4}{12} f''''(x)", "fifth"),
        (r"\frac{f(x+h) - f(x-h)}{2h} = f'(x)", "first"),
        (r"\frac{f(x+h) - f(x-h)}{2h} = f'(x) + \frac{h^2}{6} f'''(x)", "third"),
        (r"f'(x) = \frac{-f(x+2h) + 8 f(x+h) - 8 f(x-h) + f(x-2h)}{12h}", "third"),
        (r"f''(x) = \frac{f(x+h) - 2 f(x) + f(x-h)}{h^2}", "first"),
        (r"f''(x) \approx \frac{-f(x+2h) + 16 f(x+h) - 30 f(x) + 16 f(x-h) - f(x-2h)}{12 h^2}", "third"),
        (r"e^h = 1 + h + \frac{h^2}{2} + \frac{h^3}{6} + \frac{h^4}{24}", "fourth"),
        (r"\cos h = 1 - \frac{h^2}{2} + \frac{h^4}{24}", "fifth"),
    ],
)
def test_an_approximation_is_told_by_its_order(line: str, order: str) -> None:
    found = proofread(f"$${line}$$").findings[0]
    assert (found.verdict, found.message.split(":")[0]) == ("approximation", f"true to {order} order")


@pytest.mark.parametrize(
    "line",
    [
        SERIES.replace(r"\frac{h^2}{2}", r"\frac{h^2}{3}"),
        SERIES.replace("h f'(x)", "2h f'(x)") + r" + \frac{h^4}{24} f''''(x)",
        SERIES + r" + \frac{h^4}{12} f''''(x)",
        SERIES + r" - \frac{h^4}{24} f^{(4)}(x)",
        r"f(x+h) + f(x-h) = 2 f(x) + h^2 f''(x) + \frac{h^4}{24} f''''(x)",
        r"f'(x) = \frac{f(x+h) - f(x-h)}{h}",
        r"f''(x) = \frac{f(x+h) - 3 f(x) + f(x-h)}{h^2}",
    ],
)
def test_a_wrong_coefficient_is_still_wrong(line: str) -> None:
    assert proofread(f"$${line}$$").findings[0].verdict == "differs"


@pytest.mark.parametrize(
    "line",
    [
        SERIES + " + O(h^4)",
        SERIES + r" + \mathcal{O}(h^4)",
        SERIES + " + o(h^3)",
        r"\frac{f(x+h) - f(x-h)}{2h} = f'(x) + \frac{h^2}{6} f'''(x) + O\left(h^4\right)",
        SERIES + r" + \frac{h^4}{24} f''''(\xi)",
        r"f(x+h) = f(x) + h f'(x + \theta)",
    ],
)
def test_what_stands_for_many_functions_is_not_decided(line: str) -> None:
    assert proofread(f"$${line}$$").findings[0].verdict != "differs"


def test_an_order_that_the_document_defines_is_a_letter() -> None:
    found = proofread(r"Let $O = 3$ and $x = 2$. $$O(x + 1) = 9$$ $$O(x + 1) = 10$$").findings
    assert [each.verdict for each in found[-2:]] == ["holds", "differs"]


def test_a_number_in_brackets_counts_layers_unless_primes_say_otherwise() -> None:
    found = proofread(r"$$a^{(2)} = f^{(2)}(z^{(2)})$$ $$f^{(2)}(z) + f^{(1)}(z) = f^{(1)}(z) + f^{(2)}(z)$$").findings
    assert found[-1].verdict == "holds"


ENDLESS = [
    r"g(x) = f''''(x),\quad g''''(x) = f''''(x)",
    r"\sum_{k=1}^{9} f''''(x + k h) \sum_{k=1}^{9} f''''(x - k h) = f''''(x+h)",
    SERIES.replace("h f'(x)", "2h f'(x)") + r" + \frac{h^4}{24} f''''(x)",
    r"f''''(x) f''''(2x) f''''(3x) = 4 f''''(x) f''''(2x) f''''(3x) f''''(4x) f''''(5x)",
]


@pytest.mark.parametrize("line", ENDLESS)
def test_a_line_has_a_budget(line: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Work is counted, not timed: so many parts of formulas take a second or two."""
    spent = []
    begin = Work.begin

    def noted(self: Work) -> None:
        spent.append(self.done)
        begin(self)

    monkeypatch.setattr(Work, "begin", noted)
    proofread(f"$${line}$$")
    assert max(after - before for before, after in pairwise(spent)) <= 50_010


def test_what_is_beyond_the_budget_is_not_decided(monkeypatch: pytest.MonkeyPatch) -> None:
    line = "$$(a + b)^2 = a^2 + 2 a b + b^2$$"
    assert proofread(line).findings[0].verdict == "holds"
    monkeypatch.setattr(document_model, "_WORK_OF_A_LINE", 3)
    found = proofread(line).findings[0]
    assert (found.verdict, found.message) == ("not-understood", "this line takes too long to evaluate")
