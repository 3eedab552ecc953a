"""The suites that come with clbench."""

from __future__ import annotations

import pytest

from clbench.suite.packaged import (
    opening_comment,
    packaged_suites,
    packaged_text,
    suite_folders,
)


def test_suites_lie_in_one_folder_that_is_there() -> None:
    [folder] = suite_folders()
    assert folder.is_dir()


def test_every_suite_of_the_folder_has_a_name() -> None:
    [folder] = suite_folders()
    names = packaged_suites()
    assert names == sorted(names)
    assert len(names) == len(list(folder.rglob("*.yaml")))
    assert "hive_digits" in names
    assert any(name.startswith("paper/") for name in names)


def test_a_name_leads_to_its_text() -> None:
    [folder] = suite_folders()
    assert packaged_text("hive_digits") == (folder / "hive_digits.yaml").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("text", "comment"),
    [
        ("# One.\n# Two.\nname: a\n# three\n", "One. Two."),
        ("#One.\n#\n##  Two.\n\n# three\n", "One. Two."),
        ("name: a\n# one\n", ""),
        ("\n# one\n", ""),
        ("", ""),
    ],
)
def test_the_comment_before_the_first_key_is_one_paragraph(text: str, comment: str) -> None:
    assert opening_comment(text) == comment
