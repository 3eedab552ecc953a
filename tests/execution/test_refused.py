"""What cannot train is refused before anything runs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from clbench.errors import SuiteError, UserError
from clbench.execution import open_suite

from .whole_runs import SUITE, run

CUTTER = """
from clbench import Strategy, hookimpl


class Cutter(Strategy):
    replaces = frozenset({"observe"})

    def observe(self, batch):
        return None


@hookimpl
def clbench_strategies():
    return [Cutter]
"""


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        (
            {"protocol": {"optimizer": {"torch.RMSprp": {}}}},
            "protocol.optimizer.torch.RMSprp: torch has no optimizer 'RMSprp'",
        ),
        (
            {"protocol": {"optimizer": {"torch.RMSprop": {"lr": 0.1, "foo": 1}}}},
            "torch.RMSprop.foo: unknown option",
        ),
        ({"protocol": {"optimizer": {"torch.Adagrad": {"eps": "x"}}}}, "torch.Adagrad"),
        ({"strategies": ["cutter+naive"]}, "cutter replaces observe without calling super"),
    ],
)
def test_what_cannot_train_is_refused_with_its_line(
    tmp_path: Path, changes: dict[str, Any], sentence: str
) -> None:
    plugin = tmp_path / "cutter.py"
    plugin.write_text(CUTTER)
    with pytest.raises(SuiteError, match=rf"<dict>:\d+: .*{sentence}"):
        open_suite({**SUITE, **changes}, [plugin])


def test_a_model_that_does_not_fit_the_images_is_refused_before_anything_runs(
    tmp_path: Path,
) -> None:
    with pytest.raises(
        UserError,
        match="scenario split: convnet needs images of at least 24x24 pixels; these are 8x8",
    ):
        run(tmp_path / "out", protocol={"model": "convnet"})
    assert not (tmp_path / "out").exists()


def test_a_model_that_is_no_module_is_refused_before_anything_runs(tmp_path: Path) -> None:
    plugin = tmp_path / "five.py"
    plugin.write_text(
        "from clbench import hookimpl\ndef five(input_shape, classes):\n    return "
        "5\n@hookimpl\ndef clbench_models():\n    return [five]\n"
    )
    with pytest.raises(
        UserError, match=r"scenario split: model 'five' returned int; a torch.nn.Module is wanted"
    ):
        run(tmp_path / "out", plugin, protocol={"model": "five"})
