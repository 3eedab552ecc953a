"""`metrics add`, `export` and `merge`: what they write, and what they say instead."""

from __future__ import annotations

import json
import sys
import textwrap
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import clbench
from clbench.records import CellRecord, RecordFile, read_record, write_file, write_record

from .test_commands import PLUGIN

LATER = '''
    from clbench import ProbeMetric, RecordMetric, Undefined, hookimpl


    class Spread(RecordMetric):
        """Best minus worst task at the end."""

        factor: float = 1.0

        def value(self, run):
            if run.seed == 1:
                return Undefined("one is unlucky")
            return self.factor * (run.accuracy[-1].max() - run.accuracy[-1].min())


    class Norm(ProbeMetric):
        """The length of all weights, and how much of the probe batch is not black."""

        def measure(self, probe):
            size = sum(p.detach().flatten(1).square().sum(1) for p in probe.net.parameters())
            seen = sum((b.x.flatten(1) > 0).sum(1) for b in probe.data("test", "seen", 20))
            return size + (probe.x.flatten(1) > 0).sum(1) + seen


    class AtTheEnd(Norm):
        """The same, once."""

        when = "run_end"


    class Epochs(Norm):
        """Too often."""

        when = "epoch_end"


    class Nosy(ProbeMetric):
        """Looks at the method."""

        def measure(self, probe):
            return probe.strategy.memory


    @hookimpl
    def clbench_metrics():
        return [Spread, Norm, AtTheEnd, Epochs, Nosy]
'''


def cell(
    seeds: list[int], key: str = "k1", label: str = "er", value: float = 0.5, **changes: Any
) -> CellRecord:
    accuracy = np.full((len(seeds), 3, 2), value)
    accuracy[:, 2, 1] = 0.75
    known = {
        "content": {"scenario": ["split", {}], "data": "d"},
        "options": {"memory": 5},
    } | changes
    return CellRecord(key, "split", "er", label, np.array(seeds), accuracy, **known)


def record(
    path: Path,
    *cells: CellRecord,
    suite: str = "tiny",
    text: str = "name: tiny",
    **environment: Any,
) -> Path:
    write_record(
        path, cells, suite=suite, suite_text=text, environment=environment or {"python": "3"}
    )
    return path


# ------------------------------------------------------------------ export


def test_csv_lies_beside_the_record_and_is_the_tidy_frame(project) -> None:
    path = record(project.folder / "r.h5", cell([0, 1]))
    answer = project.clbench("export", "r.h5", "--to", "csv")
    assert (answer.code, answer.stdout) == (0, ""), answer.stderr
    table = pd.read_csv(project.folder / "r.csv")
    frame = clbench.load(path).frame()
    assert list(table.columns) == list(frame.columns)
    np.testing.assert_allclose(table["value"], frame["value"])


def test_json_is_valid_and_has_what_is_known_of_the_cells(project) -> None:
    record(project.folder / "r.h5", cell([0, 1]))
    answer = project.clbench("export", "r.h5", "--to", "json", "--out", "-")
    whole = json.loads(
        answer.stdout, parse_constant=lambda name: pytest.fail(f"{name} is not JSON")
    )
    assert (whole["suite"], whole["cells"][0]["options"], whole["cells"][0]["seed"]) == (
        "tiny",
        {"memory": 5},
        [0, 1],
    )
    missing = [row for row in whole["rows"] if row["metric"] == "intransigence"]
    assert missing[0] == {
        "scenario": "split",
        "strategy": "er",
        "seed": 0,
        "agent": 0,
        "metric": "intransigence",
        "task": None,
        "value": None,
    }


def test_parquet_without_pyarrow_says_how_to_get_it(
    project, monkeypatch: pytest.MonkeyPatch
) -> None:
    record(project.folder / "r.h5", cell([0]))
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    answer = project.clbench("export", "r.h5", "--to", "parquet")
    assert (answer.code, answer.stderr) == (
        2,
        "error: parquet files need pyarrow; install it with: pip install 'clbench[parquet]'\n",
    )


def test_parquet_is_the_tidy_frame(project) -> None:
    pytest.importorskip("pyarrow")
    path = record(project.folder / "r.h5", cell([0, 1]))
    assert project.clbench("export", "r.h5", "--to", "parquet", "--out", "t.parquet").code == 0
    pd.testing.assert_frame_equal(
        pd.read_parquet(project.folder / "t.parquet"), clbench.load(path).frame()
    )


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["r.h5", "--to", "xlsx"], "unknown export 'xlsx'"),
        (["absent.h5", "--to", "csv"], "absent.h5: there is no such file"),
        (["r.h5", "--to", "csv", "--out", "r.h5"], "r.h5 is the record itself"),
        (["r.h5", "--to", "csv", "--out", "no/where.csv"], "the folder does not exist"),
    ],
)
def test_what_cannot_be_exported_is_exit_2(project, arguments: list[str], said: str) -> None:
    record(project.folder / "r.h5", cell([0]))
    answer = project.clbench("export", *arguments)
    assert answer.code == 2
    assert said in answer.stderr
    assert len(read_record(project.folder / "r.h5").cells) == 1


# ------------------------------------------------------------------ merge


def test_the_seeds_of_a_cell_unite_and_the_sources_stay_known(project) -> None:
    record(project.folder / "a.h5", cell([0, 1]), machine="one")
    record(project.folder / "b.h5", cell([1, 2]), cell([0], "k2", "naive"), machine="two")
    answer = project.clbench("merge", "a.h5", "b.h5", "--out", "all.h5")
    assert answer.code == 0, answer.stderr
    assert "all.h5: 2 cells, 4 runs, from 2 records" in answer.stdout
    merged = read_record(project.folder / "all.h5")
    assert [(one.label, one.seed.tolist()) for one in merged.cells] == [
        ("er", [0, 1, 2]),
        ("naive", [0]),
    ]
    assert (merged.suite, merged.suite_text) == ("tiny", "name: tiny")
    assert [source["environment"] for source in merged.environment["merged"]] == [
        {"machine": "one"},
        {"machine": "two"},
    ]
    assert project.clbench("show", "all.h5").code == project.clbench("compare", "all.h5").code == 0
    record(project.folder / "c.h5", cell([3]), machine="three")
    assert project.clbench("merge", "all.h5", "c.h5", "--out", "more.h5").code == 0
    sources = read_record(project.folder / "more.h5").environment["merged"]
    assert [source["file"] for source in sources] == ["a.h5", "b.h5", "c.h5"]


@pytest.mark.parametrize(
    ("other", "dataset"),
    [({"value": 0.25}, "accuracy"), ({"curves": {"drift": np.ones((2, 3))}}, "curves/drift")],
)
def test_a_conflict_is_named_and_nothing_is_written(
    project, other: dict[str, Any], dataset: str
) -> None:
    record(
        project.folder / "a.h5",
        cell([3]),
        cell([0, 1], curves={"drift": np.zeros((2, 3))}, key="k9"),
    )
    record(project.folder / "b.h5", cell([1, 2], "k9", **other))
    answer = project.clbench("merge", "a.h5", "b.h5", "--out", "all.h5")
    assert answer.code == 2
    assert (
        f"split, er: seed 1 was measured twice, and {dataset} differs: in a.h5 and in b.h5"
        in answer.stderr
    )
    assert not (project.folder / "all.h5").exists()


def test_costs_are_no_conflict(project) -> None:
    for name, seconds in (("a.h5", 1.0), ("b.h5", 2.0)):
        record(project.folder / name, cell([0], cost={"train_seconds": np.full((1, 2), seconds)}))
    assert project.clbench("merge", "a.h5", "b.h5", "--out", "all.h5").code == 0


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["a.h5", "b.h5", "--out", "a.h5"], "a.h5 is one of the records to merge"),
        (["a.h5", "b.h5", "--out", "there.h5"], "there.h5 exists"),
        (["a.h5", "a.h5", "--out", "all.h5"], "named twice"),
        (["a.h5", "absent.h5", "--out", "all.h5"], "absent.h5: there is no such file"),
        (["a.h5"], "--out"),
    ],
)
def test_what_cannot_be_merged_is_exit_2(project, arguments: list[str], said: str) -> None:
    for name in ("a.h5", "b.h5", "there.h5"):
        record(project.folder / name, cell([0]))
    before = {path: path.read_bytes() for path in project.folder.glob("*.h5")}
    answer = project.clbench("merge", *arguments)
    assert answer.code == 2
    assert said in answer.stderr
    assert {path: path.read_bytes() for path in project.folder.glob("*.h5")} == before


def test_merging_suites_does_not_make_them_comparable(project) -> None:
    record(project.folder / "a.h5", cell([0, 1, 2], protocol={"epochs": 1}))
    record(
        project.folder / "b.h5",
        cell([0, 1, 2], "k2", protocol={"epochs": 5}),
        suite="long",
        text="name: long",
    )
    assert project.clbench("merge", "a.h5", "b.h5", "--out", "all.h5").code == 0
    assert [one.label for one in read_record(project.folder / "all.h5").cells] == [
        "er [tiny]",
        "er [long]",
    ]
    answer = project.clbench("compare", "all.h5")
    assert answer.code == 2
    assert "length of a task: 1 epochs in tiny; 5 epochs in long" in answer.stderr


def test_foreign_cells_of_one_key_and_different_names_stay_two(project) -> None:
    for name, label in (("a.h5", "mine"), ("b.h5", "yours")):
        record(project.folder / name, cell([0], "run", label, content={}), suite=name)
    assert project.clbench("merge", "a.h5", "b.h5", "--out", "all.h5").code == 0
    assert [(one.key, one.label) for one in read_record(project.folder / "all.h5").cells] == [
        ("run", "mine"),
        ("run-2", "yours"),
    ]


# ------------------------------------------------------------------ metrics add


def test_a_record_metric_is_stored_with_options_and_version(project) -> None:
    project.write("later.py", LATER)
    path = record(project.folder / "r.h5", cell([0, 1]))
    answer = project.clbench(
        "metrics", "add", "r.h5", "spread", "--set", "factor=2", "--plugin", "later.py"
    )
    assert answer.code == 0, answer.stderr
    found = read_record(path)
    assert found.metrics == (("spread", {"factor": 2.0}),)
    np.testing.assert_array_equal(found.cells[0].metrics["spread"], [0.5, np.nan])
    assert found.cells[0].probes["spread"]["options"] == {"factor": 2.0}
    assert found.cells[0].probes["spread"]["version"]
    host = clbench.host.Host.load([project.folder / "later.py"])
    assert clbench.load(path, host).metric("spread", found.cells[0]).reasons == (
        None,
        "one is unlucky",
    )
    assert clbench.load(path).frame(["spread"])["value"].tolist()[:1] == [0.5]  # without the plugin
    assert project.clbench("metrics", "add", "r.h5", "spread", "--plugin", "later.py").code == 0
    assert read_record(path).cells[0].metrics["spread"][0] == 0.25


def test_members_that_came_later_get_a_stored_metric_too(project) -> None:
    project.write("later.py", LATER)
    stored = {
        "metrics": {"spread": np.array([0.5, np.nan])},
        "probes": {"spread": {"options": {"factor": 2.0}, "version": "1"}},
    }
    path = record(project.folder / "r.h5", cell([0, 2], **stored))
    results = clbench.load(path, clbench.host.Host.load([project.folder / "later.py"]))
    assert results.metric("spread", results.cells[0]).summary.tolist() == [0.5, 0.5]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["spred"], "did you mean 'spread'"),
        (["spread", "--set", "factor=high"], "factor"),
        (["spread", "--set", "size=1"], "size"),
        (["spread", "--set", "factor"], "write it as OPTION=VALUE"),
        (
            ["norm"],
            "norm looks at the networks, and none was kept: add norm to the suite's metrics and "
            "run the suite again",
        ),
        (["epochs"], "epochs is measured while a task is trained (epoch_end)"),
    ],
)
def test_a_metric_that_cannot_be_added_is_exit_2(project, arguments: list[str], said: str) -> None:
    project.write("later.py", LATER)
    path = record(project.folder / "r.h5", cell([0]))
    before = path.read_bytes()
    answer = project.clbench("metrics", "add", "r.h5", *arguments, "--plugin", "later.py")
    assert answer.code == 2
    assert said in answer.stderr
    assert path.read_bytes() == before


SUITE = """
    name: kept
    scenarios:
      - split: {dataset: digits, tasks: 5}
    protocol: {model: {mlp: {hidden: [6]}}, steps: 2, batch_size: 16, keep: [weights, predictions]}
    seeds: 2
    strategies: [naive]
    metrics: [average_accuracy, norm, at_the_end]
    plugins: [mine.py, later.py]
"""


def test_a_probe_metric_is_measured_from_kept_weights_as_it_was_live(project) -> None:
    project.write("mine.py", PLUGIN)
    project.write("later.py", LATER)
    project.write("kept.yaml", SUITE)
    run = ("run", "kept.yaml", "--launcher", "inline", "--quiet")
    assert project.clbench(*run).code == 0
    path = project.folder / "results/kept/kept.h5"
    assert sorted(one.name for one in path.parent.iterdir()) == ["kept.h5"]
    live = read_record(path).cells[0]
    for name in ("norm", "at_the_end"):
        bare = (
            clbench.records.cell.replace(live, metrics={}, probes={})
            if name == "norm"
            else read_record(path).cells[0]
        )
        record(path, bare, suite="kept", text=SUITE)
        answer = project.clbench("metrics", "add", path, name, "--plugin", "later.py")
        assert answer.code == 0, answer.stderr
        added = read_record(path).cells[0]
        np.testing.assert_array_equal(added.metrics[name], live.metrics[name])
        assert added.probes[name] == live.probes[name]
    assert (
        "nothing was left to run" in project.clbench(*run).stdout
    )  # the suite finds everything it asks for
    refused = project.clbench("metrics", "add", path, "nosy", "--plugin", "later.py")
    assert refused.code == 2
    assert (
        "it looks at the strategy (memory), and weights alone were kept; its cells must run again"
        in refused.stderr
    )
    results = clbench.load(path)
    assert results.weights("naive")["head.weight"].shape[0] == 2
    chosen = results.predictions("naive", task=5)
    right = ((chosen.chosen == chosen.label) & (chosen.label >= 0)).sum(1) / (
        chosen.label >= 0
    ).sum(1)
    np.testing.assert_array_equal(right, results.accuracy("naive")[:, -1, 4])
    with pytest.raises(clbench.errors.RecordError, match="there are no weights after 9 tasks"):
        results.weights("naive", 9)


def test_a_finished_cell_runs_again_where_its_weights_are_asked_for(project) -> None:
    project.write("mine.py", PLUGIN)
    project.write("later.py", LATER)
    project.write(
        "kept.yaml",
        SUITE.replace(", keep: [weights, predictions]", "").replace("seeds: 2", "seeds: 1"),
    )
    run = ("run", "kept.yaml", "--launcher", "inline", "--quiet")
    path = project.folder / "results/kept/kept.h5"
    assert project.clbench(*run).code == 0
    before = read_record(path).cells[0]
    assert (
        "nothing was left to run"
        not in project.clbench(*run, "--set", "protocol.keep=weights").stdout
    )
    after = read_record(path).cells[0]
    assert (before.key, before.stored == {}, after.kept["weights"].tolist()) == (
        after.key,
        True,
        [1],
    )
    np.testing.assert_array_equal(before.accuracy, after.accuracy)
    assert "nothing was left to run" in project.clbench(*run).stdout  # what is kept stays
    assert read_record(path).cells[0].stored.keys() == after.stored.keys()


def test_a_metric_without_a_value_is_not_stored(project) -> None:
    path = record(project.folder / "r.h5", cell([0, 1]))
    before = path.read_bytes()
    answer = project.clbench("metrics", "add", "r.h5", "intransigence")
    assert (answer.code, answer.stdout) == (2, "")
    assert "intransigence has no value for any run, so nothing is stored: " in answer.stderr
    assert path.read_bytes() == before


# ------------------------------------------------------------------ costs


def test_a_cost_of_any_name_is_shown_compared_and_exported(project) -> None:
    """`cost/<name>`, whoever wrote it: nobody has to offer a metric of that name."""
    cells = [
        cell([0, 1], "k1", "er", cost={"bytes_by_radio": np.array([2e6, 4e6])}),
        cell([0, 1], "k2", "ewc", cost={"bytes_by_radio": np.array([[1e6, 0.0], [1e6, 2e6]])}),
    ]
    path = record(project.folder / "r.h5", *cells)
    results = clbench.load(path)
    found = [results.metric("bytes_by_radio", one).summary.tolist() for one in results.cells]
    assert found == [[2e6, 4e6], [1e6, 3e6]]
    assert "bytes_by_radio" in project.clbench("show", "r.h5", "er").stdout
    compared = project.clbench("compare", "r.h5", "--metric", "bytes_by_radio", "--format", "json")
    summary = json.loads(compared.stdout)["summary"]
    assert {row["strategy"]: row["mean"] for row in summary} == {"er": 3e6, "ewc": 2e6}
    exported = project.clbench("export", "r.h5", "--to", "csv", "--out", "-").stdout
    assert "split,ewc,1,0,bytes_by_radio,,3000000.0" in exported
    assert "split,ewc,1,0,bytes_by_radio,2,2000000.0" in exported


def test_merge_takes_no_options_that_it_would_ignore(project) -> None:
    """It looks no name up: neither a metric's nor a data set's."""
    record(project.folder / "a.h5", cell([0]))
    for option in (["--plugin", "no.py"], ["--data", "no"]):
        answer = project.clbench("merge", "a.h5", "--out", "b.h5", *option)
        assert (answer.code, "No such option" in answer.stderr) == (2, True)


@pytest.mark.parametrize(
    "command", ["show", "compare", "leaderboard", "export", "plugins", "schema"]
)
def test_a_command_that_looks_at_no_data_says_so_of_its_option(run_cli, command: str) -> None:
    answer = run_cli(command, "--help")
    assert "this one looks at no data" in " ".join(answer.stdout.split())


# ------------------------------------------------------------------ what is kept apart


def edited(path: Path) -> Path:
    """A record whose suite asks for `er` alone: `ewc` has left it, and so have two seeds."""
    apart = [
        cell([0, 1], "k2", "ewc", apart="the suite no longer asks for it"),
        cell([7, 8], apart="the suite no longer asks for these seeds"),
    ]
    write_file(path, RecordFile(1, "tiny", "name: tiny", {}, [cell([0, 1])], (), apart))
    return path


def test_show_leaves_out_what_is_kept_apart_and_says_so(project) -> None:
    edited(project.folder / "r.h5")
    answer = project.clbench("show", "r.h5")
    assert "ewc" not in answer.stdout
    assert (
        "1 cell and 2 seeds of other cells that the suite no longer asks for are kept apart:"
        " `clbench show RECORD --all` shows them" in answer.stdout
    )


def test_show_all_shows_it_with_labels_that_drop_takes(project) -> None:
    path = edited(project.folder / "r.h5")
    answer = project.clbench("show", "r.h5", "--all")
    assert "split, ewc: the suite no longer asks for it (key k2)" in answer.stdout
    assert "split, er [k1]: the suite no longer asks for these seeds (key k1)" in answer.stdout
    answer = project.clbench("drop", "r.h5", "er [k1]", "ewc")
    assert (answer.code, answer.stdout.splitlines()) == (
        0,
        ["dropped: split, er [k1]: 2 seeds", "dropped: split, ewc: 2 seeds"],
    )
    record = read_record(path)
    assert ([one.seed.tolist() for one in record.cells], record.apart) == ([[0, 1]], [])
    assert "nothing is kept apart" in project.clbench("show", "r.h5", "--all").stdout


def test_one_strategy_that_is_kept_apart_is_shown_with_all(project) -> None:
    edited(project.folder / "r.h5")
    answer = project.clbench("show", "r.h5", "ewc")
    assert (answer.code, "it is kept apart, and --all shows it" in answer.stderr) == (2, True)
    assert "ewc on split" in project.clbench("show", "r.h5", "ewc", "--all").stdout


def test_drop_refuses_what_the_suite_asks_for(project) -> None:
    path = edited(project.folder / "r.h5")
    before = path.read_bytes()
    answer = project.clbench("drop", "r.h5", "er")
    assert (answer.code, answer.stderr.count("\n")) == (2, 1)
    assert "--force" in answer.stderr
    assert project.clbench("drop", "r.h5").code == 2
    assert path.read_bytes() == before
    assert project.clbench("drop", "r.h5", "er", "--force").code == 0
    assert read_record(path).cells == []


def test_drop_apart_drops_all_that_is_kept_apart(project) -> None:
    path = edited(project.folder / "r.h5")
    assert project.clbench("drop", "r.h5", "--apart").code == 0
    assert read_record(path).apart == []
    assert project.clbench("drop", "r.h5", "--apart").stdout == "nothing is kept apart\n"


def test_compare_leaderboard_and_export_leave_out_what_is_kept_apart(project) -> None:
    edited(project.folder / "r.h5")
    compared = project.clbench("compare", "r.h5")
    assert "kept apart" in compared.stdout
    assert "ewc" not in compared.stdout
    exported = project.clbench("export", "r.h5", "--to", "csv", "--out", "-")
    assert "kept apart" in exported.stderr
    assert "ewc" not in exported.stdout
    project.clbench("leaderboard", "r.h5", "--out", "page")
    table = (project.folder / "page" / "leaderboard.md").read_text()
    assert "kept apart" in table
    assert "ewc" not in table


def test_a_metric_is_added_and_what_is_kept_apart_stays(project) -> None:
    path = edited(project.folder / "r.h5")
    (project.folder / "later.py").write_text(textwrap.dedent(LATER))
    answer = project.clbench("metrics", "add", "r.h5", "spread", "--plugin", "later.py")
    assert answer.code == 0, answer.stderr
    assert len(read_record(path).apart) == 2


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["run", "a.h5"], "a.h5 is a record, and no suite: `clbench show a.h5` shows it"),
        (["validate", "mine.py"], "mine.py is Python, and no suite: name a suite, and this file"),
        (
            ["show", "mine.yaml"],
            "mine.yaml is a suite, not a record; `clbench run` on it writes one",
        ),
        (["show", "mine"], "mine: there is no such file; did you mean results/mine/mine.h5?"),
        (["show", "results/mine"], "is a folder; name the record in it; did you mean results/mine"),
        (["describe", "mine_strategy"], "; what a file offers: --plugin FILE.py"),
        (["metrics", "add", "a.h5", "worst"], "no plugin here offers the metric 'worst', whose"),
    ],
)
def test_what_is_taken_for_something_else_is_told_with_the_next_step(
    project, arguments: list[str], said: str
) -> None:
    write_record(
        project.folder / "a.h5",
        [cell([0])],
        suite="tiny",
        suite_text="name: tiny",
        environment={},
        metrics=[("worst", {})],
    )
    (project.folder / "results" / "mine").mkdir(parents=True)
    record(project.folder / "results" / "mine" / "mine.h5", cell([0]))
    for name in ("mine.py", "mine.yaml"):
        (project.folder / name).write_text("name: mine\n")
    answer = project.clbench(*arguments)
    assert answer.code == 2
    assert said in " ".join(answer.stderr.split())
