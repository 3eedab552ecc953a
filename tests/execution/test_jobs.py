"""A job, a site and an event: plain data that travels as JSON."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from clbench.execution.jobs import Job, JobEvent, Site
from clbench.host import PluginReference
from clbench.suite.seeds import seeds_in_words

from .plans import a_cell, a_job, a_plan


def test_a_job_comes_back_from_json_as_it_was() -> None:
    job = Job(a_plan(agents=2), ((0, 0), (0, 1)), "loop")
    assert Job.from_json(job.to_json()) == job
    assert "\n" not in job.to_json()


def test_a_site_and_an_event_come_back_too(tmp_path) -> None:
    plugins = (
        PluginReference(file="p.py", content="ab"),
        PluginReference(module="m", item="A.B"),
    )
    site = Site(
        tmp_path,
        "s",
        plugins,
        data=tmp_path,
        timeout=3.0,
        checkpoint_every=7.0,
        command=("python", "-m"),
        environment={"A": "1"},
    )
    assert Site.from_json(site.to_json()) == site
    event = JobEvent("progress", "id", 1, 5, 0.2, (0.5, 0.25))
    assert JobEvent.from_json(event.to_json()) == event


def test_a_jobs_name_follows_from_its_cell_and_its_members_alone() -> None:
    job = a_job(2)
    assert a_job(2, cell=a_cell(label="other"), form="loop").id == job.id
    assert a_job(1).id != job.id


@pytest.mark.parametrize(
    ("seeds", "words"), [([], ""), ([3], "3"), ([0, 1, 2, 5, 7, 8], "0-2, 5, 7-8")]
)
def test_seeds_are_shown_as_ranges(seeds: list[int], words: str) -> None:
    assert seeds_in_words(seeds) == words


def test_everybody_who_was_asked_for_is_a_seed_with_each_agent() -> None:
    assert a_plan(2, agents=3).members == ((0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (1, 2))
    assert a_plan(0).members == ()


def test_seeds_of_a_stack_are_sorted_and_each_there_once() -> None:
    assert Job(a_plan(), ((7, 0), (2, 0), (7, 1))).seeds == (2, 7)


@pytest.mark.parametrize(
    ("seeds", "parts", "shares"),
    [
        (10, 1, [10]),
        (10, 2, [5, 5]),
        (10, 3, [3, 3, 4]),
        (2, 5, [1, 1]),  # at most one for each seed
        (1, 2, [1]),
    ],
)
def test_a_job_falls_into_equal_shares(seeds: int, parts: int, shares: list[int]) -> None:
    job = a_job(seeds, form="loop")
    divided = job.divide(parts)
    assert [len(part.members) for part in divided] == shares
    assert sum((part.members for part in divided), ()) == job.members
    assert {part.form for part in divided} == {"loop"}


def test_agents_of_a_seed_are_never_divided() -> None:
    job = Job(a_plan(3, agents=2), a_plan(3, agents=2).members)
    assert [part.members for part in job.divide(3)] == [
        ((0, 0), (0, 1)),
        ((1, 0), (1, 1)),
        ((2, 0), (2, 1)),
    ]


def test_a_job_knows_what_its_cell_knows() -> None:
    planned = a_plan(2)
    job = Job(planned, planned.members)
    assert (job.cell, job.key, job.tasks) == (planned.cell, "key-er", 5)


def test_a_job_of_another_version_cannot_be_read() -> None:
    text = a_job(2).to_json().replace('"tasks"', '"number_of_tasks"')
    with pytest.raises(TypeError, match="number_of_tasks"):
        Job.from_json(text)


def test_files_of_a_job_lie_in_folders_of_their_kind(tmp_path: Path) -> None:
    job, site = a_job(2), Site(tmp_path, "s")
    assert site.record(job) == tmp_path / "jobs" / f"{job.id}.h5"
    assert site.checkpoint(job) == tmp_path / "checkpoints" / f"{job.id}.ckpt"


def test_what_is_forgotten_of_a_job_is_its_state_and_not_its_description(tmp_path: Path) -> None:
    job, other, site = a_job(2), a_job(3), Site(tmp_path, "s")
    folder = tmp_path / "checkpoints"
    folder.mkdir()
    for name in (f"{job.id}.ckpt", f"{job.id}.weights", f"{job.id}.json", f"{other.id}.ckpt"):
        (folder / name).touch()
    site.forget(job)
    assert sorted(path.name for path in folder.iterdir()) == sorted(
        [f"{job.id}.json", f"{other.id}.ckpt"]
    )
    site.forget(job)  # there is nothing left to forget


def test_an_event_without_accuracy_has_none_after_its_way() -> None:
    event = JobEvent("ended", "id", status="failed", error="over\ntwo lines")
    assert JobEvent.from_json(event.to_json()) == event
    assert "\n" not in event.to_json()


def test_an_accuracy_that_is_not_defined_stays_so() -> None:
    event = JobEvent("progress", "id", accuracy=(0.5, float("nan")))
    assert np.isnan(JobEvent.from_json(event.to_json()).accuracy[1])  # type: ignore[index]
