"""Exceptions and warnings. A message says what happened, where, and what to do."""

from __future__ import annotations


class SteepestError(Exception):
    """Base class of the errors that steepest raises."""


class SteepestWarning(UserWarning):
    """Warns about a result that needs attention although no error was raised, such as a diverged fit."""


class CacheWarning(SteepestWarning):
    """Warns that compiled kernels are not kept, because others could replace what is kept there."""


class TableWarning(SteepestWarning):
    """Says how something in a table was read that other programs read otherwise, unless the user said how."""


class ShapeError(SteepestError):
    """Raised when the shapes of an operation's arguments do not match."""


class FormulaError(SteepestError, ValueError):
    """Raised when a text is not a formula or exceeds the limits."""


class ValuesError(SteepestError, ValueError):
    """Raised when values for an expression are missing, have the wrong shape, or are not numbers."""


class GradientError(SteepestError):
    """Raised when an expression has no such gradient."""


class DerivationError(SteepestError):
    """Raised when a derivation cannot be written line by line."""


class TableError(SteepestError):
    """Raised when a table cannot be read or a required column is not numeric."""


class ModelError(SteepestError, ValueError):
    """Raised when a model is not valid or cannot do what was requested."""


class DescentError(SteepestError, ValueError):
    """Raised when the settings of a descent are not valid."""


class StartError(DescentError):
    """Raised when the cost is not finite at the starting point."""


class InferenceError(SteepestError, ValueError):
    """Raised when an uncertainty is not defined or not computed; the message says why."""


class PictureError(SteepestError, ValueError):
    """Raised when something cannot be drawn, or not in the requested format."""


class MissingLibraryError(PictureError):
    """Raised when a library for drawing is not installed; see :func:`missing` for the arguments.

    Attributes:
        what, library: as given.
    """

    def __init__(self, what: str, library: str, extra: str, otherwise: str = "") -> None:
        self.what, self.library = what, library
        super().__init__(missing(what, library, extra, otherwise))


class DocumentError(SteepestError, ValueError):
    """Raised when a paper refers to something it does not contain, or its format is unknown."""


class StorageError(SteepestError):
    """Raised when a file cannot be written, is not a saved model, or is damaged."""


def missing(what: str, library: str, extra: str, otherwise: str = "") -> str:
    """Return the message for a library that is not installed, with the command that installs it.

    Args:
        what: subject and verb of the sentence: ``"pictures need"``.
        library: the name of the library.
        extra: the extra of this package that installs it.
        otherwise: an alternative that does not need the library.

    >>> missing("pictures need", "matplotlib", "pictures")
    "pictures need matplotlib, which is not installed: pip install 'steepest[pictures]' ('.[pictures]' in a clone)"
    """
    instead = f" ('.[{extra}]' in a clone){f', or {otherwise}' if otherwise else ''}"
    return f"{what} {library}, which is not installed: pip install 'steepest[{extra}]'{instead}"
