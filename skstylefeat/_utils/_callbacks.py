"""scikit-learn's callbacks (1.9 and newer), and nothing in their place where it has none."""

try:
    from sklearn.callback import CallbackSupportMixin
except ImportError:

    class _NoContext:
        """Stands for a context of callbacks; nobody listens."""

        def subcontext(self, **_):
            return self

        def call_on_fit_task_begin(self, **_):
            return self

        def call_on_fit_task_end(self, **_):
            return False

    class CallbackSupportMixin:  # type: ignore[no-redef]
        """Estimators whose `fit` would tell callbacks how far it is."""

        def _init_callback_context(self, **_):
            return _NoContext()


__all__ = ["CallbackSupportMixin", "tell_of_steps"]


def tell_of_steps(estimator, context, _report):
    """Tell the callbacks of an estimator's `fit` that some steps of a training are done.

    Returns
    -------
    bool
        Whether the training shall end.
    """
    context = context.subcontext(task_name="training")
    context.call_on_fit_task_begin(estimator=estimator)
    return context.call_on_fit_task_end(estimator=estimator)
