"""What the command line says of itself and of names: help, lists, descriptions."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest


@pytest.fixture
def mine(project, data_root: Path):
    """A project, and a data set of one's own called `mine`."""
    x, y = np.zeros((4, 8, 8), dtype=np.uint8), np.array([0, 1, 0, 1])
    np.savez(project.folder / "a.npz", x_train=x, y_train=y, x_test=x, y_test=y)
    assert project.clbench("data", "import", "mine", "a.npz").code == 0
    return project


@pytest.mark.parametrize("group", [[], ["data"], ["metrics"]])
def test_help_never_cuts_its_sentences(run_cli, group: list[str]) -> None:
    text = run_cli(*group, "--help").stdout
    assert "..." not in text.replace("[ARGS]...", "")
    described = re.split(r"\n  (?=\w)", text.split("Commands:\n")[1].rstrip())
    assert len(described) >= (10 if not group else 1)
    assert all(one.endswith(".") for one in described)


def test_run_offers_no_options_that_nothing_here_serves(run_cli) -> None:
    text = run_cli("run", "--help").stdout
    assert "--address" not in text
    assert "--slurm" not in text


def test_a_launcher_that_is_not_here_is_said_to_be_none(project) -> None:
    answer = project.clbench("run", "split_digits", "--launcher", "ray")
    assert (answer.code, answer.stderr) == (2, "error: unknown launcher 'ray'; known: local\n")


def test_shipped_suites_are_listed_and_described(run_cli) -> None:
    listed = run_cli("list", "suites").stdout
    assert "split_digits" in listed
    assert "The demo: the ten handwritten digits" in listed
    text = run_cli("describe", "split_digits").stdout
    assert "takes about a minute on two cores" in text
    assert re.search(r"scenarios +class, domain\n", text)
    assert re.search(r"runs +192 in 16 cells\n", text)
    assert "clbench run split_digits" in text


def test_every_shipped_suite_can_be_described(run_cli) -> None:
    suites = json.loads(run_cli("list", "suites", "--json").stdout)["suites"]
    for suite in suites:
        answer = run_cli("describe", suite["name"])
        assert answer.code == 0, answer.stderr
        assert suite["doc"] in answer.stdout


def test_lists_are_json_for_programs(run_cli) -> None:
    everything = json.loads(run_cli("list", "--json").stdout)
    assert set(everything) == {
        "strategies",
        "metrics",
        "scenarios",
        "datasets",
        "models",
        "launchers",
        "formats",
        "exports",
        "importers",
        "figures",
        "suites",
    }
    (local,) = json.loads(run_cli("list", "launchers", "--json").stdout)["launchers"]
    assert local["name"] == "local"
    assert local["doc"].startswith("Worker processes")


def test_the_doctor_speaks_json_and_names_the_path_of_the_matrix_products(run_cli) -> None:
    found = json.loads(run_cli("doctor", "--json").stdout)
    assert set(found) == {"environment", "plugins", "data", "data folders", "problems"}
    assert "path" in found["environment"]["matrix products"]
    assert re.search(r"matrix products +float32, (standard|fast) path", run_cli("doctor").stdout)


def test_an_imported_data_set_is_described_and_listed(mine, tmp_path: Path) -> None:
    text = mine.clbench("describe", "mine").stdout
    assert "imported with `clbench data import`" in text
    assert re.search(r"size +8x8x1", text)
    assert {"name": "mine"}.items() <= next(
        one
        for one in json.loads(mine.clbench("list", "datasets", "--json").stdout)["datasets"]
        if one["name"] == "mine"
    ).items()


def test_describe_looks_into_the_folder_given_with_data(mine, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.delenv("CLBENCH_DATA")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    assert mine.clbench("describe", "mine").code == 2
    assert mine.clbench("describe", "mine", "--data", tmp_path / "data").code == 0


def test_an_import_says_where_it_is_kept(mine, data_root: Path) -> None:
    said = mine.clbench("data", "import", "mine", "a.npz").stdout
    assert f"kept in {data_root} ($CLBENCH_DATA)" in said


def test_the_types_of_a_model_s_options_are_words(run_cli) -> None:
    text = run_cli("describe", "mlp").stdout
    assert "list of (int, > 0)" in text
    assert "Annotated" not in text
