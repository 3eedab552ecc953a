from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest
from rich.console import Console, RenderableType

from clbench.errors import RecordError
from clbench.host import Host
from clbench.records import CellRecord, Fault, RecordFile, Results, validated
from clbench.records.cell import Entries
from clbench.report.agents import by_agent
from clbench.report.curves import AVERAGE, course_by_seed
from clbench.report.numbers import estimate
from clbench.report.runs import runs_of
from clbench.report.terminal import strategy_view, summary_table

HOST = Host.load()


def drawn(renderable: RenderableType, **options: Any) -> str:
    console = Console(file=io.StringIO(), width=200, **options)
    console.print(renderable)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def make(
    label: str, *, scenario: str = "digits", strategy: str = "", members: int = 10, **changes: Any
) -> CellRecord:
    accuracy = np.broadcast_to(
        np.arange(members)[:, None, None] / 100 + 0.5, (members, 4, 3)
    ).copy()
    known: dict[str, Any] = {
        "accuracy": accuracy,
        "seed": np.arange(members),
        "cost": {"peak_memory": np.full(members, 3e8)},
    }
    return validated(
        CellRecord(f"{scenario}{label}", scenario, strategy or label, label, **(known | changes))
    )


def results(*cells: CellRecord) -> Results:
    return Results(RecordFile(1, "demo", "", {}, list(cells)), HOST)


def unfinished() -> CellRecord:
    status = np.array(["done"] * 8 + ["diverged", "failed"])
    return make(
        "ewc", member_status=status, faults=(Fault("Traceback:\nValueError: boom \x1b[31m"),)
    )


def joint() -> CellRecord:
    cell = make("joint")
    assert cell.accuracy is not None
    cell.accuracy[:, 1:-1] = np.nan
    return cell


def row(text: str, label: str) -> str:
    return next(line for line in text.splitlines() if label in line.split())


# ---------------------------------------------------------------------- the summary


def test_a_seed_counts_with_all_its_agents_or_not_at_all() -> None:
    """As in `compare`: the mean of the agents that are left would favour a method that loses its
    bad ones.
    """
    seed, agent = np.repeat(np.arange(3), 2), np.tile([0, 1], 3)
    status = np.array(["done", "diverged", *["done"] * 4], dtype=object)
    cell = make("fedavg", members=6, seed=seed, agent=agent, member_status=status)
    assert cell.accuracy is not None
    cell.accuracy[:, -1], cell.accuracy[1] = np.array([0.9, 0, 0.2, 0.4, 0.5, 0.5])[:, None], np.nan
    record = results(cell, make("er", members=3))
    values = record.metric("average_accuracy", cell).summary
    shown = estimate(cell, values)
    assert shown is not None
    assert (shown.mean, shown.seeds) == (pytest.approx(0.4), 2)
    compared = runs_of(record, "average_accuracy", cell)
    assert compared.finished == pytest.approx([0.3, 0.5])
    assert course_by_seed(record, cell, AVERAGE)[:, -1] == pytest.approx([0.3, 0.5])
    assert "2 of 3 (1 diverged)" in row(drawn(summary_table(record)), "fedavg")


def test_the_summary_has_a_row_a_strategy_and_a_column_a_metric() -> None:
    text = drawn(
        summary_table(
            results(make("naive"), unfinished(), joint()), ["average_accuracy", "forgetting"]
        )
    )
    assert "demo: 3 strategies on digits" in text
    assert "54.5 ± 2.2" in row(text, "naive")
    assert "8 of 10 (1 diverged, 1 failed)" in row(text, "ewc")
    assert "-" in row(text, "joint").split()
    assert "- forgetting of joint: task 1 was not evaluated after task 1" in text
    assert "95 % t interval" in text


def test_several_scenarios_are_kept_apart() -> None:
    text = drawn(summary_table(results(make("naive"), make("naive", scenario="clothes"))))
    assert "1 strategy on 2 scenarios" in text
    assert row(text, "clothes")


def test_labels_are_no_markup() -> None:
    text = drawn(summary_table(results(make("er(sizes=[red])", strategy="er"))))
    assert "er(sizes=[red])" in text


def test_a_record_without_cells_can_be_shown() -> None:
    assert "demo" in drawn(summary_table(results()))


# ---------------------------------------------------------------------- one strategy


def test_a_strategy_is_shown_with_matrix_bars_curves_and_numbers() -> None:
    curve = np.linspace(0, 1, 20)[None] + np.zeros((10, 1))
    text = drawn(
        strategy_view(results(make("er", options={"memory": 200}, curves={"filled": curve})), "er")
    )
    assert "options: memory=200" in text
    assert row(text, "nothing").split()[1:] == ["54.5"] * 3
    assert "100 % │" in text
    assert "▁▁▂▂" in row(text, "filled")
    assert "300.0 MB" in row(text, "peak_memory")


def test_where_only_the_current_task_is_tested_each_is_drawn_as_it_was_learnt() -> None:
    tasks = np.arange(4)
    value = np.tile([0.25, 0.5, 0.75, 1.0], (10, 1))
    entries = Entries(tasks + 1, tasks, value)
    current = make("cbp", accuracy=None, entries=entries)
    text = drawn(strategy_view(results(current), "cbp"))
    assert "Accuracy on each task when it was learnt" in text
    bottom = next(line for line in text.splitlines() if line.startswith("  0 % └"))
    above = text.splitlines()[text.splitlines().index(bottom) - 1]
    assert above.count("███") == 4
    assert "Average accuracy on the tasks so far" in drawn(strategy_view(results(make("er")), "er"))


def test_what_a_probe_measured_is_drawn_as_a_curve() -> None:
    values = np.linspace(0, 1, 20)[None] + np.zeros((10, 1))
    cell = make("er", metrics={"weight_magnitude": values, "average_accuracy": values[:, :3]})
    text = drawn(strategy_view(results(cell), "er"))
    curves = text[text.index("Curves") : text.index("Numbers")]
    assert "▁▁▂▂" in row(curves, "weight_magnitude")
    assert "average_accuracy" not in curves  # it has bars of its own


def test_tracebacks_are_shown_without_escape_sequences() -> None:
    text = drawn(strategy_view(results(unfinished()), "ewc"))
    assert "ValueError: boom ?[31m" in text


def test_only_finished_members_are_averaged() -> None:
    text = drawn(strategy_view(results(unfinished()), "ewc"))
    assert row(text, "nothing").split()[1:] == ["53.5"] * 3


def test_what_was_not_measured_is_a_dot() -> None:
    text = drawn(strategy_view(results(joint()), "joint"))
    assert text.count("·") >= 6


def test_a_cell_in_which_everything_failed_can_be_shown() -> None:
    cell = validated(
        CellRecord(
            "k",
            "s",
            "er",
            "er",
            np.arange(2),
            None,
            status="failed",
            member_status=np.array(["failed"] * 2),
            faults=(Fault("boom"),),
        )
    )
    assert "0 of 2 (2 failed)" in drawn(strategy_view(results(cell), "er"))
    assert "0 of 2 (2 failed)" in drawn(summary_table(results(cell)))


# ---------------------------------------------------------------------- drawing


def test_a_pipe_gets_no_colour_codes_and_a_terminal_does() -> None:
    view = strategy_view(results(make("er")), "er")
    assert "\x1b" not in drawn(view)
    assert "\x1b[" in drawn(view, force_terminal=True, color_system="truecolor")


def test_a_metric_that_no_plugin_offers_is_named() -> None:
    record = RecordFile(
        1, "demo", "", {}, [make("er")], metrics=(("average_accuracy", {}), ("spread", {}))
    )
    assert (
        "- spread: no plugin here offers this metric; give the file that does with --plugin"
        in drawn(summary_table(Results(record, HOST)))
    )


def test_a_metric_that_a_plugin_offers_and_nobody_measured_is_no_missing_plugin() -> None:
    record = RecordFile(1, "demo", "", {}, [make("er")], metrics=(("weight_magnitude", {}),))
    assert "no plugin here" not in drawn(summary_table(Results(record, HOST)))


def test_a_record_without_cells_says_so() -> None:
    assert "the record holds no cells yet" in drawn(summary_table(results()))


def test_results_show_themselves_in_a_line() -> None:
    assert (
        repr(results(make("er")))
        == "<results of demo: [<er on digits: 10 members, 3 tasks, done>]>"
    )


def test_the_unit_of_a_column_stands_in_its_header() -> None:
    slow = make("slow", cost={"train_seconds": np.full(10, 1.234)})
    fast = make("fast", cost={"train_seconds": np.full(10, 0.6914)})
    text = drawn(summary_table(results(slow, fast), ["train_seconds"]))
    assert row(text, "strategy").split() == ["strategy", "s", "↓", "seeds"]
    assert row(text, "slow").split() == ["slow", "1.23", "10"]
    assert row(text, "fast").split() == ["fast", "0.69", "10"]


def test_what_measuring_took_stands_beside_training() -> None:
    """Summed over members and cells; a member that was not timed counts nothing."""
    seconds = {"curvature": np.full(10, 1.4), "dormant_units": np.array([0.12] * 9 + [np.nan])}
    timed = make("er", cost={"train_seconds": np.full((10, 3), 2.0)}, metric_seconds=seconds)
    older = make("joint", cost={"train_seconds": np.full(10, 2.5)})
    line = "measuring took: curvature 14.0 s, dormant_units 1.1 s (training"
    assert f"{line} 1.4 min; all runs together)" in drawn(summary_table(results(timed, older)))
    assert f"{line} 1.0 min; all runs together)" in drawn(
        strategy_view(results(timed, older), "er")
    )
    assert "measuring took" not in drawn(summary_table(results(older)))


# ---------------------------------------------------------------------- agents


def test_every_agent_is_shown_for_itself() -> None:
    seed, agent = np.repeat(np.arange(3), 2), np.tile([0, 1], 3)
    federated = make("fedavg", members=6, seed=seed, agent=agent)
    assert federated.accuracy is not None
    federated.accuracy[agent == 0], federated.accuracy[agent == 1] = 0.25, 0.75
    asked = results(federated, make("er", members=3))
    together = drawn(summary_table(asked, ["average_accuracy"]))
    assert "50.0" in row(together, "fedavg")
    text = drawn(summary_table(by_agent(asked), ["average_accuracy"]))
    lines = [line for line in text.splitlines() if "fedavg" in line]
    assert [("agent 0" in line, "25.0" in line) for line in lines] == [
        (True, True),
        (False, False),
    ]
    assert "agent 1" in lines[1]
    assert "75.0" in lines[1]
    assert row(text, "er").split()[-1] == "3"
    assert "2 strategies on digits, agent by agent" in text
    one = drawn(strategy_view(by_agent(asked), "fedavg"))
    assert one.index("fedavg, agent 0 on digits") < one.index("fedavg, agent 1 on digits")


def test_a_table_says_that_a_seed_counts_with_the_mean_of_its_agents() -> None:
    seed, agent = np.repeat(np.arange(3), 2), np.tile([0, 1], 3)
    federated = results(make("fedavg", members=6, seed=seed, agent=agent))
    table = " ".join(drawn(summary_table(federated)).split())
    assert "a seed counts once, with the mean of its agents (2)" in table
    assert "seeds: 3, each with the mean of its 2 agents" in drawn(
        strategy_view(federated, "fedavg")
    )
    assert "agents" not in drawn(summary_table(results(make("er"))))


def test_a_record_without_agents_cannot_be_shown_by_agent() -> None:
    with pytest.raises(RecordError, match="has agents"):
        by_agent(results(make("er")))
