"""Limited-memory BFGS on many small problems at once, with separate steps."""

import torch

MEMORY = 20
FIRST_STEP = 0.1  # share of the step to a loss of zero, if the loss were linear
SUFFICIENT_DECREASE = 1e-4
MIN_COSINE = 1e-6  # between step and change of the gradient; smaller ones are not remembered


class BatchedLBFGS:
    """Minimize one function per row: this class proposes points, the caller evaluates them.

    Rows do not influence each other. A rejected point is used, too: it adds to the curvature, and
    the next proposal is a shorter step in a better direction.

    Parameters
    ----------
    x : Tensor of shape (n, d)
        Starting points.
    loss : Tensor of shape (n,)
        Their losses.
    gradient : Tensor of shape (n, d)
        Their gradients.

    Attributes
    ----------
    x, loss, gradient : Tensor
        The best point of every row.

    References
    ----------
    .. [1] J. Nocedal, "Updating Quasi-Newton Matrices with Limited Storage", Mathematics of
       Computation 35, 1980.
    """

    def __init__(self, x, loss, gradient):
        self.x, self.loss, self.gradient = x, loss, gradient
        self._pairs = []  # (step, change of the gradient, 1 / their product), the oldest first
        self._scale = FIRST_STEP * loss / gradient.square().sum(dim=1).clamp_min(1e-30)
        self._length = torch.ones_like(loss)

    def propose(self):
        """Return the points (n, d) to evaluate next."""
        direction = self._direction()
        slope = (self.gradient * direction).sum(dim=1)
        self._slope = slope * self._length
        self._trial = self.x + self._length[:, None] * direction
        return self._trial

    def tell(self, loss, gradient):
        """Receive losses (n,) and gradients (n, d) of the proposed points."""
        step, change = self._trial - self.x, gradient - self.gradient
        product = (step * change).sum(dim=1)
        # Also false where a trial overflowed.
        learns = product > MIN_COSINE * step.norm(dim=1) * change.norm(dim=1)
        step = torch.where(learns[:, None], step, 0.0)
        change = torch.where(learns[:, None], change, 0.0)
        inverse = torch.where(learns, 1 / product, 0.0)
        self._pairs = [*self._pairs[1 - MEMORY :], (step, change, inverse)]
        scale = product / change.square().sum(dim=1)
        self._scale = torch.where(learns, scale, self._scale)

        better = loss <= self.loss + SUFFICIENT_DECREASE * self._slope
        self.x = torch.where(better[:, None], self._trial, self.x)
        self.gradient = torch.where(better[:, None], gradient, self.gradient)
        self.loss = torch.where(better, loss, self.loss)
        self._length = torch.where(better, 1.0, self._length / 2)

    def keep(self, rows):
        """Continue with some of the rows."""
        self.x, self.loss, self.gradient = self.x[rows], self.loss[rows], self.gradient[rows]
        self._scale, self._length = self._scale[rows], self._length[rows]
        self._pairs = [tuple(part[rows] for part in pair) for pair in self._pairs]

    def _direction(self):
        """Return minus the gradient times the inverse curvature: the two-loop recursion [1]_."""
        x, weights = -self.gradient, []
        for step, change, inverse in reversed(self._pairs):
            weight = inverse * (step * x).sum(dim=1)
            weights.append(weight)
            x = x - weight[:, None] * change
        x = x * self._scale[:, None]
        for (step, change, inverse), weight in zip(self._pairs, reversed(weights), strict=True):
            weight = weight - inverse * (change * x).sum(dim=1)
            x = x + weight[:, None] * step
        return x
