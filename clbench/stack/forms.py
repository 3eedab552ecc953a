"""The two forms of a stack, one interface.

`loop` calls one skeleton R times, its parameters being the unbound rows of the stacked tensors. `vmap`
calls it once under `torch.func.vmap`, with ordinary autograd outside. Which one follows from the cell
alone: from the device and the modules of the model, never from a timing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils import _pytree as pytree

from clbench.stack.modules import exact_under_vmap

Seen = dict[str, tuple[Tensor, Tensor]]


@dataclass(frozen=True)
class Call:
    """What a call returns beside the output: the inputs and outputs of these modules.

    Into `graph`, where there is one, go the outputs as they stand in the graph: a tensor a site under `vmap`,
    one a member in a loop.
    """

    sites: tuple[str, ...] = ()
    graph: list[dict[str, Any]] | None = None


def choose_form(wanted: str, module: nn.Module, device: torch.device) -> Form:
    """GPU: vmap. CPU: loop, but for models made only of modules that give the same bits under vmap."""
    if wanted == "auto":
        wanted = "vmap" if device.type != "cpu" or exact_under_vmap(module) else "loop"
    return {"loop": LoopForm, "vmap": VmapForm}[wanted]()


class Form:
    """How R networks are called as one."""

    name: str

    def run(
        self,
        module: nn.Module,
        params: Mapping[str, Tensor],
        buffers: Mapping[str, Tensor],
        x: Tensor,
        call: Call,
        active: Sequence[int] | None,
    ) -> tuple[Tensor, Seen]:
        """Outputs `[R, B, ...]`, and what the sites of `call` saw."""
        raise NotImplementedError

    def map(
        self,
        module: nn.Module,
        fn: Callable[..., Any],
        params: Mapping[str, Tensor],
        buffers: Mapping[str, Tensor],
        tensors: Sequence[Tensor],
    ) -> Any:
        """`fn(params, *tensors)` of every member, stacked."""
        raise NotImplementedError

    def one(self, module: nn.Module, params: Mapping[str, Tensor], x: Tensor) -> Tensor:
        """The skeleton with one member's parameters; its buffers are bound already."""
        Binding.of(module).bind(params)
        out: Tensor = module(x)
        return out


class LoopForm(Form):
    """Member after member: right for every model, and best for convolutions on a CPU."""

    name = "loop"

    def run(
        self,
        module: nn.Module,
        params: Mapping[str, Tensor],
        buffers: Mapping[str, Tensor],
        x: Tensor,
        call: Call,
        active: Sequence[int] | None,
    ) -> tuple[Tensor, Seen]:
        binding = Binding.of(module)
        names, rows = tuple(params), zip(*(value.unbind(0) for value in params.values()), strict=True) if params else ((),) * len(x)
        taking_part = set(range(len(x)) if active is None else active)
        outputs: list[tuple[Tensor, Seen] | None] = []
        for r, (row, x_r) in enumerate(zip(rows, x.unbind(0), strict=True)):
            if r not in taking_part:
                outputs.append(None)
                continue
            binding.bind(dict(zip(names, row, strict=True)))
            # A row taken by index, unlike one taken by unbind, may be written in place (running statistics).
            binding.bind({name: value[r] for name, value in buffers.items()})
            outputs.append(binding.watch(x_r, call.sites))
        pattern = next(output for output in outputs if output is not None)
        absent = pytree.tree_map(torch.zeros_like, pattern) if None in outputs else None
        stacked: tuple[Tensor, Seen] = pytree.tree_map(lambda *leaves: torch.stack(leaves), *(output or absent for output in outputs))
        if call.graph is not None:
            call.graph.append({site: [None if output is None else output[1][site][1] for output in outputs] for site in call.sites})
        return stacked

    def map(
        self,
        module: nn.Module,
        fn: Callable[..., Any],
        params: Mapping[str, Tensor],
        buffers: Mapping[str, Tensor],
        tensors: Sequence[Tensor],
    ) -> Any:
        binding = Binding.of(module)
        results = []
        for r in range(len(next(iter(params.values())))):
            binding.bind({name: value[r] for name, value in buffers.items()})
            results.append(fn({name: value[r] for name, value in params.items()}, *(tensor[r] for tensor in tensors)))
        return pytree.tree_map(lambda *leaves: torch.stack(leaves), *results)


class VmapForm(Form):
    """All members in every kernel."""

    name = "vmap"

    def run(
        self,
        module: nn.Module,
        params: Mapping[str, Tensor],
        buffers: Mapping[str, Tensor],
        x: Tensor,
        call: Call,
        active: Sequence[int] | None,
    ) -> tuple[Tensor, Seen]:
        binding = Binding.of(module)
        names, buffer_names = tuple(params), tuple(buffers)

        def member(values: tuple[Tensor, ...], buffer_values: tuple[Tensor, ...], x_r: Tensor) -> tuple[Tensor, Seen]:
            binding.bind(dict(zip(names, values, strict=True)))
            binding.bind(dict(zip(buffer_names, buffer_values, strict=True)))
            return binding.watch(x_r, call.sites)

        result: tuple[Tensor, Seen] = torch.func.vmap(member)(tuple(params.values()), tuple(buffers.values()), x)
        if call.graph is not None:
            call.graph.append({site: result[1][site][1] for site in call.sites})
        return result

    def map(
        self,
        module: nn.Module,
        fn: Callable[..., Any],
        params: Mapping[str, Tensor],
        buffers: Mapping[str, Tensor],
        tensors: Sequence[Tensor],
    ) -> Any:
        binding = Binding.of(module)

        def member(values: dict[str, Tensor], buffer_values: dict[str, Tensor], *rest: Tensor) -> Any:
            binding.bind(buffer_values)
            return fn(values, *rest)

        return torch.func.vmap(member)(dict(params), dict(buffers), *tensors)


class Binding:
    """The places of a skeleton where its tensors hang, so that other tensors can be hung there at no cost."""

    def __init__(self, module: nn.Module) -> None:
        self.module = module
        self.places: dict[str, list[tuple[dict[str, Any], str]]] = {}
        first_name: dict[int, str] = {}
        for name, parameter in module.named_parameters(remove_duplicate=False):
            self._place(first_name.setdefault(id(parameter), name), name, "_parameters")
        for name, _ in module.named_buffers():
            self._place(name, name, "_buffers")
        self.seen: Seen | None = None
        self.watched: set[str] = set()

    @staticmethod
    def of(module: nn.Module) -> Binding:
        """The skeleton's binding, made once."""
        binding = vars(module).get("_clbench_binding")
        if binding is None:
            binding = Binding(module)
            # Past nn.Module.__setattr__: neither a parameter nor a child.
            vars(module)["_clbench_binding"] = binding
        found: Binding = binding
        return found

    def _place(self, name: str, path: str, kind: str) -> None:
        owner, _, attribute = path.rpartition(".")
        self.places.setdefault(name, []).append((getattr(self.module.get_submodule(owner), kind), attribute))

    def bind(self, values: Mapping[str, Tensor]) -> None:
        """Hang these tensors in the skeleton."""
        for name, value in values.items():
            for holder, attribute in self.places[name]:
                holder[attribute] = value

    def watch(self, x: Tensor, sites: Sequence[str]) -> tuple[Tensor, Seen]:
        """Call the skeleton and note what goes in and out of the modules named."""
        if not sites:
            return self.module(x), {}
        for site in sites:
            if site not in self.watched:
                self.watched.add(site)
                self.module.get_submodule(site).register_forward_hook(self._hook(site))
        self.seen = {}
        try:
            out = self.module(x)
            return out, {site: self.seen[site] for site in sites if site in self.seen}
        finally:
            self.seen = None

    def _hook(self, site: str) -> Callable[[nn.Module, tuple[Tensor, ...], Tensor], None]:
        def note(_: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
            if self.seen is not None:
                self.seen[site] = (inputs[0], output)

        return note
