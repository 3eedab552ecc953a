"""The optimisers that a protocol names without `torch.`, and their options:
declared here and nowhere else.

Suites check and describe them by these classes, and `clbench.stack.optim` takes its arguments from
them.
"""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field

from clbench.errors import OptionError
from clbench.options import Configurable

Rate = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Share = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Moment = Annotated[float, Field(ge=0, lt=1)]


class Sgd(Configurable):
    """Stochastic gradient descent."""

    lr: Rate = 0.1  # the learning rate
    momentum: Moment = 0.0  # the part of the last update that is kept
    nesterov: bool = False  # look ahead along the momentum, which has to be above 0
    weight_decay: Share = 0.0  # times the weights, added to the gradient

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        if self.nesterov and not self.momentum:
            raise OptionError([(("nesterov",), "Nesterov's look-ahead needs a momentum above 0")])


class Adam(Configurable):
    """Adam (Kingma and Ba, 2015)."""

    lr: Rate = 1e-3  # the learning rate
    betas: tuple[Moment, Moment] = (0.9, 0.999)  # decay of the two moments
    eps: Rate = 1e-8  # added to the root of the second moment
    weight_decay: Share = 0.0  # times the weights, added to the gradient


class Adamw(Configurable):
    """Adam with decoupled weight decay (Loshchilov and Hutter, 2019)."""

    lr: Rate = 1e-3  # the learning rate
    betas: tuple[Moment, Moment] = (0.9, 0.999)  # decay of the two moments
    eps: Rate = 1e-8  # added to the root of the second moment
    weight_decay: Share = 0.01  # times the rate times the weights, taken from the weights


OPTIMIZERS: dict[str, type[Configurable]] = {"sgd": Sgd, "adam": Adam, "adamw": Adamw}


def defaults_in_words() -> str:
    """`sgd (lr 0.1, momentum 0, ...), adam (...)`: for the documentation of the protocol."""
    described = []
    for name, declared in OPTIMIZERS.items():
        options = ", ".join(f"{key} {_word(value)}" for key, value in declared().options.items())
        described.append(f"{name} ({options})")
    return ", ".join(described)


def _word(value: Any) -> str:
    """As a suite would write it."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple):
        return f"[{', '.join(map(_word, value))}]"
    return f"{value:g}"
