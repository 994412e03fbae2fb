"""Support of scikit-learn's callbacks, which exist from version 1.9 on."""

from typing import TYPE_CHECKING, Any


class _NoContext:
    """Context without callbacks."""

    def subcontext(self, **_):
        return self

    def call_on_fit_task_begin(self, **_):
        return self

    def call_on_fit_task_end(self, **_):
        return False


class _NoCallbacks:
    """Mixin of estimators whose `fit` would report its progress to callbacks."""

    def _init_callback_context(self, **_: Any) -> Any:
        return _NoContext()


if TYPE_CHECKING:  # scikit-learn ships no types
    CallbackSupportMixin = _NoCallbacks
else:
    try:
        from sklearn.callback import CallbackSupportMixin
    except ImportError:
        CallbackSupportMixin = _NoCallbacks


__all__ = ["CallbackSupportMixin", "report_training_steps"]


def report_training_steps(estimator, context, _report):
    """Report to the callbacks of an estimator's `fit` that some training steps are done.

    Returns
    -------
    bool
        Whether the training should stop.
    """
    context = context.subcontext(task_name="training")
    context.call_on_fit_task_begin(estimator=estimator)
    return context.call_on_fit_task_end(estimator=estimator)
