"""Base classes of scikit-learn, with types for type checkers.

scikit-learn ships no types, and a class with a base class of unknown type is unknown itself. Type
checkers read the declarations below; Python imports scikit-learn's own classes.
"""

from typing import TYPE_CHECKING, Any, Literal

__all__ = [
    "BaseCrossValidator",
    "BaseEstimator",
    "ClassifierMixin",
    "MetaEstimatorMixin",
    "MultiOutputMixin",
    "RegressorMixin",
    "TransformerMixin",
]

if TYPE_CHECKING:
    from typing import Self

    class BaseCrossValidator:
        """Base class of splitters."""

        def get_metadata_routing(self) -> Any:
            """Return the metadata that `split` requests."""

    class BaseEstimator:
        """Base class of all estimators."""

        def get_params(self, deep: bool = True) -> dict[str, Any]:
            """Return the parameters by name."""

        def set_params(self, **params: Any) -> Self:
            """Set parameters by name."""

        def get_metadata_routing(self) -> Any:
            """Return the metadata that the methods request."""

        def _validate_params(self) -> None: ...
        def __sklearn_tags__(self) -> Any: ...
        def __sklearn_clone__(self) -> Self: ...
        def __getstate__(self) -> dict[str, Any]: ...
        def __setstate__(self, state: dict[str, Any]) -> None: ...

    class TransformerMixin:
        """Mixin of transformers."""

        def fit_transform(self, X: Any, y: Any = None) -> Any:
            """Fit and transform the same data."""

        def set_output(
            self, *, transform: Literal["default", "pandas", "polars"] | None = None
        ) -> Self:
            """Choose the container of the output."""

        def __init_subclass__(cls, auto_wrap_output_keys: Any = (), **kwargs: Any) -> None: ...
        def __sklearn_tags__(self) -> Any: ...

    class ClassifierMixin:
        """Mixin of classifiers."""

        def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
            """Return the accuracy."""

        def __sklearn_tags__(self) -> Any: ...

    class RegressorMixin:
        """Mixin of regressors."""

        def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
            """Return R2."""

        def __sklearn_tags__(self) -> Any: ...

    class MetaEstimatorMixin:
        """Mixin of estimators that hold others."""

    class MultiOutputMixin:
        """Mixin of estimators of several outputs."""

        def __sklearn_tags__(self) -> Any: ...

else:
    from sklearn.base import (
        BaseEstimator,
        ClassifierMixin,
        MetaEstimatorMixin,
        MultiOutputMixin,
        RegressorMixin,
        TransformerMixin,
    )
    from sklearn.model_selection import BaseCrossValidator
