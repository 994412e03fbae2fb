"""Mixin of all estimators: the version that saved them, and a link to their documentation."""

import warnings
from importlib.metadata import PackageNotFoundError, metadata
from typing import Any

import skstylefeat
from skstylefeat._utils._sklearn_base import BaseEstimator
from skstylefeat.exceptions import InconsistentVersionWarning

STAMP = "_skstylefeat_version"


class VersionStamped(BaseEstimator):
    """Mixin, left of BaseEstimator, whose state carries the package's version.

    BaseEstimator stamps classes of scikit-learn only. Copies of an estimator in the same process
    pass here, too; their stamp fits. The "?" of an estimator in a notebook leads to the
    documentation that the package's metadata name, and is absent while they name none.
    """

    _doc_link_module: str = "skstylefeat"

    def __getstate__(self) -> dict[str, Any]:
        return {**super().__getstate__(), STAMP: skstylefeat.__version__}

    def __setstate__(self, state: dict[str, Any]) -> None:
        state = dict(state)
        original = state.pop(STAMP, "unknown")
        if original != skstylefeat.__version__:
            warnings.warn(
                InconsistentVersionWarning(
                    estimator_name=type(self).__name__,
                    current_version=skstylefeat.__version__,
                    original_version=original,
                ),
                stacklevel=2,
            )
        super().__setstate__(state)

    @property
    def _doc_link_template(self) -> str:
        try:
            urls = metadata("skstylefeat").get_all("Project-URL", [])
        except PackageNotFoundError:  # a checkout that is not installed
            urls = []
        for label, _, url in (line.partition(", ") for line in urls):
            if label == "Documentation":
                return url.rstrip("/") + "/generated/{estimator_module}.{estimator_name}.html"
        return ""

    def _doc_link_url_param_generator(self) -> dict[str, str]:
        name = type(self).__name__
        home = type(self).__module__.partition("._")[0]
        return {
            "estimator_name": name,
            "estimator_module": "skstylefeat" if name in dir(skstylefeat) else home,
        }
