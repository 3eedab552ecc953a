"""Schedules: one declaration for suites, the schema and the engine."""

from __future__ import annotations

from typing import Any

import pytest

from clbench.host import Host
from clbench.options import check_options
from clbench.schedules import SCHEDULES, WITH_OPTIONS, WORDS, schedule_factor, schedule_form
from clbench.suite import json_schema


def test_every_declared_schedule_has_a_form_and_a_factor() -> None:
    for name, kind in SCHEDULES.items():
        form: Any = schedule_form(name)
        complete = form if name in WORDS else {name: check_options(kind, form[name])}
        assert schedule_factor(complete, 0.0) == pytest.approx(1.0), name
        assert schedule_factor(complete, 1.0) < 1.0, name


def test_a_schedule_takes_no_other_options_than_its_own() -> None:
    for wrong in ({"cosine": {}}, {"milestones": 3}, {"milestones": {}, "cosine": {}}, "linear", 1):
        with pytest.raises(ValueError, match="must be none, cosine or"):
            schedule_form(wrong)


def test_the_schema_of_suites_lists_the_declared_schedules() -> None:
    protocol = json_schema(Host.load(entry_points=False))["properties"]["protocol"]
    named, with_options, words = protocol["properties"]["schedule"]["anyOf"][0]["anyOf"]
    assert named == {"enum": list(WITH_OPTIONS)}
    assert list(with_options["properties"]) == list(WITH_OPTIONS)
    assert words == {"enum": list(WORDS)}
