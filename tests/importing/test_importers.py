"""What the importers make of files of other libraries, and what they refuse."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from clbench import ImportedRun
from clbench.errors import RecordError
from clbench_plugins.builtin_importers.avalanche import Avalanche
from clbench_plugins.builtin_importers.literals import parse_dictionary
from clbench_plugins.builtin_importers.mammoth import Mammoth
from clbench_plugins.builtin_importers.table import CSV

# As Mammoth prints it, but for the arguments that are of no interest here.
LINE = (
    "{'dataset': 'seq-mnist', 'model': 'lwf', 'backbone': 'mnistmlp', 'alpha': 0.5,"
    " 'mlp_hidden_size': 100, 'seed': 7, 'base_path': 'results/', 'conf_host': 'secret-host',"
    " 'device': device(type='cuda', index=0), 'lr': 0.1, 'batch_size': 64, 'joint': 0,"
    " 'fitting_mode': 'epochs', 'n_epochs': 3, 'n_iters': None, 'optimizer': 'sgd',"
    " 'optim_mom': 0.9, 'lr_scheduler': None, 'lr_milestones': [], 'noise_type': 'symmetric',"
    " 'noise_rate': 0.0, 'conf_timestamp': '2026-04-01 03:04:13', 'conf_git_hash': None,"
    " 'accmean_task1': np.float64(90.0), 'accmean_task2': np.float64(40.0),"
    " 'accuracy_1_task1': 90.0, 'accuracy_1_task2': 10.0, 'accuracy_2_task2': np.float64(70.0),"
    " 'gpu_memory_usage': [{0: 0.34375}], 'forgetting': 80.0}"
)


def mammoth(folder: Path, *lines: str, name: str = "logs.pyd") -> list[ImportedRun]:
    file = folder / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("\n".join(lines) + "\n")
    return list(Mammoth().read([file]))


def refused(read: Any) -> str:
    with pytest.raises(RecordError) as caught:
        list(read())
    return str(caught.value)


# ---------------------------------------------------------------------- Mammoth


def test_a_line_of_mammoth_is_a_run(tmp_path: Path) -> None:
    (run,) = mammoth(tmp_path, LINE)
    assert (run.strategy, run.scenario, run.seed) == ("lwf", "seq-mnist", 7)
    nan = np.nan
    expected = [[nan, nan], [0.9, nan], [0.1, 0.7]]
    np.testing.assert_array_equal(run.accuracy, expected)
    assert run.options == {"alpha": 0.5}
    assert run.protocol == {
        "model": {"mnistmlp": {"mlp_hidden_size": 100}},
        "epochs": 3,
        "batch_size": 64,
        "optimizer": {"sgd": {"lr": 0.1, "momentum": 0.9}},
        "lr_scheduler": None,
        "noise_rate": 0.0,
    }


def test_without_validation_nothing_is_held_out(tmp_path: Path) -> None:
    (run,) = mammoth(tmp_path, LINE.replace("'joint': 0", "'joint': 0, 'validation': None"))
    assert run.protocol["validation"] == 0.0


def test_when_it_ran_is_kept_and_on_which_machine_is_not(tmp_path: Path) -> None:
    (run,) = mammoth(tmp_path, LINE)
    assert run.facts == {"date": "2026-04-01 03:04:13"}
    assert "secret-host" not in repr(run)


def test_the_setting_is_that_of_the_folder(tmp_path: Path) -> None:
    name = "results/task-il/seq-mnist/lwf/logs.pyd"
    (run,) = mammoth(tmp_path, LINE, name=name)
    assert run.scenario == "seq-mnist (task-il)"


def test_a_folder_stands_for_the_logs_in_it(tmp_path: Path) -> None:
    mammoth(tmp_path, LINE, name="a/logs.pyd")
    mammoth(tmp_path, LINE.replace("'seed': 7", "'seed': 8"), name="b/c/logs.pyd")
    assert [run.seed for run in Mammoth().read([tmp_path])] == [7, 8]


def test_joint_training_is_a_bound(tmp_path: Path) -> None:
    (run,) = mammoth(tmp_path, LINE.replace("'joint': 0", "'joint': 1"))
    assert (run.strategy, run.bound) == ("joint", True)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("'seed': 7", "'seed': None", "there is no 'seed' in it; a run without a seed is no"),
        ("'seed': 7", "'seed': 7.5", "seed 7.5 is no whole number"),
        ("'accuracy_1_task2': 10.0, ", "", "accuracy_1_task2 is not in it"),
        ("'accuracy_1_task2': 10.0", "'accuracy_1_task2': 20.0", "accmean_task2 is 40.00, and the"),
        ("'accuracy_1_task2': 10.0", "'accuracy_1_task2': 'low'", "is 'low', and no number"),
        ("accuracy_", "precision_", "there is no accuracy_1_task1 in it"),
        ("'dataset': 'seq-mnist', ", "", "there is no 'dataset' in it"),
        ("'dataset'", "dataset", "this is no printed dictionary (a key is neither text nor"),
        ("{'dataset'", "['dataset'", "this is no printed dictionary"),
    ],
)
def test_what_mammoth_did_not_write_is_refused_with_its_line(
    tmp_path: Path, old: str, new: str, message: str
) -> None:
    broken = LINE.replace(old, new)
    said = refused(lambda: mammoth(tmp_path, LINE, broken))
    assert said.startswith(f"{tmp_path / 'logs.pyd'}, line 2: ")
    assert message in said


# ---------------------------------------------------------------------- literals


def test_nothing_in_a_file_is_executed(tmp_path: Path) -> None:
    target = tmp_path / "created"
    code = f"__import__('pathlib').Path({str(target)!r}).touch()"
    found = parse_dictionary(f"{{'a': {code}, 'b': np.float64({code}), 'c': [{code}]}}", "here")
    assert not target.exists()
    assert found["a"].startswith("__import__('pathlib')")


def test_numbers_of_numpy_are_numbers_and_other_calls_stay_text() -> None:
    text = "{'x': np.float32(-1.5), 'y': nan, 'z': device(type='cpu'), 'n': -3, 3: (1, 'a')}"
    found = parse_dictionary(text, "here")
    assert np.isnan(found.pop("y"))
    assert found == {"x": -1.5, "z": "device(type='cpu')", "n": -3, "3": [1, "a"]}


@pytest.mark.parametrize(
    "text", ["{'a': ", "{**x}", "{f(): 1}", "[1]", "{'a': " + "[" * 5000 + "]" * 5000 + "}", "\0"]
)
def test_what_is_no_dictionary_is_an_error(text: str) -> None:
    with pytest.raises(RecordError, match="here: this is no printed dictionary"):
        parse_dictionary(text, "here")


# ---------------------------------------------------------------------- Avalanche

EVALUATED = """\
eval_exp,training_exp,eval_accuracy,eval_loss,forgetting
0,None,0.5000,0.7000,0
1,None,0.4500,0.7000,0
0,0,0.9000,0.2000,0
1,0,0.5500,0.9000,0
0,1,0.6000,0.8000,0.3000
1,1,0.8000,0.3000,0
"""


def avalanche(folder: Path, name: str = "er/3", text: str = EVALUATED) -> Path:
    file = folder / name / "eval_results.csv"
    file.parent.mkdir(parents=True)
    file.write_text(text)
    return file


def test_a_file_of_avalanche_is_a_run(tmp_path: Path) -> None:
    (run,) = Avalanche().read([avalanche(tmp_path)])
    assert (run.strategy, run.scenario, run.seed) == ("er", "avalanche", 3)
    np.testing.assert_array_equal(run.accuracy, [[0.5, 0.45], [0.9, 0.55], [0.6, 0.8]])


@pytest.mark.parametrize(
    ("folder", "expected"),
    [
        ("er/seed_12", ("er", 12)),
        ("er/seed12", ("er", 12)),
        ("er_seed3", ("er", 3)),
        ("er-run-3", ("er", 3)),
        ("der++/0", ("der++", 0)),
    ],
)
def test_strategy_and_seed_are_read_off_the_folders(
    tmp_path: Path, folder: str, expected: tuple[str, int]
) -> None:
    (run,) = Avalanche().read([avalanche(tmp_path, folder)])
    assert (run.strategy, run.seed) == expected


def test_what_no_folder_says_can_be_said(tmp_path: Path) -> None:
    file = avalanche(tmp_path, "csvlogs")
    assert "--set strategy=NAME --set seed=NUMBER" in refused(lambda: Avalanche().read([file]))
    (run,) = Avalanche(strategy="gem", seed=2).read([file])
    assert (run.strategy, run.seed) == ("gem", 2)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a,b\n1,2\n", "it has no column eval_exp; is it Avalanche's eval_results.csv?"),
        (EVALUATED.partition("\n")[0] + "\n", "no experience was tested"),
        (EVALUATED + "1,1,0.7,0,0\n", "line 8: experience 1 was tested twice"),
        (EVALUATED.replace("0.9000", "high"), "line 4: eval_accuracy is 'high', and no number"),
        (EVALUATED.replace("0,0,", "0,-1,"), "line 4: training_exp is '-1', and no whole number"),
    ],
)
def test_what_avalanche_did_not_write_is_refused(tmp_path: Path, text: str, message: str) -> None:
    file = avalanche(tmp_path, text=text)
    assert message in refused(lambda: Avalanche().read([file]))


# ---------------------------------------------------------------------- tables

TABLE = """\
strategy,seed,after,task,accuracy,comment
naive,0,1,1,90,x
naive,0,2,1,10,
naive,0,2,2,80,
naive,1,2,2,70,
"""


def table(folder: Path, text: str, **options: Any) -> list[ImportedRun]:
    file = folder / "runs.csv"
    file.write_text(text)
    return list(CSV(**options).read([file]))


def test_a_table_in_per_cent_with_columns_of_its_own(tmp_path: Path) -> None:
    first, second = table(tmp_path, TABLE)
    nan = np.nan
    np.testing.assert_allclose(first.accuracy, [[nan, nan], [0.9, nan], [0.1, 0.8]])
    np.testing.assert_allclose(second.accuracy, [[nan, nan], [nan, nan], [nan, 0.7]])
    assert (first.seed, second.seed) == (0, 1)


def test_without_after_it_is_the_end_and_scenarios_may_be_told_apart(tmp_path: Path) -> None:
    text = "scenario,strategy,seed,task,accuracy\na,er,0,1,0.5\na,er,0,2,1\nb,er,0,1,0.25\n"
    first, second = table(tmp_path, text)
    assert [run.scenario for run in (first, second)] == ["a", "b"]
    np.testing.assert_array_equal(first.accuracy[-1], [0.5, 1.0])
    np.testing.assert_array_equal(second.accuracy[-1], [0.25])


def test_small_per_cents_can_be_said_to_be_such(tmp_path: Path) -> None:
    text = "strategy,seed,task,accuracy\ner,0,1,0.5\n"
    (run,) = table(tmp_path, text, unit="percent")
    assert run.accuracy[-1, 0] == 0.005


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("strategy,seed,task\n", "it has no column 'accuracy'; needed are strategy, seed, task,"),
        (TABLE + "naive,0,2,2,70,\n", "line 6: this task of this run is in the file twice"),
        (TABLE + "naive,0,2\n", "line 6: it has not as many fields as the first line"),
        (TABLE + "naive,0,2,0,70,\n", "line 6: task 0; tasks are counted from 1"),
        (TABLE + "naive,x,2,1,70,\n", "line 6: seed is 'x', and no whole number"),
        (TABLE + ",0,2,1,70,\n", "line 6: there is no strategy in it"),
    ],
)
def test_a_table_that_is_not_clear_is_refused(tmp_path: Path, text: str, message: str) -> None:
    assert message in refused(lambda: table(tmp_path, text))


def test_what_is_no_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / "runs.csv").write_bytes(b"\xff\xfe\x00")
    said = refused(lambda: CSV().read([tmp_path / "runs.csv"]))
    assert said == f"{tmp_path / 'runs.csv'} is no text file"
