"""Whose module an agent begins with, and which of those that it tries it goes on with."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from clbench.errors import StrategyError, UserError
from clbench.testing.bench import first_difference, rows
from clbench_plugins.modular import Modular
from clbench_plugins.sharing import ModuleSharing

from .sharing import agents_on_digits

MODEL = {"soft_ordering_mlp": {"components": 2, "depth": 2, "width": 5}}
TASKS = {"tasks": 4, "classes_per_task": 4, "samples_per_class": 20, "labels": "mapped"}
MODULE = (5 * 5 + 5) * 4  # bytes
NOBODY = -1


def bench(*parts: Any, agents: int = 4, **protocol: Any) -> Any:
    given = {"model": MODEL, "validation": 0.2, "epochs": 8, **protocol}
    return agents_on_digits(list(parts), agents=agents, scenario=TASKS, **given)


def begun(task: int, modules: dict[tuple[int, int], int], **options: Any) -> Any:
    """The part that shares, at the start of a task; `modules` are those added, by agent and
    task.
    """
    parts = Modular(initial_tasks=1), ModuleSharing(**options)
    running, _ = bench(*parts).start(0)
    sharing = running.part("module_sharing")
    with torch.no_grad():
        for value in running.net.parameters():
            value += torch.from_numpy(np.random.default_rng(0).standard_normal(value.shape)).float()
    for index in range(task + 1):
        running.session.task = running.session.streams.tasks[index]
        running.begin_task(running.session.task)
    for (agent, of_task), number in modules.items():
        sharing.modular.module_of_task[agent, of_task] = number
    return sharing


def slot_of(task: int) -> int:
    """Where the module of a task lies: behind the first two, one a task."""
    return 2 + task - 1


def module(sharing: Any, agent: int, number: int) -> list[float]:
    named = sharing.modular.module_parameters(number)
    return torch.cat([value.detach()[agent].flatten() for value in named.values()]).tolist()  # type: ignore[no-any-return]


def classes(sharing: Any, agent: int, task: int) -> set[int]:
    chosen = sharing.session.streams.tasks[task].labels[agent] >= 0
    return set(chosen.nonzero().flatten().tolist())


def expected(sharing: Any, asker: int, now: int, added: Any) -> list[tuple[int, int]]:
    """(agent, task) of each neighbour's answer, the best first, by the definition."""
    wanted = classes(sharing, asker, now)
    answers = []
    for agent in range(4):
        options = [
            (-len(wanted & classes(sharing, agent, task)), task)
            for (owner, task) in added
            if owner == agent and wanted & classes(sharing, agent, task)
        ]
        if options and sharing.graph[asker, agent]:
            overlap, task = min(options)
            answers.append((overlap, task, agent))
    return [(agent, task) for _, task, agent in sorted(answers)]


ADDED = {(0, 1): slot_of(1), (0, 2): slot_of(2), (1, 2): slot_of(2), (3, 1): slot_of(1)}


@pytest.mark.parametrize("topology", ["full", "star"])
def test_an_agent_begins_with_the_module_of_the_most_similar_task(topology: str) -> None:
    sharing = begun(3, ADDED, topology=topology)
    candidate = slot_of(3)
    before = {
        (agent, number): module(sharing, agent, number)
        for agent in range(4)
        for number in range(candidate + 1)
    }
    sharing.exchange()
    sources, sent = [], np.zeros(4)
    for agent in range(4):
        answers = expected(sharing, agent, 3, ADDED)
        sources.append(answers[0] if answers else (NOBODY, NOBODY))
        for other, _ in answers:
            sent[other] += MODULE
        sent[agent] += 4 * int(sharing.graph[agent].sum())
        source = (answers[0][0], slot_of(answers[0][1])) if answers else (agent, candidate)
        assert module(sharing, agent, candidate) == before[source]
        for number in range(candidate):
            assert module(sharing, agent, number) == before[agent, number]
    assert len(set(sources)) > 1
    assert sharing.session.measurements.cost["bytes_sent"] == sent.tolist()
    curves = {name: curve.table() for name, curve in sharing.session.measurements.curves.items()}
    assert curves["module_from_agent"][:, 0].tolist() == [agent for agent, _ in sources]
    assert curves["module_from_task"][:, 0].tolist() == [task for _, task in sources]


def test_nobody_who_sits_out_is_asked_or_served() -> None:
    sharing = begun(3, ADDED)
    sharing.session.set_active([0, 1, 2])
    mine = module(sharing, 3, slot_of(3))
    theirs = [module(sharing, 3, slot_of(1)), module(sharing, 3, slot_of(2))]
    sharing.exchange()
    assert module(sharing, 3, slot_of(3)) == mine
    assert all(module(sharing, agent, slot_of(3)) not in theirs for agent in range(3))


def test_without_a_neighbour_that_has_added_one_an_agent_keeps_its_own() -> None:
    sharing = begun(3, {})
    before = [module(sharing, agent, slot_of(3)) for agent in range(4)]
    sharing.exchange()
    assert [module(sharing, agent, slot_of(3)) for agent in range(4)] == before


def test_the_outputs_of_common_classes_come_with_the_module_where_wanted() -> None:
    sharing = begun(3, ADDED, transfer_head=True)
    before = [value.detach().clone() for value in sharing.net.part("head").parameters()]
    tasks = sharing.session.streams.tasks
    sharing.exchange()
    after = sharing.net.part("head").parameters()
    taken, moved = 0, 0
    for agent in range(4):
        other, task = expected(sharing, agent, 3, ADDED)[0]
        for number in range(10):
            own, theirs = (
                int(tasks[3].labels[agent, number]),
                int(tasks[task].labels[other, number]),
            )
            if own < 0:
                continue
            source = (other, theirs) if theirs >= 0 else (agent, own)
            taken, moved = taken + (theirs >= 0), moved + (own != theirs >= 0)
            for old, new in zip(before, after, strict=True):
                assert torch.equal(new.detach()[agent, own], old[source])
    assert taken > moved > 0
    outputs = 4 * (5 + 1) * 4  # of four classes, with five weights and a bias of four bytes each
    bytes_sent = sharing.session.measurements.cost["bytes_sent"]
    answers = [expected(sharing, agent, 3, ADDED) for agent in range(4)]
    of_first = sum(other == 0 for several in answers for other, _ in several)
    assert bytes_sent[0] == 3 * 4 + of_first * (MODULE + outputs)


def test_the_structure_comes_with_the_module_where_wanted() -> None:
    sharing = begun(3, ADDED, transfer_structure=True)
    structures = sharing.modular.structures
    structures.copy_(torch.from_numpy(np.random.default_rng(1).standard_normal(structures.shape)))
    sharing.exchange()
    made = sharing.modular.structure.detach()
    for agent in range(4):
        other, task = expected(sharing, agent, 3, ADDED)[0]
        theirs = structures[other, task]
        assert torch.equal(made[agent, :2], theirs[:2])
        assert torch.equal(made[agent, slot_of(3)], theirs[slot_of(task)])
        assert not made[agent, 2 : slot_of(3)].any()
    answers = [expected(sharing, agent, 3, ADDED) for agent in range(4)]
    of_first = sum(other == 0 for several in answers for other, _ in several)
    rows = (2 + 1) * 2 * 4  # of three modules at two depths
    assert sharing.session.measurements.cost["bytes_sent"][0] == 3 * 4 + of_first * (MODULE + rows)


# ------------------------------------------------------------------ tryout


def test_the_best_of_those_tried_goes_on_as_it_was_trained() -> None:
    added = {(agent, 1): slot_of(1) for agent in range(4)}
    sharing = begun(3, added, choice="tryout", tries=3, tryout_epochs=2)
    sharing.most_similar = lambda: (torch.ones(4, 4).long(), torch.ones(4, 4).long())
    # The agents have 0, 1, 2 and 3 neighbours, so as many modules to try.
    sharing.graph[:] = torch.tensor([[0, 0, 0, 0], [1, 0, 0, 0], [1, 1, 0, 0], [1, 1, 1, 0]]).bool()
    theirs = [module(sharing, agent, slot_of(1)) for agent in range(4)]
    start = [value.clone() for value in sharing.net.part("head").parameters()]
    own = module(sharing, 0, slot_of(3))
    sharing.exchange()
    head = next(iter(sharing.net.part("head").parameters()))

    def train(by: float) -> None:
        with torch.no_grad():
            head.add_(by)
            for value in sharing.modular.module_parameters(slot_of(3)).values():
                value.add_(by)

    def moved(numbers: list[float], by: float) -> Any:
        return pytest.approx([number + by for number in numbers], abs=1e-5)

    def candidates() -> list[list[float]]:
        return [module(sharing, agent, slot_of(3)) for agent in range(4)]

    def judged(epoch: int, *accuracies: float) -> None:
        sharing.accuracy = lambda task, split: torch.tensor(accuracies, dtype=torch.float64)
        sharing.tryout.begin_epoch(epoch)

    assert candidates() == [own, theirs[0], theirs[0], theirs[0]]
    train(1.0)
    sharing.tryout.begin_epoch(1)  # in the middle of a try
    assert candidates()[3] == moved(theirs[0], 1.0)
    judged(2, 0.9, 0.9, 0.5, 0.5)
    assert candidates()[:2] == [moved(own, 1.0), moved(theirs[0], 1.0)]
    assert candidates()[2:] == [theirs[1], theirs[1]]
    assert torch.equal(head[2:], start[0][2:])
    train(2.0)
    judged(4, 0.1, 0.1, 0.4, 0.7)
    assert candidates()[1] == moved(theirs[0], 3.0)
    assert candidates()[2] == moved(theirs[0], 1.0)
    assert torch.allclose(head[2], start[0][2] + 1.0)
    assert candidates()[3] == theirs[2]
    train(4.0)
    judged(6, 0.0, 0.0, 0.9, 0.7)
    assert candidates()[2] == moved(theirs[0], 5.0)
    assert candidates()[3] == moved(theirs[1], 2.0)
    assert torch.allclose(head[3], start[0][3] + 2.0)


def test_there_have_to_be_epochs_for_all_that_is_tried() -> None:
    tryout = ModuleSharing(choice="tryout", tries=2, tryout_epochs=4)
    with pytest.raises(StrategyError, match="2 modules are tried for 4 epochs each, and 8 epochs"):
        bench(Modular(initial_tasks=1), tryout, epochs=9).start(0)
    bench(Modular(initial_tasks=1), tryout, epochs=10).start(0)


# ------------------------------------------------------------------ in a run


@pytest.mark.parametrize("choice", ["trust_sim", "tryout"])
def test_modules_are_shared_from_the_second_task_after_the_first_ones(choice: Any) -> None:
    sharing = ModuleSharing(choice=choice, tries=2, tryout_epochs=2)
    modular = Modular(initial_tasks=1, threshold=0.0, replay=4)
    given = {"agents": 3, "optimizer": {"adam": {"lr": 0.01}}}
    record = bench(modular, sharing, **given).run(0)
    sources = record.curves["module_from_agent"]
    assert sources.shape == (3, 2)  # of the tasks 2 and 3, counted from 0
    assert (sources >= 0).any()
    assert all(source != agent for agent in range(3) for source in sources[agent])
    other_order = bench(sharing, modular, **given).run(0)
    assert first_difference(rows(record, 0), rows(other_order, 0)) is None


def test_there_has_to_be_a_modular_network_that_grows() -> None:
    with pytest.raises(UserError, match="module_sharing works on modular, which is not there"):
        bench(ModuleSharing()).start(0)
    with pytest.raises(StrategyError, match="modular adds no modules here"):
        bench(Modular(add_modules=False), ModuleSharing()).start(0)
