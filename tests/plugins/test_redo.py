from __future__ import annotations

import math
from typing import Any, ClassVar

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from clbench import Batch
from clbench_plugins.er import ER
from clbench_plugins.redo import ReDo, activity, scores_of
from tests.engine.test_graphs import rehearsed


def test_scores_by_hand() -> None:
    scores = scores_of(torch.tensor([[0.5, 0.1, 0.02, 0.0], [0.0, 0.0, 0.0, 0.0]]))
    wanted = torch.tensor([3.225806, 0.645161, 0.129032, 0.0])
    torch.testing.assert_close(scores[0], wanted, atol=1e-5, rtol=0)
    assert (scores[0] <= 0.025).sum() == 1
    assert (scores[0] <= 0.2).sum() == 2
    assert scores[1].eq(0).all(), "a layer that is silent as a whole is dormant as a whole"


def test_activity_is_a_mean_over_positions_and_halves() -> None:
    dense = torch.tensor([[[1.0, -2.0, 0.0]]])
    assert torch.equal(activity(dense), torch.tensor([[[1.0, 2.0, 0.0]]]))
    filters = torch.tensor([[1.0, -1.0, 0.0, 2.0], [0.0, 0.0, 0.0, 0.0]]).view(1, 1, 2, 2, 2)
    assert torch.equal(activity(filters), torch.tensor([[[1.0, 0.0]]]))


class Noted(ReDo):
    """Notes where training began, what each step found, and what it left."""

    start: ClassVar[dict[str, Tensor]] = {}
    steps: ClassVar[list[dict[str, Any]]] = []

    def setup(self) -> None:
        super().setup()
        self.steps.clear()
        self.start.update(self.weights())

    def weights(self) -> dict[str, Tensor]:
        return {name: value.detach().clone() for name, value in self.net.named_parameters().items()}

    def after_step(self, batch: Batch) -> None:
        noted = {"batch": batch, "active": list(self.session.active), "before": self.weights()}
        super().after_step(batch)
        slots = zip(noted["before"], self.optimizer.slots.values(), strict=True)
        noted["moments"] = {}
        for name, slot in slots:
            noted["moments"][name] = [moment.clone() for moment in slot.moments]
        self.steps.append({**noted, "after": self.weights()})


TWO_LAYERS = {"mlp": {"hidden": [20, 12]}}
HIDDEN = ("linear1", "linear2")


def run(on_digits: Any, strategy: Any, *seeds: int, **protocol: Any) -> Any:
    """Train on two tasks."""
    bench = on_digits(strategy, tasks=2, **{"optimizer": {"adam": {"lr": 0.01}}, **protocol})
    running, loop = bench.start(*seeds)
    for task in running.session.streams.tasks:
        loop.task(task)
    return running


def of_member(params: dict[str, Tensor], r: int) -> dict[str, Tensor]:
    return {name: value[r].clone() for name, value in params.items()}


def scores_by_hand(params: dict[str, Tensor], x: Tensor) -> list[Tensor]:
    """Of one member, a multi-layer perceptron of two hidden layers."""
    found, h = [], x.flatten(1)
    for name in HIDDEN:
        h = torch.relu(h @ params[f"{name}.weight"].T + params[f"{name}.bias"])
        means = h.abs().mean(0)
        found.append(means / (means.mean() + 1e-9))
    return found


def recycle(values: dict[str, Tensor], one: Tensor, two: Tensor) -> None:
    """Set all that belongs to these units of the first and the second layer to 0."""
    for name, due in zip(HIDDEN, (one, two), strict=True):
        values[f"{name}.weight"][due] = 0.0
        values[f"{name}.bias"][due] = 0.0
    values["linear2.weight"][:, one] = 0.0
    values["head.weight"][:, two] = 0.0


def take_drawn(values: dict[str, Tensor], drawn: dict[str, Tensor], due: list[Tensor]) -> None:
    """What only the method's own random numbers tell: the weights into units of these layers."""
    one, two = due
    values["linear1.weight"][one] = drawn["linear1.weight"][one]
    values["linear2.weight"][two] = drawn["linear2.weight"][two]
    values["linear2.weight"][:, one] = 0.0


def test_dormant_units_are_recycled_each_period_and_nothing_else_moves(on_digits: Any) -> None:
    running = run(on_digits, Noted(tau=0.4, period=7), 0, 1, model=TWO_LAYERS, epochs=2)
    counts, recycled = [0, 0], [[], []]
    for step in Noted.steps:
        for r in step["active"]:
            counts[r] += 1
            before, after = of_member(step["before"], r), of_member(step["after"], r)
            due = [torch.zeros(20, dtype=torch.bool), torch.zeros(12, dtype=torch.bool)]
            if counts[r] % 7 == 0:
                due = [s <= 0.4 for s in scores_by_hand(before, step["batch"].x[r])]
                recycled[r].append(int(sum(d.sum() for d in due)))
            recycle(before, *due)
            take_drawn(before, after, due)
            for name, value in before.items():
                assert torch.equal(after[name], value), name
            for moment in range(2):
                kept = {name: moments[moment][r] for name, moments in step["moments"].items()}
                cleared = {name: value.clone() for name, value in kept.items()}
                recycle(cleared, *due)
                assert all(torch.equal(kept[name], cleared[name]) for name in kept)
    assert all(sum(found) > 3 for found in recycled), "the test tests something"
    curve = running.session.measurements.curves["recycled_units"]
    assert curve.lengths.tolist() == [count // 7 for count in counts]
    for r in (0, 1):
        assert curve.table()[r, : curve.lengths[r]].tolist() == recycled[r]


def test_weights_in_are_drawn_as_xavier_or_as_the_model_begins(on_digits: Any) -> None:
    inputs = 64
    for initial, bound in (("xavier", math.sqrt(6 / (inputs + 20))), ("model", inputs**-0.5)):
        run(on_digits, Noted(tau=0.6, period=5, initial=initial), 0, model=TWO_LAYERS)
        drawn = []
        for step in Noted.steps:
            before, after = (
                of_member(step[when], 0)["linear1.weight"] for when in ("before", "after")
            )
            drawn.append(after[(before != after).any(1)].flatten())
        values = torch.cat(drawn)
        assert len(values) > 10 * inputs
        assert 0.95 * bound < values.abs().max() <= bound


def adam(params: dict[str, Tensor], grads: dict[str, Tensor], state: dict[str, Any]) -> None:
    """A step with an age of its own for each entry."""
    for name, grad in grads.items():
        mean, square, age = (state[kind][name] for kind in ("mean", "square", "age"))
        age += 1
        mean.mul_(0.9).add_(grad, alpha=0.1)
        square.mul_(0.999).addcmul_(grad, grad, value=0.001)
        root = (square / (1 - 0.999**age)).sqrt() + 1e-8
        params[name] -= 0.01 * (mean / (1 - 0.9**age)) / root


def test_the_trajectory_of_a_plain_loop(on_digits: Any) -> None:
    """One member, written without a stack; from the method come the batches and the random
    weights.
    """
    run(on_digits, Noted(tau=0.4, period=5), 3, model=TWO_LAYERS, epochs=2)
    params = of_member(Noted.start, 0)
    kinds = ("mean", "square", "age")
    state = {}
    for kind in kinds:
        state[kind] = {name: torch.zeros_like(value) for name, value in params.items()}
    total = 0
    for number, step in enumerate(Noted.steps, start=1):
        x, y = step["batch"].x[0], step["batch"].y[0]
        leaves = {name: value.clone().requires_grad_() for name, value in params.items()}
        h = x.flatten(1)
        for name in HIDDEN:
            h = torch.relu(h @ leaves[f"{name}.weight"].T + leaves[f"{name}.bias"])
        F.cross_entropy(h @ leaves["head.weight"].T + leaves["head.bias"], y).backward()
        adam(params, {name: leaf.grad for name, leaf in leaves.items()}, state)
        if number % 5 == 0:
            due = [s <= 0.4 for s in scores_by_hand(params, x)]
            for values in (params, *state.values()):
                recycle(values, *due)
            take_drawn(params, of_member(step["after"], 0), due)
            total += int(sum(d.sum() for d in due))
        for name, value in of_member(step["after"], 0).items():
            torch.testing.assert_close(params[name], value, atol=1e-4, rtol=1e-3)
    assert total > 10


@pytest.mark.parametrize(
    "model",
    [{"kit_convnet": {}}, {"mlp": {"hidden": [20, 12], "activation": "crelu"}}],
    ids=["filters", "crelu"],
)
def test_all_columns_of_a_recycled_unit_are_zero(on_digits: Any, model: Any) -> None:
    running = run(on_digits, Noted(tau=0.8, period=9), 0, 1, model=model)
    layers = running.net.layers()
    total = 0
    for step in Noted.steps:
        for layer in layers:
            changed = step["before"][layer.weight] != step["after"][layer.weight]
            due = changed.flatten(2).all(2)[step["active"]]
            columns = step["after"][layer.out_weight][step["active"]].transpose(1, 2).flatten(2)
            silent = columns.unflatten(1, (-1, layer.block)).flatten(2).eq(0).all(2)
            assert (silent | ~due).all()
            total += int(due.sum())
    assert total > 5
    assert any(layer.block > 1 for layer in layers)


def test_scores_may_come_from_samples_of_the_task(on_digits: Any) -> None:
    strategy, loop = on_digits(ReDo(samples=40), tasks=1, batch_size=16).start(0, 1)
    loop.task(strategy.session.streams.tasks[0])
    task = strategy.session.streams.tasks[0]
    batches = list(task.batches("train", 16, 40))
    scores = strategy.scores(batches[0])["hidden1"]
    for r in (0, 1):
        x = torch.cat([batch.x[r][batch.weights[r]] for batch in batches])
        assert len(x) == 40
        params = [p[r].detach() for p in strategy.net.parameters()]
        means = torch.relu(x.flatten(1) @ params[0].T + params[1]).mean(0)
        torch.testing.assert_close(scores[r], means / (means.mean() + 1e-9))
    assert strategy.net.training


def test_a_threshold_of_0_recycles_the_silent_alone(on_digits: Any) -> None:
    run(on_digits, Noted(tau=0.0, period=5), 0, 1, model=TWO_LAYERS, epochs=3, batch_size=4)
    total = 0
    for step in Noted.steps:
        for r in step["active"]:
            before, after = of_member(step["before"], r), of_member(step["after"], r)
            due = (before["linear1.weight"] != after["linear1.weight"]).any(1)
            if due.any():
                silent = scores_by_hand(before, step["batch"].x[r])[0] == 0
                assert torch.equal(due, silent)
                total += int(due.sum())
    assert total > 0


def test_steps_between_recyclings_are_captured_and_numbers_stay(on_digits: Any) -> None:
    bench = on_digits(ReDo(tau=0.5, period=10), tasks=1, epochs=4)
    finals = []
    for play in (False, True):
        strategy, loop = bench.start(0, 1, 2)
        if play:
            steps = rehearsed(loop)
        loop.task(strategy.session.streams.tasks[0])
        finals.append([value.detach().clone() for value in strategy.net.parameters()])
    assert steps.why is None
    assert steps.replayed > 10
    assert all(torch.equal(one, other) for one, other in zip(*finals, strict=True))


def test_with_replay_the_scores_are_those_of_the_new_samples_alone(on_digits: Any) -> None:
    bench = on_digits([Noted(tau=0.4, period=6), ER(memory=30)], tasks=2)
    strategy, loop = bench.start(0)
    for task in strategy.session.streams.tasks:
        loop.task(task)
    found = 0
    for number, step in enumerate(Noted.steps, start=1):
        if number % 6 == 0:
            w, b = (step["before"][name][0] for name in ("linear1.weight", "linear1.bias"))
            means = torch.relu(step["batch"].x[0].flatten(1) @ w.T + b).mean(0)
            due = means / (means.mean() + 1e-9) <= 0.4
            changed = (step["before"]["linear1.weight"] != step["after"]["linear1.weight"])[0]
            assert torch.equal(changed.any(1), due)
            found += int(due.sum())
    assert found > 0
