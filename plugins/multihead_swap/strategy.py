"""A bank of heads on one body."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

import torch
from pydantic import Field, PositiveInt
from torch import Tensor, nn

from clbench import Strategy, Task, beside, errors

from .bank import HeadBank
from .choice import SCORES, decide, right_answers, to_equal_norms, votes

CHUNK = 256  # training images at a time
UNLIKELY = -1e9  # the logit of an output that the head was not trained on; finite, unlike -inf


class MultiheadSwap(Strategy):
    """A bank of heads on one body, chosen without being told the task ("head solution", S000).

    Every task trains a fresh head, or one of the bank that already does well on it; the body is
    that of the method it is composed with. A test set goes to the head with most votes, a vote an
    image for the head with the largest logit. Heads that were trained apart are not calibrated: one
    with larger weights wins.
    """

    name = "multihead_swap"
    replaces = frozenset({"predict"})
    wiring = Strategy.wiring | {"choices"}

    # Which head a task trains: a fresh one, or the best of the bank if its accuracy on the task's
    # data is above theta (reuse); with `reuse_running` theta is a running mean, theta <- (theta n +
    # accuracy) / (n + 1) after each task but the first, n the heads in the bank when the task
    # began, accuracy that of its head once it is trained.
    heads: Literal["new", "reuse", "reuse_running"] = "new"
    threshold: Annotated[float, Field(ge=0, le=1)] = 0.9  # theta, or where it starts
    # The data of the task on which these accuracies are measured; `test_oracle`, as in S000, reads
    # test data.
    measured_on: Literal["train", "validation", "test_oracle"] = "train"
    # What goes to one head: a whole test set, so many images in a row, or a single one.
    granularity: Literal["dataset", "batch", "sample"] = "dataset"
    # With granularity `batch`: how many images in a row; by default the protocol's batch size.
    batch: PositiveInt | None = None
    # What is added up over these images to a head's score; the largest wins. vote: 1 where its
    # largest logit is the largest of all heads'; sum_max: its largest logit; sum_abs_max: its
    # largest |logit|; max_softmax: its largest probability; entropy: minus the entropy of its
    # soft-max; oracle: 1 where it is right, which reads the labels.
    score: Literal["vote", "sum_max", "sum_abs_max", "max_softmax", "entropy", "oracle"] = "vote"
    # Before they are compared, heads are scaled to the mean of the norms of their weights.
    normalise: bool = False

    # ------------------------------------------------------------------ what is asked before a run

    def declares(self) -> frozenset[str]:
        said = set(super().declares())
        if self.score == "oracle":
            said.add("oracle")
        if self.heads != "new" and self.measured_on == "test_oracle":
            said.add("reads_test")
        return frozenset(said)

    def refusal(self, setting: str, protocol: Mapping[str, Any]) -> str | None:
        if setting == "task":
            return (
                "it finds out which head images belong to, and in the task setting each task has"
                " its outputs and is told; use setting: domain, or class"
            )
        if protocol["head_reset"] != "never":
            return (
                "it gives each task its head, so `head_reset` would have no effect; leave it out"
                " for this method: {multihead_swap: {protocol: {head_reset: never}}}"
            )
        if self.heads != "new" and self.measured_on == "validation" and not protocol["validation"]:
            return "measured_on: validation needs validation data; give `validation: 0.1`"
        return super().refusal(setting, protocol)

    # ------------------------------------------------------------------ what there is

    def setup(self) -> None:
        super().setup()
        head = self.net.part("head").named_parameters()
        if "weight" not in head:
            raise errors.UserError(
                "multihead_swap: the head of a model is its last linear layer, and that of"
                f" {type(self.net.module).__name__} has no weights; use another model"
            )
        self.bank = HeadBank(head, self.scenario.classes)
        self.theta = torch.full(
            (self.members,), self.threshold, dtype=torch.float64, device=self.device
        )
        # `[R]`: heads in the bank when the task began.
        self.stored = torch.zeros(self.members, dtype=torch.int64, device=self.device)
        # `[R, T]`: the head that each task trained; -1 of tasks to come.
        shape = self.members, self.scenario.tasks
        self.head_of_task = torch.full(shape, -1, dtype=torch.int64, device=self.device)
        # `[R, N]`: the head of each image of the test set that was looked at last. It is read by
        # `predict` alone, within that evaluation, and is no state.
        self.choices = torch.zeros(self.members, 0, dtype=torch.int64, device=self.device)

    def _logits(self, x: Tensor) -> Tensor:
        """`[R, H, B, C]`: those of every head, from one pass through the body."""
        head = self.net.part("head")
        kind: type[nn.Module] = type(self.net.module.get_submodule("head"))
        _, taps = self.net.tap(x, (kind,))
        # What goes into the head, `[R, B, F]`: the body runs once for all heads.
        features, network = taps.inputs["head"], head.named_parameters()
        numbers = range(self.bank.width)
        found = [head(features, self.bank.head(number, network)) for number in numbers]
        return torch.stack(found, dim=1)

    # ------------------------------------------------------------------ tasks

    @torch.no_grad()
    def begin_task(self, task: Task) -> None:
        super().begin_task(task)
        self.stored = self.bank.count.clone()
        # The first task trains the head that the untrained network came with.
        slot = self._swap(task) if task.index else torch.zeros_like(self.stored)
        self.bank.begin(slot, self._outputs_of(task))
        self.head_of_task[:, task.index] = slot
        self.log("trained_head", slot.double())

    def _swap(self, task: Task) -> Tensor:
        """Put the head that the task is to train in the network; `[R]`: its slot."""
        best, is_reused = self._best_in_bank(task)
        self.reset_head("init", task.index)
        kept = self.bank.take(best)
        for name, value in self.net.part("head").named_parameters().items():
            here = beside(is_reused, value)
            value.copy_(torch.where(here, kept[name], value))
        # The optimiser's moments belong to the head that was there before.
        self.forget_head()
        return torch.where(is_reused, best, self.stored)

    def _best_in_bank(self, task: Task) -> tuple[Tensor, Tensor]:
        """`[R]` the head that does best on the task, first of equals, and whether to train it."""
        if self.heads == "new":
            nobody = torch.zeros_like(self.stored)
            return nobody, nobody.bool()
        accuracy, best = self._accuracies(task).max(1)
        return best, accuracy > self.theta

    def _accuracies(self, task: Task) -> Tensor:
        """`[R, H]`: each head's share of right answers on the task's data, -1 without a head."""
        split = "test" if self.measured_on == "test_oracle" else self.measured_on
        outputs = self._outputs_of(task)[:, None, None]
        right = torch.zeros_like(self.bank.exists, dtype=torch.float64)
        total = torch.zeros_like(right[:, :1])
        with self.net.evaluation():
            for batch in task.batches(split, CHUNK):
                marks = right_answers(self._logits(batch.x), outputs, batch.y)
                counts = batch.weights[:, None]
                right += torch.where(counts, marks, 0.0).double().sum(2)
                total += counts.sum(2)
        return (right / total).masked_fill(~self.bank.exists, -1.0)

    def _outputs_of(self, task: Task) -> Tensor:
        """`[R, C]`: the outputs that the task trains."""
        tasks = torch.full((self.members, 1), task.index, device=self.device)
        nothing = torch.zeros(self.members, 1, self.scenario.classes, device=self.device)
        return self.masked(nothing, tasks).isfinite()[:, 0]

    @torch.no_grad()
    def end_task(self, task: Task) -> None:
        super().end_task(task)
        self.bank.store(self.net.part("head").named_parameters())
        if self.heads == "reuse_running" and task.index:
            own = self._accuracies(task).gather(1, self.bank.slot[:, None])[:, 0]
            self.theta = running_mean(self.theta, self.stored, own)
        if self.heads != "new":
            self.log("head_threshold", self.theta)
        network = sum(value[0].numel() for value in self.net.parameters())
        # One head of each member is in the network and counted there.
        others = (self.bank.count - 1).double() * self.bank.numbers()
        self.cost("parameters", network + others)

    # ------------------------------------------------------------------ what is predicted

    @torch.no_grad()
    def begin_evaluation(self, look: Any) -> None:
        super().begin_evaluation(look)
        scores, valid = [], []
        for images in look.batches():
            # Batches of a test set are looked at in order; `labels` are those of all of it.
            here = slice(images.start, images.start + images.x.shape[1])
            y = look.labels[:, here] if self.score == "oracle" else None
            scores.append(self._scores(self._logits(images.x), y))
            valid.append(images.valid)
        counts = torch.cat(valid, dim=1)
        self.choices = self._decided(torch.cat(scores, dim=2), counts)
        self.note("right_head", self._shares(self.choices, counts))

    def predict(self, x: Tensor, task: Task | None = None) -> Tensor:
        logits = self._logits(x)
        # `[R, 1, B, 1]`, beside logits `[R, H, B, C]`.
        chosen = self._choice(x, logits)[:, None, :, None]
        shown = logits.masked_fill(~self.bank.outputs[:, :, None], UNLIKELY)
        return shown.gather(1, chosen.expand(-1, -1, -1, shown.shape[3]))[:, 0]

    def _choice(self, x: Tensor, logits: Tensor) -> Tensor:
        """`[R, B]`: each image's head."""
        asked = self.asked if self.asked and self.asked.x.shape == x.shape else None
        if asked and asked.start is not None:
            return self.choices[:, asked.start : asked.start + x.shape[1]]
        # Nobody looked at a test set: these images are all there is to decide by. Without labels an
        # oracle is left with the head that is, or was, trained last.
        if self.score == "oracle":
            return self.bank.slot[:, None].expand(x.shape[:2])
        everyone = torch.ones(x.shape[:2], dtype=torch.bool, device=self.device)
        return self._decided(self._scores(logits), asked.valid if asked else everyone)

    def _scores(self, logits: Tensor, y: Tensor | None = None) -> Tensor:
        """`[R, H, B]`: what each image adds to a head's score; labels `y [R, B]` of an oracle."""
        outputs = self.bank.outputs[:, :, None]
        if y is not None:
            return right_answers(logits, outputs, y)
        if self.normalise:
            logits = logits * self._scales()[..., None, None].to(logits.dtype)
        if self.score == "vote":
            return votes(logits, outputs, self.bank.exists)
        return SCORES[self.score](logits, outputs)

    def _scales(self) -> Tensor:
        network = self.net.part("head").named_parameters()
        numbers = range(self.bank.width)
        weights = [self.bank.head(number, network)["weight"] for number in numbers]
        return to_equal_norms(weights, self.bank.outputs, self.bank.exists)

    def _decided(self, scores: Tensor, valid: Tensor) -> Tensor:
        together = {"dataset": None, "batch": self.batch or self.protocol.batch_size, "sample": 1}
        return decide(scores, valid, self.bank.exists, together[self.granularity])

    def _shares(self, chosen: Tensor, valid: Tensor) -> Tensor:
        """`[R, T]`: of each task, the share of these images that went to the head trained on it."""
        counts = torch.zeros_like(self.bank.exists, dtype=torch.float64)
        counts.scatter_add_(1, chosen, valid.double())
        shares = counts / valid.sum(1, keepdim=True)
        # Tasks to come have no head: head 0 is read for them and masked.
        known = self.head_of_task.clamp(min=0)
        return shares.gather(1, known).masked_fill(self.head_of_task < 0, torch.nan)


def running_mean(theta: Tensor, number: Tensor, accuracy: Tensor) -> Tensor:
    """`[R]`: the mean of a theta that stands for so many heads, and the accuracy of one more."""
    return (theta * number + accuracy) / (number + 1)
