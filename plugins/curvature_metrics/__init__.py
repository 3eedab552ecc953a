"""How sharply a loss bends, in the images or in the weights."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field, PositiveFloat, PositiveInt

from clbench import Probe, ProbeMetric, hookimpl

if TYPE_CHECKING:
    from torch import Tensor

    from .loss import Loss


class Curvature(ProbeMetric):
    """How sharply the training loss bends: an estimate of its Hessian H, in images or in weights.

    The loss is the cross-entropy on the logits that are trained, over training images of the task
    at hand, in evaluation mode. In the weights it is the mean over the images, as a function of all
    trainable parameters. In the images it is each image's own, as a function of its pixels; what is
    shown is the mean over images. The network computes in float64 whatever the precision of
    training, or in float32, which is several times as fast for convolutions on a CPU and leaves
    four figures or so.

    `difference`: the mean of ||g(x + h z) - g(x)|| / h over `draws` of z with entries -1 and 1, g
    being the gradient. Of a smooth loss the mean of its square is ||H||_F^2, the sum of squared
    eigenvalues; of a network with ReLU or pooling most of it may come from kinks within h, which
    the other two estimates do not see: their products H v are exact, by double back-propagation. In
    the images this is what the "curvature" of the loss-of-plasticity studies on Continual ImageNet
    is made from; with `normalised: false` it is that number itself, which is not divided by h, and
    is a gradient of the mean over the images, so 1/images as large.

    `trace`: Hutchinson's estimate of the trace, the mean of z'Hz over `draws`, and behind it its
    standard error (Hutchinson 1990). In a table stands the trace.

    `top`: the largest eigenvalue, and behind it the smallest, both with their signs; the ends of a
    Lanczos process of so many `steps` with full re-orthogonalisation (Golub & Van Loan, section
    10.1). They come from within: the true ends lie at them or beyond. It keeps steps x parameters
    float64 numbers a member while it measures.
    """

    higher_is_better = False
    when: Literal["task_end", "epoch_end", "run_end"] = "task_end"  # task_end, epoch_end or run_end
    space: Literal["input", "weight"] = "input"  # a function of the pixels, or of the weights
    estimate: Literal["difference", "trace", "top"] = (
        "difference"  # what is estimated of the Hessian
    )
    samples: PositiveInt = 100  # training images of the task
    draws: PositiveInt = 10  # random directions of `difference` and `trace`
    h: PositiveFloat = 1e-3  # how far `difference` goes along each coordinate
    normalised: bool = True  # `difference` for each image and divided by h; false: as published
    precision: Literal["float64", "float32"] = "float64"  # what the network computes in
    steps: Annotated[int, Field(ge=2)] = 20  # products H v of `top`

    def measure(self, probe: Probe) -> Tensor:
        from .estimates import ends, sizes, slopes
        from .loss import loss_of

        loss = loss_of(probe, self.space, self.samples, self.precision)
        rng = probe.rng("directions")
        if self.estimate == "difference":
            return self._scaled(sizes(loss, loss.signs(rng, self.draws), self.h), loss)
        if self.estimate == "trace":
            return slopes(loss, loss.signs(rng, self.draws))
        return ends(loss, loss.directions(rng), self.steps)

    def _scaled(self, size: Tensor, loss: Loss) -> Tensor:
        """The differences as asked for; `size [R]` is that of single losses, divided by h."""
        if self.normalised:
            return size
        return size * self.h / loss.averaged_over


@hookimpl
def clbench_metrics() -> list[type]:
    return [Curvature]
