"""Least squares for predictions: coefficients that are not negative, a factor for each group.

A value is predicted as factor of its group x sum of coefficients x features. What counts is the
relative error, because large designs shall not outweigh small ones.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import nnls

from hwgen.errors import ResultsError
from hwgen.files import reason
from hwgen.package_data import package_data

TABLE = "resources.json"  # in benchmarks/; the script beside it makes it
_ROUNDS = 30  # of coefficients and factors in turn


def table(name: Literal["routed", "cycles"]) -> list[dict[str, Any]]:
    """What was measured. Raises `ResultsError`.

    name: "routed" designs, or "cycles" that `cosim` counted. One table a row.
    """
    try:
        rows: list[dict[str, Any]] = json.loads(_path().read_text(encoding="utf-8"))[name]
        return rows
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise damaged(error) from None


def damaged(error: Exception) -> ResultsError:
    """The error that says that the measured table cannot be read."""
    return ResultsError(
        f"{_path()}: cannot be read ({type(error).__name__}: {reason(error)}); reinstall hwgen, or "
        "run benchmarks/resources.py anew"
    )


def _path() -> Path:
    return package_data("benchmarks") / TABLE


@dataclass(frozen=True)
class Model:
    """What was fitted. `errors`: relative, of each row predicted from the others; nan where the
    others have nothing of its group.

    Calling it predicts a value: features, as many as coefficients, and the name of the group.
    KeyError of a group that was not fitted.
    """

    coefficients: NDArray[np.float64]
    factors: dict[str, float]
    errors: NDArray[np.float64]

    @property
    def typical_error(self) -> float:
        """Root of the mean square, of rows left out."""
        known = self.errors[~np.isnan(self.errors)]
        return float(np.sqrt(np.mean(known**2))) if len(known) else float("nan")

    @property
    def worst_error(self) -> float:
        """The largest magnitude of `errors`, of rows left out."""
        return float(np.nanmax(np.abs(self.errors)))

    @property
    def n_rows(self) -> int:
        """Rows that were fitted."""
        return len(self.errors)

    def __call__(self, features: Sequence[float], group: str) -> float:
        """The value predicted for these features, in a group that was fitted."""
        return self.factors[group] * float(np.dot(self.coefficients, features))


def fitted(
    features: Sequence[Sequence[float]], values: Sequence[float], groups: Sequence[str]
) -> Model:
    """Fit all rows; then each from all others, for the errors.

    features: [n][k]; values: [n], above 0; groups: [n]. Leaving each row out costs n more fits of a
    few numbers.
    """
    x, y = np.array(features, float), np.array(values, float)
    names = np.array(groups)
    coefficients, factors = _solve(x, y, names)
    errors = np.full(len(y), np.nan)
    for row in range(len(y)):
        others = np.arange(len(y)) != row
        # The only row of a group takes its factor with it: nothing is left to predict it by.
        if groups[row] in names[others]:
            c, f = _solve(x[others], y[others], names[others])
            errors[row] = f[groups[row]] * float(x[row] @ c) / y[row] - 1
    return Model(coefficients, factors, errors)


def _solve(
    x: NDArray[np.float64], y: NDArray[np.float64], groups: NDArray[np.str_]
) -> tuple[NDArray[np.float64], dict[str, float]]:
    known = sorted(set(groups.tolist()))
    factors = dict.fromkeys(known, 1.0)
    coefficients = np.zeros(x.shape[1])
    # With the factors fixed coefficients are linear, and the other way round: so they are found in
    # turn.
    for _ in range(_ROUNDS):
        scale = np.array([factors[name] for name in groups]) / y
        # Rows are divided by their values, so that each relative error counts alike. No coefficient
        # may be negative: a part that makes a design smaller there is not.
        coefficients = nnls(x * scale[:, None], np.ones(len(y)))[0]
        base = x @ coefficients / y
        # The factor that makes the squared relative error of its group least.
        factors = {
            name: float(base[groups == name].sum() / (base[groups == name] ** 2).sum())
            for name in known
        }
        if len(known) == 1:  # one factor is what the coefficients say already
            factors = {known[0]: 1.0}
    return coefficients, factors
