"""`clbench metrics add`: what it stores, and what it says instead."""

from __future__ import annotations

import textwrap

import numpy as np
import pytest

import clbench
from clbench.records import read_record

from .records import LATER, cell, edited, record
from .test_commands import PLUGIN


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


def test_a_metric_is_added_and_what_is_kept_apart_stays(project) -> None:
    path = edited(project.folder / "r.h5")
    (project.folder / "later.py").write_text(textwrap.dedent(LATER))
    answer = project.clbench("metrics", "add", "r.h5", "spread", "--plugin", "later.py")
    assert answer.code == 0, answer.stderr
    assert len(read_record(path).apart) == 2
