"""What the stack does to an author's modules: build them under
a member's seed, replace dropout, watch the global generator.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from clbench.errors import StrategyError
from clbench.randomness import key
from clbench.stack.generators import Snapshot, seeded
from clbench.stack.noise import member_uniform
from clbench.typing import Member

Factory = Callable[[], nn.Module]
CPU = torch.device("cpu")


class Dropout(nn.Module):
    """Dropout whose noise is a function of the member's
    key and of its own count of training forwards.
    """

    key: Tensor
    count: Tensor

    def __init__(self, p: float, member: Member, stream: str) -> None:
        super().__init__()
        self.p = p
        self.register_buffer("key", torch.tensor(key(*member, stream), dtype=torch.int64))
        self.register_buffer("count", torch.zeros((), dtype=torch.int64))

    def forward(self, x: Tensor) -> Tensor:
        return self.drop(x, x.shape)

    def drop(self, x: Tensor, shape: Sequence[int]) -> Tensor:
        """Of one member, whose input has this shape, or of all at once."""
        if not self.training or self.p == 0.0:
            return x
        # Before the draw and in place: the count is a buffer `[]` of a member, `[R]` of a stack.
        self.count.add_(1)
        # 1 - p of the inputs stay, scaled by 1 / (1 - p): the mean stays (inverted dropout).
        kept = member_uniform(self.key, self.count, shape) >= self.p
        return x * kept.to(x.dtype) * (1.0 / (1.0 - self.p) if self.p < 1.0 else 0.0)


def build(
    factory: Factory, member: Member, stream: str, *step: int, start: Member | None = None
) -> nn.Module:
    """The member's module, initialised under its own
    seed, whichever global generator it draws from.

    Or under that of the member it is to `start` like; dropout's noise is its own in any case.
    """
    with seeded(key(*(start or member), stream, *step)):
        module = factory()
    replaced: dict[nn.Module, Dropout] = {}  # one module may hang in several places
    for path, child in list(module.named_modules(remove_duplicate=False)):
        # A model that is itself a Dropout has no owner to hang another in.
        if type(child) is nn.Dropout and path:
            owner, _, attribute = path.rpartition(".")
            ours = replaced.setdefault(child, Dropout(child.p, member, f"{stream}/dropout/{path}"))
            setattr(module.get_submodule(owner), attribute, ours)
    return module


def batch_norm_in_float(module: nn.Module) -> frozenset[str]:
    """Let batch-norm compute in fp32 whatever comes in, as autocast does.

    The names of its parameters, which stay in fp32.
    """

    def widen(norm: nn.Module, given: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        # In the instance's dictionary, past nn.Module's own attribute handling.
        vars(norm)["came_in"] = given[0].dtype
        # A copy of the stack may compute in float64.
        return given if given[0].dtype == torch.float64 else (given[0].float(),)

    def narrow(norm: nn.Module, _: object, out: Tensor) -> Tensor:
        return out.to(vars(norm)["came_in"])

    names: set[str] = set()
    for path, child in module.named_modules():
        if isinstance(child, _BatchNorm):
            child.register_forward_pre_hook(widen)
            child.register_forward_hook(narrow)
            names |= {f"{path}.{name}".removeprefix(".") for name, _ in child.named_parameters()}
    return frozenset(names)


def same_structure(modules: Sequence[nn.Module]) -> None:
    """Members of one stack differ in their numbers only."""
    first, *others = (shapes_of(module.state_dict()) for module in modules)
    if any(shapes != first for shapes in others):
        raise StrategyError(
            "the model's factory builds networks of different shapes for different seeds; a"
            " stack needs one shape"
        )


def shapes_of(named: Mapping[str, Tensor]) -> dict[str, torch.Size]:
    """By name, the shapes of these tensors."""
    return {name: value.shape for name, value in named.items()}


def check_forward(module: nn.Module, run: Callable[[], object]) -> None:
    """Run a forward, and refuse a model that draws from a
    global generator or gives anything but one tensor.
    """
    names = {child: name or "the model" for name, child in module.named_modules()}
    before: dict[nn.Module, Snapshot] = {}
    found: list[str] = []

    def remember(child: nn.Module, _: object) -> None:
        before[child] = Snapshot(CPU)

    def compare(child: nn.Module, _: object, out: object) -> None:
        if moved := before[child].moved():
            found.append(f"{names[child]} ({type(child).__name__}) draws from {moved[0]}")
        if child is module and not found:
            _refuse_outputs(module, out)

    handles = [child.register_forward_pre_hook(remember) for child in module.modules()]
    handles += [child.register_forward_hook(compare) for child in module.modules()]
    start = Snapshot(CPU)
    try:
        run()
    finally:
        start.put_back()
        for handle in handles:
            handle.remove()
    if found:
        raise StrategyError(
            f"{found[0]} global generator in its forward; noise must come from the member's own"
            " streams (nn.Dropout is replaced for you; elsewhere use self.rng(name) in the"
            " strategy)"
        )


def _refuse_outputs(module: nn.Module, out: object) -> None:
    """A stack is made of models that give one tensor."""
    if not isinstance(out, Tensor):
        raise StrategyError(
            f"the model {type(module).__name__} returns a {type(out).__name__} from its forward;"
            " one tensor [batch, classes] is wanted"
            " (hidden activations are read through net.watch and the model's layers())"
        )
