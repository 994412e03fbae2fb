"""Output of transformers that return lazy feature maps, which are not tables."""

from typing import Any, Literal, Self

from skstylefeat._utils._sklearn_base import TransformerMixin


class LazyOutputMixin(TransformerMixin, auto_wrap_output_keys=None):
    """Transformers whose output scikit-learn leaves alone, although its columns have names."""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(auto_wrap_output_keys=None, **kwargs)

    def set_output(
        self, *, transform: Literal["default", "pandas", "polars"] | None = None
    ) -> Self:
        """Do nothing: feature maps are no table. Later steps of a pipeline use the container.

        Parameters
        ----------
        transform : str or None, default=None
            Ignored.

        Returns
        -------
        self : object
            The estimator.
        """
        return self
