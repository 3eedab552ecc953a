from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression
from torch import Tensor

from clbench.engine.evaluate import accuracy
from clbench.engine.probe import Probe
from clbench_plugins.linear_probe_metrics import ProbeAccuracy, ProbeGap, RepresentationStrength
from clbench_plugins.linear_probe_metrics.fit import accuracies, fit, held_out, solution_of
from clbench_plugins.linear_probe_metrics.logistic import Regression, solve
from clbench_plugins.linear_probe_metrics.samples import Features, features_of, mean_shifts
from clbench_plugins.naive import Naive


def blobs(seed: int, rows: int, classes: int, size: int, scale: float = 3.0) -> tuple[Any, Any]:
    """Features like those behind a ReLU: overlapping classes, many zeros, sizes of all kinds."""
    rng = np.random.default_rng(seed)
    y = rng.integers(classes, size=rows)
    means = rng.standard_normal((classes, size))
    noise = 2.0 * rng.standard_normal((rows, size))
    return np.maximum(scale * (means[y] + noise) * rng.uniform(0.1, 3.0, size), 0.0), y


def features(*members: tuple[Any, Any], classes: int) -> Features:
    """Members with unequal numbers of rows, filled up."""
    most = max(len(y) for _, y in members)
    x = torch.zeros(len(members), most, members[0][0].shape[1], dtype=torch.float64)
    y = torch.zeros(len(members), most, dtype=torch.int64)
    valid = torch.zeros(len(members), most, dtype=torch.bool)
    for r, (rows, labels) in enumerate(members):
        x[r, : len(labels)] = torch.from_numpy(rows)
        y[r, : len(labels)] = torch.from_numpy(labels)
        valid[r, : len(labels)] = True
    return Features(x, y, valid, classes)


def objective(x: Any, y: Any, weights: Any, biases: Any) -> float:
    """scikit-learn's, of two classes with a single row too."""
    logits = x @ weights.T + biases
    if len(weights) == 1:
        logits = np.concatenate([np.zeros_like(logits), logits], axis=1)
    _, label = np.unique(y, return_inverse=True)
    losses = np.logaddexp.reduce(logits, axis=1) - logits[np.arange(len(y)), label]
    return float(losses.sum() + 0.5 * (weights**2).sum())


def reference(x: Any, y: Any) -> LogisticRegression:
    """By another solver than its usual one, which does not get there where features are of unequal
    sizes.
    """
    return LogisticRegression(C=1.0, solver="newton-cg", tol=1e-8, max_iter=2000).fit(x, y)


@pytest.mark.parametrize("scale", [0.01, 1.0, 10.0])
@pytest.mark.parametrize("present", [[0, 1, 2, 3, 4, 5], [4, 1], [0, 3, 5]], ids=str)
def test_the_solution_is_scikit_learns(present: list[int], scale: float) -> None:
    """Of two members at once, which have other data and unequal numbers; classes without images
    take no part.
    """
    members = []
    for seed, rows in ((0, 150), (1, 90)):
        x, y = blobs(seed, rows, len(present), 12, scale)
        members.append((x, np.array(present)[y]))
    given = features(*members, classes=6)
    regression = Regression(given.x, given.of_classes(given.valid))
    solution = solve(regression)
    chosen = regression.logits(solution).argmax(2)
    for r, (x, y) in enumerate(members):
        wanted = reference(x, y)
        weights = solution[r, :-1].T.numpy()[sorted(present)]
        biases = solution[r, -1].numpy()[sorted(present)]
        if len(present) == 2:
            weights, biases = weights[1:] - weights[:1], biases[1:] - biases[:1]
        least = objective(x, y, wanted.coef_, wanted.intercept_)
        assert objective(x, y, weights, biases) == pytest.approx(least, rel=1e-5)
        np.testing.assert_allclose(weights, wanted.coef_, atol=0.01 * np.abs(wanted.coef_).max())
        ours = (chosen[r, : len(y)].numpy() == y).mean()
        assert ours == pytest.approx(wanted.score(x, y), abs=1e-3)


def test_a_member_has_the_same_solution_alone_and_beside_others() -> None:
    """To the bit: each takes steps of its own lengths, and stands still once it is done."""
    easy, hard = blobs(0, 80, 4, 9, 0.1), blobs(1, 80, 4, 9, 50.0)
    stacked = solve_all(features(easy, hard, easy, classes=4))
    for r, member in enumerate((easy, hard, easy)):
        assert torch.equal(stacked[r], solve_all(features(member, classes=4))[0])


def solve_all(given: Features) -> Tensor:
    return solve(Regression(given.x, given.of_classes(given.valid)))


def test_a_fifth_is_held_out_and_the_probe_is_that_of_the_rest() -> None:
    x, y = blobs(3, 203, 5, 10)
    given = features((x, y), blobs(4, 60, 5, 10), classes=5)
    found = fit(given)
    held = found.held[0].numpy()[:203]
    assert found.held.sum(1).tolist() == [41, 12]  # rounded up, as scikit-learn does
    assert not (found.held & ~given.valid).any()
    wanted = reference(x[~held], y[~held])
    right = found.right[0].numpy()[:203][held]
    assert right.mean() == pytest.approx(wanted.score(x[held], y[held]), abs=1e-3)
    lengths = np.linalg.norm(wanted.coef_, axis=1)
    np.testing.assert_allclose(found.strengths()[0].numpy(), lengths, rtol=0.01)


def test_what_is_held_out_does_not_depend_on_the_others() -> None:
    valid = torch.ones(3, 40, dtype=torch.bool)
    valid[1, 25:] = False
    assert torch.equal(held_out(valid)[1], held_out(valid[1:2])[0])


def test_accuracies_are_counted_in_float64() -> None:
    """3 of 10 held out are right: 0.3 to the last bit, and by class 1 of 4, 2 of 6."""
    y = torch.tensor([[0] * 4 + [1] * 6])
    given = Features(torch.zeros(1, 10, 2), y, torch.ones_like(y, dtype=torch.bool), 3)
    right = torch.zeros_like(given.valid)
    right[0, [0, 4, 9]] = True
    found = accuracies(given, given.valid, right)[0].tolist()
    assert found[:3] == [0.3, 0.25, 2 / 6]
    assert np.isnan(found[3])


def test_two_classes_have_one_strength() -> None:
    x, y = blobs(5, 120, 2, 6)
    found = fit(features((x, y), classes=3))
    held = found.held[0].numpy()
    (row,) = reference(x[~held], y[~held]).coef_
    assert found.strengths()[0, :2].tolist() == [pytest.approx(np.linalg.norm(row), rel=0.01)] * 2
    assert found.strengths()[0, 2].isnan()


def test_mean_shifts_by_hand() -> None:
    x, y = blobs(6, 70, 3, 8)
    found = mean_shifts(features((x, y), blobs(7, 50, 3, 8), classes=4))[0].numpy()
    for c in range(3):
        shift = (x[y == c].mean(0) - x.mean(0)) / (x.std(0) + 1e-9)
        assert found[c] == pytest.approx(np.linalg.norm(shift))
    assert np.isnan(found[3])


# ---------------------------------------------------------------------- images


def probe_of(bench: Any, *seeds: int, task: int = 1) -> Probe:
    """What a metric sees of untrained networks in a task."""
    strategy, _ = bench.start(*seeds)
    strategy.session.task = chosen = strategy.session.streams.tasks[task]
    strategy.net.eval()
    batch = next(chosen.batches("train", 100, 100))
    return Probe(strategy.net, strategy, chosen, batch.x, batch.y, "probe")


def shown(probe: Probe, r: int, **options: Any) -> set[int]:
    """The classes of the images that count."""
    asked = {"layer": "last", "classes": "seen", "samples": 400, **options}
    found = features_of(probe, **asked)
    return set(found.y[r][found.valid[r]].tolist())


def test_classes_are_those_of_the_tasks_so_far_of_others_or_of_all(on_digits: Any) -> None:
    probe = probe_of(on_digits(Naive), 0, 1)
    for r in (0, 1):
        seen = set(
            torch.stack([t.classes[r] for t in probe.task.streams.tasks[:2]]).flatten().tolist()
        )
        assert len(seen) == 4
        assert shown(probe, r) == seen
        assert shown(probe, r, classes="unseen") == set(range(10)) - seen
        assert shown(probe, r, classes="all") == set(range(10))


def test_images_are_those_held_out_for_validation_else_of_the_test_set(on_digits: Any) -> None:
    for validation, split in ((0, "test"), (0.2, "validation")):
        probe = probe_of(on_digits(Naive, validation=validation), 0)
        size = sum(task.size(split)[0] for task in probe.task.streams.tasks[:2])
        assert features_of(probe, "last", "seen", 2000).valid.sum() == size


def test_images_are_spread_over_tasks_and_none_is_taken_twice(on_digits: Any) -> None:
    """Permuted tasks share their images. 40 images leave room for two of five tasks, the last one
    among them.
    """
    probe = probe_of(on_digits(Naive, scenario="permuted"), 0, task=4)
    few = features_of(probe, "last", "seen", 59)
    assert few.valid.shape == (1, 58)
    many = features_of(probe, "last", "seen", 2000)
    assert many.valid.shape == (1, 2000)
    assert int(many.valid.sum()) == probe.task.size("test")[0]


def test_a_hidden_layer_may_be_named(on_digits: Any) -> None:
    bench = on_digits(Naive, model={"mlp": {"hidden": [9, 7]}}, metrics=[ProbeAccuracy(layer="no")])
    probe = probe_of(bench, 0)
    assert features_of(probe, "hidden1", "seen", 100).x.shape[2] == 9
    assert features_of(probe, "last", "seen", 100).x.shape[2] == 7
    (said,) = bench.run(0).errors
    assert "no hidden layer 'no'; it has: hidden1, hidden2" in said


# ---------------------------------------------------------------------- metrics


def test_the_gap_is_the_probes_lead_over_the_network(on_digits: Any) -> None:
    """After the last task a plain network has forgotten in its head what its features still
    tell.
    """
    metrics = [ProbeAccuracy(), ProbeGap(), RepresentationStrength(method="probe_accuracy")]
    bench = on_digits(Naive, metrics=metrics, epochs=3)
    record = bench.run(0, 1)
    assert not record.errors
    probe, gap = record.metrics["probe_accuracy"], record.metrics["probe_gap"]
    assert probe.shape == gap.shape == (2, 5, 11)
    assert (probe[:, -1, 0] > 0.8).all()
    network = (probe - gap)[:, -1, 0]
    assert record.accuracy is not None
    np.testing.assert_allclose(network, record.accuracy[:, -1].mean(1), atol=0.1)
    assert (network < 0.5).all()
    strength = record.metrics["representation_strength"]
    np.testing.assert_array_equal(strength[..., 1:], probe[..., 1:])
    np.testing.assert_allclose(strength[..., 0], np.nanmean(probe[..., 1:], axis=2))
    counted = [int(np.isfinite(row).sum()) for row in probe[0, :, 1:]]
    assert counted == [2, 4, 6, 8, 10]


def test_the_networks_part_of_the_gap_is_its_accuracy(on_digits: Any) -> None:
    """Of an untrained network on all held-out images of the test sets: by the engine's own count,
    in the limit.
    """
    probe = probe_of(on_digits(Naive, tasks=1), 0, 1, task=0)
    found = ProbeAccuracy().measure(probe) - ProbeGap().measure(probe)
    wanted = accuracy(probe.strategy.session.learner, probe.task, "test")[0]
    torch.testing.assert_close(found[:, 0], wanted, atol=0.12, rtol=0)


def test_unseen_classes_are_probed_until_there_are_none(on_digits: Any) -> None:
    record = on_digits(Naive, metrics=[ProbeAccuracy(classes="unseen")]).run(0, 1)
    assert not record.errors
    overall = record.metrics["probe_accuracy"][..., 0]
    assert np.isfinite(overall[:, :4]).all()
    assert np.isnan(overall[:, 4]).all()


@pytest.mark.parametrize(
    ("options", "metric", "reason"),
    [
        ({"setting": "domain"}, ProbeAccuracy(classes="unseen"), "tasks to come have those of"),
        ({"tasks": 1}, ProbeAccuracy(classes="unseen"), "no unseen classes after the last task"),
    ],
)
def test_without_classes_it_says_why(
    on_digits: Any, options: Any, metric: Any, reason: str
) -> None:
    record = on_digits(Naive, metrics=[metric], **options).run(0)
    (said,) = record.errors
    assert said.startswith("metric probe_accuracy: Undefined: ")
    assert reason in said


@pytest.mark.parametrize(
    "metric",
    [
        ProbeAccuracy(samples=200),
        ProbeGap(samples=200, classes="all"),
        RepresentationStrength(samples=200),
        RepresentationStrength(samples=200, method="probe_weights"),
    ],
    ids=["accuracy", "gap", "mean_shift", "probe_weights"],
)
def test_a_member_has_the_same_numbers_alone_and_in_a_stack(on_digits: Any, metric: Any) -> None:
    bench = on_digits(Naive, metrics=[metric])
    stacked, alone = bench.run(0, 1, 2), bench.run(1)
    (name,) = stacked.metrics
    assert np.isfinite(stacked.metrics[name][..., 0]).all()
    np.testing.assert_array_equal(stacked.metrics[name][1], alone.metrics[name][0])


def test_one_by_one_and_all_at_once_find_the_same() -> None:
    """On a CPU members are fitted one by one, on a GPU all at once, rows and classes without part
    among them.
    """
    given = features(blobs(0, 80, 3, 9), blobs(1, 50, 2, 9), classes=6)
    targets = given.of_classes(given.valid)
    regression = Regression(given.x, targets)
    found = solution_of(given.x, targets, regression.known)
    torch.testing.assert_close(found, solve(regression), atol=1e-3, rtol=0)
