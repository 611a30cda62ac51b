"""Join the pieces in which a kernel sends the output of a cell.

MyST-NB ends a line after every piece when it merges them, although a piece can end anywhere.
"""

from __future__ import annotations

from typing import Any

from nbclient.client import NotebookClient
from sphinx.application import Sphinx

_begin = NotebookClient.__init__


def _joining(client: NotebookClient, *given: Any, **settings: Any) -> None:
    _begin(client, *given, **{"coalesce_streams": True, **settings})


def setup(app: Sphinx) -> dict[str, Any]:
    NotebookClient.__init__ = _joining
    return {"parallel_read_safe": True, "parallel_write_safe": True}
