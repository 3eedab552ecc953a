from __future__ import annotations

import math
from typing import Any, ClassVar

import pytest
import torch
from torch import Tensor

import clbench_plugins.snr
from clbench import Batch, restart_units
from clbench.errors import StrategyError
from clbench_plugins.cbp import CBP
from clbench_plugins.er import ER
from clbench_plugins.redo import ReDo
from clbench_plugins.snr import SNR
from clbench_plugins.snr.silence import Geometric, Histogram, Silence, fires
from tests.engine.test_graphs import rehearsed

CPU = torch.device("cpu")
BATCH = 16


def flags(*fired: bool) -> Tensor:
    return torch.tensor([fired])


def steps_until_unlikely(silence: Silence, eta: float) -> int:
    """How many silent steps it takes from here."""
    for step in range(1, 10_000):
        silence.note(flags(False), BATCH)
        if silence.unlikely(flags(True), eta):
            return step
    raise AssertionError("never")


def test_a_unit_fires_where_it_is_above_0_anywhere() -> None:
    dense = torch.tensor([[[0.0, 1.0, -1.0], [0.0, -2.0, -1.0]]])
    assert fires(dense).tolist() == [[False, True, False]]
    filters = torch.zeros(1, 2, 3, 4, 4)
    filters[0, 1, 2, 3, 0] = 0.1
    assert fires(filters).tolist() == [[False, False, True]]


@pytest.mark.parametrize("every", [1, 4, 10])
@pytest.mark.parametrize("eta", [0.05, 0.01, 0.00125])
def test_a_unit_that_never_fires_again_is_found_when_the_geometric_tail_says(
    every: int, eta: float
) -> None:
    silence = Geometric(1, 1, CPU)
    firings = 50
    for step in range(1, firings * every + 1):
        silence.note(flags(step % every == 0), BATCH)
    mean = (1 + firings * every * BATCH) / (1 + firings)
    samples = math.log(eta) / math.log(1 - 1 / mean)
    assert steps_until_unlikely(silence, eta) == math.ceil(samples / BATCH)


def test_the_histogram_counts_silences_as_long() -> None:
    silence = Histogram(1, 1, CPU, width=BATCH, maximum=1000)
    for gap, times in ((1, 60), (3, 30), (5, 9)):  # in steps
        for _ in range(times):
            for step in range(1, gap + 1):
                silence.note(flags(step == gap), BATCH)
    for as_long in (99, 39, 39, 9, 9, 0):  # of 99 silences
        silence.note(flags(False), BATCH)
        share = (1 + as_long) / 100
        assert silence.unlikely(flags(True), share)
        assert not silence.unlikely(flags(True), share - 0.001)
        assert not silence.unlikely(flags(False), share), "none that is no candidate"


def test_a_histogram_of_few_silences_finds_nothing_unlikely_before_the_maximum() -> None:
    silence = Histogram(1, 1, CPU, width=BATCH, maximum=1000)
    for _ in range(48):
        silence.note(flags(True), BATCH)
    assert steps_until_unlikely(silence, 0.02) == math.ceil(1000 / BATCH), "1/49 is more than 0.02"
    assert silence.counts.shape == (1, 1, math.ceil(1000 / BATCH) + 1)
    silence.forget(flags(True))
    for _ in range(49):
        silence.note(flags(True), BATCH)
    assert steps_until_unlikely(silence, 0.02) == 2, "the first silent step was always as long"


@pytest.mark.parametrize("kind", [Geometric, lambda *args: Histogram(*args, BATCH, 1000)])
def test_what_was_known_of_a_unit_is_forgotten_with_it(kind: Any) -> None:
    used, fresh = kind(1, 2, CPU), kind(1, 2, CPU)
    for step in range(40):
        used.note(flags(step % 3 == 0, True), BATCH)
    kept = [tensor[0, 1].clone() for tensor in used.held().values() if isinstance(tensor, Tensor)]
    used.forget(flags(True, False))
    tables = [name for name, value in used.held().items() if isinstance(value, Tensor)]
    assert len(tables) >= 2
    for name, before in zip(tables, kept, strict=True):
        assert torch.equal(getattr(used, name)[0, 0], getattr(fresh, name)[0, 0])
        assert torch.equal(getattr(used, name)[0, 1], before)


# ------------------------------------------------------------------------------------------
# training


class Noted(SNR):
    """Notes what fired in each step, and which units are new after it; may silence unit 5 for
    good.
    """

    silenced_at: ClassVar[int] = 0
    new: ClassVar[dict[str, Tensor]] = {}
    steps: ClassVar[list[dict[str, Any]]] = []

    def setup(self) -> None:
        super().setup()
        self.steps.clear()

    def after_step(self, batch: Batch) -> None:
        params = self.net.named_parameters()
        if len(self.steps) + 1 == self.silenced_at:
            with torch.no_grad():
                params["linear1.bias"][:, 5] = -100.0
        self.new.clear()
        super().after_step(batch)
        nobody = {
            layer.name: torch.zeros(params[layer.weight].shape[:2], dtype=torch.bool)
            for layer in self.net.layers()
        }
        hidden = {name: h.detach().clone() for name, h in self.net.hidden.items()}
        self.steps.append(
            {
                "active": list(self.session.active),
                "size": batch.size,
                "hidden": hidden,
                "new": {**nobody, **self.new},
                "after": {name: value.detach().clone() for name, value in params.items()},
            }
        )


@pytest.fixture(autouse=True)
def noting_restarts(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the method asks for is noted in `Noted.new`."""

    def note(net: Any, layer: Any, due: Tensor, **options: Any) -> None:
        Noted.new[layer.name] = due.clone()
        restart_units(net, layer, due, **options)

    monkeypatch.setattr(clbench_plugins.snr, "restart_units", note)


def run(on_digits: Any, strategy: Any, *seeds: int, tasks: int = 2, **protocol: Any) -> Any:
    standard = {"optimizer": {"adam": {"lr": 0.01}}, "model": {"mlp": {"hidden": [20, 12]}}}
    running, loop = on_digits(strategy, tasks=tasks, **{**standard, **protocol}).start(*seeds)
    for task in running.session.streams.tasks:
        loop.task(task)
    return running


class Unit:
    """What is known of one unit, in plain Python."""

    def __init__(self) -> None:
        self.age, self.silences = 0, [1]

    def see(self, fired: bool, samples: int) -> None:
        self.age += samples
        if fired:
            self.silences.append(self.age)
            self.age = 0

    def is_due(self, eta: float, minimum: int) -> bool:
        mean = sum(self.silences) / len(self.silences)
        unlikely = (1 - 1 / mean) ** self.age <= eta
        return self.age > 0 and self.age >= minimum and unlikely


@pytest.mark.parametrize("every", [1, 3])
def test_the_units_that_a_plain_loop_would_reset_are_reset(on_digits: Any, every: int) -> None:
    eta, minimum = 0.1, 20
    running = run(
        on_digits,
        Noted(eta=eta, minimum=minimum, every=every),
        0,
        1,
        batch_size=5,
        epochs=2,
    )
    sizes = {layer.name: layer.weight for layer in running.net.layers()}
    params = running.net.named_parameters()
    known = {
        (r, name, k): Unit()
        for r in (0, 1)
        for name, weight in sizes.items()
        for k in range(params[weight].shape[1])
    }
    counts, total = [0, 0], [0, 0]
    for step in Noted.steps:
        for r in step["active"]:
            counts[r] += 1
            for (member, name, k), unit in known.items():
                if member != r:
                    continue
                fired = bool((step["hidden"][name][r, :, k] > 0).any())
                unit.see(fired, step["size"])
                due = counts[r] % every == 0 and unit.is_due(eta, minimum)
                assert bool(step["new"][name][r, k]) == due
                if due:
                    known[member, name, k] = Unit()
                    total[r] += 1
    assert min(total) > 2, "the test tests something"
    curve = running.session.measurements.curves["reset_units"]
    for r in (0, 1):
        assert curve.table()[r, : curve.lengths[r]].sum() == total[r]
        assert curve.lengths[r] == 4  # epochs


def test_a_silenced_unit_is_reset_when_its_time_has_come(
    on_digits: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It fired at every step so far, in one of 16 samples or more."""
    monkeypatch.setattr(Noted, "silenced_at", 20)
    eta = 0.02
    run(on_digits, Noted(eta=eta, minimum=50), 0, epochs=4, tasks=1)
    fired = [bool((step["hidden"]["hidden1"][0, :, 5] > 0).any()) for step in Noted.steps]
    assert all(fired[:20])
    sizes = [step["size"] for step in Noted.steps]
    mean = (1 + sum(sizes[:20])) / 21
    wanted = math.log(eta) / math.log(1 - 1 / mean)
    silent = 0
    for number in range(20, len(fired)):
        assert not fired[number]
        silent += sizes[number]
        assert bool(Noted.steps[number]["new"]["hidden1"][0, 5]) == (silent >= wanted)
        if silent >= wanted:
            break
    after = Noted.steps[number]["after"]
    assert after["linear1.bias"][0, 5] == 0
    assert after["linear2.weight"][0, :, 5].eq(0).all()
    assert after["linear1.weight"][0, 5].abs().max() <= 1 / 8


def test_a_unit_that_fires_rarely_but_regularly_is_left_alone() -> None:
    every = 12
    for silence in (Geometric(1, 1, CPU), Histogram(1, 1, CPU, BATCH, 20_000)):
        looks = 0
        for step in range(1, 2000):
            silence.note(flags(step % every == 0), BATCH)
            if step > every and silence.age.item() >= SNR.minimum:
                assert not silence.unlikely(flags(True), SNR.eta)
                looks += 1
        assert looks > 500


@pytest.mark.parametrize(
    "model",
    [{"kit_convnet": {}}, {"mlp": {"hidden": [20, 12], "activation": "crelu"}}],
    ids=["filters", "crelu"],
)
def test_units_with_several_values_fire_where_any_of_them_does(on_digits: Any, model: Any) -> None:
    running = run(on_digits, Noted(eta=0.3, minimum=0), 0, 1, model=model, batch_size=4)
    block = {layer.name: (layer.out_weight, layer.block) for layer in running.net.layers()}
    reset = 0
    for step in Noted.steps:
        for name, new in step["new"].items():
            weight, width = block[name]
            columns = step["after"][weight].transpose(1, 2).flatten(2)
            silent = columns.unflatten(1, (-1, width)).flatten(2).eq(0).all(2)
            for r in step["active"]:
                alive = (step["hidden"][name][r] > 0).transpose(0, 1).flatten(1).any(1)
                assert not (new[r] & alive).any()
                assert (silent[r] | ~new[r]).all()
                reset += int(new[r].sum())
    crelu = "mlp" in model
    assert (reset == 0) if crelu else (reset > 0), "one half of a crelu unit always fires"


def test_with_replay_the_batch_of_the_step_is_what_counts(on_digits: Any) -> None:
    strategy, loop = on_digits([Noted(), ER(memory=30)], tasks=1).start(0)
    loop.task(strategy.session.streams.tasks[0])
    snr = strategy.part("snr")
    seen = sum(step["size"] for step in Noted.steps)
    always = torch.stack(
        [(step["hidden"]["hidden1"][0, : step["size"]] > 0).any(0) for step in Noted.steps]
    ).all(0)
    assert always.any()
    assert (snr.silence["hidden1"].sum[0][always] == 1 + seen).all()


def test_steps_between_looks_are_captured_and_numbers_stay(on_digits: Any) -> None:
    bench = on_digits(
        SNR(eta=0.3, minimum=10, every=6, estimate="histogram", maximum=60),
        tasks=1,
        epochs=6,
        batch_size=4,
    )
    finals = []
    for play in (False, True):
        strategy, loop = bench.start(0, 1, 2)
        if play:
            steps = rehearsed(loop)
        loop.task(strategy.session.streams.tasks[0])
        finals.append([value.detach().clone() for value in strategy.net.parameters()])
    assert steps.why is None
    assert steps.replayed > 10
    assert strategy.session.measurements.curves["reset_units"].table().sum() > 0
    assert all(torch.equal(one, other) for one, other in zip(*finals, strict=True))


@pytest.mark.parametrize("strategy", [CBP(), ReDo(), SNR()])
def test_without_hidden_layers_methods_that_restart_units_say_so(
    on_digits: Any, strategy: Any
) -> None:
    with pytest.raises(StrategyError, match=f"{strategy.name}: the network has no hidden layer"):
        on_digits(strategy, model={"mlp": {"hidden": []}}).start(0, 1)
