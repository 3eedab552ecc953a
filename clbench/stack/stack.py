"""The stack: R networks of one shape, used as one."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from clbench.errors import StrategyError
from clbench.stack.forms import Binding, Call, LoopForm, VmapForm, choose_form
from clbench.stack.frozen import FrozenFront
from clbench.stack.initial import Distribution
from clbench.stack.modules import (
    Factory,
    batch_norm_in_float,
    build,
    check_forward,
    same_structure,
    shapes_of,
)
from clbench.stack.part import Part
from clbench.stack.precision import Precise
from clbench.stack.redrawing import Redrawing
from clbench.stack.state import Saved, Stateful
from clbench.stack.taps import Taps, widen
from clbench.stack.units import FreshUnits
from clbench.stack.watching import Clock, Watched, Watcher
from clbench.typing import Member

Params = Mapping[str, Tensor] | Sequence[Tensor]


class Stack(Watched, FrozenFront, Redrawing, Precise, Stateful):
    """R networks whose parameters and buffers are `[R, ...]` tensors.

    `net(x)` maps `[R, B, ...]` to `[R, B, classes]`.

    `watch` keeps what modules give out in the first training forward of each step, with its graph:
    `seen` has them by module, and `hidden` those of the hidden layers (`keep_hidden`) by layer.
    `active` names the members a call computes in `loop` form; the engine sets it, and rows of the
    others come out as zeros.
    """

    wiring = frozenset(
        {
            "seeds",
            "starts",
            "factory",
            "stream",
            "module",
            "form",
            "precision",
            "device",
            "wide",
            "watcher",
            "hidden_sites",
            "active",
            "distributions",
            "shortcut",
            "given_params",
            "given_buffers",
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
        clock: Clock | None = None,
        starts: Sequence[Member] | None = None,
    ) -> None:
        """`starts` names, for each member, the one whose
        first weights it has: agents of a seed start alike.
        """
        self.seeds: tuple[Member, ...] = (
            tuple((seed, 0) for seed in range(members))
            if isinstance(members, int)
            else tuple(members)
        )
        self.starts = self.seeds if starts is None else tuple(starts)
        self.factory, self.stream = factory, stream
        self.device, self.precision = torch.device(device), precision
        modules = [
            # Each under its member's own seed, so that nobody's weights depend on the company.
            build(factory, member, stream, start=start)
            for member, start in zip(self.seeds, self.starts, strict=True)
        ]
        same_structure(modules)
        # The skeleton: its own parameters are never used, others hang in their stead.
        self.module = modules[0]
        self.form = choose_form(form, self.module, self.device, precision)
        # Before the parameters are read: hooks are put on the skeleton here.
        self.wide = batch_norm_in_float(self.module) if precision == "bf16" else frozenset()
        trainable = {
            name: parameter.requires_grad for name, parameter in self.module.named_parameters()
        }
        self.params = {}
        for name, flag in trainable.items():
            own = [module.get_parameter(name).detach() for module in modules]
            # `[R, ...]`, leaves.
            self.params[name] = torch.stack(own).to(self.device).requires_grad_(flag)
        self.buffers = {}
        for name, _ in self.module.named_buffers():
            kept = [dict(module.named_buffers())[name] for module in modules]
            self.buffers[name] = torch.stack(kept).to(self.device)
        self.training = True
        self.part_modes: dict[str, bool] = {}  # of the parts whose mode is their own
        self.fresh_units = FreshUnits(self._fresh, self.seeds, stream)
        self.watcher = Watcher(clock)
        self.hidden_sites: dict[str, str] | None = None  # layer: module, where somebody wants them
        self.active: list[int] | None = None
        self.distributions: dict[str, Distribution] | None = None  # found when they are asked for
        self.shortcut = None
        self.given_params: Mapping[str, Tensor] = {}
        self.given_buffers: Mapping[str, Tensor] = {}
        self._checked = False

    # ------------------------------------------------------------------ calling

    def __call__(self, x: Tensor, trace: bool = False) -> Any:
        """`[R, B, ...]` -> `[R, B, classes]`.

        With `trace` also the hidden activations by layer name.
        """
        return self.call(self.params, x, trace=trace)

    def call(
        self,
        params: Params,
        x: Tensor,
        trace: bool = False,
        buffers: Mapping[str, Tensor] | None = None,
    ) -> Any:
        """The same model with other parameters: a teacher's, generated ones, a look-ahead's.

        With `buffers` also with other buffers in place of those of the same name (statistics of a
        task); what a forward changes in them is written into these tensors.
        """
        traced = {layer.read: layer.name for layer in self.layers()} if trace else {}
        own = params is self.params
        watched = self._watched() if own else {}
        call = Call(self.watcher.with_inputs(tuple({**traced, **watched})))
        named = self._named(params)
        # Given parameters replace the network's own only where the network's own were asked for.
        if own and self.given_params:
            named = {**named, **self.given_params}
        if own and self.given_buffers and buffers is None:
            buffers = self.given_buffers
        # Only with buffers of its own: features were computed with those.
        if buffers is None and self._is_short(named, x):
            out, found = self._run_short(named, call.sites)
        else:
            out, found = self._run(named, x, call, self._buffers(buffers))
        self.watcher.note_inputs(found)
        if own and self._is_kept(watched):
            self._note(x, found, out)
        if not trace:
            return out
        return out, {name: found[site][1] for site, name in traced.items() if site in found}

    @contextmanager
    def given(
        self,
        params: Mapping[str, Tensor] | None = None,
        buffers: Mapping[str, Tensor] | None = None,
    ) -> Iterator[None]:
        """Within the block the network is called with these in place of its own of the same names.

        For a method that wants `super()` to run another network than the one that lies there:
        parameters cut off from the graph, a mixture for each sample.
        """
        before = self.given_params, self.given_buffers
        # Kept and put back, so that blocks may stand within each other.
        self.given_params, self.given_buffers = params or {}, buffers or {}
        try:
            yield
        finally:
            self.given_params, self.given_buffers = before

    def tap(
        self, x: Tensor, kinds: tuple[type[nn.Module], ...] = (nn.Linear, nn.Conv2d)
    ) -> tuple[Tensor, Taps]:
        """The output, and what goes in and out of every module of these kinds."""
        sites = tuple(
            name for name, module in self.module.named_modules() if isinstance(module, kinds)
        )
        # Filled by the form with outputs as they stand in the graph, for `deltas`.
        graph: list[dict[str, Any]] = []
        watched = self._watched()
        call = Call(self.watcher.with_inputs(tuple({**dict.fromkeys(sites), **watched})), graph)
        out, found = self._run(self.params, x, call)
        self.watcher.note_inputs(found)
        if self._is_kept(watched):
            self._note(x, found, out)
        seen = {site: pair for site, pair in found.items() if site in sites}
        tapped = {site: held for site, held in graph[0].items() if site in sites}
        return out, Taps(seen, tapped, frozenset(Binding.of(self.module).repeated))

    # ------------------------------------------------------------------ member by member

    def map(self, fn: Callable[..., Any], *tensors: Tensor) -> Any:
        """`fn(params, *tensors)` is written for one member (`params` by name).

        Results come back stacked.

        Inside `fn`, `net.one(params, x)` runs the model, and transforms of `torch.func` may be
        used.
        """
        self.set_mode()
        return self.form.map(self.module, fn, self.params, self.buffers, tensors)

    def one(self, params: Mapping[str, Tensor], x: Tensor, part: str = "") -> Tensor:
        """The model of the member at hand, or a part of
        it (`part="block1.norm"`); only inside `map`.
        """
        return self.form.one(self.module, params, x, part)

    def _run(
        self,
        params: Mapping[str, Tensor],
        x: Tensor,
        call: Call,
        buffers: Mapping[str, Tensor] | None = None,
    ) -> tuple[Tensor, dict[str, tuple[Tensor, Tensor]]]:
        if x.shape[0] != self.members:
            raise StrategyError(
                f"the network is a stack of {self.members}, and the input's first dimension is"
                f" {x.shape[0]}: [R, B, ...] is wanted"
            )
        # Not in `__init__`: only an input tells what the forward does.
        if not self._checked:
            self._check(params, x)
        self.set_mode()
        params, x = self.narrow(params, x)
        held = self.buffers if buffers is None else buffers
        # Rows of others come out as zeros, and are ignored by whoever set `active`.
        out, seen = self.form.run(self.module, params, held, x, call, self.active)
        return widen(out), {
            site: (widen(given), widen(made)) for site, (given, made) in seen.items()
        }

    def _check(self, params: Mapping[str, Tensor], x: Tensor) -> None:
        """Once, at the first forward: the model draws from
        no global generator, and can be run in its form.
        """
        self._set_skeleton(training=True, parts={})
        # Copies: running statistics and dropout's counts are not to move by a check.
        buffers = {name: value.clone() for name, value in self.buffers.items()}
        # Two examples, the least that batch-norm accepts in training mode.
        two = torch.cat([x[:, :1], x[:, -1:]], dim=1)
        with torch.no_grad():
            # Member 0 alone and in the loop form: its forward hooks see plain tensors there.
            check_forward(
                self.module, lambda: LoopForm().run(self.module, params, buffers, two, Call(), [0])
            )
            if strays := Binding.of(self.module).strays(buffers):
                raise StrategyError(
                    f"the model {type(self.module).__name__} assigns to its buffer {strays[0]} in"
                    " its forward; a stack keeps every member's own, so write it in place (copy_,"
                    " add_)"
                )
            if isinstance(self.form, VmapForm):
                try:
                    self.form.run(self.module, params, buffers, two, Call(), None)
                except RuntimeError:
                    # A module that vmap cannot run: batch-norm with momentum=None, an LSTM.
                    self.form = LoopForm()
        self._checked = True

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

    def named_buffers(self) -> dict[str, Tensor]:
        """The stacked buffers (running statistics) by the model's own names."""
        return dict(self.buffers)

    def part(self, name: str) -> Part:
        """A submodule of every member, such as `head`."""
        if name not in dict(self.module.named_modules()):
            raise StrategyError(f"the model {type(self.module).__name__} has no part {name!r}")
        return Part(self, name)

    def requires_grad_(self, flag: bool = True) -> Stack:
        """Freeze or thaw every parameter."""
        for value in self.params.values():
            value.requires_grad_(flag)
        return self

    # ------------------------------------------------------------------ copies and state

    def spawn(self, dtype: torch.dtype | None = None) -> Stack:
        """A copy with parameters and buffers of its own (a teacher:
        `self.net.spawn().requires_grad_(False).eval()`).

        With a `dtype` it computes in that, whatever the precision of training (float64: second
        derivatives, and wherever else float32 is too coarse), and its input is to have it, too.
        """
        # A shallow copy shares the skeleton, factory and seeds; what is listed below is its own.
        twin = copy.copy(self)
        twin.params = {
            name: value.detach().clone().requires_grad_(value.requires_grad)
            for name, value in self.params.items()
        }
        twin.buffers = {name: value.clone() for name, value in self.buffers.items()}
        twin.fresh_units = FreshUnits(twin._fresh, twin.seeds, twin.stream)
        # How many units each member has drawn so far: the copy goes on from there.
        twin.fresh_units.taken = {k: v.clone() for k, v in self.fresh_units.taken.items()}
        twin.part_modes = dict(self.part_modes)
        twin.watcher, twin.hidden_sites, twin.active = Watcher(self.watcher.clock), None, None
        # Features are of this network's weights, not of the copy's.
        twin.shortcut = None
        twin.given_params, twin.given_buffers = {}, {}
        if dtype is not None:
            twin.compute_in(dtype)
        return twin

    def __deepcopy__(self, memo: dict[int, Any]) -> Stack:
        return self.spawn()

    def fits(self, held: Saved) -> bool:
        """Whether saved state has these parameters."""
        saved = {name: item["value"] for name, item in held["params"]["items"] if "value" in item}
        return shapes_of(saved) == shapes_of(self.params)

    @classmethod
    def of_modules(cls, modules: Sequence[nn.Module], seeds: Sequence[Member]) -> Stack:
        """A stack that shows plain modules (a solo strategy's
        networks) as they are now; it holds copies.
        """
        turn = iter(modules)
        shown = cls(
            # The constructor calls the factory once a member, in their order.
            lambda: copy.deepcopy(next(turn)),
            seeds,
            # Of plain modules nothing is known, so no rule can be relied on.
            form="loop",
            device=next(modules[0].parameters()).device,
        )
        return shown.train(modules[0].training)

    def _buffers(self, given: Mapping[str, Tensor] | None) -> Mapping[str, Tensor]:
        """The network's own buffers, but for those that are given."""
        if given is None:
            return self.buffers
        if strange := [name for name in given if name not in self.buffers]:
            raise StrategyError(
                f"the model {type(self.module).__name__} has no buffer {strange[0]!r}; it has"
                f" {', '.join(self.buffers) or 'none'}"
            )
        return {**self.buffers, **given}

    def _named(self, params: Params) -> Mapping[str, Tensor]:
        if isinstance(params, Mapping):
            return params
        if len(params) != len(self.params):
            raise StrategyError(
                f"the network has {len(self.params)} parameters, and {len(params)} were given"
            )
        return dict(zip(self.params, params, strict=True))
