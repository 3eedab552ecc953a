"""Flags that are looked at on the host, where that costs nothing."""

from __future__ import annotations

import pytest
import torch

from clbench.stack.host_reads import none_on_host


@pytest.mark.parametrize(
    ("flags", "expected"),
    [([False, False], True), ([False, True], False), ([], True)],
)
def test_on_a_cpu_it_is_known_whether_none_is_true(flags: list[bool], expected: bool) -> None:
    assert none_on_host(torch.tensor(flags, dtype=torch.bool)) is expected


def test_elsewhere_it_is_never_known() -> None:
    # A tensor without memory: to read it would be an error.
    assert none_on_host(torch.zeros(3, dtype=torch.bool, device="meta")) is False
