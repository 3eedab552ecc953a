"""Reading suites: where they are found, and every kind of wrong input, as a newcomer would make
it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from clbench.errors import OptionError, SuiteError, UserError
from clbench.host import Host
from clbench.suite import Checks, Suite, load_suite, packaged_suites, read_suite
from clbench.suite.seeds import check_seeds, parse_seeds

Loader = Callable[..., Suite]
Complaints = Callable[..., dict[str, str]]


def with_lines(**lines: str) -> str:
    """A small sound suite, one key a line, some of them replaced."""
    keys = {
        "name": "name: digits",
        "scenarios": "scenarios: [split: {dataset: digits}]",
        "protocol": "protocol: {}",
        "seeds": "seeds: 3",
        "strategies": "strategies: [naive, er: {memory: 5}]",
        "metrics": "metrics: [average_accuracy]",
        "compare": "compare: {baseline: naive}",
    }
    return "\n".join({**keys, **lines}.values()) + "\n"


def test_a_sound_suite_is_read(load: Loader, host: Host) -> None:
    suite = load(
        with_lines(compare="compare: {metric: average_accuracy, baseline: er, alpha: 0.1, rope: 0}")
    )
    assert (suite.name, suite.seeds, suite.warnings) == ("digits", (0, 1, 2), ())
    assert (suite.compare.baseline, suite.compare.alpha, suite.compare.correction) == (
        "er",
        0.1,
        None,
    )
    assert suite.text.startswith("name: digits\n")
    assert Path(suite.file).name == "suite.yaml"
    assert len(suite.cells) == 2


def test_only_the_metrics_at_hand_are_defaults(load: Loader) -> None:
    assert [metric.name for metric in load().metrics] == ["average_accuracy"]


# ------------------------------------------------------------------ wrong suites


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


def test_a_probe_that_is_measured_can_be_compared(load: Loader) -> None:
    suite = load(
        with_lines(
            metrics="metrics: [weight_magnitude]", compare="compare: {metric: weight_magnitude}"
        )
    )
    assert suite.compare.metric == "weight_magnitude"


TWICE = (
    "metrics: [weight_magnitude: {label: at_ends}, weight_magnitude: {label: in_steps, when: step}]"
)


def test_a_metric_is_asked_for_twice_under_labels(load: Loader) -> None:
    suite = load(with_lines(metrics=TWICE, compare="compare: {metric: in_steps}"))
    asked = [(metric.label, metric.name, metric.options["when"]) for metric in suite.metrics]
    assert asked == [
        ("at_ends", "weight_magnitude", "task_end"),
        ("in_steps", "weight_magnitude", "step"),
    ]
    assert suite.compare.metric == "in_steps"


@pytest.mark.parametrize(
    ("name", "asked"),
    [("activation_maps", "activation_maps"), ("maps", "activation_maps: {label: maps}")],
)
def test_what_is_drawn_is_not_compared(complaints: Complaints, name: str, asked: str) -> None:
    found = complaints(
        with_lines(metrics=f"metrics: [{asked}]", compare=f"compare: {{metric: {name}}}")
    )
    said = f"{name!r} is there to be drawn, and no number to compare"
    assert found == {"7: compare.metric": said}


def test_of_labelled_metrics_one_is_compared_by_its_label(complaints: Complaints) -> None:
    found = complaints(with_lines(metrics=TWICE, compare="compare: {metric: weight_magnitude}"))
    assert list(found) == ["7: compare.metric"]
    assert found["7: compare.metric"].startswith(
        "'weight_magnitude' is measured here as 'at_ends' and 'in_steps'; write which"
    )
    found = complaints(with_lines(metrics=TWICE, compare="compare: {metric: at_end}"))
    assert "unknown metric 'at_end'; did you mean 'at_ends'" in found["7: compare.metric"]


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


# ------------------------------------------------------------------ where suites lie


def test_a_name_that_no_file_can_have_is_no_suite(host: Host) -> None:
    """It was an internal error."""
    with pytest.raises(UserError, match="no suite 'xxx"):
        load_suite("x" * 300, host)


def test_a_suite_that_is_not_there_is_said(host: Host, tmp_path: Path) -> None:
    with pytest.raises(
        UserError,
        match="no suite 'nowhere': neither a file here nor a suite that comes with clbench",
    ):
        load_suite("nowhere", host)
    with pytest.raises(UserError, match="is a folder"):
        load_suite(tmp_path, host)
    binary = tmp_path / "binary.yaml"
    binary.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UserError, match="is not a text file"):
        load_suite(binary, host)


def test_packaged_suites_are_found_by_name() -> None:
    assert "split_digits" in packaged_suites()
    host = Host.load()
    for name in packaged_suites():
        suite = load_suite(name, host)
        assert suite.name
        assert suite.warnings == ()
        assert suite.cells
        assert load_suite(f"{name}.yaml", host).text == suite.text
        assert load_suite(name, host, smoke=True).cells


def test_a_mapping_is_a_suite(host: Host) -> None:
    keys: dict[str, Any] = {
        "name": "digits",
        "scenarios": ({"split": {"dataset": "digits"}},),
        "seeds": range(2),
        "strategies": [{"er": {"label": "1e-3"}}],
    }
    suite = load_suite(keys, host)
    assert (suite.file, suite.seeds, suite.cells[0].label) == ("<dict>", (0, 1), "1e-3")
    assert load_suite_text(suite, host) == suite.cells
    with pytest.raises(SuiteError, match=r"<dict>:\d+: seeds: "):
        load_suite({**keys, "seeds": "x"}, host)


def test_plugins_are_relative_to_the_suite(host: Host, tmp_path: Path, load: Loader) -> None:
    (tmp_path / "sub").mkdir()
    for name in ("mine.py", "sub/other.py"):
        (tmp_path / name).touch()
    suite = load(with_lines(plugins="plugins: [mine.py, sub/other.py]"))
    assert suite.plugins == (tmp_path / "mine.py", tmp_path / "sub" / "other.py")
    assert read_suite(tmp_path / "suite.yaml").plugin_files() == list(suite.plugins)
    assert read_suite({"plugins": ["mine.py"]}).plugin_files() == [Path("mine.py")]
    assert read_suite({"plugins": 3}).plugin_files() == []
    changed = read_suite({"plugins": ["mine.py"]}, ["plugins=[other.py]"])
    assert changed.plugin_files() == [Path("other.py")]


def test_a_wrong_metric_does_not_hide_a_wrong_baseline(complaints: Complaints) -> None:
    found = complaints(with_lines(compare="compare: {metric: accuracy, baseline: nave}"))
    assert (
        found["7: compare.baseline"] == "'nave' is no strategy of this suite; did you mean 'naive'?"
    )
    assert "7: compare.metric" in found


def test_a_wrong_level_does_not_hide_a_wrong_metric_and_baseline(complaints: Complaints) -> None:
    found = complaints(
        with_lines(compare="compare: {metric: accuracy, baseline: nave, alpha: 2, foo: 1}")
    )
    assert sorted(found) == [
        "7: compare.alpha",
        "7: compare.baseline",
        "7: compare.foo",
        "7: compare.metric",
    ]


def test_what_is_no_plugin_does_not_hide_one_that_is_missing(complaints: Complaints) -> None:
    assert sorted(complaints(with_lines(plugins="plugins: [5, mine.py]"))) == [
        "8: plugins[0]",
        "8: plugins[1]",
    ]


def test_a_long_value_does_not_drown_what_is_wrong_with_it(complaints: Complaints) -> None:
    assert len(complaints(with_lines(name=f"name: {list(range(1000))}"))["1: name"]) < 200


def test_a_missing_plugin_is_one_problem_among_others(
    complaints: Complaints, tmp_path: Path
) -> None:
    found = complaints(with_lines(protocol="protocol: {epochs: 0}", plugins="plugins: [mine.py]"))
    assert (
        found["8: plugins[0]"]
        == f"there is no file {tmp_path / 'mine.py'} (plugins are relative to the suite's file)"
    )
    assert "3: protocol.epochs" in found


def test_what_only_the_engine_knows_is_asked_of_it(complaints: Complaints) -> None:
    def composition(classes: Sequence[type]) -> None:
        if len(classes) > 1:  # a method that stands alone is asked about, too
            raise UserError("+".join(cls.__name__ for cls in classes) + " do not go together")

    def optimizer(name: str, options: Mapping[str, Any]) -> None:
        raise OptionError([((next(iter(options)),), f"{name} has no such option")])

    checks = Checks(composition, optimizer)
    text = with_lines(
        protocol="protocol: {optimizer: {torch.RMSprop: {foo: 1}}}",
        strategies="strategies: [naive, naive+er]",
    )
    assert complaints(text, checks=checks) == {
        "3: protocol.optimizer.torch.RMSprop.foo": "RMSprop has no such option",
        "5: strategies[1]": "Naive+ER do not go together",
    }


def test_a_strategy_says_where_it_makes_no_sense(complaints: Complaints) -> None:
    """Once for each setting, of the scenarios that it is to meet."""

    def fit(
        kind: type, options: Mapping[str, Any], setting: str, protocol: Mapping[str, Any]
    ) -> None:
        if setting == "domain" and options.get("memory") == 7 and protocol["epochs"] == 2:
            raise UserError(f"{kind.__name__}: nothing to do; use another setting")

    domain = "{dataset: digits, setting: domain"
    text = with_lines(
        scenarios=(
            f"scenarios: [split: {domain}}}, split: {domain}, tasks: 2}}, split: {{dataset: "
            f"digits}}]"
        ),
        protocol="protocol: {epochs: 2}",
        strategies="strategies: [naive, er, naive+er: {er: {memory: 7}}]",
    )
    assert complaints(text, checks=Checks(fit=fit)) == {
        "5: strategies[2]": (
            "in 'split(setting=domain, tasks=5)': ER: nothing to do; use another setting"
        )
    }


# ------------------------------------------------------------------ seeds, --set, --smoke


@pytest.mark.parametrize(
    ("text", "seeds"),
    [
        ("3", [0, 1, 2]),
        ("3-3", [3]),
        ("0-4", [0, 1, 2, 3, 4]),
        ("5,0,3", [0, 3, 5]),
        ("0-2,7", [0, 1, 2, 7]),
        (" 1 , 4 - 5", [1, 4, 5]),
    ],
)
def test_seeds_of_the_command_line(text: str, seeds: list[int]) -> None:
    assert parse_seeds(text) == seeds


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "names no seeds"),
        ("a", "names no seeds"),
        ("-1", "names no seeds"),
        ("5-2", "write 2-5"),
        ("1,1", "named twice: 1"),
        ("0", "at least one"),
        ("0-1000000000", "more than 100,000 seeds"),
    ],
)
def test_wrong_seeds_are_told_what_to_write(text: str, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        parse_seeds(text)
    with pytest.raises(ValueError, match="must be a count"):
        check_seeds(True)


def test_seeds_can_be_given_on_the_command_line(load: Loader) -> None:
    assert load(seeds="3-5").seeds == (3, 4, 5)
    with pytest.raises(UserError, match="--seeds: 'x' names no seeds"):
        load(seeds="x")


@pytest.mark.parametrize(
    ("override", "found"),
    [
        ("protocol.epochs=7", lambda cell: cell.protocol["epochs"] == 7),
        (
            "protocol.optimizer.sgd.lr=1e-3",
            lambda cell: cell.protocol["optimizer"]["sgd"]["lr"] == 1e-3,
        ),
        (
            "protocol.optimizer={adam: {lr: 0.5}}",
            lambda cell: cell.protocol["optimizer"]["adam"]["lr"] == 0.5,
        ),
        (
            "protocol.model.mlp.hidden=[3, 4]",
            lambda cell: cell.protocol["model"]["mlp"]["hidden"] == [3, 4],
        ),
        (
            "strategies[1].er.memory=9",
            lambda cell: cell.strategy == "naive" or cell.options["memory"] == 9,
        ),
        ("strategies[0]=ewc", lambda cell: cell.strategy in ("ewc", "er")),
        ("strategies[0].naive.label=first", lambda cell: cell.label in ("first", "er")),
        ("scenarios[0].split.tasks=2", lambda cell: cell.scenario.options["tasks"] == 2),
        ("seeds=[4]", lambda cell: cell.seeds == (4,)),
    ],
)
def test_set_changes_a_suite(
    load: Loader, host: Host, override: str, found: Callable[[Any], bool]
) -> None:
    text = with_lines(protocol="protocol: {model: mlp}", compare="compare: {}")
    suite = load(text, overrides=[override])
    assert all(found(cell) for cell in suite.cells)
    assert load_suite_text(suite, host) == suite.cells


def load_suite_text(suite: Suite, host: Host) -> tuple[Any, ...]:
    """What the text that goes into the record stands for."""
    from clbench.suite.yaml import parse

    return load_suite(parse(suite.text).data, host).cells


@pytest.mark.parametrize(
    ("override", "place", "sentence"),
    [
        (
            "protocol.epoch=5",
            "3: protocol.epoch",
            "unknown key; did you mean 'epochs'? (set on the command line)",
        ),
        (
            "epochs",
            "1: suite",
            "--set epochs: write it as PATH=VALUE, for example protocol.epochs=2",
        ),
        (
            "a..b=3",
            "1: suite",
            "'a..b' is no path; write it like protocol.epochs or strategies[1].er.memory",
        ),
        ("protocol.epochs=[", "1: suite", "the value cannot be read"),
        (
            "strategies[9].er.memory=9",
            "5: strategies[9].er.memory",
            "strategies is a list; its items are strategies[0] to strategies[1]",
        ),
        ("strategies.er.memory=9", "5: strategies.er.memory", "strategies is a list"),
        (
            "strategies[1].ewc.strength=9",
            "5: strategies[1].ewc.strength",
            "strategies[1] has no 'ewc'; known: er",
        ),
        ("seeds.first=9", "4: seeds.first", "seeds has no first"),
        (
            "strategies[1].er.memory=x",
            "5: strategies[1].er.memory",
            "should be a valid integer, not 'x' (set on the command line)",
        ),
    ],
)
def test_a_wrong_set_is_a_problem(
    complaints: Complaints, override: str, place: str, sentence: str
) -> None:
    told = complaints(with_lines(), overrides=[override])
    assert list(told) == [place]
    assert sentence in told[place]


def test_smoke_is_the_same_suite_made_small(load: Loader, host: Host) -> None:
    text = with_lines(
        scenarios="scenarios: [split: {dataset: cifar100}]",
        protocol="protocol: {model: convnet, batch_size: 128, epochs: 20}",
        strategies="strategies: [naive, er: {memory: {grid: [5, 6]}, protocol: {steps: 500}}]",
        seeds="seeds: [3, 4, 5]",
    )
    suite = load(text, smoke=True)
    cells = suite.cells
    assert (suite.name, suite.seeds) == ("digits", (3, 4))
    assert [cell.label for cell in cells] == ["naive", "er(memory=5)", "er(memory=6)"]
    assert [
        (cell.protocol["epochs"], cell.protocol["steps"], cell.protocol["batch_size"])
        for cell in cells[:2]
    ] == [
        (1, None, 16),
        (None, 4, 16),
    ]
    assert all(cell.seeds == (3, 4) and "convnet" in cell.protocol["model"] for cell in cells)
    assert cells[0].scenario.options["dataset"] == {
        "synthetic": {"classes": 100, "size": 32, "channels": 3, "train": 200, "test": 200}
    }
    assert cells[0].protocol["optimizer"]["sgd"]["lr"] == pytest.approx(
        0.01
    )  # a tenth of what the suite says


@pytest.mark.parametrize(("model", "width"), [("convnet", 8), ("{convnet: {width: 4}}", 4)])
def test_smoke_narrows_models_that_have_a_width(
    load: Loader, host: Host, model: str, width: int
) -> None:
    suite = load(with_lines(protocol=f"protocol: {{model: {model}}}"), smoke=True)
    assert all(cell.protocol["model"] == {"convnet": {"width": width}} for cell in suite.cells)


@pytest.mark.parametrize(("tasks", "few"), [(5, 2), (2, 2), (1, 1)])
def test_smoke_has_few_tasks(load: Loader, host: Host, tasks: int, few: int) -> None:
    suite = load(
        with_lines(scenarios=f"scenarios: [split: {{dataset: digits, tasks: {tasks}}}]"), smoke=True
    )
    assert {cell.scenario.options["tasks"] for cell in suite.cells} == {few}


def test_smoke_drops_what_becomes_equal(load: Loader, host: Host) -> None:
    suite = load(with_lines(protocol="protocol: {epochs: {grid: [5, 10]}}"), smoke=True)
    assert len(suite.cells) == 2


@pytest.mark.parametrize(
    ("block", "key"),
    [
        ("{tests: by_design, correction: holm}", "correction"),
        ("{tests: by_design, unpaired: true}", "unpaired"),
        ("{tests: ranks, family: baseline, baseline: er}", "family"),
    ],
)
def test_a_comparison_that_contradicts_itself_is_a_problem_of_the_suite(
    load: Loader, block: str, key: str
) -> None:
    with pytest.raises(UserError, match=rf"compare\.{key}.*belongs to"):
        load(with_lines(compare=f"compare: {block}"))
