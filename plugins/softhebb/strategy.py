"""The strategy: Hebbian blocks without gradients, then the head."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Annotated, Any, ClassVar, Literal

import torch
from pydantic import Field, NonNegativeFloat, NonNegativeInt, PositiveFloat, PositiveInt
from torch import Tensor

from clbench import Batch, Phase, Strategy, Task, errors, per_member

from . import rule
from .blocks import BlockSpec, HebbianBlock, HebbianNet
from .presets import MODELS
from .rule import Competition
from .step import Found, HebbianStep, Rule, labels_win, learn, output

BODY, ALL, HEAD = "body", "all", "head"  # phases beside those of single blocks
HALVINGS = (0.2, 0.35, 0.5, 0.6, 0.7, 0.8, 0.9)  # of 50 epochs and more
FEW_HALVINGS = (0.5, 0.75)  # of 20 epochs and more


class SoftHebb(Strategy):
    """Soft winner-take-all Hebbian blocks without gradients, then a head (Journé et al. 2023).

    For models made of Hebbian blocks: `softhebb_mnist`, `softhebb_cifar1`, `softhebb_cifar2`,
    `softhebb_cifar3`, `softhebb_stl4`, `softhebb_imagenette5`, `softhebb_s000`, and `hebbian` for
    others. The protocol's epochs, batch size and optimiser are those of the head.
    """

    paper = (
        "Journé et al. 2023, Hebbian deep learning without feedback,"
        " https://arxiv.org/abs/2209.11883"
    )
    name = "softhebb"
    foreseeable: ClassVar[bool] = True
    wiring = Strategy.wiring | {"steps", "seen", "rules"}

    # `successive`: one block after the other, each with passes of its own, then the head;
    # `consecutive`: all blocks at every batch, then the head; `simultaneous`: all blocks and the
    # head at every batch, of the protocol's epochs and size.
    order: Literal["successive", "consecutive", "simultaneous"] = "successive"
    hebbian_epochs: NonNegativeInt = 1  # passes over a task's data for the blocks
    hebbian_batch_size: PositiveInt = 10  # samples of a Hebbian update
    # The soft-max over the units, at every position: with a minus sign for all but the winner
    # (soft_krotov), as it is (soft), or 1 for the winner (hard); soft_ranked and hard_ranked turn
    # over one unit alone, that of `rank`. None: the model's.
    competition: Competition | None = None
    # With soft_ranked, hard_ranked: which unit by its activation, the winner being 1.
    rank: Annotated[int, Field(ge=2)] = 2
    # With soft_ranked, hard_ranked: that unit's share is multiplied by minus this.
    rank_factor: NonNegativeFloat = 0.05
    # Inverse temperature of the soft-max, for all blocks or for each. None: the model's.
    temperature: PositiveFloat | tuple[PositiveFloat, ...] | None = None
    # Of the layer's largest change, for all blocks or for each; 0: random weights stay.
    # None: the model's.
    rate: NonNegativeFloat | tuple[NonNegativeFloat, ...] | None = None
    # `norm`: a unit's rate follows the distance of its norm from 1, to a power (the model's
    # exponent). `linear`: to 0 over the updates of a phase. `constant`: as it is.
    adapt: Literal["norm", "linear", "constant"] = "norm"
    # The head's rate is halved at 20, 35, 50, 60, 70, 80 and 90 % of at least 50 epochs, at 50 and
    # 75 % of at least 20 (halving), or follows the protocol's schedule.
    head_schedule: Literal["halving", "protocol"] = "halving"
    # The head learns by the protocol's optimiser, or by a Hebbian rule in which the label wins.
    classifier: Literal["gradient", "hebbian"] = "gradient"
    classifier_rate: PositiveFloat = 0.045  # of the Hebbian classifier; falls linearly to 0
    classifier_radius: PositiveFloat = 35.0  # norm of its weights at the start

    keep_u = False  # set by a part that reads the pre-activations, `HebbianStep.u`

    def refusal(self, setting: str, protocol: Mapping[str, Any]) -> str | None:
        ((model, _),) = protocol["model"].items()
        if model not in MODELS:
            return (
                f"it trains Hebbian blocks, and the model {model} has none; use one of"
                f" {', '.join(MODELS)}"
            )
        if self.head_schedule == "halving" and protocol["schedule"] != "none":
            return (
                "its head has a schedule of its own, so the protocol's would have no effect;"
                " give `head_schedule: protocol`, or leave `schedule` out"
            )
        return super().refusal(setting, protocol)

    def setup(self) -> None:
        super().setup()
        self.steps: dict[str, HebbianStep] = {}
        # The images of the step, and what the body made of them, where the head learns at once.
        self.seen: tuple[Tensor, Tensor] | None = None
        self.rules = self._rules()
        # Updates taken and to be taken in the phase at hand, for rates that fall.
        self.taken = torch.zeros(self.members, device=self.device)
        self.total = torch.ones(self.members, device=self.device)
        for parameter in self.net.part("body").parameters():
            parameter.requires_grad_(False)
        self.optimizer = self.make_optimizer(self.net.part("head").parameters())
        if self.classifier == "hebbian":
            self._begin_classifier()

    @torch.no_grad()
    def _begin_classifier(self) -> None:
        """Weights uniform from 0 on, of this norm; torch's are uniform to 1 / sqrt(n) in size."""
        head = self.net.part("head").named_parameters()
        self.net.watch("drop")
        self.net.part("drop").train(False)  # what goes into the head is learnt as it is
        head["weight"].abs_().mul_(self.classifier_radius * math.sqrt(3.0))
        head["bias"].zero_()

    def reset_head(self, how: Literal["zero", "init"], index: int) -> None:
        super().reset_head(how, index)
        if self.classifier == "hebbian" and how == "init":
            self._begin_classifier()

    @property
    def blocks(self) -> dict[str, HebbianBlock]:
        """The model's, by name, first to last."""
        module = self.net.module
        assert isinstance(module, HebbianNet)
        return module.blocks()

    def _rules(self) -> dict[str, Rule]:
        blocks = self.blocks
        temperatures = for_each(blocks, "temperature", self.temperature)
        rates = for_each(blocks, "rate", self.rate)
        rules = {}
        for name, block in blocks.items():
            spec = block.spec
            rules[name] = Rule(
                temperature=temperatures.get(name, spec.temperature),
                rate=rates.get(name, spec.rate),
                exponent=spec.exponent,
                competition=self._competition(name, spec),
                rank=self.rank,
                factor=self.rank_factor,
                adaptive=self.adapt == "norm",
            )
        return rules

    def _competition(self, name: str, spec: BlockSpec) -> Competition:
        competition = self.competition or spec.competition
        if competition.endswith("ranked") and self.rank > spec.units:
            raise errors.UserError(
                f"softhebb: rank is {self.rank}, and {name} has {spec.units} units"
            )
        return competition

    # ------------------------------------------------------------------ phases

    def phases(self, task: Task) -> Sequence[Phase]:
        given = super().phases(task)
        if self.order == "simultaneous":
            return [self._of_head(phase, ALL) for phase in given]
        names = self._block_names() if self.order == "successive" else [BODY]
        hebbian = [self._of_blocks(name) for name in names]
        return [*hebbian, *(self._of_head(phase, HEAD) for phase in given)]

    def _of_blocks(self, name: str) -> Phase:
        return Phase(
            name,
            epochs=self.hebbian_epochs,
            batch_size=self.hebbian_batch_size,
            schedule="none",
            stop=False,
        )

    def _block_names(self) -> list[str]:
        """The model's blocks, also before there is a network, as estimates ask for phases."""
        ((name, options),) = self.protocol.model.items()
        with torch.device("meta"):
            net = MODELS[name](self.scenario.input_shape, self.scenario.classes, **options)
        assert isinstance(net, HebbianNet)
        return list(net.blocks())

    def _of_head(self, phase: Phase, name: str) -> Phase:
        """A phase of the protocol's, by the name that it has here, with the head's schedule."""
        schedule = phase.schedule
        epochs = phase.epochs or self.protocol.epochs
        if schedule is None and self.head_schedule == "halving" and epochs is not None:
            schedule = halving(epochs)
        return replace(
            phase,
            name=name if phase.name == "train" else phase.name,
            schedule=schedule,
            frozen_before="drop" if name == HEAD else None,
        )

    def begin_phase(self, phase: Phase) -> None:
        super().begin_phase(phase)
        self._train_blocks()
        self.taken.zero_()
        if self.adapt == "linear" or self.classifier == "hebbian":
            self.total.copy_(self._updates(phase))

    def _train_blocks(self) -> None:
        """Batch-norm learns its statistics while its block is trained, and not before or after."""
        self.net.part("body").train(False)
        for name in self._trained():
            self.net.part(f"body.{name}").train(True)

    def _trained(self) -> list[str]:
        """The blocks that the phase at hand trains, first to last."""
        if self.phase.name in (BODY, ALL):
            return list(self.blocks)
        return [name for name in self.blocks if name == self.phase.name]

    def _updates(self, phase: Phase) -> Tensor:
        """`[R]`: how many each member makes in a phase over its task's samples."""
        size = phase.batch_size or self.protocol.batch_size
        steps = phase.steps or (self.protocol.steps if phase.epochs is None else None)
        if steps:
            return torch.full_like(self.total, steps)
        epochs = self.protocol.epochs if phase.epochs is None else phase.epochs
        return (epochs or 0) * torch.ceil(self._samples() / size)

    def _samples(self) -> Tensor:
        """`[R]`: the task's training samples; members may have unequal numbers of them."""
        samples = torch.zeros_like(self.total)
        for batch in self.task.batches("train", 1024):
            samples += batch.weights.sum(1)
        return samples

    # ------------------------------------------------------------------ steps

    def observe(self, batch: Batch) -> Tensor | None:
        trained = self._trained()
        if trained:
            self._learn_blocks(batch, trained)
        if trained and self.phase.name != ALL:
            self.after_step(batch)
            return None
        hebbian_head = self.classifier == "hebbian" and self.phase.name in (HEAD, ALL)
        loss = self._learn_head(batch) if hebbian_head else super().observe(batch)
        self.seen = None
        return loss

    def task_loss(self, batch: Batch) -> Tensor:
        features = self._seen_of(batch)
        if features is None:
            return super().task_loss(batch)
        return self.cross_entropy(self._logits(features), batch)

    def _logits(self, features: Tensor) -> Tensor:
        return self.net.part("head")(self.net.part("drop")(features))

    def _seen_of(self, batch: Batch) -> Tensor | None:
        """What the body has given for this very batch within the step, if it has."""
        if self.seen is None or self.seen[0] is not batch.x:
            return None
        return self.seen[1]

    @torch.no_grad()
    def _learn_blocks(self, batch: Batch, trained: Sequence[str]) -> None:
        """A Hebbian update of these blocks."""
        found = self.net.map(self._member(trained), batch.x, self._left())
        if ALL in found:
            self.seen = batch.x, found.pop(ALL)["features"]
        self._update(batch, [self._step_of(name, what) for name, what in found.items()])

    def _step_of(self, name: str, found: Found) -> HebbianStep:
        block = self.blocks[name]
        of_biases = 0.1 if block.spec.kernel else 1.0
        bias_rate = of_biases / self.rules[name].temperature
        return HebbianStep(name, f"body.{name}.{block.product}", self.net, found, bias_rate)

    def _member(self, trained: Sequence[str]) -> Callable[..., dict[str, Found]]:
        """The forward of one member through the blocks, in which some of them learn."""
        net, rules, keep_u = self.net, self.rules, self.keep_u
        needed = list(self.blocks)
        whole = self.phase.name == ALL
        if not whole:
            needed = up_to(needed, trained[-1])

        def member(params: Mapping[str, Tensor], x: Tensor, left: Tensor) -> dict[str, Found]:
            found: dict[str, Found] = {}
            for name in needed:
                if name not in trained:
                    x = net.one(params, x, part=f"body.{name}")
                    continue
                # u before the activation; the block learns from it, whatever is given on.
                found[name], u = learn(net, params, name, x, rules[name], left)
                if keep_u:
                    found[name]["u"] = u
                if whole or name != needed[-1]:
                    x = output(net, params, name, u)
            if whole:
                found[ALL] = {"features": x.flatten(1)}
            return found

        return member

    @torch.no_grad()
    def _learn_head(self, batch: Batch) -> Tensor:
        """A Hebbian update of the head, in which the label is the winner; the losses `[R]`."""
        features = self._seen_of(batch)
        if features is None:
            self.net(batch.x)
            features = self.net.seen["drop"]
        learn_labels = partial(labels_win, rate=self.classifier_rate)
        found = self.net.map(learn_labels, features, batch.y, self._left(falling=True))
        loss = self.cross_entropy(found["u"], batch)
        self._update(batch, [HebbianStep(HEAD, HEAD, self.net, found)])
        self.after_step(batch)
        return loss

    def _update(self, batch: Batch, steps: Sequence[HebbianStep]) -> None:
        """Make these updates, which other parts see and change as they do gradients."""
        self.optimizer.zero_grad()
        self.steps = {step.name: step for step in steps}
        for step in steps:
            step.begin()
        # Between the two, so that masks and penalties of other parts see a Hebbian step as a
        # gradient.
        self.adjust_gradients(batch)
        for step in steps:
            step.finish()
        self.steps = {}
        self.taken.add_(1.0)

    def _left(self, falling: bool = False) -> Tensor:
        """`[R]`: what is left of a rate that falls linearly over the phase."""
        if not falling and self.adapt != "linear":
            return torch.ones_like(self.total)
        # 1 at the first update, 0 behind the last one.
        return (1.0 - self.taken / self.total).clamp(min=0.0)

    def end_epoch(self, phase: Phase, epoch: int) -> None:
        super().end_epoch(phase, epoch)
        named = self.net.named_parameters()
        for name in self._trained():
            product = self.blocks[name].product
            distance = per_member(mean_distance, named[f"body.{name}.{product}.weight"])
            self.log(f"norm_distance_{name}", distance)


def up_to(names: list[str], last: str) -> list[str]:
    """The blocks that have to be run: those behind the last one that learns need not."""
    return names[: names.index(last) + 1]


def mean_distance(weight: Tensor) -> Tensor:
    """How far the norms of a member's units are from 1, on average."""
    return rule.distance(weight.flatten(1)).mean()


def halving(epochs: int) -> Any:
    """The schedule of SoftHebb's head: a rate that is halved, the more often the longer it is."""
    if epochs < 20:
        return "none"
    at = HALVINGS if epochs >= 50 else FEW_HALVINGS
    return {"milestones": {"at": list(at), "factor": 0.5}}


def for_each(blocks: Iterable[str], what: str, value: Any) -> dict[str, Any]:
    """A value for each block by name, where one may stand for all; nothing where none is given."""
    names = list(blocks)
    if value is None:
        return {}
    values = list(value) if isinstance(value, (tuple, list)) else [value] * len(names)
    if len(values) != len(names):
        raise errors.UserError(
            f"softhebb: {what} has {len(values)} values, and the model has {len(names)} blocks"
        )
    return dict(zip(names, values, strict=True))
