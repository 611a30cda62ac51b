"""Configure Sphinx; ``make docs`` builds the site, without the network."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import steepest
from steepest.messages.registry import Registry

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE / "extensions"))

# st.costs is the module steepest.objectives.costs. Autodoc compares the names of modules: register the public name, and
# list what the module defines.
for _name in ("costs", "optimisers", "schedules"):
    _module = sys.modules[f"steepest.{_name}"] = getattr(steepest, _name)
    _module.__all__ = [
        name
        for name, member in vars(_module).items()
        if name[0] != "_" and (isinstance(member, Registry) or getattr(member, "__module__", "") == _module.__name__)
    ]

# Pages run the command line of the same environment, and read the examples.
os.environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
os.environ["STEEPEST_EXAMPLES"] = str(HERE.parent / "examples")
os.environ |= {"NO_COLOR": "1", "COLUMNS": "92", "PYTHONWARNINGS": "error::steepest.errors.SteepestWarning"}

project = "steepest"
author = "The steepest authors"
copyright = author
language = "en"

extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "mathml_renderer",
    "inline_pictures",
    "built_papers",
    "plain_docstrings",
    "whole_streams",
]
exclude_patterns = ["extensions", "papers/*.tex", "papers/*.html", "papers/*.ipynb"]
# Papers as Markdown are written by steepest and linked from papers/index.md; they are no pages of the site.
exclude_patterns += [f"papers/{page.name}" for page in (HERE / "papers").glob("*.md") if page.name != "index.md"]
nitpicky = True
# Names in annotations without an entry in the reference: types of other libraries, and internal classes.
_INNER = (
    r"tables\.(table|samples)|calculus\.prepared|messages\.registry|expressions\.(printing|notation)|documents\.document"
    r"|display\.(scene|axes|summaries|cost_plot)|papers\.experiment|proofreading\.reading\.tree"
    r"|inference\.(fitted|information|profiles)|objectives\.specification"
    r"|derivations\.(problem|point_values)|diagrams\.graph\.(view|numbers|folding)"
)
nitpick_ignore_regex = [("py:.*", r"(?!steepest\b).*"), ("py:class", rf"steepest\.({_INNER})\.\w+")]

myst_enable_extensions = ["dollarmath", "amsmath", "colon_fence", "deflist"]
myst_heading_anchors = 3
myst_update_mathjax = False
html_math_renderer = "mathml"

nb_execution_mode = "force"
nb_execution_in_temp = True
nb_execution_timeout = 120
nb_execution_raise_on_error = True
nb_merge_streams = True
# As SVG or formula, the output of a cell follows the switch between light and dark; as HTML it may not.
nb_mime_priority_overrides = [("html", "image/svg+xml", 1), ("html", "text/latex", 2)]

autodoc_member_order = "bysource"
autodoc_default_options = {"members": True}
autodoc_typehints_format = "short"
autodoc_class_signature = "mixed"
python_maximum_signature_line_length = 100
python_use_unqualified_type_names = True
toc_object_entries_show_parents = "hide"
napoleon_google_docstring = True
napoleon_numpy_docstring = False
napoleon_custom_sections = ["Source"]
napoleon_use_ivar = True
napoleon_use_rtype = False

html_theme = "pydata_sphinx_theme"
html_title = "steepest"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_sidebars = {"index": [], "papers/index": []}
html_copy_source = False
html_show_sourcelink = False
html_theme_options = {
    "show_toc_level": 2,
    "navigation_with_keys": False,
    "show_prev_next": True,
    "footer_start": ["copyright"],
    "footer_end": [],
    "secondary_sidebar_items": ["page-toc"],
    "pygments_light_style": "a11y-high-contrast-light",
    "pygments_dark_style": "a11y-high-contrast-dark",
}
