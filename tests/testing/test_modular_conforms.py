"""Modular networks, the monolithic one, and their models pass the kit."""

from typing import ClassVar

import pytest

from clbench.testing import ModelConformance, StrategyConformance
from clbench.testing.bench import host_with

# As in test_builtins_conform.py: coverage would make these runs half as long again.
pytestmark = pytest.mark.no_cover

SPLIT = StrategyConformance.scenario[1]


def builtin(kind, name):
    return host_with().get(kind, name)


class InTasks(StrategyConformance):
    """Three tasks, of which the last ones are trained by themselves."""

    scenario: ClassVar = ("split", {**SPLIT, "tasks": 3, "classes_per_task": 2, "setting": "task"})
    convolutions: ClassVar = False  # those of the kit are no modules
    protocol: ClassVar = {
        "model": {"soft_ordering_mlp": {"width": 17, "components": 2, "depth": 2, "dropout": 0.1}},
        "epochs": 2,
        "validation": 0.5,
        # Two steps an epoch, the last one of a size that differs between members.
        "batch_size": 97,
        "optimizer": {"adam": {"lr": 0.01}},
    }


class TestMonolithic(InTasks):
    convolutions: ClassVar = True

    @pytest.fixture
    def strategy(self):
        return builtin("strategy", "monolithic")(initial_tasks=2, replay=5)


class TestModular(InTasks):
    """Some members keep the candidate and others do not."""

    @pytest.fixture
    def strategy(self):
        return builtin("strategy", "modular")(initial_tasks=2, replay=5, threshold=0.0)


class TestModularGatedAndDetached(InTasks):
    """A mixture for each sample, the body trained by contrast; two tasks that bring a candidate."""

    @pytest.fixture
    def strategy(self):
        options = {"mixing": "gated", "loss": "detached", "anchors": "all"}
        return builtin("strategy", "modular")(initial_tasks=1, replay=5, threshold=0.0, **options)


class TestModularJoint(InTasks):
    """Gates of the task at hand are trained in one batch with those that stand still."""

    @pytest.fixture
    def strategy(self):
        first = {"initial_tasks": 2, "initial_structures": "one_module_per_task"}
        options = {"modules": "joint", "mixing": "gated", **first}
        return builtin("strategy", "modular")(replay=5, **options)


class TestSoftOrderingMLP(ModelConformance):
    @pytest.fixture(params=[{}, {"dropout": 0.3, "dense_first": 1}, {"gated": True}], ids=str)
    def model(self, request):
        soft = builtin("model", "soft_ordering_mlp")
        return lambda shape, classes: soft(shape, classes, width=17, depth=3, **request.param)


class TestSoftOrderingCNN(ModelConformance):
    input_shape: ClassVar = (3, 16, 16)

    @pytest.fixture
    def model(self):
        soft = builtin("model", "soft_ordering_cnn")
        return lambda shape, classes: soft(shape, classes, width=6, depth=3, dropout=0.3)
