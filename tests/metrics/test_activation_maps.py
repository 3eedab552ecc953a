"""Activation maps of chosen images, as they are kept for figures."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from clbench import Undefined
from clbench.host import Host
from clbench.records import RecordFile, Results
from clbench.records.metric_facts import facts_of
from clbench.testing.bench import first_difference, rows
from clbench_plugins.unit_metrics import ActivationMaps

IMAGES = {"synthetic": {"classes": 4, "size": 24, "channels": 3, "train": 40, "test": 40}}
BLOCK = {"units": [5], "kernel": [3], "temperature": [1.0], "rate": [0.08], "power": [0.7]}
SMALL = {"dataset": IMAGES, "tasks": 2, "model": {"hebbian": BLOCK}}


def test_an_image_is_followed_by_the_maps_of_its_channels(make_bench: Any, look: Any) -> None:
    probe = look(make_bench(**SMALL))
    found = ActivationMaps(images=(3, 1), channels=(4, 0), side=12).measure(probe)
    batch = next(iter(probe.data("test", [0], 4)))
    _, hidden = probe.net(batch.x, trace=True)
    grey = batch.x.double().mean(2)
    halved = grey.unflatten(3, (12, 2)).unflatten(2, (12, 2)).mean((3, 5))
    torch.testing.assert_close(found[:, :, 0], halved[:, [3, 1]])
    # Of maps of 12 x 12, which is what pooling leaves, nothing is averaged.
    maps = hidden["block1"][:, [3, 1]][:, :, [4, 0]].double()
    torch.testing.assert_close(found[:, :, 1:], maps)


def test_small_maps_are_repeated_to_the_size_of_the_image(make_bench: Any, look: Any) -> None:
    probe = look(make_bench(**SMALL))
    found = ActivationMaps(images=1, channels=2, side=24).measure(probe)
    assert found.shape == (2, 1, 3, 24, 24)
    small = found[..., 1:, ::2, ::2]
    large = small.repeat_interleave(2, dim=-1).repeat_interleave(2, dim=-2)
    torch.testing.assert_close(found[:, :, 1:], large)


def test_they_change_nothing_and_are_the_same_alone_as_in_a_stack(make_bench: Any) -> None:
    metrics = [ActivationMaps(images=2, channels=3)]
    watched = make_bench(metrics=metrics, **SMALL).run(3, 5)
    alone = make_bench(metrics=metrics, **SMALL).run(5)
    plain = rows(make_bench(**SMALL).run(3, 5), 5)
    assert watched.errors == ()
    assert watched.metrics["activation_maps"].shape == (2, 2, 2, 4, 16, 16)
    assert first_difference(rows(watched, 5), rows(alone, 5)) is None
    stacked = rows(watched, 5)
    assert first_difference(plain, {name: stacked[name] for name in plain}) is None


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"layer": "block7"}, "no layer 'block7' has maps; these do: block1"),
        ({"channels": (1, 5)}, "block1 has 5 channels, counted from 0, and no 5"),
        ({"task": 3}, "there is no task 3"),
        ({"images": (0, 4000)}, "task 1 has no test image 4000"),
    ],
)
def test_what_is_not_there_is_said(
    make_bench: Any, look: Any, options: dict[str, Any], words: str
) -> None:
    probe = look(make_bench(**SMALL))
    with pytest.raises(Undefined, match=words):
        ActivationMaps(**options).measure(probe)


def test_dense_networks_have_none(make_bench: Any, look: Any) -> None:
    with pytest.raises(Undefined, match="none is a convolution"):
        ActivationMaps().measure(look(make_bench()))


def test_they_are_no_number_and_no_table_shows_them(make_bench: Any, host: Host) -> None:
    cell = make_bench(metrics=[ActivationMaps()], **SMALL).run(0)
    facts = {"activation_maps": facts_of(ActivationMaps, "activation_maps")}
    asked = (("activation_maps", {}),)
    cell = replace(cell, key="naive", probes={"activation_maps": {"options": {}, "version": "1"}})
    record = RecordFile(1, "demo", "", {}, [cell], metrics=asked, metric_facts=facts)
    results = Results(record, host)
    assert "activation_maps" not in results.metric_names()
    measured = results.metric("activation_maps", results.cells[0])
    assert np.isnan(measured.summary).all()
    assert measured.by_task is None
    assert "activation_maps.png" in str(measured.reasons[0])
