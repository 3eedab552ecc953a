"""The two forms of a stack, one interface.

`loop` calls one skeleton R times, its parameters being the unbound rows of the stacked tensors.
`vmap` calls it once for all, by our own rules where every module has one, and else under
`torch.func.vmap`, with ordinary autograd outside. Which form follows from the cell alone: from the
device and the modules of the model, never from a timing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from clbench.stack import rules
from clbench.stack.members import rows_of, stack_rows, stacked

# Site to (what went in, what came out), each `[R, B, ...]`, or `[B, ...]` of one member.
Seen = dict[str, tuple[Tensor, Tensor]]


@dataclass(frozen=True)
class Call:
    """What a call returns beside the output: the inputs and outputs of these modules.

    Into `graph`, where there is one, go the outputs as they stand in the graph: a tensor a site
    under `vmap`, one a member in a loop.
    """

    sites: tuple[str, ...] = ()
    graph: list[dict[str, Any]] | None = None


def choose_form(
    wanted: str, module: nn.Module, device: torch.device, precision: str = "fp32"
) -> Form:
    """GPU: vmap.

    CPU: loop, but for models made only of modules whose rules give the same bits for every R, which
    was shown for floats.
    """
    if wanted == "auto":
        as_one = device.type != "cpu" or _is_exact(module, precision)
        wanted = "vmap" if as_one else "loop"
    return {"loop": LoopForm, "vmap": VmapForm}[wanted]()


def _is_exact(module: nn.Module, precision: str) -> bool:
    return rules.exact(module) and precision != "bf16"


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

    def one(
        self, module: nn.Module, params: Mapping[str, Tensor], x: Tensor, part: str = ""
    ) -> Tensor:
        """The skeleton, or a part of it, with one member's parameters.

        Its buffers are bound already.
        """
        Binding.of(module).bind(params)
        out: Tensor = module.get_submodule(part)(x)
        return out


def _storage(tensor: Tensor) -> int:
    """Where its memory begins, whatever part of it this tensor sees."""
    return tensor.untyped_storage().data_ptr()


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
        binding, members = Binding.of(module), x.shape[0]
        # unbind, not indexing: its backward is one stack of R gradients, where R indexings would
        # each fill a tensor of zeros of the whole `[R, ...]` and add them up.
        rows, inputs = [rows_of(value) for value in params.values()], rows_of(x)
        outputs: list[Tensor | None] = [None] * members
        seen: list[Seen | None] = [None] * members
        # Rows that are not active keep `None`, and become zeros below.
        for r in range(members) if active is None else active:
            binding.hang(params, [row[r] for row in rows])
            # A row taken by index, unlike one taken by unbind, may be written in place (running
            # statistics).
            binding.hang(buffers, [value[r] for value in buffers.values()])
            outputs[r], seen[r] = binding.watch(
                inputs[r], call.sites, None if call.graph is None else x.new_zeros(())
            )
        # A site that the forward did not come to is missing from every member alike.
        reached = next(of_member for of_member in seen if of_member is not None)
        came_in, went_out = {}, {}
        for site in reached:
            # Rows of members that are not computed come out as zeros.
            pairs = [(None, None) if mine is None else mine[site] for mine in seen]
            came_in[site] = [given for given, _ in pairs]
            went_out[site] = [output for _, output in pairs]
        if call.graph is not None:
            call.graph.append(went_out)
        noted = {site: (_stacked(came_in[site]), _stacked(went_out[site])) for site in reached}
        return _stacked(outputs), noted

    def map(
        self,
        module: nn.Module,
        fn: Callable[..., Any],
        params: Mapping[str, Tensor],
        buffers: Mapping[str, Tensor],
        tensors: Sequence[Tensor],
    ) -> Any:
        return _member_by_member(module, fn, params, buffers, tensors)


def _member_by_member(
    module: nn.Module,
    fn: Callable[..., Any],
    params: Mapping[str, Tensor],
    buffers: Mapping[str, Tensor],
    tensors: Sequence[Tensor],
) -> Any:
    binding = Binding.of(module)
    results = []
    # R is read from a parameter: `tensors` may be empty.
    for r in range(len(next(iter(params.values())))):
        binding.bind({name: value[r] for name, value in buffers.items()})
        own = {name: value[r] for name, value in params.items()}
        results.append(fn(own, *(tensor[r] for tensor in tensors)))
    return stacked(results)


def _stacked(rows: Sequence[Tensor | None]) -> Tensor:
    """`[R, ...]` of the members' results, zeros where a member has none."""
    present = [row for row in rows if row is not None]
    if len(present) < len(rows):
        absent = torch.zeros_like(present[0])
        present = [absent if row is None else row for row in rows]
    # Zeros have no history: members that were left out get no gradient.
    return stack_rows(*present)


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
        # The rules cover the module types of clbench/stack/rules*. One unknown type in the model,
        # and the whole of it goes through torch's vmap.
        has_rules = rules.all_known(Binding.of(module).modules)
        run = self._by_rules if has_rules else self._by_vmap
        result = run(module, params, buffers, x, call)
        if call.graph is not None:
            call.graph.append({site: output for site, (_, output) in result[1].items()})
        return result

    def _by_rules(
        self,
        module: nn.Module,
        params: Mapping[str, Tensor],
        buffers: Mapping[str, Tensor],
        x: Tensor,
        call: Call,
    ) -> tuple[Tensor, Seen]:
        binding = Binding.of(module)
        # Stacked tensors `[R, ...]` hang in the skeleton here; the rules know the extra axis.
        binding.bind(params)
        binding.bind(buffers)
        return binding.watch_all(x, call.sites, None if call.graph is None else x.new_zeros(()))

    def _by_vmap(
        self,
        module: nn.Module,
        params: Mapping[str, Tensor],
        buffers: Mapping[str, Tensor],
        x: Tensor,
        call: Call,
    ) -> tuple[Tensor, Seen]:
        binding = Binding.of(module)
        names, buffer_names = tuple(params), tuple(buffers)

        def member(
            values: tuple[Tensor, ...], buffer_values: tuple[Tensor, ...], x_r: Tensor, zero: Tensor
        ) -> tuple[Tensor, Seen]:
            # Within vmap the values are batched tensors that look like one member's.
            binding.hang(names, values)
            binding.hang(buffer_names, buffer_values)
            return binding.watch(x_r, call.sites, None if call.graph is None else zero)

        # A number a member, `[R]`: what makes an output batched that depends on no batched tensor.
        zeros = torch.zeros(len(x), device=x.device)
        result: tuple[Tensor, Seen] = torch.func.vmap(member)(
            tuple(params.values()), tuple(buffers.values()), x, zeros
        )
        return result

    def map(
        self,
        module: nn.Module,
        fn: Callable[..., Any],
        params: Mapping[str, Tensor],
        buffers: Mapping[str, Tensor],
        tensors: Sequence[Tensor],
    ) -> Any:
        if (
            next(iter(params.values())).device.type == "cpu"
        ):  # whatever `fn` does, its bits are not to depend on the others
            return _member_by_member(module, fn, params, buffers, tensors)
        binding = Binding.of(module)

        def member(
            values: dict[str, Tensor], buffer_values: dict[str, Tensor], *rest: Tensor
        ) -> Any:
            binding.bind(buffer_values)
            return fn(values, *rest)

        return torch.func.vmap(member)(dict(params), dict(buffers), *tensors)


class Binding:
    """The places of a skeleton where its tensors hang, so
    that other tensors can be hung there at no cost.
    """

    def __init__(self, module: nn.Module) -> None:
        self.module, self.modules = module, list(module.modules())
        self.places: dict[str, list[tuple[dict[str, Any], str]]] = {}
        first_name: dict[int, str] = {}
        for name, parameter in module.named_parameters(remove_duplicate=False):
            # Tied parameters: all their paths hang under the name of the first.
            self._place(first_name.setdefault(id(parameter), name), name, "_parameters")
        # Names of buffers are not shared by tying: duplicates are left out by torch itself.
        for name, _ in module.named_buffers():
            self._place(name, name, "_buffers")
        self.seen: Seen | None = None
        self.zero: Tensor | None = None
        self.repeated: set[str] = (
            set()
        )  # sites that the last call came to more than once; it is the last time that is seen
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
        self.places.setdefault(name, []).append(
            (getattr(self.module.get_submodule(owner), kind), attribute)
        )

    def bind(self, values: Mapping[str, Tensor]) -> None:
        """Hang these tensors in the skeleton."""
        self.hang(values, values.values())

    def hang(self, names: Iterable[str], values: Iterable[Tensor]) -> None:
        """The same, with names and tensors apart."""
        for name, value in zip(names, values, strict=True):
            for holder, attribute in self.places[name]:
                # Straight into `_parameters` or `_buffers`: nn.Module's own assignment checks types
                # and would refuse a tensor that is no Parameter.
                holder[attribute] = value

    def strays(self, buffers: Mapping[str, Tensor]) -> list[str]:
        """Buffers of which another tensor hangs here than a part of
        these: the model has assigned instead of writing in place.
        """
        return [name for name, value in buffers.items() if not self._holds(name, value)]

    def _holds(self, name: str, value: Tensor) -> bool:
        holder, attribute = self.places[name][0]
        # Storages, because a row of the stack is another tensor than the stack.
        return _storage(holder[attribute]) == _storage(value)

    def watch(self, x: Tensor, sites: Sequence[str], zero: Tensor | None) -> tuple[Tensor, Seen]:
        """Call the skeleton and note what goes in and out of the modules named.

        With a member's `zero` the outputs noted stay where they are in the graph: under `vmap` a
        sum with a stacked number has its members in front, and what goes on is a copy, which a
        later module may write over.
        """
        if not sites:
            return self.module(x), {}
        for site in sites:
            # A hook is registered once and stays; `self.seen` decides whether it does anything.
            if site not in self.watched:
                self.watched.add(site)
                self.module.get_submodule(site).register_forward_hook(self._hook(site))
        return self._noting(sites, zero, lambda: self.module(x))

    def watch_all(
        self, x: Tensor, sites: Sequence[str], zero: Tensor | None
    ) -> tuple[Tensor, Seen]:
        """The same for all members at once, by the rules; stacked tensors hang here."""
        if not sites:
            return rules.forward(self.module, x), {}
        at: dict[nn.Module, list[str]] = {}
        for site in sites:
            at.setdefault(self.module.get_submodule(site), []).append(site)

        # A module may be named by several sites, and every one of them is told.
        def note(module: nn.Module, given: Tensor, out: Tensor) -> Tensor:
            for site in at.get(module, ()):
                out = self._note(site, given, out)
            return out

        return self._noting(sites, zero, lambda: rules.forward(self.module, x, note))

    def _noting(
        self, sites: Sequence[str], zero: Tensor | None, call: Callable[[], Tensor]
    ) -> tuple[Tensor, Seen]:
        self.seen, self.repeated, self.zero = {}, set(), zero
        try:
            out = call()
            return out, {site: self.seen[site] for site in sites if site in self.seen}
        finally:
            # Also after an error: a stale dictionary would keep the graph of this forward alive.
            self.seen = None

    def _hook(self, site: str) -> Callable[[nn.Module, tuple[Tensor, ...], Tensor], Tensor | None]:
        return lambda _, inputs, output: (
            # A hook that returns None leaves the output as it is.
            None if self.seen is None else self._note(site, inputs[0], output)
        )

    def _note(self, site: str, given: Tensor, output: Tensor) -> Tensor:
        """Note what went in and out; what goes on instead of the output."""
        assert self.seen is not None
        if site in self.seen:
            self.repeated.add(site)
        if self.zero is None:
            self.seen[site] = (given, output)
            return output
        noted = output + self.zero.to(output.dtype)
        self.seen[site] = (given, noted)
        # A copy, for a later in-place ReLU would otherwise write over what was noted.
        return noted.clone()
