"""Checks that every metric inherits."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from clbench.metrics import RunView, Undefined, is_probe
from clbench.suite.choice import Choice
from clbench.testing.bench import Bench, first_difference, host_with, rows
from clbench.testing.documented import check_docstring, check_options_documented
from clbench.testing.strategy import StrategyConformance
from clbench.testing.watch import global_draws


class MetricConformance:
    """Subclass it and give it a fixture `metric`: a `RecordMetric` or a `ProbeMetric`.

    Either the class, or an object of it with the options that are to be checked.
    """

    @pytest.fixture
    def metric(self) -> Any:
        """What is checked."""
        pytest.fail(
            f"{type(self).__name__} needs a fixture named 'metric' that returns the metric's class"
        )

    @pytest.fixture
    def bench(self, metric: Any) -> Bench:
        """A plain strategy on small streams, with the metric where it is a probe."""
        return self._bench([metric] if is_probe(metric) else [])

    @staticmethod
    def _bench(metrics: list[Any]) -> Bench:
        host = host_with()
        kit = StrategyConformance
        return Bench(
            host.get("strategy", "naive"),
            host,
            Choice(kit.scenario[0], dict(kit.scenario[1])),
            kit.standard,
            metrics,
        )

    def test_options_are_documented(self, metric: Any) -> None:
        """`clbench describe` has something to say."""
        check_docstring(_class_of(metric), "give the formula and its source")
        check_options_documented(_class_of(metric))

    def test_value_or_reason(self, metric: Any, bench: Bench) -> None:
        """Every member gets numbers, or a reason why there is none."""
        record = bench.known(0, 1)
        assert not record.errors, record.errors[0]
        if is_probe(metric):
            return
        computed = metric() if isinstance(metric, type) else metric
        for row in range(record.members):
            _check_value(computed.value(RunView(record, row)))

    def test_probe_changes_nothing(self, metric: Any, bench: Bench) -> None:
        """A run with the probe and one without agree to the bit."""
        if not is_probe(metric):
            pytest.skip("a record metric sees no network")
        with global_draws() as drawn:
            # Fresh, not from a kept run, for draws are watched.
            measured = rows(bench.run(0, 1), 1)
        assert not drawn, f"{' and '.join(drawn)} global generator was drawn from"
        plain = rows(self._bench([]).known(0, 1), 1)
        # Compared over what both measured: the probe's own curve is in one of them only.
        difference = first_difference(plain, {name: measured[name] for name in plain})
        assert difference is None, f"the probe changed what it looks at: {difference}"
        assert torch.is_grad_enabled()

    def test_probe_alone_as_in_a_stack(self, metric: Any, bench: Bench) -> None:
        """What a probe finds of a member does not depend on the others, to the bit."""
        if not is_probe(metric):
            pytest.skip("a record metric sees no network")
        stacked, alone = rows(bench.known(0, 1), 1), rows(bench.run(1), 1)
        difference = first_difference(stacked, alone)
        assert difference is None, f"in a stack and alone: {difference}"


def _class_of(metric: Any) -> Any:
    return metric if isinstance(metric, type) else type(metric)


def _check_value(value: Any) -> None:
    sound = isinstance(value, Undefined) or np.asarray(value, dtype=float).size
    assert sound, f"value returned {value!r}; a number, an array or Undefined is wanted"
