"""The stack: R networks of one shape, used as one."""

from __future__ import annotations

import contextlib
import copy
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
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
    check_forward,
    same_structure,
)
from clbench.stack.part import Part
from clbench.stack.state import Saved, Stateful
from clbench.stack.taps import Taps, widen
from clbench.stack.watching import Clock, FirstPass, Seen, Watcher, name_of_module

Params = Mapping[str, Tensor] | Sequence[Tensor]


class Stack(Stateful):
    """R networks whose parameters and buffers are `[R, ...]` tensors; `net(x)` maps `[R, B, ...]` to `[R, B, classes]`.

    `watch` keeps what modules give out in the first training forward of each step, with its graph: `seen` has
    them by module, and `hidden` those of the hidden layers (`keep_hidden`) by layer. `active` names the members
    a call computes in `loop` form; the engine sets it, and rows of the others come out as zeros.
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
            "watcher",
            "hidden_sites",
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
        clock: Clock | None = None,
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
        self.part_modes: dict[str, bool] = {}  # of the parts whose mode is their own
        self.watcher = Watcher(clock)
        self.hidden_sites: dict[str, str] | None = None  # layer: module, where somebody wants them
        self.active: list[int] | None = None
        self._checked = False

    # ------------------------------------------------------------------ calling

    def __call__(self, x: Tensor, trace: bool = False) -> Any:
        """`[R, B, ...]` -> `[R, B, classes]`; with `trace` also the hidden activations by layer name."""
        return self.call(self.params, x, trace=trace)

    def call(
        self,
        params: Params,
        x: Tensor,
        trace: bool = False,
        buffers: Mapping[str, Tensor] | None = None,
    ) -> Any:
        """The same model with other parameters: a teacher's, generated ones, a look-ahead's.

        With `buffers` also with other buffers in place of those of the same name (statistics of a task); what
        a forward changes in them is written into these tensors.
        """
        traced = {layer.read: layer.name for layer in self.layers()} if trace else {}
        watched = self._watched() if params is self.params else {}
        call = Call(tuple({**traced, **watched}))
        out, found = self._run(self._named(params), x, call, self._buffers(buffers))
        if watched:
            self._note(x, found, out)
        if not trace:
            return out
        return out, {name: found[site][1] for site, name in traced.items() if site in found}

    def tap(
        self, x: Tensor, kinds: tuple[type[nn.Module], ...] = (nn.Linear, nn.Conv2d)
    ) -> tuple[Tensor, Taps]:
        """The output, and what goes in and out of every module of these kinds."""
        sites = tuple(
            name for name, module in self.module.named_modules() if isinstance(module, kinds)
        )
        graph: list[dict[str, Any]] = []
        watched = self._watched()
        call = Call(tuple({**dict.fromkeys(sites), **watched}), graph)
        out, found = self._run(self.params, x, call)
        if watched:
            self._note(x, found, out)
        seen = {site: pair for site, pair in found.items() if site in sites}
        tapped = {site: held for site, held in graph[0].items() if site in sites}
        return out, Taps(seen, tapped, frozenset(Binding.of(self.module).repeated))

    # ------------------------------------------------------------------ watching

    def watch(self, *modules: str | nn.Module) -> None:
        """Keep what these modules give out in the first training forward of each step: `seen[name]`.

        Modules of the skeleton (`net.module`) or their names, such as "head", whose output are the logits.
        """
        self.watcher.watch([name_of_module(self.module, module) for module in modules])

    @property
    def seen(self) -> Seen:
        """What the watched modules gave out, `[R, B, ...]` with the graph, in the first pass of the step.

        That is the first training forward over `batch.x` itself; where there is none (replay joins the batch
        with samples of its own), the first of the step. Parts that are called alone count, too. In a network
        that no engine trains every training forward is a step.
        """
        return self.watcher.of_step().seen

    @property
    def hidden(self) -> dict[str, Tensor]:
        """The hidden layers among `seen`, by layer, where someone set `keep_hidden`."""
        seen = self.seen
        return {
            name: seen[site] for name, site in (self.hidden_sites or {}).items() if site in seen
        }

    @property
    def keep_hidden(self) -> bool:
        """Whether the hidden layers are watched."""
        return self.hidden_sites is not None

    @keep_hidden.setter
    def keep_hidden(self, flag: bool) -> None:
        if flag:
            self.hidden_sites = {layer.name: layer.read for layer in self.layers()}
            self.watch(*self.hidden_sites.values())

    def first_logits(self, x: Tensor) -> Tensor | None:
        """What the network gave in the step's first training forward over exactly this tensor.

        None where there was no such forward, or nothing is watched.
        """
        step = self.watcher.of_step()
        return step.logits if step.x is x else None

    @contextlib.contextmanager
    def first_pass(self, x: Tensor) -> Iterator[Seen]:
        """What the watched modules give out in the first training forward over `x` within the block.

        For who adds to a loss: `with net.first_pass(batch.x) as seen: loss = super().task_loss(batch)`.
        """
        kept = FirstPass(x)
        self.watcher.inner.append(kept)
        try:
            yield kept.seen
        finally:
            self.watcher.inner.remove(kept)

    def _watched(self) -> Mapping[str, None]:
        """The modules to watch in a forward with the network's own parameters."""
        return self.watcher.names if self.training else {}

    def _note(self, x: Tensor, found: Mapping[str, tuple[Tensor, Tensor]], out: Tensor) -> None:
        names = self.watcher.names
        given_out = {site: pair[1] for site, pair in found.items() if site in names}
        self.watcher.note_network(x, given_out, out)

    # ------------------------------------------------------------------ member by member

    def map(self, fn: Callable[..., Any], *tensors: Tensor) -> Any:
        """`fn(params, *tensors)` is written for one member (`params` by name); results come back stacked.

        Inside `fn`, `net.one(params, x)` runs the model, and transforms of `torch.func` may be used.
        """
        return self.form.map(self.module, fn, self.params, self.buffers, tensors)

    def one(self, params: Mapping[str, Tensor], x: Tensor) -> Tensor:
        """The model of the member at hand; only inside `map`."""
        return self.form.one(self.module, params, x)

    def _run(
        self,
        params: Mapping[str, Tensor],
        x: Tensor,
        call: Call,
        buffers: Mapping[str, Tensor] | None = None,
    ) -> tuple[Tensor, dict[str, tuple[Tensor, Tensor]]]:
        if x.shape[0] != self.members:
            raise StrategyError(
                f"the network is a stack of {self.members}, and the input's first dimension is {x.shape[0]}: [R, B, ...] is wanted"
            )
        if not self._checked:
            self._check(params, x)
        self.set_mode()
        params, x = self.narrow(params, x)
        held = self.buffers if buffers is None else buffers
        out, seen = self.form.run(self.module, params, held, x, call, self.active)
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
        self._set_skeleton(training=True, parts={})
        buffers = {name: value.clone() for name, value in self.buffers.items()}
        two = torch.cat([x[:, :1], x[:, -1:]], dim=1)
        with torch.no_grad():
            check_forward(
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

    # ------------------------------------------------------------------ modes

    def train(self, mode: bool = True) -> Stack:
        """Training mode on or off, as in `nn.Module`, but for parts that were given a mode of their own."""
        self.training = mode
        return self

    def eval(self) -> Stack:
        """Evaluation mode."""
        return self.train(False)

    def set_part_mode(self, name: str, training: bool) -> None:
        """The mode of a part and all within it from now on, whatever the rest does."""
        within = name + "."
        others = {
            part: mode
            for part, mode in self.part_modes.items()
            if part != name and not part.startswith(within)
        }
        self.part_modes = {**others, name: training}

    @contextlib.contextmanager
    def evaluation(self) -> Iterator[None]:
        """Everything in evaluation mode within the block, parts with a mode of their own too; then as before."""
        before = self.training, self.part_modes
        self.training, self.part_modes = False, {}
        try:
            yield
        finally:
            self.training, self.part_modes = before

    def set_mode(self) -> None:
        """Give the skeleton the modes that the stack has; copies share one skeleton."""
        at = vars(self.module).get("_clbench_part_modes", {})
        if self.module.training is not self.training or at != self.part_modes:
            self._set_skeleton(training=self.training, parts=self.part_modes)

    def _set_skeleton(self, *, training: bool, parts: Mapping[str, bool]) -> None:
        self.module.train(training)
        for name, mode in parts.items():
            self.module.get_submodule(name).train(mode)
        vars(self.module)["_clbench_part_modes"] = dict(parts)

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
        twin.part_modes = dict(self.part_modes)
        twin.watcher, twin.hidden_sites, twin.active = Watcher(self.watcher.clock), None, None
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
