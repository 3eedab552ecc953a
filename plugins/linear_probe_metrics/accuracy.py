"""How well a linear probe tells classes apart, and how much better than the network."""

from __future__ import annotations

from typing import TYPE_CHECKING

from clbench import Probe

from .base import LinearProbe

if TYPE_CHECKING:
    from torch import Tensor

    from .samples import Features


class ProbeAccuracy(LinearProbe):
    """The accuracy of a linear probe: what the features of a layer still tell about classes,
    whatever the head says.

    Multinomial logistic regression on the features, in evaluation mode and as they come: the sum of
    cross-entropies + 1/2 ||W||^2, without a penalty on biases, solved in float64; scikit-learn's
    LogisticRegression with C = 1. As there, two classes have a single row of weights. It is fitted
    to 80 % of the images, drawn once and for all, and tested on the others. After tasks to come
    (`classes: unseen`) it is what the representation transfers.

    The images are validation images where the protocol holds any out, else test images: in both
    cases none that the network was trained on, and nothing is learnt from what is found. At most
    `samples` of them are taken, as many of each task, and of so many tasks, spread evenly, that 20
    of each are left; none is taken twice. A class is seen once it belongs to a task so far.

    The accuracy over all held-out images comes first, and is what tables show; then that of each
    output of the network, where it is among the classes.
    """

    unit = "fraction"
    limits = (0.0, 1.0)

    def values(self, probe: Probe, features: Features) -> Tensor:
        from .fit import accuracies

        fit = self.fit(probe)
        return accuracies(features, fit.held, fit.right)


class ProbeGap(LinearProbe):
    """The accuracy of a linear probe minus that of the network, on the same held-out images:
    forgetting in the head alone.

    The probe is `probe_accuracy`'s. The network predicts as it is evaluated, among the outputs that
    the setting and the protocol leave: in the task setting it is told the task, which the probe is
    not. Overall first, then for each output.
    """

    unit = "fraction"
    higher_is_better = False
    limits = (-1.0, 1.0)

    def values(self, probe: Probe, features: Features) -> Tensor:
        from .fit import accuracies
        from .samples import network_is_right

        fit = self.fit(probe)
        network: Tensor = probe.once(network_is_right, self.classes, self.samples)
        return accuracies(features, fit.held, fit.right) - accuracies(features, fit.held, network)
