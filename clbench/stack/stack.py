"""The stack: R networks of one shape, used as one."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from clbench.errors import StrategyError
from clbench.models.layer import Layer
from clbench.stack.forms import Binding, Call, LoopForm, VmapForm, choose_form
from clbench.stack.modules import (
    Factory,
    Member,
    batch_norm_in_float,
    build,
    refuse_global_draws,
    same_structure,
)
from clbench.stack.state import Saved, Stateful

Params = Mapping[str, Tensor] | Sequence[Tensor]


class Stack(Stateful):
    """R networks whose parameters and buffers are `[R, ...]` tensors; `net(x)` maps `[R, B, ...]` to `[R, B, classes]`.

    `hidden` holds the activations of the last training forward, by layer name and with their graph, where
    somebody asked for them (`keep_hidden`). `active` names the members a call computes in `loop` form; the
    engine sets it, and rows of the others come out as zeros.
    """

    wiring = frozenset(
        {
            "seeds",
            "factory",
            "stream",
            "module",
            "form",
            "precision",
            "device",
            "wide",
            "hidden",
            "keep_hidden",
            "active",
            "_checked",
        }
    )

    def __init__(
        self,
        factory: Factory,
        members: int | Sequence[Member],
        *,
        form: str = "auto",
        device: str | torch.device = "cpu",
        precision: str = "fp32",
        stream: str = "init",
    ) -> None:
        self.seeds: tuple[Member, ...] = (
            tuple((seed, 0) for seed in range(members))
            if isinstance(members, int)
            else tuple(members)
        )
        self.factory, self.stream, self.device, self.precision = (
            factory,
            stream,
            torch.device(device),
            precision,
        )
        modules = [build(factory, member, stream) for member in self.seeds]
        same_structure(modules)
        self.module = modules[0]
        self.form = choose_form(form, self.module, self.device, precision)
        self.wide = batch_norm_in_float(self.module) if precision == "bf16" else frozenset()
        trainable = {
            name: parameter.requires_grad for name, parameter in self.module.named_parameters()
        }
        self.params = {
            name: torch.stack([m.get_parameter(name).detach() for m in modules])
            .to(self.device)
            .requires_grad_(flag)
            for name, flag in trainable.items()
        }
        self.buffers = {
            name: torch.stack([dict(m.named_buffers())[name] for m in modules]).to(self.device)
            for name, _ in self.module.named_buffers()
        }
        self.training = True
        self.hidden: dict[str, Tensor] = {}
        self.keep_hidden = False
        self.active: list[int] | None = None
        self._checked = False

    # ------------------------------------------------------------------ calling

    def __call__(self, x: Tensor, trace: bool = False) -> Any:
        """`[R, B, ...]` -> `[R, B, classes]`; with `trace` also the hidden activations by layer name."""
        return self.call(self.params, x, trace=trace)

    def call(self, params: Params, x: Tensor, trace: bool = False) -> Any:
        """The same model with other parameters: a teacher's, generated ones, a look-ahead's."""
        own = params is self.params
        keep = own and self.training and self.keep_hidden
        sites = {layer.read: layer.name for layer in self.layers()} if trace or keep else {}
        out, seen = self._run(self._named(params), x, Call(tuple(sites)))
        named = {sites[site]: pair[1] for site, pair in seen.items()}
        if keep:
            self.hidden = named
        return (out, named) if trace else out

    def tap(
        self, x: Tensor, kinds: tuple[type[nn.Module], ...] = (nn.Linear, nn.Conv2d)
    ) -> tuple[Tensor, Taps]:
        """The output, and what goes in and out of every module of these kinds."""
        sites = tuple(
            name for name, module in self.module.named_modules() if isinstance(module, kinds)
        )
        graph: list[dict[str, Any]] = []
        out, seen = self._run(self.params, x, Call(sites, graph))
        return out, Taps(seen, graph[0], frozenset(Binding.of(self.module).repeated))

    def map(self, fn: Callable[..., Any], *tensors: Tensor) -> Any:
        """`fn(params, *tensors)` is written for one member (`params` by name); results come back stacked.

        Inside `fn`, `net.one(params, x)` runs the model, and transforms of `torch.func` may be used.
        """
        return self.form.map(self.module, fn, self.params, self.buffers, tensors)

    def one(self, params: Mapping[str, Tensor], x: Tensor) -> Tensor:
        """The model of the member at hand; only inside `map`."""
        return self.form.one(self.module, params, x)

    def _run(
        self, params: Mapping[str, Tensor], x: Tensor, call: Call
    ) -> tuple[Tensor, dict[str, tuple[Tensor, Tensor]]]:
        if x.shape[0] != self.members:
            raise StrategyError(
                f"the network is a stack of {self.members}, and the input's first dimension is {x.shape[0]}: [R, B, ...] is wanted"
            )
        if not self._checked:
            self._check(params, x)
        self.set_mode()
        params, x = self.narrow(params, x)
        out, seen = self.form.run(self.module, params, self.buffers, x, call, self.active)
        return widen(out), {
            site: (widen(given), widen(made)) for site, (given, made) in seen.items()
        }

    def narrow(
        self, params: Mapping[str, Tensor], x: Tensor, prefix: str = ""
    ) -> tuple[Mapping[str, Tensor], Tensor]:
        """What the modules compute with: in bf16 copies of the parameters (whose full names begin with `prefix`) and of the input.

        The parameters themselves stay in fp32, and so does what comes out. An explicit cast, for `vmap` silently ignores autocast.
        """
        if self.precision != "bf16":
            return params, x
        cast = {
            name: value if prefix + name in self.wide else value.bfloat16()
            for name, value in params.items()
        }
        return cast, x.bfloat16() if x.is_floating_point() else x

    def _check(self, params: Mapping[str, Tensor], x: Tensor) -> None:
        """Once, at the first forward: the model draws from no global generator, and can be run in its form."""
        self.module.train()
        buffers = {name: value.clone() for name, value in self.buffers.items()}
        two = torch.cat([x[:, :1], x[:, -1:]], dim=1)
        with torch.no_grad():
            refuse_global_draws(
                self.module, lambda: LoopForm().run(self.module, params, buffers, two, Call(), [0])
            )
            if strays := Binding.of(self.module).strays(buffers):
                raise StrategyError(
                    f"the model {type(self.module).__name__} assigns to its buffer {strays[0]} in its forward;"
                    " a stack keeps every member's own, so write it in place (copy_, add_)"
                )
            if isinstance(self.form, VmapForm):
                try:
                    self.form.run(self.module, params, buffers, two, Call(), None)
                except RuntimeError:  # a module that vmap cannot run (batch-norm with momentum=None, an LSTM, spectral norm)
                    self.form = LoopForm()
        self._checked = True

    def set_mode(self) -> None:
        """Training or evaluation mode of the skeleton, as the stack has it; copies share one skeleton."""
        if self.module.training is not self.training:
            self.module.train(self.training)

    # ------------------------------------------------------------------ parameters and layers

    @property
    def members(self) -> int:
        """R."""
        return len(self.seeds)

    def parameters(self) -> list[Tensor]:
        """The stacked parameters, `[R, ...]` each, in the model's order."""
        return list(self.params.values())

    def named_parameters(self) -> dict[str, Tensor]:
        """The stacked parameters by the model's own names."""
        return dict(self.params)

    def layers(self) -> list[Layer]:
        """The hidden layers, as the model names them."""
        describe = getattr(self.module, "layers", None)
        if describe is None:
            raise StrategyError(
                f"the model {type(self.module).__name__} does not name its hidden layers:"
                " give it a method layers() that returns clbench.Layer objects"
            )
        described: list[Layer] = describe()
        return described

    def part(self, name: str) -> Part:
        """A submodule of every member, such as `head`."""
        if name not in dict(self.module.named_modules()):
            raise StrategyError(f"the model {type(self.module).__name__} has no part {name!r}")
        return Part(self, name)

    def train(self, mode: bool = True) -> Stack:
        """Training mode on or off, as in `nn.Module`."""
        self.training = mode
        return self

    def eval(self) -> Stack:
        """Evaluation mode."""
        return self.train(False)

    def requires_grad_(self, flag: bool = True) -> Stack:
        """Freeze or thaw every parameter."""
        for value in self.params.values():
            value.requires_grad_(flag)
        return self

    @torch.no_grad()
    def redraw(self, names: Iterable[str], stream: str, *step: int) -> None:
        """Draw these parameters again from the model's initial distribution, each member under its own seed."""
        for row, member in enumerate(self.seeds):
            fresh = dict(build(self.factory, member, stream, *step).named_parameters())
            for name in names:
                self.params[name][row] = fresh[name].to(self.device)

    # ------------------------------------------------------------------ copies and state

    def spawn(self) -> Stack:
        """A copy with parameters and buffers of its own (a teacher: `self.net.spawn().requires_grad_(False).eval()`)."""
        twin = copy.copy(self)
        twin.params = {
            name: value.detach().clone().requires_grad_(value.requires_grad)
            for name, value in self.params.items()
        }
        twin.buffers = {name: value.clone() for name, value in self.buffers.items()}
        twin.hidden, twin.keep_hidden, twin.active = {}, False, None
        return twin

    def __deepcopy__(self, memo: dict[int, Any]) -> Stack:
        return self.spawn()

    def fits(self, held: Saved) -> bool:
        """Whether saved state has these parameters."""
        saved = {
            name: tuple(item["value"].shape)
            for name, item in held["params"]["items"]
            if "value" in item
        }
        return saved == {name: tuple(value.shape) for name, value in self.params.items()}

    @classmethod
    def of_modules(cls, modules: Sequence[nn.Module], seeds: Sequence[Member]) -> Stack:
        """A stack that shows plain modules (a solo strategy's networks) as they are now; it holds copies."""
        turn = iter(modules)
        shown = cls(
            lambda: copy.deepcopy(next(turn)),
            seeds,
            form="loop",
            device=next(modules[0].parameters()).device,
        )
        return shown.train(modules[0].training)

    def _named(self, params: Params) -> Mapping[str, Tensor]:
        if isinstance(params, Mapping):
            return params
        if len(params) != len(self.params):
            raise StrategyError(
                f"the network has {len(self.params)} parameters, and {len(params)} were given"
            )
        return dict(zip(self.params, params, strict=True))


class Taps:
    """What went in and out of the modules of a stack in one forward: `inputs[name]`, `outputs[name]`, `[R, B, ...]` each.

    Of a module that was called several times (its name is in `repeated`) they show the last.
    """

    def __init__(
        self,
        seen: dict[str, tuple[Tensor, Tensor]],
        graph: dict[str, Any],
        repeated: frozenset[str],
    ) -> None:
        self.repeated = repeated
        self.inputs = {site: pair[0].detach() for site, pair in seen.items()}
        self.outputs = {site: pair[1].detach() for site, pair in seen.items()}
        self._graph = graph

    def deltas(self, value: Tensor, retain_graph: bool = True) -> dict[str, Tensor]:
        """The gradient of a scalar with respect to each output.

        With the inputs these are every example's own gradient of a linear layer, as a pair of factors.
        """
        nodes = [
            node
            for held in self._graph.values()
            for node in (held if isinstance(held, list) else [held])
            if node is not None
        ]
        gradients = iter(
            torch.autograd.grad(value, nodes, retain_graph=retain_graph, materialize_grads=True)
        )
        found = {}
        for site, held in self._graph.items():
            if isinstance(held, list):
                rows = [None if node is None else widen(next(gradients)) for node in held]
                blank = torch.zeros_like(next(row for row in rows if row is not None))
                found[site] = torch.stack([blank if row is None else row for row in rows])
            else:
                found[site] = widen(next(gradients))
        return found


class Part:
    """A submodule of every member of a stack: its parameters, and the submodule applied to `[R, B, ...]`."""

    def __init__(self, net: Stack, name: str) -> None:
        self.net, self.name = net, name

    @property
    def names(self) -> list[str]:
        """Full names of the part's parameters."""
        return [name for name in self.net.params if name.startswith(self.name + ".")]

    def parameters(self) -> list[Tensor]:
        """The part's stacked parameters."""
        return [self.net.params[name] for name in self.names]

    def named_parameters(self) -> dict[str, Tensor]:
        """The part's stacked parameters by the submodule's own names."""
        return {name.removeprefix(self.name + "."): self.net.params[name] for name in self.names}

    def __call__(self, x: Tensor, params: Mapping[str, Tensor] | None = None) -> Tensor:
        """Apply the submodule, with other parameters where given (by the submodule's own names)."""
        prefix = self.name + "."
        buffers = {
            name.removeprefix(prefix): value
            for name, value in self.net.buffers.items()
            if name.startswith(prefix)
        }
        self.net.set_mode()
        module = self.net.module.get_submodule(self.name)
        params, x = self.net.narrow(params or self.named_parameters(), x, prefix)
        out, _ = self.net.form.run(module, params, buffers, x, Call(), self.net.active)
        return widen(out)


def widen(tensor: Tensor) -> Tensor:
    """Back to fp32."""
    return tensor.float() if tensor.dtype is torch.bfloat16 else tensor
