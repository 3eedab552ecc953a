"""`clbench import mammoth`: Mammoth's `logs.pyd` (Buzzega et al. 2020; Boschini et al. 2022).

Each line is the `repr` of a dictionary: the arguments of one run, and its accuracies in per cent,
`accuracy_J_taskI` for task J after I tasks, with their mean `accmean_taskI`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from clbench import ImportedRun, Importer, errors

from .literals import parse_dictionary
from .reading import check_mean, files_of, matrix_of, read_text

Accuracies = np.ndarray[Any, Any]

LOG = "logs.pyd"
ACCURACY = re.compile(r"accuracy_(\d+)_task(\d+)")
MEAN = re.compile(r"accmean_task(\d+)")
MEASURED = ("forward_transfer", "backward_transfer", "forgetting")
# Mammoth files each setting in a folder of its own; nothing inside of a file says which it is.
SETTINGS = ("class-il", "task-il", "domain-il", "general-continual")
# Arguments of every run that say nothing of the method and how it is trained: where files lie, what
# is shown, on which device, what is repeated from elsewhere. The rest is kept.
ADMINISTRATIVE = frozenset(
    """
    loadcheck load_best_args dataset_config model_config base_path checkpoint_path results_path
    device notes non_verbose disable_log num_workers enable_other_metrics debug_mode inference_only
    distributed savecheck save_checkpoint_mode ckpt_name start_from stop_after save_after_interrupt
    wandb_name wandb_entity wandb_project nowand conf_jobnum conf_timestamp conf_host conf_git_hash
    cache_path_noisy_labels disable_noisy_labels_cache eval_epochs eval_future cpu_memory_usage
    gpu_memory_usage ignore_other_metrics csv_log tensorboard
    """.split()  # noqa: SIM905 (forty lines with a name each are no easier to read)
)
# How a run was trained, whatever the method.
TRAINING = frozenset(
    """
    backbone num_classes mlp_hidden_size permute_classes code_optimization lr batch_size label_perc
    label_perc_by_class custom_task_order custom_class_order validation validation_mode fitting_mode
    early_stopping_patience early_stopping_metric early_stopping_freq early_stopping_epsilon
    n_epochs n_iters optimizer optim_wd optim_mom optim_nesterov drop_last lr_scheduler
    scheduler_mode lr_milestones sched_multistep_lr_gamma noise_type noise_rate
    """.split()  # noqa: SIM905
)
# What names the run.
NAMED = ("dataset", "model", "seed", "joint")
# What every line has to say, and what follows where it does not.
NEEDED = {
    "dataset": "",
    "model": "",
    "seed": "; a run without a seed is no repetition of another",
}
# Arguments that begin so have an effect only where this one is set.
DEPENDENT = {
    "noise_": "noise_rate",
    "sched_": "lr_scheduler",
    "scheduler_": "lr_scheduler",
    "lr_milestones": "lr_scheduler",
    "validation_": "validation",
}
EARLY_STOPPING = "early_stopping"
# The names of a fitting mode: clbench's for the length of a task, and Mammoth's.
LENGTHS = {"epochs": ("epochs", "n_epochs"), "iters": ("steps", "n_iters")}
MODEL_OPTIONS = {"mlp_hidden_size": "mlp_hidden_size"}
OPTIMIZER_OPTIONS = {
    "lr": "lr",
    "optim_mom": "momentum",
    "optim_wd": "weight_decay",
    "optim_nesterov": "nesterov",
}


class Mammoth(Importer):
    """Logs of Mammoth: files called logs.pyd, or folders that hold them."""

    unsaid: ClassVar[tuple[str, ...]] = (
        "which classes make a task",
        "the images",
        "their normalisation",
        "the version of Mammoth, where it ran outside of git",
    )

    def read(self, paths: Sequence[Path]) -> Iterator[ImportedRun]:
        """The runs, a line each."""
        for file in files_of(paths, f"**/{LOG}"):
            for source, line in _lines(file):
                yield _run(parse_dictionary(line, source), file, source)


def _lines(file: Path) -> Iterator[tuple[str, str]]:
    """Those that are not empty, each with where it stands."""
    for number, line in enumerate(read_text(file).splitlines(), start=1):
        if line.strip():
            yield f"{file}, line {number}", line


def _run(told: Mapping[str, Any], file: Path, source: str) -> ImportedRun:
    _check_names(told, source)
    joint = bool(told.get("joint"))
    return ImportedRun(
        strategy="joint" if joint else str(told["model"]),
        scenario=_scenario(str(told["dataset"]), file),
        seed=_seed(told["seed"], source),
        accuracy=_accuracy(told, source),
        source=source,
        options={name: told[name] for name in told if _is_of_the_method(name)},
        protocol=_protocol(_training(told)),
        facts=_facts(told),
        bound=joint,
    )


def _check_names(told: Mapping[str, Any], source: str) -> None:
    for name, consequence in NEEDED.items():
        if told.get(name) is None:
            raise errors.RecordError(f"{source}: there is no {name!r} in it{consequence}")


def _training(told: Mapping[str, Any]) -> dict[str, Any]:
    """Without the arguments that had no effect, so that equal trainings are equal."""
    return {name: told[name] for name in told if name in TRAINING and _counts(name, told)}


def _counts(name: str, told: Mapping[str, Any]) -> bool:
    """Whether an argument had any effect in this run."""
    if name.startswith(EARLY_STOPPING):
        return bool(told.get("fitting_mode") == EARLY_STOPPING)
    switch = _switch_of(name)
    return switch is None or bool(told.get(switch))


def _switch_of(name: str) -> str | None:
    """The argument without which this one has no effect."""
    for begin, switch in DEPENDENT.items():
        if name.startswith(begin) and name != switch:
            return switch
    return None


def _is_of_the_method(name: str) -> bool:
    if name in ADMINISTRATIVE | TRAINING or name in NAMED or name in MEASURED:
        return False
    return not (ACCURACY.fullmatch(name) or MEAN.fullmatch(name))


def _scenario(dataset: str, file: Path) -> str:
    """The data set, and the setting where the file lies in its folder."""
    setting = next((part for part in reversed(file.parts) if part in SETTINGS), None)
    return f"{dataset} ({setting})" if setting else dataset


def _seed(value: Any, source: str) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise errors.RecordError(f"{source}: seed {value!r} is no whole number")
    return value


def _accuracy(told: Mapping[str, Any], source: str) -> Accuracies:
    """[T+1, T] as fractions; above the diagonal, and before training, nothing was tested."""
    entries = _entries(told, source)
    tasks = max(after for after, _ in entries)
    _check_complete(entries, tasks, source)
    # Row 0 is never in a log: NaN.
    accuracy = matrix_of({(after, task - 1): value for (after, task), value in entries.items()})
    _check_means(accuracy, told, source)
    return accuracy


def _entries(told: Mapping[str, Any], source: str) -> dict[tuple[int, int], float]:
    """Accuracies by (after I tasks, task J)."""
    entries = {}
    for name, value in told.items():
        if found := ACCURACY.fullmatch(name):
            entries[int(found[2]), int(found[1])] = _fraction(value, name, source)
    if not entries:
        raise errors.RecordError(f"{source}: there is no accuracy_1_task1 in it, nor any other")
    return entries


def _check_complete(entries: Mapping[tuple[int, int], float], tasks: int, source: str) -> None:
    """A run that stopped half-way has no line; one with holes has been tampered with."""
    for after, task in _tested(tasks):
        if (after, task) not in entries:
            raise errors.RecordError(f"{source}: accuracy_{task}_task{after} is not in it")
    for after, task in entries:
        if task > tasks or after < 1 or task < 1:
            raise errors.RecordError(
                f"{source}: accuracy_{task}_task{after}, and there are {tasks} tasks"
            )


def _tested(tasks: int) -> Iterator[tuple[int, int]]:
    """(after I tasks, task J): every task so far, after each of them."""
    for after in range(1, tasks + 1):
        for task in range(1, after + 1):
            yield after, task


def _check_means(accuracy: Accuracies, told: Mapping[str, Any], source: str) -> None:
    for after in range(1, len(accuracy)):
        name = f"accmean_task{after}"
        if told.get(name) is not None:
            stated = _fraction(told[name], name, source)
            check_mean(accuracy[after, :after], stated, name, source)


def _fraction(value: Any, name: str, source: str) -> float:
    """Of a value in per cent."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise errors.RecordError(f"{source}: {name} is {value!r}, and no number")
    return value / 100


def _protocol(training: Mapping[str, Any]) -> dict[str, Any]:
    """By clbench's names where they mean the same, else by Mammoth's."""
    rest = dict(training)
    protocol = _named(rest, "model", "backbone", MODEL_OPTIONS)
    protocol |= _length_of_task(rest)
    protocol |= _taken(rest, {"batch_size": "batch_size"})
    protocol |= _named(rest, "optimizer", "optimizer", OPTIMIZER_OPTIONS)
    if "validation" in rest and rest["validation"] is None:
        rest["validation"] = 0.0  # as clbench says that nothing is held out
    return protocol | rest


def _named(
    rest: dict[str, Any], ours: str, theirs: str, options: Mapping[str, str]
) -> dict[str, Any]:
    """A part of training that has a name and options: {model: {mlp: {...}}}; none where none is."""
    if theirs not in rest:
        return {}
    name = str(rest.pop(theirs))
    return {ours: {name: _taken(rest, options)}}


def _length_of_task(rest: dict[str, Any]) -> dict[str, Any]:
    """Epochs or steps, whichever counted; another fitting mode by its name."""
    mode = rest.pop("fitting_mode", None)
    values = _taken(rest, {theirs: ours for ours, theirs in LENGTHS.values()})
    if mode in LENGTHS:
        ours, _ = LENGTHS[mode]
        return {ours: values.get(ours)}
    return {} if mode is None else {"fitting_mode": mode}


def _taken(rest: dict[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    """What is there of these, under its new names, and no longer in `rest`."""
    return {new: rest.pop(old) for old, new in names.items() if old in rest}


def _facts(told: Mapping[str, Any]) -> dict[str, Any]:
    """When it ran and with what, without the name of the machine."""
    facts = {"date": told.get("conf_timestamp"), "commit": told.get("conf_git_hash")}
    return {name: str(value) for name, value in facts.items() if value is not None}
