"""`clbench import`: from another library's files to tested tables."""

from __future__ import annotations

from pathlib import Path

import pytest

HEADER = "scenario,strategy,seed,after,task,accuracy"


@pytest.fixture
def runs(project) -> Path:
    """Eight seeds of two methods over two tasks."""
    lines = [HEADER]
    for seed in range(8):
        for strategy, last in (("naive", 10), ("er", 60)):
            lines.append(f"split,{strategy},{seed},1,1,{90 + seed / 10}")
            lines.append(f"split,{strategy},{seed},2,1,{last + seed}")
            lines.append(f"split,{strategy},{seed},2,2,{80 + seed / 10}")
    file = project.folder / "runs.csv"
    file.write_text("\n".join(lines) + "\n")
    return file


def test_a_table_becomes_a_record_that_can_be_compared(project, runs) -> None:
    answer = project.clbench("import", "csv", runs, "--out", "theirs.h5")
    assert (answer.code, answer.stderr) == (0, "")
    assert "theirs.h5: 2 strategies, 16 runs" in answer.stdout
    assert "the files do not say: the stream; how networks were trained" in answer.stdout
    assert "next: clbench compare theirs.h5" in answer.stdout
    compared = project.clbench("compare", "theirs.h5")
    assert (compared.code, compared.stderr) == (0, "")
    assert "er better" in compared.stdout


def test_a_scenario_can_be_named(project, runs) -> None:
    project.clbench("import", "csv", runs, "--out", "theirs.h5", "--scenario", "mine")
    assert " on mine" in project.clbench("show", "theirs.h5", "er").stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["csw", "runs.csv"], "'csw'; did you mean 'csv'?"),
        (["csv", "absent.csv"], "absent.csv: there is no such file"),
        (["csv", "runs.csv", "--set", "units=percent"], "did you mean 'unit'"),
        (["csv", "runs.csv", "--set", "unit=many"], "unit"),
        (["mammoth", "runs.csv"], "runs.csv, line 1: this is no printed dictionary"),
        (["avalanche", "runs.csv"], "runs.csv: it has no column eval_exp"),
        (["mammoth", "."], ".: there is no logs.pyd in this folder"),
    ],
)
def test_what_cannot_be_imported_is_exit_2(
    project, runs, arguments: list[str], message: str
) -> None:
    answer = project.clbench("import", *arguments, "--out", "theirs.h5")
    assert answer.code == 2
    assert message in answer.stderr
    assert "Traceback" not in answer.stderr
    assert not (project.folder / "theirs.h5").exists()


def test_a_file_that_is_there_is_kept(project, runs) -> None:
    answer = project.clbench("import", "csv", runs, "--out", "runs.csv")
    assert answer.code == 2
    assert "runs.csv exists; choose another name with --out" in answer.stderr
    assert runs.read_text().startswith(HEADER)


def test_a_plugin_can_bring_an_importer(project) -> None:
    plugin = project.folder / "mine.py"
    plugin.write_text(
        "import numpy as np\n"
        "from clbench import ImportedRun, Importer, hookimpl\n\n\n"
        "class Lines(Importer):\n"
        '    """A line a run: its name, seed, and accuracies."""\n\n'
        "    def read(self, paths):\n"
        "        for number, line in enumerate(paths[0].read_text().splitlines(), 1):\n"
        "            name, seed, *values = line.split()\n"
        "            accuracy = np.full((len(values) + 1, len(values)), np.nan)\n"
        "            accuracy[-1] = [float(value) for value in values]\n"
        "            yield ImportedRun(name, 'theirs', int(seed), accuracy, f'line {number}')\n\n\n"
        "@hookimpl\n"
        "def clbench_importers():\n"
        "    return [Lines]\n"
    )
    (project.folder / "log.txt").write_text("er 0 0.5 0.75\ner 1 0.25 1\n")
    answer = project.clbench(
        "import", "lines", "log.txt", "--out", "theirs.h5", "--plugin", "mine.py"
    )
    assert (answer.code, answer.stderr) == (0, "")
    assert "theirs.h5: 1 strategy, 2 runs" in answer.stdout
