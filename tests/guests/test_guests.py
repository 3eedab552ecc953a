"""The hardest guests of the interfaces, each a plugin of at most 40 statements that imports only
the public API.
"""

import ast
import importlib.util
import sys
from functools import cache
from pathlib import Path
from typing import ClassVar

import pytest

from clbench.testing import StrategyConformance

# As in tests/testing/test_builtins_conform.py: coverage would make these runs half as long again.
pytestmark = pytest.mark.no_cover

FOLDER = Path(__file__).parent
GUESTS = sorted(path for path in FOLDER.glob("*.py") if not path.name.startswith("test_"))


@cache
def guest(file):
    """A guest's module, loaded as a bare file."""
    name = f"guest_{file}"
    spec = importlib.util.spec_from_file_location(name, FOLDER / f"{file}.py")
    module = sys.modules[name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("path", GUESTS, ids=lambda path: path.stem)
def test_is_short_and_public(path):
    text = path.read_text()
    lines = text.splitlines()
    # Statements, not lines: how many lines they take is the formatter's business.
    statements = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.stmt)]
    assert len(statements) <= 40
    assert not [
        line for line in lines if "clbench." in line and ("import" in line or "from" in line)
    ]
    assert not [line for line in lines if "._" in line]


class TestPathIntegral(StrategyConformance):
    @pytest.fixture
    def strategy(self):
        return guest("path_integral").PathIntegral


class TestHypernet(StrategyConformance):
    scenario: ClassVar = (
        "split",
        {"dataset": "digits", "tasks": 5, "setting": "task", "class_order": "random"},
    )
    protocol: ClassVar = {"optimizer": {"adam": {"lr": 0.003}}}

    @pytest.fixture
    def strategy(self):
        return guest("hypernet").LookaheadHypernet


class TestLayerwise(StrategyConformance):
    convolutions: ClassVar = False  # its rule is that of dense layers

    @pytest.fixture
    def strategy(self):
        return guest("layerwise").Layerwise


class TestUnitReplacement(StrategyConformance):
    protocol: ClassVar = {"optimizer": {"adam": {"lr": 0.003}}}

    @pytest.fixture
    def strategy(self):
        return guest("unit_replacement").UnitReplacement


class TestOrthogonal(StrategyConformance):
    @pytest.fixture
    def strategy(self):
        return guest("orthogonal").Orthogonal


class TestHeadBank(StrategyConformance):
    scenario: ClassVar = (
        "split",
        {"dataset": "digits", "tasks": 5, "setting": "domain", "class_order": "random"},
    )

    @pytest.fixture
    def strategy(self):
        return guest("head_bank").HeadBank


class TestBalancedTuning(StrategyConformance):
    @pytest.fixture
    def strategy(self):
        return guest("balanced_tuning").BalancedTuning


class TestDistilled(StrategyConformance):
    @pytest.fixture
    def strategy(self):
        return guest("distilled").Distilled


class TestGrowing(StrategyConformance):
    @pytest.fixture
    def strategy(self):
        return guest("growing").Growing


class TestTwoAgents(StrategyConformance):
    scenario: ClassVar = ("shared_pairs", {"dataset": "digits"})
    own_scenario = guest("two_agents").SharedPairs

    @pytest.fixture
    def strategy(self):
        return guest("two_agents").Averaging


class TestComposition(StrategyConformance):
    @pytest.fixture
    def strategy(self):
        path, distilled = (
            guest("path_integral").PathIntegral(strength=0.1),
            guest("distilled").Distilled(strength=0.1),
        )
        return [path, guest("orthogonal").Orthogonal, distilled]


class TestModulated(StrategyConformance):
    """A rule without gradients, and a part that scales whatever another changes."""

    convolutions: ClassVar = False  # the rule is that of dense layers

    @pytest.fixture
    def strategy(self):
        return [guest("modulated").Modulated, guest("layerwise").Layerwise]


class TestNearestNeighbour(StrategyConformance):
    @pytest.fixture
    def strategy(self):
        return guest("nearest_neighbour").NearestNeighbour
