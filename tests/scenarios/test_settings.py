"""A scenario refuses a setting that it does not know."""

from typing import Literal

import pytest

from clbench import Scenario
from clbench.errors import OptionError
from clbench.host import Host
from clbench.options import describe_options


class Undeclared(Scenario):
    """Says nothing: what needs nothing of a scenario."""


class Everything(Scenario):
    """Knows all of them."""

    settings = ("class", "task", "domain")


class Derived(Everything):
    """Inherits them, with another default."""

    setting = "domain"


class OnlyDomain(Scenario):
    """Has a default beside the usual settings: that alone."""

    setting = "domain"


class Written(Scenario):
    """Writes the option out."""

    setting: Literal["task"] = "task"


@pytest.mark.parametrize(
    ("scenario", "known"),
    [
        (Undeclared, ["class", "task"]),
        (Everything, ["class", "task", "domain"]),
        (Derived, ["class", "task", "domain"]),
        (OnlyDomain, ["domain"]),
        (Written, ["task"]),
    ],
)
def test_only_the_settings_that_a_class_declares_are_accepted(scenario, known):
    for setting in ("class", "task", "domain"):
        if setting in known:
            assert scenario(dataset="digits", setting=setting).setting == setting
        else:
            with pytest.raises(OptionError, match=f"should be .*'{known[0]}'.*, not '{setting}'"):
                scenario(dataset="digits", setting=setting)
    (described,) = [option for option in describe_options(scenario) if option.name == "setting"]
    assert described.type == " | ".join(known)
    assert described.doc.startswith("what is known at test time")


def test_the_built_in_scenarios_know_all():
    host = Host.load()
    for name in ("split", "permuted", "rotated"):
        for setting in ("class", "task", "domain"):
            assert host.get("scenario", name)(dataset="digits", setting=setting).setting == setting
