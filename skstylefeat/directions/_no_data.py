"""Directions whose `fit` reads no data."""


class IgnoresData:
    """Mixin, left of BaseEstimator, that tells scikit-learn that any X will do."""

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.no_validation = True
        tags.input_tags.sparse = True
        return tags
