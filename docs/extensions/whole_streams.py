"""What a cell prints is shown as it was printed, though a kernel hands it over in pieces that end anywhere.

MyST-NB ends a line after every piece when it merges them, so they are joined before it sees them.
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
