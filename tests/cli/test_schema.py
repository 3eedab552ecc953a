"""`clbench schema`: the grammar of suites, with the names of the plugins at hand."""

from __future__ import annotations

import json

MINE = """
    from clbench import RecordMetric, hookimpl

    class Spread(RecordMetric):
        \"\"\"Best minus worst.\"\"\"

        wide_enough: float = 0.25  # how wide is wide

        def value(self, run):
            return 0.0

    @hookimpl
    def clbench_metrics():
        return [Spread]
"""


def test_names_and_options_of_a_plugin_are_in_the_schema(project, run_cli) -> None:
    project.write("mine.py", MINE)
    without = run_cli("schema").stdout
    assert "wide_enough" not in without
    answer = project.clbench("schema", "--plugin", "mine.py")
    assert (answer.code, answer.stderr) == (0, "")
    assert "wide_enough" in answer.stdout
    keys = json.loads(answer.stdout)["properties"].keys()
    assert keys == json.loads(without)["properties"].keys()


def test_a_plugin_that_is_not_there_is_exit_2(project) -> None:
    answer = project.clbench("schema", "--plugin", "none.py")
    assert (answer.code, answer.stdout) == (2, "")
    assert answer.stderr.endswith("none.py does not exist\n")
