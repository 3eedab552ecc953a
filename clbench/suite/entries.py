"""One entry of a suite's lists: a name, or a name with its options,
resolved against what plugins declare.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from clbench.data.searching import searching
from clbench.errors import OptionError, UnknownName, UserError
from clbench.options import plain_options
from clbench.suite.checks import UNCHECKED, Checks
from clbench.suite.choice import Choice, MetricChoice, is_choice
from clbench.suite.grids import Variant
from clbench.suite.metric_labels import why_no_label
from clbench.suite.paths import Path, depth_within, numbered
from clbench.suite.problems import Problems, must_be
from clbench.suite.protocol import Protocol
from clbench.suite.resolving import Issue, merge, resolve_protocol

if TYPE_CHECKING:
    from clbench.host import Host


@dataclass(frozen=True)
class ScenarioEntry:
    """A scenario with its options, filled in."""

    choice: Choice
    label: str | None
    source: Path
    holds_out: bool = True  # whether part of its training data may be held out

    @property
    def name(self) -> str:
        return self.choice.name


@dataclass(frozen=True)
class StrategyEntry:
    """A strategy, or a composition, with its options
    and the protocol it is trained by, filled in.
    """

    parts: tuple[Choice, ...]
    label: str | None
    protocol: Protocol
    source: Path
    head: Path  # where the suite chose the protocol's head
    scenarios: tuple[str, ...] | None = None  # those that it meets, by label or name; None for all

    @property
    def name(self) -> str:
        return "+".join(part.name for part in self.parts)

    def meets(self, scenario: ScenarioEntry, label: str) -> bool:
        """Whether the strategy is run in a scenario of this label."""
        return self.scenarios is None or not {label, scenario.name}.isdisjoint(self.scenarios)


def dataset_of(scenario: Choice, host: Host) -> Any:
    """The data set of a resolved scenario, not yet loaded."""
    choice = Choice.of(scenario.options["dataset"])
    return host.get("dataset", choice.name)(**choice.options)


class Resolver:
    """Fills in defaults and names every problem; gives None where an entry has any."""

    def __init__(
        self,
        host: Host,
        problems: Problems,
        imported: Collection[str] = (),
        checks: Checks = UNCHECKED,
    ) -> None:
        self.host, self.problems, self.imported, self.checks = host, problems, imported, checks
        self._protocols: dict[str, tuple[Protocol, list[Issue]]] = {}

    def metric(self, variant: Variant) -> MetricChoice | None:
        """A metric, its options and its label: its name, where it has no other."""
        named = self._named(variant, "metric")
        if named is None:
            return None
        name, options = named
        label, sound = self._label(variant, name, options)
        choice = self._choice("metric", name, options, variant, (name,))
        if choice is None or not sound:
            return None
        why = why_no_label(label or name, name, self.host.names("metric"))
        if why is not None:
            self._problem(variant, (name, "label"), why)
            return None
        return MetricChoice(name, choice.options, label or name)

    def scenario(self, variant: Variant) -> ScenarioEntry | None:
        """A scenario, its data set's options included."""
        named = self._named(variant, "scenario")
        if named is None:
            return None
        name, options = named
        label, sound = self._label(variant, name, options)
        if "dataset" in options:
            dataset = self._dataset(options["dataset"], variant, (name, "dataset"))
            sound &= dataset is not None
            options["dataset"] = dataset or "unknown"  # what is wrong with it has been said
        choice = self._choice("scenario", name, options, variant, (name,))
        if choice is None or not sound or not self._fits(choice, variant):
            return None
        return ScenarioEntry(choice, label, variant.source, self._holds_out(choice))

    def strategy(self, variant: Variant, base: Variant) -> StrategyEntry | None:
        """A strategy under one variant of the suite's protocol."""
        named = self._named(variant, "strategy")
        if named is None:
            return None
        name, options = named
        # Everything is looked at, whatever is wrong before: a person mends it in one go.
        label, label_is_sound = self._label(variant, name, options)
        override = self._override(variant, name, options)
        scenarios, scenarios_are_sound = self._scenarios(variant, name, options)
        parts = self._parts(name, options, variant)
        protocol = self._protocol(variant, (name, "protocol"), override or {}, base)
        if not (label_is_sound and scenarios_are_sound) or override is None:
            return None
        if not parts or protocol is None:
            return None
        head = base.in_suite(("head",))
        if "head" in override:
            head = variant.in_suite((name, "protocol", "head"))
        return StrategyEntry(parts, label, protocol, variant.source, head, scenarios)

    def _override(
        self, variant: Variant, name: str, options: dict[str, Any]
    ) -> Mapping[str, Any] | None:
        """The strategy's own protocol keys, taken from its options; None where they are none."""
        override = options.pop("protocol", None) or {}
        if isinstance(override, Mapping):
            return override
        message = must_be("protocol keys with values", override)
        self._problem(variant, (name, "protocol"), message)
        return None

    def base_protocol(self, base: Variant) -> None:
        """Check the suite's protocol alone, where no strategy carries it."""
        self._protocol(Variant({}, ("strategies",)), (), {}, base)

    def _parts(
        self, name: str, options: dict[str, Any], variant: Variant
    ) -> tuple[Choice, ...] | None:
        """The parts of a composition, or the strategy alone."""
        names = name.split("+")
        if len(names) == 1:
            alone = self._choice("strategy", name, options, variant, (name,))
            return (alone,) if alone and self._compose(names, variant) else None
        sound = self._parts_are_named(names, options, variant)
        choices = []
        for part in names:
            choice = self._part(part, options.get(part) or {}, variant, (name, part))
            if choice is not None:
                choices.append(choice)
        if not sound or len(choices) < len(names) or not self._compose(names, variant):
            return None
        return tuple(choices)

    def _parts_are_named(
        self, names: Sequence[str], options: Mapping[str, Any], variant: Variant
    ) -> bool:
        """Whether each part stands once, and options stand under their parts."""
        name, sound = "+".join(names), True
        if len(set(names)) < len(names):
            sound = self._problem(variant, (name,), "a composition has each part once")
        where = "options of a composition stand under their part"
        example = f"as in {{{names[0]}: {{...}}}}"
        for key in options:
            if key not in names:
                message = f"is no part of {name!r}; {where}, {example}"
                sound = self._problem(variant, (name, key), message)
        return sound

    def _part(self, name: str, given: object, variant: Variant, path: Path) -> Choice | None:
        if isinstance(given, Mapping):
            return self._choice("strategy", name, dict(given), variant, path)
        self._problem(variant, path, must_be("options with values", given))
        return None

    def _holds_out(self, choice: Choice) -> bool:
        return bool(getattr(self.host.get("scenario", choice.name), "holds_out", True))

    def _compose(self, names: Sequence[str], variant: Variant) -> bool:
        try:
            self.checks.composition([self.host.get("strategy", name) for name in names])
        except UserError as error:
            return self._problem(variant, (), str(error))
        return True

    def _protocol(
        self, variant: Variant, prefix: Path, override: Mapping[str, Any], base: Variant
    ) -> Protocol | None:
        # The suite's own is checked with each strategy: what is wrong may be mended by an override.
        merged = merge(base.data, override)
        key = json.dumps(merged)
        if key not in self._protocols:  # most strategies of a suite are trained alike
            self._protocols[key] = resolve_protocol(merged, self.host, self.checks)
        protocol, issues = self._protocols[key]
        for words, message in issues:
            path = numbered(words)
            # It is the strategy's own fault where it says at least as much of it as the suite.
            own = depth_within(override, path)
            if own and own >= depth_within(base.data, path):
                self.problems.add(variant.in_suite((*prefix, *path)), message)
            else:
                self.problems.add(base.in_suite(path), message)
        return None if issues else protocol

    def _dataset(self, value: Any, variant: Variant, path: Path) -> Any:
        """`name` where the data set has no options, otherwise `{name: options}`;
        None where something is wrong.
        """
        named = self._named(Variant(value, variant.in_suite(path)), "dataset")
        if named is None:
            return None
        name, options = named
        # Arrays that were imported have no options, and are known by their name alone.
        if name in self.imported and name not in self.host.names("dataset"):
            return name
        choice = self._choice("dataset", name, options, variant, (*path, name))
        if choice is None:
            return None
        return choice.written() if choice.options else name

    def _fits(self, choice: Choice, variant: Variant) -> bool:
        """Whether the scenario's options fit the number of classes,
        where that is known before loading.
        """
        try:
            classes = self._classes(choice)
            if classes is not None:
                self.host.get("scenario", choice.name)(**choice.options).check(classes)
        except OptionError as error:
            self._wrong_options(variant, (choice.name,), error)
            return False
        except UserError as error:
            return self._problem(variant, (choice.name, "dataset"), str(error))
        return True

    def _classes(self, choice: Choice) -> int | None:
        """How many classes the data set has, where that is known before loading."""
        if not self._known_data(choice):
            return None
        try:
            with searching(self.host):
                classes: int | None = dataset_of(choice, self.host).classes
                return classes
        except UnknownName as error:
            if error.name in self.imported:  # what it is made of was imported, and is not read here
                return None
            raise

    def _known_data(self, choice: Choice) -> bool:
        if "dataset" not in choice.options:
            return False
        dataset = Choice.of(choice.options["dataset"])
        return dataset.name in self.host.names("dataset")

    def _choice(
        self, kind: str, name: str, options: Mapping[str, Any], variant: Variant, path: Path
    ) -> Choice | None:
        try:
            return Choice(name, plain_options(self.host.get(kind, name), options))
        except OptionError as error:
            self._wrong_options(variant, path, error)
        except UnknownName as error:
            # Names that a plugin does not offer may have been imported, and be meant.
            known = [*error.known, *self.imported] if kind == "dataset" else error.known
            self._problem(variant, path[:-1], str(UnknownName(kind, name, known, error.hint)))
        except UserError as error:
            self._problem(variant, path[:-1], str(error))
        return None

    def _named(self, variant: Variant, kind: str) -> tuple[str, dict[str, Any]] | None:
        """The name and the options of what should be `name` or `{name: options}`."""
        wrong = _why_no_choice(variant.data, kind)
        if wrong is not None:
            self._problem(variant, *wrong)
            return None
        choice = Choice.of(variant.data)
        return choice.name, dict(choice.options)

    def _label(
        self, variant: Variant, name: str, options: dict[str, Any]
    ) -> tuple[str | None, bool]:
        label = options.pop("label", None)
        if label is None:
            return None, True
        wanted = _why_no_word(label)
        if wanted is None:
            return label, True
        return None, self._problem(variant, (name, "label"), must_be(wanted, label))

    def _scenarios(
        self, variant: Variant, name: str, options: dict[str, Any]
    ) -> tuple[tuple[str, ...] | None, bool]:
        """The scenarios that an entry is limited to,
        and whether that is written as it should be.
        """
        named = options.pop("scenarios", None)
        if named is None:
            return None, True
        if not _is_list_of_texts(named):
            message = must_be("a list of labels of scenarios", named)
            return None, self._problem(variant, (name, "scenarios"), message)
        return tuple(named), True

    def _wrong_options(self, variant: Variant, path: Path, error: OptionError) -> None:
        for words, message in error.issues:
            self._problem(variant, (*path, *numbered(words)), message)

    def _problem(self, variant: Variant, path: Path, message: str) -> bool:
        self.problems.add(variant.in_suite(path), message)
        return False


def _why_no_word(label: object) -> str | None:
    """What a label has to be that this one is not; None where it is one."""
    if not isinstance(label, str) or not label.strip():
        return "a word"
    return None if label.isprintable() else "one line without control characters"


def _is_list_of_texts(value: object) -> bool:
    """Whether this is a list of at least one text, and of nothing else."""
    return isinstance(value, list) and bool(value) and all(isinstance(one, str) for one in value)


def _why_no_choice(value: object, kind: str) -> tuple[Path, str] | None:
    """Where and why this is neither a name nor a name with options; None where it is one."""
    if is_choice(value):
        return None
    if not isinstance(value, Mapping) or not value:
        return (), must_be(f"a {kind}'s name, or {{name: options}}", value)
    if len(value) > 1:
        names = ", ".join(map(repr, value))
        advice = "indent its options further than its name, or write {name: {option: value}}"
        return (), f"holds {names}, but an entry names one {kind}; {advice}"
    ((name, options),) = value.items()
    return (name,), must_be("options with values such as {option: value}", options)
