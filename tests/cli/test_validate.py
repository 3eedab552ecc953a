"""`clbench validate`: what is sound is counted, and what is not is refused."""

from __future__ import annotations

import pytest

SUITE = """
    name: tiny
    scenarios:
      - split: {dataset: digits, tasks: 5}
    protocol: {model: mlp, epochs: 1}
    seeds: 2
    strategies: [naive, er]
"""


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["absent.yaml"], "absent.yaml"),
        (["tiny.yaml", "--seeds", "0"], "at least one seed is needed, not 0"),
        (["tiny.yaml", "--seeds", "3-1"], "the range 3-1 runs backwards; write 1-3"),
        (["tiny.yaml", "--set", "protocol.epoch=2"], "did you mean 'epochs'"),
        (["tiny.yaml", "--set", "epochs"], "write it as PATH=VALUE"),
        (["tiny.yaml", "--plugin", "absent.py"], "absent.py does not exist"),
    ],
)
def test_what_is_not_sound_is_exit_2(project, arguments: list[str], said: str) -> None:
    project.write("tiny.yaml", SUITE)
    answer = project.clbench("validate", *arguments)
    assert (answer.code, answer.stdout) == (2, "")
    assert said in answer.stderr
    assert "Traceback" not in answer.stderr


@pytest.mark.parametrize(
    ("arguments", "counts"),
    [
        ([], "1 scenario x 2 strategies, 2 cells, 4 runs"),
        (["--seeds", "5"], "1 scenario x 2 strategies, 2 cells, 10 runs"),
        (
            ["--seeds", "1", "--set", "strategies=[naive]"],
            "1 scenario x 1 strategy, 1 cell, 1 run",
        ),
    ],
)
def test_what_is_sound_is_counted(project, arguments: list[str], counts: str) -> None:
    path = project.write("tiny.yaml", SUITE)
    answer = project.clbench("validate", "tiny.yaml", *arguments)
    assert (answer.code, answer.stderr) == (0, "")
    assert answer.stdout.strip().endswith(f"is sound: {counts}")
    assert path.name in answer.stdout


def test_nothing_is_written(project) -> None:
    project.write("tiny.yaml", SUITE)
    project.clbench("validate", "tiny.yaml")
    assert [one.name for one in project.folder.iterdir()] == ["tiny.yaml"]
