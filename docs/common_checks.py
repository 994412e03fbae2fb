"""Count of scikit-learn's common checks, for the table in scikit_learn.md.

Run from the repository: ``python docs/common_checks.py``.
"""

import os
import sys
import warnings
from collections import Counter
from inspect import signature
from pathlib import Path

os.environ["SCIPY_ARRAY_API"] = "1"  # before scipy is imported: the checks of array API input
ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

import sklearn  # noqa: E402
from sklearn.utils.estimator_checks import check_estimator  # noqa: E402

from tests.integration.test_common import ADAPTED, ESTIMATORS  # noqa: E402

BEGIN, END = "<!-- common checks -->", "<!-- end of common checks -->"


def label(estimator):
    """Return the estimator as written in code, without networks and functions."""
    name = ADAPTED.get(type(estimator), type(estimator)).__name__
    defaults = {key: value.default for key, value in signature(type(estimator)).parameters.items()}
    changed = {
        key: value
        for key, value in estimator.get_params(deep=False).items()
        if isinstance(value, (str, int, float)) and value != defaults[key]
    }
    return f"{name}({', '.join(f'{key}={value!r}' for key, value in changed.items())})"


def row(estimator):
    """Run the checks of one estimator and return its line of the table."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        results = check_estimator(estimator, on_fail=None, on_skip=None)
    found = Counter(result["status"] for result in results)
    skipped = [r["check_name"] for r in results if r["status"] == "skipped"]
    failed = [r["check_name"] for r in results if r["status"] in ("failed", "xfail")]
    notes = ", ".join([f"`{name}` failed" for name in failed] + [f"`{n}` skipped" for n in skipped])
    if type(estimator) in ADAPTED:
        notes = ", ".join(filter(None, ["behind an adapter from rows", notes]))
    return f"| `{label(estimator)}` | {len(results)} | {found['passed']} | {notes} |"


def main():
    """Write the table."""
    lines = [
        f"Run with scikit-learn {sklearn.__version__}:",
        "",
        "| estimator | checks | passed | |",
        "| --- | --: | --: | --- |",
        *sorted(map(row, ESTIMATORS)),
    ]
    page = Path(__file__).with_name("scikit_learn.md")
    before, rest = page.read_text().split(BEGIN)
    after = rest.split(END)[1]
    page.write_text("\n".join([before + BEGIN, *lines, END + after]))
    print("\n".join(lines))


if __name__ == "__main__":
    main()
