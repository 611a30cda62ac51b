"""How Sphinx makes the site; ``make docs`` does it, without the network."""

from __future__ import annotations

import os
import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE / "extensions"))

# Pages run the command line of the same environment, and the table of flowers lies beside them.
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
# Papers as Markdown are built by steepest and stand beside the page that lists them; they are no pages themselves.
exclude_patterns += [f"papers/{page.name}" for page in (HERE / "papers").glob("*.md") if page.name != "index.md"]
nitpicky = True
# What annotations name without having a place in the reference: other libraries' types, and parts that no user makes.
_INNER = (
    r"table|notation|document|render\.(scene|axes|cards)|paper\.story|layered\.problem|layered\.truth"
    r"|graphs\.(view|numbers|folding)"
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
# What a cell shows follows the switch between light and dark as SVG and as a formula, as HTML it may not.
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
