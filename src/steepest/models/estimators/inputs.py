"""Validation of an estimator's input by scikit-learn's rules: features, targets, classes, weights."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import issparse
from sklearn.utils.multiclass import check_classification_targets, type_of_target
from sklearn.utils.validation import check_array, check_consistent_length, column_or_1d, validate_data

from steepest.errors import DescentError, ModelError
from steepest.messages.numbers import is_number
from steepest.messages.sentences import counted, in_python
from steepest.tables.sample_weights import check_class_weight, sample_weights

Array = NDArray[Any]

PRECISIONS = (np.float64, np.float32)


def feature_names(estimator: Any, X: Array, form: str) -> list[str]:
    """Return the names of the features of a DataFrame, or of an array names of a form with the number of the column."""
    names = getattr(estimator, "feature_names_in_", None)
    return [form.format(k) for k in range(X.shape[1])] if names is None else [str(name) for name in names]


MOST_DENSE = 2 * 2**30
"""Bytes that a sparse matrix may take as a dense one."""
_ROWS_TOGETHER = 64 * 2**20  # bytes of the dense rows of a sparse matrix that are predicted at a time


def features(estimator: Any, X: Any) -> Any:
    """Validate the features of new samples, ``(n, d)``; float32 stays, all else becomes float64.

    A sparse matrix stays sparse, with compressed rows.
    """
    return validate_data(estimator, X, accept_sparse="csr", dtype=PRECISIONS, reset=False)


def dense(X: Any, dtype: str, in_parts: bool = False) -> Array:
    """Return features as a dense matrix; sparse ones in the precision in which they are used.

    Args:
        X: ``(n, d)``.
        dtype: the precision.
        in_parts: whether rows may be given in parts, for the message.

    Raises:
        ModelError: the matrix would take more than :data:`MOST_DENSE` bytes.
    """
    if not issparse(X):
        return np.asarray(X)
    kept = np.dtype(dtype) if np.dtype(dtype).itemsize < X.dtype.itemsize else X.dtype
    rows, columns = X.shape
    size = rows * columns * kept.itemsize
    if size > MOST_DENSE:
        raise ModelError(
            f"X is sparse, {counted(rows, 'row')} of {counted(columns, 'column')}, and "
            f"would take {size / 2**30:,.3g} GiB as the dense "
            f"matrix that is needed, more than the {MOST_DENSE / 2**30:g} GiB allowed; keep fewer columns, as by "
            "SelectKBest or TruncatedSVD" + (", or give parts of the rows to partial_fit" if in_parts else "")
        )
    found: Array = X.astype(kept).toarray()
    return found


def dense_parts(X: Any) -> Iterator[Array]:
    """Yield the rows of a sparse matrix as dense matrices of few rows."""
    rows = max(1, _ROWS_TOGETHER // max(1, X.shape[1] * X.dtype.itemsize))
    for start in range(0, X.shape[0], rows):
        yield X[start : start + rows].toarray()


def features_and_targets(estimator: Any, X: Any, y: Any, reset: bool, numeric: bool) -> tuple[Array, Array]:
    """Validate features ``(n, d)`` and targets ``(n,)`` or ``(n, k)``; without ``reset`` the features must be known."""
    X, y = validate_data(
        estimator, X, y, accept_sparse="csr", dtype=PRECISIONS, multi_output=True, y_numeric=numeric, reset=reset
    )
    X, y = dense(X, estimator.dtype, hasattr(estimator, "partial_fit")), y.toarray() if issparse(y) else y
    return X, column_or_1d(y, warn=True) if y.ndim == 2 and y.shape[1] == 1 else y


def _own_weights(given: Any, rows: int) -> Array:
    """Validate the sample weights, ``(n,)`` float64."""
    given = np.full(rows, given) if np.isscalar(given) else given
    weights: Array = check_array(given, ensure_2d=False, dtype=np.float64, input_name="sample_weight")
    if weights.ndim != 1:
        raise ValueError("Sample weights must be 1D array or scalar: one number a sample")
    check_consistent_length(weights, np.empty(rows))
    if (weights < 0).any():
        raise ValueError("Negative values in data passed to sample_weight: weights are 0 or more")
    if not weights.any():
        raise ValueError("Sample weights must contain at least one non-zero number")
    return weights


def joint_weights(given: Any, class_weight: Any, classes: Classes | None, y: Array, whole: bool) -> Array | None:
    """Return the weight of every sample, its own times that of its class, a number in y; None if all are 1.

    The weights of the whole table are divided by their mean; that of a part says nothing.
    """
    own = None if given is None else _own_weights(given, len(y))
    if class_weight is not None and classes is not None:
        if classes.several:
            raise ModelError("class_weight needs one class a sample, not several labels; leave it out")
        class_weight = classes.coded(class_weight)
        check_class_weight(class_weight)
    if own is None and class_weight is None:
        return None
    if whole:
        return sample_weights(len(y), None if own is None else ("sample_weight", own), class_weight, ("y", y))
    if isinstance(class_weight, str):
        raise ValueError(
            "class_weight='balanced' needs all samples, but partial_fit has a part of them; give a dict, as "
            "sklearn.utils.class_weight.compute_class_weight returns"
        )
    weights = np.ones(len(y)) if own is None else own
    return np.asarray(weights * np.array([(class_weight or {}).get(int(code), 1.0) for code in y]))


def check_validation(share: Any, patience: Any, rows: int) -> None:
    """Raise a DescentError if a share of the samples cannot be held out, or none is but patience needs it."""
    if share is None:
        if patience is not None:
            raise DescentError(
                "patience counts epochs without a lower validation cost; give validation_fraction=0.2, too"
            )
        return
    if not (is_number(share) and 0 < share < 1):
        raise DescentError(
            f"validation_fraction is a share of the samples between 0 and 1, such as 0.1, not {in_python(share)}"
        )
    if round(share * rows) in (0, rows):
        kept = "none to validate on" if round(share * rows) == 0 else "none to fit"
        raise DescentError(
            f"validation_fraction={share:g} of {counted(rows, 'sample')} leaves {kept}; give another one"
        )


@dataclass(frozen=True)
class Classes:
    """The labels of a classifier, ``(k,)`` sorted; a sample may have several, given as rows of 0 and 1."""

    labels: Array
    several: bool = False

    @classmethod
    def of(cls, y: Array, given: Any = None) -> Classes:
        """Return the labels in some targets, or those given."""
        found = np.unique(y) if y.ndim == 1 and y.dtype.kind in "biu" else None
        if found is None or 2 * len(found) > len(y):  # sklearn warns if classes are many
            check_classification_targets(y)
        if y.ndim == 2 and type_of_target(y) == "multilabel-indicator":
            return cls(np.arange(y.shape[1]), several=True)
        if y.ndim != 1:
            raise ValueError(f"y should be a 1d array of labels, or rows of 0 and 1, not of shape {y.shape}")
        labels = found if given is None and found is not None else np.unique(y if given is None else given)
        if len(labels) < 2 and given is not None:
            raise ValueError(f"classes={in_python(given)} is one label; give all labels of all parts, at least two")
        if len(labels) < 2:
            raise ValueError(
                f"the data holds one class, {labels.tolist()[0]!r}; a classifier needs samples of at least two"
            )
        return cls(labels)

    def codes(self, y: Array) -> Array:
        """Return the numbers of labels, from 0, ``(n,)``; rows of 0 and 1 are returned unchanged."""
        if self.several:
            if y.ndim != 2 or y.shape[1] != len(self.labels):
                raise ValueError(f"y should be rows of {len(self.labels)} numbers 0 or 1, not of shape {y.shape}")
            return y.astype(np.float64)
        codes = np.searchsorted(self.labels, y)
        unknown = np.flatnonzero(self.labels[np.minimum(codes, len(self.labels) - 1)] != y)
        if len(unknown):
            label, known = y[unknown].tolist()[0], self.labels.tolist()
            raise ValueError(f"y has the class {label!r}, which is not among classes={known}")
        return codes.astype(np.float64)

    def coded(self, class_weight: Any) -> Any:
        """Return class weights by the numbers of the labels; anything but a mapping is returned unchanged."""
        if not isinstance(class_weight, Mapping):
            return class_weight
        codes = {label: code for code, label in enumerate(self.labels.tolist())}
        for label in class_weight:
            if label not in codes:
                raise ValueError(f"class_weight has the class {in_python(label)}, which is not among {list(codes)}")
        return {codes[label]: weight for label, weight in class_weight.items()}
