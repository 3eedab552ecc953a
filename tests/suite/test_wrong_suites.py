"""Every kind of wrong suite, as a newcomer would write it."""

from __future__ import annotations

import pytest

from clbench.errors import SuiteError
from tests.suite.conftest import Complaints, Loader
from tests.suite.texts import with_lines


@pytest.mark.parametrize(
    ("line", "place", "sentence"),
    [
        ("name: [a]", "1: name", "must be one word of letters"),
        ("name: ../up", "1: name", "must be one word of letters"),
        ("name: " + "n" * 61, "1: name", "60 at most, for it names files"),
        ("nam: digits", "1: nam", "unknown key; did you mean 'name'?"),
        (
            "scenarios: split",
            "2: scenarios",
            "must be a list, one entry a line starting with `-`, not 'split'",
        ),
        (
            "scenarios: []",
            "2: scenarios",
            "is empty; write for example `scenarios: [split: {dataset: digits, tasks: 5}]`",
        ),
        (
            "scenarios: [spilt: {dataset: digits}]",
            "2: scenarios[0]",
            "unknown scenario 'spilt'; did you mean 'split'?",
        ),
        ("scenarios: [split]", "2: scenarios[0].split.dataset", "is missing, and has no default"),
        (
            "scenarios: [split: {dataset: digit}]",
            "2: scenarios[0].split.dataset",
            "unknown dataset 'digit'; did you mean 'digits'?",
        ),
        (
            "scenarios: [split: {dataset: 5}]",
            "2: scenarios[0].split.dataset",
            "must be a dataset's name, or {name: options}, not 5",
        ),
        (
            "scenarios: [split: {dataset: {synthetic: {clases: 3}}}]",
            "2: scenarios[0].split.dataset.synthetic.clases",
            "unknown option of 'synthetic'; did you mean 'classes'?",
        ),
        (
            "scenarios: [split: {dataset: digits, tasks: 3}]",
            "2: scenarios[0].split.tasks",
            "10 classes do not divide into 3 tasks",
        ),
        (
            "scenarios: [split: {dataset: digits, setting: clas}]",
            "2: scenarios[0].split.setting",
            "should be 'class', 'task' or 'domain'",
        ),
        (
            "protocol: [epochs]",
            "3: protocol",
            "must be keys with values such as {model: mlp, epochs: 1}, not ['epochs']",
        ),
        ("protocol: {epoch: 3}", "3: protocol.epoch", "unknown key; did you mean 'epochs'?"),
        (
            "protocol: {optimizer: {sgd: {lr: 0}}}",
            "3: protocol.optimizer.sgd.lr",
            "should be greater than 0, not 0",
        ),
        (
            "protocol: {head: multi}",
            "3: protocol.head",
            "'split' has setting 'class'; use `setting: task` or `head: single`",
        ),
        (
            "protocol: {batch_size: {grid: 3}}",
            "3: protocol.batch_size",
            "a grid is a list of values such as {grid: [1, 2]}, not 3",
        ),
        (
            "protocol: {batch_size: {grid: []}}",
            "3: protocol.batch_size",
            "a grid is a list of values",
        ),
        (
            "protocol: {batch_size: {grid: [1], x: 2}}",
            "3: protocol.batch_size",
            "a grid stands alone; move 'x' out of its braces",
        ),
        (
            "protocol: {batch_size: {grid: [10, x]}}",
            "3: protocol.batch_size.grid[1]",
            "should be a valid integer, not 'x'",
        ),
        ("seeds: 0", "4: seeds", "at least one seed is needed, not 0"),
        (
            "seeds: many",
            "4: seeds",
            "must be a count such as 10, a list of whole numbers such as [0, 3, 5], or {until:"
            " separated}, not 'many'",
        ),
        ("seeds: [1, -2]", "4: seeds", "seeds are not negative, as -2 is"),
        ("seeds: [1, 2, 1]", "4: seeds", "seeds are named twice: 1"),
        (
            "seeds: 1000000000",
            "4: seeds",
            "1000000000 seeds are more than 100,000; seed 1000000000 alone is [1000000000], or "
            "--seeds",
        ),
        (
            "seeds: [9223372036854775808]",
            "4: seeds",
            "seeds are below 2**63, and 9223372036854775808 is not",
        ),
        (
            "compare: 3",
            "7: compare",
            "must be keys with values such as {metric: forgetting, baseline: naive}, not 3",
        ),
        (
            "strategies: [naive, er: {memori: 3}]",
            "5: strategies[1].er.memori",
            "unknown option of 'er'; did you mean 'memory'?",
        ),
        (
            "strategies: [naive, er: {memory: lots}]",
            "5: strategies[1].er.memory",
            "should be a valid integer, not 'lots'",
        ),
        (
            "strategies: [naive, er: 200]",
            "5: strategies[1].er",
            "must be options with values such as {option: value}, not 200",
        ),
        (
            "strategies: [naive, nave]",
            "5: strategies[1]",
            "unknown strategy 'nave'; did you mean 'naive'?",
        ),
        (
            "strategies: [naive, 3]",
            "5: strategies[1]",
            "must be a strategy's name, or {name: options}, not 3",
        ),
        (
            "strategies: [naive, {er: , memory: 3}]",
            "5: strategies[1]",
            "holds 'er', 'memory', but an entry names one strategy; indent",
        ),
        ("strategies: [naive, er+foo]", "5: strategies[1].er+foo", "unknown strategy 'foo'"),
        ("strategies: [naive, er+]", "5: strategies[1].er+", "unknown strategy ''"),
        (
            "strategies: [naive, er+er]",
            "5: strategies[1].er+er",
            "a composition has each part once",
        ),
        (
            "strategies: [naive, er+ewc: {memory: 3}]",
            "5: strategies[1].er+ewc.memory",
            "is no part of 'er+ewc'; options of a composition stand under their part, as in "
            "{er: {...}}",
        ),
        (
            "strategies: [naive, er+ewc: {er: 3}]",
            "5: strategies[1].er+ewc.er",
            "must be options with values, not 3",
        ),
        (
            "strategies: [naive, er+ewc: {er: {memori: 3}}]",
            "5: strategies[1].er+ewc.er.memori",
            "did you mean 'memory'?",
        ),
        (
            "strategies: [naive, er: {label: 3}]",
            "5: strategies[1].er.label",
            "must be a word, not 3",
        ),
        (
            'strategies: [naive, er: {label: "a\\nb"}]',
            "5: strategies[1].er.label",
            "must be one line without control characters, not 'a\\nb'",
        ),
        (
            "strategies: [naive, er: {protocol: 3}]",
            "5: strategies[1].er.protocol",
            "must be protocol keys with values, not 3",
        ),
        (
            "strategies: [naive, er: {protocol: {clip: x}}]",
            "5: strategies[1].er.protocol.clip",
            "should be a valid number, not 'x'",
        ),
        ("metrics: accuracy", "6: metrics", "must be a list of metrics, not 'accuracy'"),
        (
            "metrics: [average_acuracy]",
            "6: metrics[0]",
            "unknown metric 'average_acuracy'; did you mean 'average_accuracy'?",
        ),
        (
            "metrics: [dormant_units: {rule: tua}]",
            "6: metrics[0].dormant_units.rule",
            "should be 'tau' or 'dead', not 'tua'",
        ),
        (
            "metrics: [dormant_units, dormant_units]",
            "6: metrics[1]",
            "'dormant_units' is asked for twice; give one of the two a label: "
            "{dormant_units: {label: another_word}}",
        ),
        (
            "metrics: [dormant_units: {label: dead}, dormant_units: {label: dead, rule: dead}]",
            "6: metrics[1]",
            "two metrics are called 'dead'; give each a label of its own",
        ),
        (
            "metrics: [dormant_units: {label: average_accuracy}]",
            "6: metrics[0].dormant_units.label",
            "'average_accuracy' is a metric of its own; choose another word",
        ),
        (
            "metrics: [dormant_units: {label: dead/units}]",
            "6: metrics[0].dormant_units.label",
            "must be one word of letters, digits, -, _ and ., not 'dead/units'",
        ),
        (
            "metrics: [dormant_units: {label: 3}]",
            "6: metrics[0].dormant_units.label",
            "must be a word, not 3",
        ),
        (
            "compare: {baselin: naive}",
            "7: compare.baselin",
            "unknown key; did you mean 'baseline'?",
        ),
        ("compare: {alpha: 5}", "7: compare.alpha", "should be less than 1, not 5"),
        (
            "compare: {metric: accuracy}",
            "7: compare.metric",
            "unknown metric 'accuracy'; did you mean 'average_accuracy'?",
        ),
        (
            "compare: {metric: weight_magnitude}",
            "7: compare.metric",
            "can only be measured while a run goes on; write it under `metrics:`",
        ),
        (
            "compare: {baseline: ewc}",
            "7: compare.baseline",
            "'ewc' is no strategy of this suite; known: er, naive",
        ),
        ("compare: naive", "7: compare", "not 'naive'"),
        (
            "plugins: mine.py",
            "8: plugins",
            "must be a list of files such as [my_method.py], not 'mine.py'",
        ),
    ],
)
def test_one_mistake_is_one_problem_with_its_line(
    complaints: Complaints, line: str, place: str, sentence: str
) -> None:
    key = line.partition(":")[0]
    told = complaints(with_lines(**{"name" if key == "nam" else key: line}))
    told.pop("1: name", None) if key == "nam" else None
    assert list(told) == [place]
    assert sentence in told[place]
    assert "\n" not in told[place]


def test_all_problems_come_at_once(complaints: Complaints) -> None:
    text = """
        name: digits
        scenaros: []
        scenarios:
          - split: {dataset: digit, task: 5}
        protocol: {model: mpl, epoch: 2, optimizer: {sgd: {lr: fast}}}
        seeds: 3
        seeds: 4
        strategies:
          - nave
          - er:
              memory: {grid: [a, 2]}
              protocol:
                batch_size: yes
          - ewc+er: {strength: 3}
          - ewc: {strength: {grid: 3}}
        metrics: [accuracy]
    """
    assert list(complaints(text)) == [
        "2: scenaros",
        "4: scenarios[0].split.dataset",
        "4: scenarios[0].split.task",
        "5: protocol.epoch",
        "5: protocol.model",
        "5: protocol.optimizer.sgd.lr",
        "7: seeds",
        "9: strategies[0]",
        "11: strategies[1].er.memory.grid[0]",
        "13: strategies[1].er.protocol.batch_size",
        "14: strategies[2].ewc+er.strength",
        "15: strategies[3].ewc.strength",
        "16: metrics[0]",
    ]


def test_the_message_is_one_line_a_problem(load: Loader) -> None:
    with pytest.raises(SuiteError) as caught:
        load(with_lines(seeds="seeds: 0", name="name: 3"))
    assert [
        line.partition("suite.yaml:")[2].partition(" ")[0]
        for line in str(caught.value).splitlines()
    ] == ["1:", "4:"]
    assert caught.value.exit_code == 2


def test_an_empty_suite_says_what_belongs_in_one(complaints: Complaints) -> None:
    told = complaints("protocol: {}")
    assert set(told) == {f"1: {key}" for key in ("name", "scenarios", "seeds", "strategies")}
    assert told["1: seeds"] == "is missing; write a count, for example `seeds: 10`"


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("# only words\n", "not an empty file"),
        ("- a\n", "must be keys with values"),
        ("a: [\n", "cannot be read"),
    ],
)
def test_what_is_no_mapping_is_said(complaints: Complaints, text: str, sentence: str) -> None:
    (message,) = complaints(text).values()
    assert sentence in message
