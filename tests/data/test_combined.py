"""Data sets made of data sets, and data sets by name."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import clbench
from clbench.data import catalogue, fingerprint_of, import_data, load_arrays
from clbench.errors import DataMissing, OptionError, SuiteError, UnknownName, UserError
from clbench.host import Host
from clbench.suite import load_suite
from clbench.suite.choice import Choice
from clbench.suite.smoke import tiny_cells

HOST = Host.load()
SMALL = {"synthetic": {"classes": 4, "train": 40, "test": 8, "size": 8}}
COLOUR = {"synthetic": {"classes": 3, "train": 30, "test": 6, "size": 12, "channels": 3}}


def combined(of: list[Any], **options: Any) -> Any:
    return load_arrays(Choice("combined", {"of": of, **options}), HOST, None)


def test_classes_are_counted_on_and_samples_come_one_after_the_other() -> None:
    digits, small = clbench.load_arrays("digits"), clbench.load_arrays(SMALL)
    both = combined(["digits", SMALL])
    assert both.classes == 14
    np.testing.assert_array_equal(
        both.y_train, np.concatenate([digits.y_train, small.y_train + 10])
    )
    np.testing.assert_array_equal(both.y_test, np.concatenate([digits.y_test, small.y_test + 10]))
    of_digits = len(digits.x_train)
    np.testing.assert_array_equal(both.x_train[of_digits:], small.x_train)
    # Those of digits go up to 16 in their own data set.
    assert both.scale == 255.0
    np.testing.assert_allclose(both.x_train[:of_digits] / 255.0, digits.x_train / 16.0, atol=0.002)


def test_the_fingerprint_follows_from_the_parts_and_their_order() -> None:
    choices = [
        Choice("combined", {"of": of})
        for of in (["digits", SMALL], [SMALL, "digits"], ["digits", {"synthetic": {}}])
    ]
    prints = [fingerprint_of(choice, HOST) for choice in choices]
    assert len(set(prints)) == 3
    assert prints[0] == combined(["digits", SMALL]).fingerprint


def test_images_of_several_shapes_are_refused_or_padded() -> None:
    sentence = r"synthetic has 12x12x3; `pad: true` brings them to the largest"
    with pytest.raises(UserError, match="digits has 8x8x1, " + sentence):
        combined(["digits", COLOUR])
    both, digits = combined(["digits", COLOUR], pad=True), clbench.load_arrays("digits")
    assert both.x_train.shape[1:] == (12, 12, 3)
    first = both.x_train[0]
    expected = np.rint(digits.x_train[0, :, :, 0] * 255.0 / 16.0)
    for channel in range(3):
        np.testing.assert_array_equal(first[2:10, 2:10, channel], expected)
    first = first.copy()
    first[2:10, 2:10] = 0
    assert not first.any()


def test_two_parts_of_one_name_are_told_apart_by_their_options() -> None:
    other = {"synthetic": {**SMALL["synthetic"], "classes": 5}}
    assert combined([SMALL, other]).classes == 9
    with pytest.raises(OptionError, match="names a data set twice"):
        combined([SMALL, SMALL])


def test_a_part_that_is_not_here_is_missing(tmp_path: Path) -> None:
    with pytest.raises(DataMissing, match="data set 'mnist' is not here"):
        load_arrays(Choice("combined", {}), HOST, tmp_path)


def test_the_catalogue_does_not_call_it_embedded() -> None:
    states = {info.name: info.state for info in catalogue(HOST)}
    assert states["combined"] == "of others"
    assert states["digits"] == "embedded"


SUITE = {
    "name": "several",
    "seeds": 2,
    "strategies": ["naive"],
    "scenarios": [{"split": {"dataset": {"combined": {"of": ["mnist", "kmnist"]}}, "tasks": 10}}],
}


def with_dataset(options: dict[str, Any], tasks: int) -> dict[str, Any]:
    return {**SUITE, "scenarios": [{"split": {"dataset": {"combined": options}, "tasks": tasks}}]}


def test_suites_are_checked_against_all_classes_before_anything_is_loaded() -> None:
    load_suite(SUITE, HOST)
    with pytest.raises(SuiteError, match="20 classes do not divide into 3 tasks"):
        load_suite(with_dataset({"of": ["mnist", "kmnist"]}, 3), HOST)
    with pytest.raises(SuiteError, match=r"split.dataset: unknown dataset 'mnits'.*mnist"):
        load_suite(with_dataset({"of": ["mnits", "kmnist"]}, 10), HOST)


def test_a_part_may_have_been_imported(tmp_path: Path) -> None:
    arrays = clbench.load_arrays(SMALL)
    file = tmp_path / "mine.npz"
    names = ("x_train", "y_train", "x_test", "y_test")
    np.savez(file, **{name: getattr(arrays, name) for name in names})
    import_data("mine", file, tmp_path)
    suite = with_dataset({"of": ["mine", "digits"]}, 7)
    assert load_suite(suite, HOST, imported=["mine"]).name == "several"
    both = load_arrays(Choice("combined", {"of": ["mine", "digits"]}), HOST, tmp_path)
    assert both.classes == 14
    assert clbench.load_arrays("mine", data=tmp_path).classes == 4


def test_smoke_keeps_the_number_of_classes() -> None:
    (cell,) = tiny_cells(load_suite(SUITE, HOST).cells, HOST)
    assert cell.scenario.options["dataset"]["synthetic"]["classes"] == 20


# ---------------------------------------------------------------------------------------- by name


DOUBLED = """
import clbench


class Doubled(clbench.Dataset):
    '''Digits, each brighter one a class of its own.'''

    classes = 20

    def load(self, root):
        digits = clbench.load_arrays("digits")
        labels = [
            y + 10 * (x.mean((1, 2, 3)) > 5)
            for x, y in ((digits.x_train, digits.y_train), (digits.x_test, digits.y_test))
        ]
        return digits.x_train, labels[0], digits.x_test, labels[1]


@clbench.hookimpl
def clbench_datasets():
    return [Doubled]
"""


def test_parts_are_found_with_the_plugins_of_the_run(tmp_path: Path) -> None:
    file = tmp_path / "doubled.py"
    file.write_text(DOUBLED)
    host = Host.load([file])
    of = ["doubled", {"synthetic": {}}]
    assert load_arrays(Choice("combined", {"of": of}), host, None).classes == 30
    load_suite(with_dataset({"of": of}, 10), host)
    with pytest.raises(UnknownName, match="unknown dataset 'doubled'"):
        load_arrays(Choice("combined", {"of": of}), HOST, None)


def test_a_data_set_by_name() -> None:
    assert clbench.find_dataset("mnist").classes == 10
    assert clbench.find_dataset({"synthetic": {"classes": 7}}).classes == 7
    with pytest.raises(UnknownName, match="unknown dataset 'mnits'; did you mean 'mnist'"):
        clbench.load_arrays("mnits")
    with pytest.raises(OptionError, match="clases"):
        clbench.load_arrays({"synthetic": {"clases": 7}})
