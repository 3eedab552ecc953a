"""What a study of plasticity and forgetting asks of a stream of permuted images, from runs."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from clbench.host import Host
from clbench.records import SCHEMA_VERSION, CellRecord, RecordFile, Results
from clbench.suite.choice import Choice
from clbench.testing.bench import Bench

TASKS = 5
DATA = {"synthetic": {"classes": 4, "size": 6, "train": 200, "test": 80}}
PROTOCOL: dict[str, Any] = {
    "model": {"mlp": {"hidden": [16]}},
    "batch_size": 16,
    "epochs": 1,
    "optimizer": {"adam": {"lr": 0.01}},
}
ASKED = ("backward_transfer", "one_step_backward_transfer", "online_accuracy", "plasticity_loss")


def run(host: Host, strategy: str, evaluate: Any) -> CellRecord:
    stream = Choice("permuted", {"dataset": DATA, "tasks": TASKS})
    metrics = [host.get("metric", "online_accuracy")]
    protocol = PROTOCOL | {"evaluate": evaluate}
    bench = Bench(host.get("strategy", strategy), host, stream, protocol, metrics)
    return replace(bench.run(0, 1), key=strategy)


@pytest.fixture(scope="module")
def host() -> Host:
    return Host.load()


def results_of(host: Host, evaluate: Any) -> Results:
    cells = [run(host, "naive", evaluate), run(host, "scratch", evaluate)]
    return Results(RecordFile(SCHEMA_VERSION, "s", "", {}, cells), host)


def test_transfer_online_accuracy_and_plasticity_loss_come_from_one_run(host: Host) -> None:
    results = results_of(host, "all")
    naive, scratch = (cell.accuracy for cell in results.cells)
    assert naive is not None
    assert scratch is not None
    last, step, online, loss = (results.metric(name, results.cells[0]).summary for name in ASKED)
    task = np.arange(TASKS)
    learnt = naive[:, task + 1, task]
    np.testing.assert_allclose(last, (naive[:, -1] - learnt)[:, :-1].mean(1))
    after = naive[:, task[1:] + 1, task[:-1]]
    np.testing.assert_allclose(step, (after - learnt[:, :-1]).mean(1))
    np.testing.assert_allclose(online, results.cells[0].curves["online_accuracy"].mean(1))
    np.testing.assert_allclose(loss, (scratch[:, task + 1, task] - learnt).mean(1))


def test_a_long_stream_gives_all_but_what_looks_at_old_tasks(host: Host) -> None:
    whole, short = results_of(host, "all"), results_of(host, {"last": 2})
    for name in ASKED[1:]:
        values = [one.metric(name, one.cells[0]).summary for one in (whole, short)]
        np.testing.assert_array_equal(*values, err_msg=name)
    lacking = short.metric("backward_transfer", short.cells[0]).reasons[0]
    assert lacking == f"task 1 was not evaluated after task {TASKS}"
