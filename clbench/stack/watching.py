"""What modules gave out in the first pass of a training step.

A step may run the network several times: over the batch, over a memory, over a sum that looks
ahead. Who asks what the units did wants to know what they did for the batch. So the engine says
when a step begins and over which batch (`Clock`), and the first pass of the step is what is kept
(`FirstPass`).
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import replace

from torch import Tensor, nn

from clbench.errors import StrategyError
from clbench.models.layer import Layer


class Clock:
    """The training step that a job is in, and the images that it is about.

    Shared by the networks of the job.
    """

    def __init__(self) -> None:
        self.steps = 0
        self.x: Tensor | None = None

    def begin_step(self, x: Tensor) -> None:
        """A step over the batch `x` begins."""
        self.steps += 1
        self.x = x


class Seen(dict[str, Tensor]):
    """Activations by the name of their module.

    `over_x` says whether they are those of a forward over the very images that were asked about;
    where there was none, they are those of the first forward over anything.
    """

    over_x = False

    def __missing__(self, name: str) -> Tensor:
        raise StrategyError(
            f"net.seen has no activation of {name!r}: it is kept from net.watch({name!r}) on,"
            " which belongs into setup(), and from the first training forward of the step"
        )


class Inputs(dict[str, Tensor]):
    """What went into modules in the last forward, by the name of the module."""

    def __init__(self, modules: list[str]) -> None:
        super().__init__()
        self.modules = modules

    def __missing__(self, name: str) -> Tensor:
        raise StrategyError(
            f"nothing is known of what goes into {name!r}: it is not among {self.modules}, or the"
            " network was not called within net.inputs_of(...)"
        )


class FirstPass:
    """What was given out in the first pass over `x`.

    The first pass is that over `x` itself. Where there is none (replay joins the batch with samples
    of its own), it is the first forward of the network at all. A part that is called alone is kept
    the first time.
    """

    def __init__(self, x: Tensor | None) -> None:
        self.x = x
        self.seen = Seen()
        self.settled: set[str] = set()  # what no later pass replaces
        self.logits: Tensor | None = None  # of the whole network, over `x` itself

    def note_network(self, x: Tensor, found: Mapping[str, Tensor], out: Tensor) -> None:
        """A forward of the whole network over `x`."""
        # By identity: another tensor of equal images is another forward.
        over_batch = x is self.x
        self.seen.over_x = self.seen.over_x or over_batch
        if over_batch and self.logits is None:
            self.logits = out
        for name, value in found.items():
            # The batch replaces what came before it; anything else only fills what is missing.
            if name in self.settled or (name in self.seen and not over_batch):
                continue
            self.seen[name] = value
            if over_batch:
                self.settled.add(name)

    def note_part(self, found: Mapping[str, Tensor]) -> None:
        """A forward of a part alone."""
        for name, value in found.items():
            if name not in self.settled:
                self.seen[name] = value
                self.settled.add(name)


class Watcher:
    """The modules of a network that somebody watches, and the passes that are being kept."""

    def __init__(self, clock: Clock | None = None) -> None:
        self.clock = clock
        self.names: dict[str, None] = {}  # in the order in which they were asked for
        self.keeps_logits = False  # even where nothing is watched
        self.step = FirstPass(None)
        self.begun = 0  # the step, by the clock, that `step` is of
        self.inner: list[FirstPass] = []
        self.inputs: list[Inputs] = []  # of those who read them at the moment

    def watch(self, names: list[str]) -> None:
        """From now on these modules, too."""
        self.names.update(dict.fromkeys(names))

    def within(self, part: str) -> dict[str, str]:
        """The watched modules of a part: the name within the part, and the whole name."""
        prefix = part + "."
        return {
            name.removeprefix(part).removeprefix("."): name
            for name in self.names
            if name == part or name.startswith(prefix)
        }

    def note_network(self, x: Tensor, found: Mapping[str, Tensor], out: Tensor) -> None:
        """A training forward of the whole network."""
        if self.clock is None:  # nobody counts steps, so each forward is one
            self.step = FirstPass(None)
        for kept in self._passes():
            kept.note_network(x, found, out)

    def note_part(self, found: Mapping[str, Tensor]) -> None:
        """A training forward of a part alone."""
        if self.clock is None:
            # Without a clock each call of the part is a step of its own: the latest counts.
            self.step.settled.difference_update(found)
        for kept in self._passes():
            kept.note_part(found)

    def of_step(self) -> FirstPass:
        """What is kept of the step at hand."""
        # Made at the first look in a step, so that steps nobody looks at cost nothing.
        if self.clock is not None and self.begun != self.clock.steps:
            self.begun = self.clock.steps
            self.step = FirstPass(self.clock.x)
        return self.step

    def show(self, step: FirstPass) -> None:
        """Let the step at hand be this one: a device graph has just repeated it."""
        self.step = step
        self.begun = 0 if self.clock is None else self.clock.steps

    def with_inputs(self, sites: tuple[str, ...]) -> tuple[str, ...]:
        """These modules, and those whose inputs somebody reads."""
        wanted = [name for inputs in self.inputs for name in inputs.modules]
        # Order kept, each once.
        return tuple(dict.fromkeys([*sites, *wanted])) if wanted else sites

    def note_inputs(self, found: Mapping[str, tuple[Tensor, Tensor]]) -> None:
        """A forward of the whole network, in any mode."""
        for inputs in self.inputs:
            inputs.update({name: found[name][0] for name in inputs.modules if name in found})

    def _passes(self) -> list[FirstPass]:
        # The step's own, and those of `first_pass` blocks that are open.
        return [self.of_step(), *self.inner]


def name_of_module(root: nn.Module, wanted: str | nn.Module) -> str:
    """The name of a module of `root`, which is given by itself or by its name."""
    modules = dict(root.named_modules(remove_duplicate=False))
    for name, module in modules.items():
        # The root itself is called "", and is no part.
        if name and (wanted is module or wanted == name):
            return str(name)
    said = repr(wanted) if isinstance(wanted, str) else f"such a {type(wanted).__name__}"
    raise StrategyError(f"the model {type(root).__name__} has no part {said}")


class Watched:
    """What a network offers to those who want to know what its modules gave out."""

    module: nn.Module
    training: bool
    watcher: Watcher
    hidden_sites: dict[str, str] | None

    def layers(self) -> list[Layer]:
        """The hidden layers, as the model names them."""
        describe = getattr(self.module, "layers", None)
        if describe is None:
            raise StrategyError(
                f"the model {type(self.module).__name__} does not name its hidden layers:"
                " give it a method layers() that returns clbench.Layer objects"
            )
        # The kind is read off the module, so that models need not repeat it.
        return [replace(layer, kind=self._kind(layer)) for layer in describe()]

    def _kind(self, layer: Layer) -> str:
        """What kind of module a layer's weight belongs to."""
        module = self.module.get_submodule(layer.weight.rpartition(".")[0])
        kinds = {nn.Linear: "linear", nn.Conv1d: "conv", nn.Conv2d: "conv", nn.Conv3d: "conv"}
        for kind, name in kinds.items():
            if isinstance(module, kind):
                return name
        return type(module).__name__

    def watch(self, *modules: str | nn.Module) -> None:
        """Keep what these modules give out in the first
        training forward of each step: `seen[name]`.

        Modules of the skeleton (`net.module`) or their names, such as "head", whose output are the
        logits.
        """
        self.watcher.watch([name_of_module(self.module, module) for module in modules])

    @property
    def seen(self) -> Seen:
        """What the watched modules gave out, `[R, B, ...]`
        with the graph, in the first pass of the step.

        That is the first training forward over `batch.x` itself; where there is none (replay joins
        the batch with samples of its own), the first of the step. Parts that are called alone
        count, too. In a network that no engine trains every training forward is a step.
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
        # Never undone: another part may have asked for it too.
        if flag:
            self.hidden_sites = {layer.name: layer.read for layer in self.layers()}
            self.watch(*self.hidden_sites.values())

    def first_logits(self, x: Tensor) -> Tensor | None:
        """What the network gave in the step's first training forward over exactly this tensor.

        None where there was no such forward, or neither `watcher.keeps_logits` nor anything
        watched.
        """
        step = self.watcher.of_step()
        return step.logits if step.x is x else None

    @contextlib.contextmanager
    def first_pass(self, x: Tensor) -> Iterator[Seen]:
        """What the watched modules give out in the first
        training forward over `x` within the block.

        For who adds to a loss: `with net.first_pass(batch.x) as seen: loss =
        super().task_loss(batch)`.
        """
        kept = FirstPass(x)
        self.watcher.inner.append(kept)
        try:
            yield kept.seen
        finally:
            self.watcher.inner.remove(kept)

    @contextlib.contextmanager
    def inputs_of(self, *modules: str | nn.Module) -> Iterator[Inputs]:
        """What goes into these modules in the last forward
        of the network within the block, in any mode.

        `with net.inputs_of("head") as inputs: self.predict(x)`: features, whatever the composition
        makes of the network to predict.
        """
        inputs = Inputs([name_of_module(self.module, module) for module in modules])
        self.watcher.inputs.append(inputs)
        try:
            yield inputs
        finally:
            # By identity: two blocks that read the same modules are equal as dictionaries.
            self.watcher.inputs = [other for other in self.watcher.inputs if other is not inputs]

    def _watched(self) -> Mapping[str, None]:
        """The modules to watch in a forward with the network's own parameters."""
        return self.watcher.names if self.training else {}

    def _is_kept(self, watched: Mapping[str, None]) -> bool:
        """Whether a forward with the network's own parameters is to be kept."""
        return bool(watched) or (self.training and self.watcher.keeps_logits)

    def _note(self, x: Tensor, found: Mapping[str, tuple[Tensor, Tensor]], out: Tensor) -> None:
        names = self.watcher.names
        given_out = {site: pair[1] for site, pair in found.items() if site in names}
        self.watcher.note_network(x, given_out, out)
