"""Which hooks a module declares is read from its source, and nothing is imported to find out."""

from __future__ import annotations

import pytest

from clbench.host.declared import may_implement

HOOK = "clbench_metrics"


@pytest.mark.parametrize(
    "source",
    [
        f"@hookimpl\ndef {HOOK}(): return []",
        f"class Plugin:\n  @hookimpl\n  def {HOOK}(self): return []",
        f"from elsewhere import {HOOK}",
        f"from elsewhere import metrics as {HOOK}",
        "from elsewhere import *",
        "@hookimpl(specname='clbench_' + 'metrics')\ndef metrics(): return []",
        f"{HOOK} = hookimpl(lambda: [])",
        f"setattr(plugin, '{HOOK}', metrics)",
        f"def {HOOK}(: broken",
    ],
)
def test_a_module_that_may_implement_a_hook_is_worth_its_import(source: str) -> None:
    assert may_implement(source, [HOOK])


@pytest.mark.parametrize(
    "source",
    [
        "",
        "@hookimpl\ndef clbench_strategies(): return []",
        f"# as {HOOK} does\nimport torch",
        f'"""It offers strategies, and no {HOOK}."""\nimport torch',
        f"print('write {HOOK} for metrics')",
    ],
)
def test_a_module_that_only_mentions_a_hook_is_not(source: str) -> None:
    assert not may_implement(source, [HOOK])
