"""What steepest raises: one sentence that names the thing, the place and the remedy."""

from __future__ import annotations


class SteepestError(Exception):
    """Base of every error that steepest raises on purpose."""


class SteepestWarning(UserWarning):
    """Something that its caller should know went on without an error: a fit that diverged."""


class ShapeError(SteepestError):
    """An operation was given arguments whose shapes do not fit together."""


class FormulaError(SteepestError, ValueError):
    """A text is not a formula, or is one beyond the limits."""


class ValuesError(SteepestError, ValueError):
    """The values given for an expression are missing, of another shape, or not numbers."""


class GradientError(SteepestError):
    """A gradient was asked for that the expression does not have."""


class DerivationError(SteepestError):
    """A derivation was asked for that cannot be written line by line."""


class TableError(SteepestError):
    """A table cannot be read, or a needed column holds something that is not a number."""


class ModelError(SteepestError, ValueError):
    """A model cannot do what was asked of it."""


class DescentError(SteepestError, ValueError):
    """A descent cannot start."""


class StartError(DescentError):
    """The cost is not finite where a descent was to begin."""


class PictureError(SteepestError, ValueError):
    """A picture cannot be drawn of this, or not in the format that was asked for."""


class MissingLibraryError(PictureError):
    """A library that draws pictures is not installed.

    Args:
        what: needs it, with the verb: "pictures need".
        library: its name.
        extra: of this package, that brings it.
        otherwise: what can be done without it.

    Attributes:
        what, library: as given.
    """

    def __init__(self, what: str, library: str, extra: str, otherwise: str = "") -> None:
        self.what, self.library = what, library
        super().__init__(missing(what, library, extra, otherwise))


class DocumentError(SteepestError, ValueError):
    """A paper refers to what it does not hold, or there is no such format to write it in."""


class StorageError(SteepestError):
    """A file is not a saved model, or is damaged."""


def missing(what: str, library: str, extra: str, otherwise: str = "") -> str:
    """Return the sentence for a library that is not installed, with the command that installs it.

    Args:
        what: needs it, with the verb: "pictures need".
        library: its name.
        extra: of this package, that brings it.
        otherwise: what can be done without it.

    >>> missing("pictures need", "matplotlib", "pictures")
    "pictures need matplotlib, which is not installed: pip install 'steepest[pictures]' ('.[pictures]' in a clone)"
    """
    instead = f" ('.[{extra}]' in a clone){f', or {otherwise}' if otherwise else ''}"
    return f"{what} {library}, which is not installed: pip install 'steepest[{extra}]'{instead}"
