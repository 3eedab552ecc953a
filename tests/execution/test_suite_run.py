"""A run, the next run on the same folder, and what its record says."""

from __future__ import annotations

import io
import platform
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rich.console import Console

import clbench
from clbench.errors import UnknownName
from clbench.execution import Options, open_suite, run_suite
from clbench.execution.environment import PACKAGES
from clbench.records import read_record
from clbench.records.provenance import runs_of
from clbench.report.terminal import summary_table

from .whole_runs import FAULTY, INLINE, SUITE, cells, run


def test_a_run_leaves_one_record_and_the_next_one_has_nothing_to_do(
    tmp_path: Path, inline: Path
) -> None:
    outcome = run(tmp_path / "out", inline, options={"workers": 2})
    assert (outcome.exit_code, outcome.finished, outcome.requested) == (0, 2, 2)
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["tiny.h5"]
    before = cells(tmp_path / "out")["naive"]
    assert before.accuracy is not None
    assert not np.isnan(before.accuracy[:, 1:, 0]).any()
    written = (tmp_path / "out" / "tiny.h5").read_bytes()
    again = run(tmp_path / "out", inline)
    assert (again.ran, again.exit_code) == (0, 0)
    assert (tmp_path / "out" / "tiny.h5").read_bytes() == written
    np.testing.assert_array_equal(cells(tmp_path / "out")["naive"].accuracy, before.accuracy)


def test_added_seeds_are_computed_and_the_others_left_alone(tmp_path: Path, inline: Path) -> None:
    run(tmp_path, inline, seeds=1)
    first = cells(tmp_path)["naive"]
    outcome = run(tmp_path, inline, seeds=3)
    both = cells(tmp_path)["naive"]
    assert outcome.ran == 1
    assert both.seed.tolist() == [0, 1, 2]
    assert both.accuracy is not None
    assert first.accuracy is not None
    np.testing.assert_array_equal(both.accuracy[:1], first.accuracy)
    np.testing.assert_array_equal(
        both.cost["train_seconds"][:1], first.cost["train_seconds"]
    )  # measured once


def test_after_an_edit_only_what_the_suite_asks_for_is_compared(
    tmp_path: Path, inline: Path
) -> None:
    def asked(memories: list[int], lr: float) -> dict[str, Any]:
        protocol = {**SUITE["protocol"], "optimizer": {"sgd": {"lr": lr}}}
        return {
            "strategies": ["naive", {"er": {"memory": {"grid": memories}}}],
            "protocol": protocol,
        }

    run(tmp_path, inline, **asked([50, 100], 0.1))
    run(tmp_path, inline, **asked([60, 120], 0.05))
    comparison = clbench.compare(tmp_path / "tiny.h5")
    asked_for = {"naive", "er(memory=60)", "er(memory=120)"}
    assert {row.strategy for row in comparison.summary} == asked_for
    assert len(comparison.pairs) == 3
    assert comparison.left_out[-1].startswith(
        "3 cells that the suite no longer asks for are kept apart"
    )
    assert set(clbench.load(tmp_path / "tiny.h5").frame()["strategy"]) == asked_for


def test_an_edited_plugin_runs_again_and_nothing_else(
    tmp_path: Path, inline: Path, faulty: Path
) -> None:
    run(tmp_path, inline, faulty, strategies=["faulty", "naive"])
    faulty.write_text(FAULTY.replace("raise ValueError", "return; raise ValueError"))
    outcome = run(tmp_path, inline, faulty, strategies=["faulty", "naive"])
    assert (outcome.ran, outcome.exit_code) == (1, 0)
    assert [cell.label for cell in read_record(tmp_path / "tiny.h5").cells] == ["faulty", "naive"]


def test_only_and_force_take_names(tmp_path: Path, inline: Path) -> None:
    strategies = ["naive", {"er": {"memory": 20}}]
    assert run(tmp_path, inline, strategies=strategies, options={"only": ["er"]}).requested == 2
    assert list(cells(tmp_path)) == ["er"]
    assert run(tmp_path, inline, strategies=strategies).ran == 1
    assert run(tmp_path, inline, strategies=strategies, options={"force": ["naive"]}).ran == 1
    with pytest.raises(UnknownName, match="did you mean 'naive'"):
        run(tmp_path, inline, strategies=strategies, options={"only": ["naiv"]})


def test_the_record_says_where_it_was_made(tmp_path: Path, inline: Path) -> None:
    outcome = run(tmp_path, inline, seeds=1)
    facts = read_record(outcome.record).environment
    assert {name for name, version in facts["packages"].items() if version} == set(PACKAGES)
    assert facts["device"] == "cpu"
    assert facts["threads"] == 1
    assert "clbench" in facts["plugins"]["naive"]
    assert facts["plugins"]["inline"].startswith("inline.py sha256:")
    begun = datetime.fromisoformat(facts["date"])
    assert timedelta() <= datetime.now(UTC) - begun < timedelta(minutes=10)


WORST = """
from clbench import RecordMetric, hookimpl

class WorstTask(RecordMetric):
    \"\"\"How bad the worst task is.\"\"\"
    unit, higher_is_better, limits = "fraction", False, (0.0, 1.0)
    factor: float = 1.0

    def value(self, run):
        return self.factor * (1 - run.accuracy[-1].min())

@hookimpl
def clbench_metrics():
    return [WorstTask]
"""


def test_a_record_metric_of_a_stranger_is_in_the_record_for_who_lacks_its_plugin(
    tmp_path: Path, inline: Path
) -> None:
    plugin = tmp_path / "worst.py"
    plugin.write_text(WORST)
    asked = {"metrics": [{"worst_task": {"factor": 0.5}}], "strategies": ["naive", "joint"]}
    run(tmp_path, inline, plugin, **asked)
    results = clbench.load(tmp_path / "tiny.h5")  # without the plugin
    assert "worst_task" not in results.host.names("metric")
    cell = results.cell("joint")
    measured = results.metric("worst_task", cell)
    assert cell.accuracy is not None
    np.testing.assert_allclose(measured.summary, 0.5 * (1 - cell.accuracy[:, -1].min(1)))
    assert (measured.unit, measured.higher_is_better, measured.limits) == (
        "fraction",
        False,
        (0, 1),
    )
    assert "worst_task" in set(results.frame()["metric"])
    comparison = clbench.compare(results, metric="worst_task")
    assert (comparison.higher_is_better, comparison.unit) == (False, "fraction")
    assert {row.n for row in comparison.summary} == {2}
    drawn = io.StringIO()
    Console(file=drawn, width=200).print(summary_table(results))
    assert "worst_task" in drawn.getvalue()
    assert "no plugin here" not in drawn.getvalue()


def test_an_edited_record_metric_is_stored_anew_without_training(
    tmp_path: Path, inline: Path
) -> None:
    plugin = tmp_path / "worst.py"
    for factor in (1.0, 3.0):
        plugin.write_text(WORST.replace("self.factor *", f"{factor} *"))
        outcome = run(tmp_path, inline, plugin, metrics=["worst_task"], seeds=1)
    assert outcome.ran == 0
    (cell,) = read_record(tmp_path / "tiny.h5").cells
    assert cell.accuracy is not None
    assert cell.metrics["worst_task"][0] == 3.0 * (1 - cell.accuracy[0, -1].min())


ELSEWHERE = INLINE.replace("class Inline", "class Elsewhere").replace("[Inline]", "[Elsewhere]")
ELSEWHERE = ELSEWHERE.replace(
    "ended = perform(job, site, slots[0], host, events.append)",
    """with mock.patch("platform.platform", lambda: "another machine"):
                ended = perform(job, site, slots[0], host, events.append)""",
).replace("from clbench import", "from unittest import mock\nfrom clbench import")


def test_each_seed_says_which_run_measured_it_as_its_worker_saw_it(
    tmp_path: Path, inline: Path
) -> None:
    run(tmp_path, inline, seeds=1)
    before = read_record(tmp_path / "tiny.h5")
    (tmp_path / "elsewhere.py").write_text(ELSEWHERE)
    suite, host = open_suite({**SUITE, "seeds": 2}, [tmp_path / "elsewhere.py"])
    run_suite(suite, host, Options(out=tmp_path, device="cpu", workers=1, launcher="elsewhere"))
    after = read_record(tmp_path / "tiny.h5")
    found = [(run["platform"], seeds) for run, seeds in runs_of(after, after.cells[0])]
    assert found == [(platform.platform(), [0]), ("another machine", [1])]
    assert after.runs[0] == before.runs[0]
    assert after.environment == after.runs[1]


def test_observers_are_told(tmp_path: Path, inline: Path) -> None:
    plugin = tmp_path / "watch.py"
    hooks = ("suite_started", "task_finished", "job_finished", "suite_finished")
    body = (
        "def clbench_{0}(event):\n"
        "    with open({1!r}, 'a') as file:\n"
        "        file.write('{0}\\n')\n"
    )
    plugin.write_text(
        "import clbench\n"
        + "".join(
            "@clbench.hookimpl\n" + body.format(hook, str(tmp_path / "seen")) for hook in hooks
        )
    )
    run(tmp_path / "out", inline, plugin, seeds=1)
    seen = (tmp_path / "seen").read_text().split()
    assert seen == ["suite_started", *["task_finished"] * 5, "job_finished", "suite_finished"]
