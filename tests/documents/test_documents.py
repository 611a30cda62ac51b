"""Papers in every format: against an XML parser, a Markdown parser, the schema of notebooks, and what was put in."""

from __future__ import annotations

import base64
import itertools
import json
import re
from xml.etree import ElementTree

import pytest

from paper_sample import NASTY, UNICODE, sample
from steepest.documents import FORMATS, write_document
from steepest.documents.document import (
    Code,
    Document,
    Equation,
    Equations,
    Figure,
    Formula,
    Heading,
    Paragraph,
    Piece,
    Reference,
    Table,
    plain,
)
from steepest.documents.drawings import embedded
from steepest.errors import DocumentError

MATHML = "{http://www.w3.org/1998/Math/MathML}"
SVG = "{http://www.w3.org/2000/svg}"


def formulas(document: Document) -> list[Formula]:
    found = [piece for pieces in document.texts() for piece in pieces if isinstance(piece, Formula)]
    for block in document.blocks:
        if isinstance(block, Equations):
            for line in block.lines:
                found += [line.right] if line.left is None else [line.left, line.right]
    return found


def page(document: Document) -> ElementTree.Element:
    return ElementTree.fromstring(write_document(document, ".html").removeprefix("<!DOCTYPE html>"))


def content(element: ElementTree.Element) -> str:
    return "".join(element.itertext())


@pytest.fixture(scope="module")
def document() -> Document:
    return sample()


@pytest.fixture(scope="module")
def html(document: Document) -> ElementTree.Element:
    return page(document)


def test_identifiers_are_unique_and_every_link_and_label_has_its_end(html: ElementTree.Element) -> None:
    names = [element.get("id") for element in html.iter() if element.get("id")]
    assert len(names) == len(set(names))
    links = [element.get("href", "") for element in html.iter("a")]
    assert {link[1:] for link in links} <= set(names)
    assert "#equation-1" in links
    assert "#content" in links
    assert all(e.get("aria-label") for e in html.iter() if e.get("tabindex") == "0" and e.tag != "pre")
    labels = [name for e in html.iter() for name in (e.get("aria-labelledby") or "").split()]
    assert len(labels) == 4
    assert set(labels) <= set(names)


def test_every_formula_has_its_text_form(document: Document, html: ElementTree.Element) -> None:
    said = [element.get("aria-label", "") for element in html.iter() if element.tag == "math" or element.get("role")]
    for formula in formulas(document):
        assert any(
            text.removeprefix("= ") in (formula.text, f"≈ {formula.text}", f":= {formula.text}") for text in said
        )
    silent = [m for line in html.iter("span") if line.get("role") == "math" for m in line.iter("math")]
    for element in html.iter("math"):
        # A line of a broken formula is read as part of the whole.
        if element in silent:
            assert element.get("aria-hidden") == "true"
        else:
            assert element.get("alttext") == element.get("aria-label") != ""


def test_equations_are_numbered_and_keep_their_rules(document: Document, html: ElementTree.Element) -> None:
    lines = [line for block in document.blocks if isinstance(block, Equations) for line in block.lines]
    shown = [element for element in html.iter("div") if (element.get("id") or "").startswith("equation-")]
    assert [element.get("id") for element in shown] == [f"equation-{k + 1}" for k in range(len(lines))]
    for k, (line, element) in enumerate(zip(lines, shown, strict=True)):
        texts = {(part.get("class") or "").split()[0]: content(part) for part in element if part.get("class")}
        assert texts["number"] == f"({k + 1})"
        assert texts.get("rule", "") == line.rule


def test_tables_keep_every_cell_under_its_header(document: Document, html: ElementTree.Element) -> None:
    grids = [block for block in document.blocks if isinstance(block, Table)]
    found: dict[int, dict[tuple[int, str], str]] = {}
    for table in html.iter("table"):
        caption = table[0]
        assert caption.tag == "caption"
        number = int(re.findall(r"Table (\d+)", content(caption))[0])
        heads = [content(head) for head in table.iter("th") if head.get("scope") == "col"]
        for k, row in enumerate(table.find("tbody") or ()):
            assert len(row) == len(heads)
            found.setdefault(number, {}).update(
                {(k, head): content(cell) for head, cell in zip(heads, row, strict=True)}
            )
    assert len(found) == len(grids)
    for number, grid in enumerate(grids, 1):
        for k, row in enumerate(grid.rows):
            for head, cell in zip(grid.header, row, strict=True):
                if all(isinstance(piece, str) for piece in (*head, *cell)):
                    assert found[number][k, plain(head)] == plain(cell)


def test_a_page_needs_no_network_and_no_script_and_steps_through_its_headings(html: ElementTree.Element) -> None:
    text = ElementTree.tostring(html, encoding="unicode")
    assert not re.findall(r"(?:src|href)=\"(?!#|data:)", text)
    assert not list(html.iter("script"))
    assert not re.search(r"url\((?!#)|@import", text)
    levels = [int(e.tag[1]) for e in html.iter() if re.fullmatch(r"h[1-6]", str(e.tag))]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in itertools.pairwise(levels))
    assert html.get("lang") == "en"


def test_running_text_stays_as_it_is(html: ElementTree.Element) -> None:
    paragraphs = [content(element) for element in html.iter("p")]
    assert NASTY in paragraphs
    assert UNICODE in paragraphs


def test_pictures_have_ids_of_their_own_and_descriptions(document: Document, html: ElementTree.Element) -> None:
    pictures = list(html.iter(f"{SVG}svg"))
    figures = [block for block in document.blocks if isinstance(block, Figure)]
    assert [p.get("role") for p in pictures] == ["img", "img"]
    for picture, figure in zip(pictures, figures, strict=True):
        clip = next(picture.iter(f"{SVG}clipPath")).get("id")
        assert next(picture.iter(f"{SVG}g")).get("clip-path") == f"url(#{clip})"
        used = next(picture.iter(f"{SVG}use")).get("{http://www.w3.org/1999/xlink}href")
        assert used == "#" + str(next(picture.iter(f"{SVG}rect")).get("id"))
        assert next(picture.iter(f"{SVG}desc")).text == figure.alternative
        style = next(picture.iter(f"{SVG}style")).text or ""
        assert style.startswith(f"#{picture.get('id')}{{")
    with pytest.raises(DocumentError, match="no SVG"):
        embedded("<p>no</p>", "a", "", "")
    with pytest.raises(DocumentError, match="no SVG"):
        embedded("<svg", "a", "", "")


def test_markdown_is_read_as_it_was_meant(document: Document) -> None:
    markdown_it = pytest.importorskip("markdown_it")
    dollars = pytest.importorskip("mdit_py_plugins.dollarmath")
    reader = markdown_it.MarkdownIt("commonmark").enable("table").use(dollars.dollarmath_plugin, allow_space=False)
    tokens = reader.parse(write_document(document, ".md"))
    inline = [child for token in tokens if token.type == "inline" for child in token.children or ()]
    blocks = [token.content for token in tokens if token.type.startswith("math_block")]
    lines = [line for block in document.blocks if isinstance(block, Equations) for line in block.lines]
    assert [re.findall(r"\\tag\{(\d+)\}", text) for text in blocks] == [[str(k + 1)] for k in range(len(lines))]
    running = [piece for pieces in document.texts() for piece in pieces if isinstance(piece, Formula)]
    assert len([token for token in inline if token.type == "math_inline"]) == len(running)
    texts = ["".join(c.content for c in t.children or () if c.type == "text") for t in tokens if t.type == "inline"]
    assert NASTY in texts
    assert UNICODE in texts
    headings = [block for block in document.blocks if isinstance(block, Heading)]
    assert sum(token.type == "heading_open" for token in tokens) == 1 + len(headings)
    grids = [block for block in document.blocks if isinstance(block, Table)]
    assert sum(token.type == "table_open" for token in tokens) == len(grids)
    cells = sum(token.type == "td_open" for token in tokens)
    assert cells == sum(len(grid.rows) * len(grid.header) for grid in grids)
    images = [ElementTree.fromstring(t.content) for t in tokens if t.content.startswith("<img")]
    figures = [block for block in document.blocks if isinstance(block, Figure)]
    for image, figure in zip(images, figures, strict=True):
        assert image.get("alt") == figure.alternative.replace("\n", " ")
        drawn = base64.b64decode(image.get("src", "").removeprefix("data:image/svg+xml;base64,"))
        assert ElementTree.fromstring(drawn).tag == f"{SVG}svg"
    codes = [token.content for token in tokens if token.type == "fence"]
    assert codes == [block.text + "\n" for block in document.blocks if isinstance(block, Code)]


@pytest.mark.parametrize(
    "text", ["# no heading", "1. no list", "- no list", "+ no list", "> no quotation", "12) no list"]
)
def test_a_paragraph_of_markdown_stays_one(text: str) -> None:
    markdown_it = pytest.importorskip("markdown_it")
    tokens = markdown_it.MarkdownIt("commonmark").parse(write_document(Document(("t",), (Paragraph((text,)),)), ".md"))
    assert [token.type for token in tokens[3:]] == ["paragraph_open", "inline", "paragraph_close"]
    assert "".join(c.content for c in tokens[4].children or ()) == text


def test_a_notebook_is_valid_and_runs_the_programs_of_the_paper(document: Document) -> None:
    nbformat = pytest.importorskip("nbformat")
    found = json.loads(write_document(document, ".ipynb"))
    nbformat.validate(found)
    assert (found["nbformat"], found["nbformat_minor"]) == (4, 5)
    codes = ["".join(cell["source"]) for cell in found["cells"] if cell["cell_type"] == "code"]
    python = [b.text for b in document.blocks if isinstance(b, Code) and b.language == "python"]
    assert codes == python
    for code in codes:
        compile(code, "cell", "exec")
    assert len({cell["id"] for cell in found["cells"]}) == len(found["cells"])
    # Nothing that the Markdown paper holds is missing.
    texts = "\n\n".join("".join(c["source"]) for c in found["cells"] if c["cell_type"] == "markdown")
    missing = [p for p in write_document(document, ".md").split("\n\n") if p.strip() not in texts and "print(" not in p]
    assert missing == ["```python\nimport steepest as st"]


def test_numbers_are_counted_by_kind(document: Document) -> None:
    numbers = {label: place.number for label, place in document.places().items()}
    assert numbers == {"cost": 1, "delta": 22, "numbers": 1, "neuron": 1}
    assert {label: place.text for label, place in document.places().items()}["delta"] == "(22)"


def equations(*labels: str) -> Equations:
    one = Formula("1", "1")
    return Equations(tuple(Equation(one, one, label=label) for label in labels))


@pytest.mark.parametrize("suffix", FORMATS)
def test_mistakes_are_answered_by_a_sentence(suffix: str) -> None:
    missing: tuple[Piece, ...] = ("see ", Reference("corst"))
    with pytest.raises(DocumentError, match="nothing has the label 'corst'; did you mean 'cost'"):
        write_document(Document(("t",), (equations("cost"), Paragraph(missing))), suffix)
    with pytest.raises(DocumentError, match="two things have the label 'cost'"):
        write_document(Document(("t",), (equations("cost", "cost"),)), suffix)
    with pytest.raises(DocumentError, match="row 2 of the table 'What' has 1 cells, but there are 2 columns"):
        write_document(Document(("t",), (Table((("a",), ("b",)), ((("1",), ("2",)), (("3",),)), ("What",)),)), suffix)


def test_an_unknown_format_is_answered_with_the_known_ones() -> None:
    with pytest.raises(DocumentError, match=r"cannot be written as '\.docx'; it can be \.tex, \.html, \.md, \.ipynb"):
        write_document(Document(("t",), ()), ".docx")
    with pytest.raises(DocumentError, match="a file without a suffix"):
        write_document(Document(("t",), ()), "")


@pytest.mark.parametrize("suffix", FORMATS)
def test_empty_blocks_leave_no_trace(suffix: str) -> None:
    text = write_document(Document(("t",), (Equations(()), Paragraph(()))), suffix)
    assert "equations" not in text.partition("</head>")[2]
    assert "alignat" not in text


@pytest.mark.parametrize("suffix", FORMATS)
def test_a_picture_that_a_format_lacks_is_described(suffix: str) -> None:
    text = write_document(Document(("t",), (Figure("", "", "A bowl.", ("The cost.",)),)), suffix)
    assert len(re.findall(r"^(?!%).*A bowl\.", text, re.MULTILINE)) == 1
    assert "The cost." in text
    assert "<img" not in text
