"""The conformance kit for plugin authors: subclass
a class, give it one fixture, inherit the checks.

import pytest
from clbench.testing import StrategyConformance
from my_method import Anchor

class TestAnchor(StrategyConformance):
    @pytest.fixture
    def strategy(self):
        return Anchor  # or Anchor(strength=0.1), or a list of these for a composition
"""

from clbench.testing.dataset import DatasetConformance
from clbench.testing.launcher import LauncherConformance
from clbench.testing.metric import MetricConformance
from clbench.testing.model import ModelConformance
from clbench.testing.scenario import ScenarioConformance
from clbench.testing.strategy import StrategyConformance

__all__ = [
    "DatasetConformance",
    "LauncherConformance",
    "MetricConformance",
    "ModelConformance",
    "ScenarioConformance",
    "StrategyConformance",
]
