from __future__ import annotations

import enum
import io
from collections import OrderedDict, defaultdict
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch
from torch import nn

from clbench.errors import StrategyError
from clbench.stack import Noise, Reference, Stack, Stateful, restore, save, tensors


class Thing(Stateful):
    """Holds whatever a test gives it."""

    wiring = frozenset({"wire"})

    def __init__(self, **held: Any) -> None:
        for key, value in held.items():
            setattr(self, key, value)


class Other(Stateful):
    """A class of its own, to be found by its name."""

    def __init__(self, values: torch.Tensor) -> None:
        self.values = values


class Ticket(Reference):
    """Something of the engine's."""

    def __init__(self, number: int) -> None:
        self.address = ("ticket", number)


def through_a_file(saved: dict[str, Any]) -> dict[str, Any]:
    """What comes back from a checkpoint."""
    file = io.BytesIO()
    torch.save(saved, file)
    file.seek(0)
    back: dict[str, Any] = torch.load(file, weights_only=True)
    return back


def carried(source: Thing, target: Thing, **kwargs: Any) -> Thing:
    """`target` after the state of `source` went through a file into it."""
    restore(target, through_a_file(save(source)), **kwargs)
    return target


def network() -> nn.Module:
    return nn.Sequential(OrderedDict(a=nn.Linear(3, 4), act=nn.Tanh(), head=nn.Linear(4, 2)))


@pytest.mark.parametrize(
    "value",
    [
        True,
        7,
        -1.5,
        float("inf"),
        "words",
        b"bytes",
        None,
        [1, [2.0, None]],
        (1, ("a",)),
        {3, 1, 2},
        {None, 1, "a"},
        OrderedDict(b=1, a=2),
        {"a": 1, 2: "b", ("x", 3): [4]},
        [],
        {},
    ],
)
def test_plain_values_and_containers_come_back(value: Any) -> None:
    back = carried(Thing(value=value), Thing(value=None)).value
    assert back == value
    assert type(back) is type(value)


def test_a_shape_comes_back_as_a_tuple() -> None:
    assert carried(Thing(shape=torch.ones(2, 3).shape), Thing()).shape == (2, 3)


def test_order_of_a_dictionary_comes_back() -> None:
    assert list(carried(Thing(value={"b": 1, "a": 2}), Thing()).value) == ["b", "a"]


@pytest.mark.parametrize(
    "scalar", [np.float64(0.25), np.float32(0.25), np.int64(3), np.bool_(True)]
)
def test_numbers_of_numpy_come_back_as_numbers(scalar: Any) -> None:
    back = carried(Thing(best=scalar), Thing(best=None)).best
    assert back == scalar
    assert type(back) in (bool, int, float)


@pytest.mark.parametrize(
    "dtype", [torch.float32, torch.float64, torch.int64, torch.bool, torch.bfloat16, torch.uint8]
)
def test_tensors_come_back_with_type_shape_and_gradient_flag(dtype: torch.dtype) -> None:
    value = torch.arange(6).reshape(2, 3).to(dtype)
    back = carried(Thing(t=value), Thing()).t
    assert back.dtype == dtype
    assert torch.equal(back, value)
    assert not back.requires_grad
    scalar = carried(Thing(t=torch.tensor(2.5, requires_grad=True)), Thing()).t
    assert scalar.shape == ()
    assert scalar.requires_grad
    assert scalar.is_leaf


def test_restoring_writes_into_the_tensors_that_are_there() -> None:
    place = torch.zeros(2, 3)
    target = carried(Thing(t=torch.ones(2, 3)), Thing(t=place))
    assert target.t is place
    assert place.eq(1).all()


@pytest.mark.parametrize(
    "place",
    [
        torch.zeros(3, 2),
        torch.zeros(2, 3, dtype=torch.float64),
        torch.zeros(2, 3, requires_grad=True),
        None,
        4,
    ],
)
def test_a_place_that_does_not_fit_is_replaced(place: Any) -> None:
    target = carried(Thing(t=torch.ones(2, 3)), Thing(t=place))
    assert torch.equal(target.t, torch.ones(2, 3))
    assert target.t is not place


def test_a_transposed_storage_stays_transposed() -> None:
    source = torch.randn(2, 3, 4).transpose(1, 2)
    assert carried(Thing(t=source), Thing()).t.stride() == source.stride()


def test_two_names_of_one_tensor_stay_one_tensor() -> None:
    shared = torch.arange(3.0)
    target = carried(Thing(a=shared, b={"x": [shared]}, c=Thing(d=shared)), Thing())
    assert target.a is target.b["x"][0] is target.c.d


def test_two_tensors_do_not_become_one() -> None:
    """The live object has one tensor under two names, the saved one had two."""
    one = torch.zeros(3)
    target = carried(Thing(a=torch.full((3,), 1.0), b=torch.full((3,), 2.0)), Thing(a=one, b=one))
    assert target.a.tolist() == [1, 1, 1]
    assert target.b.tolist() == [2, 2, 2]


def test_two_objects_do_not_become_one() -> None:
    """As when `self.teacher = self.net` at first, and a copy later."""
    one = Other(torch.zeros(3))
    target = carried(
        Thing(a=Other(torch.full((3,), 1.0)), b=Other(torch.full((3,), 2.0))), Thing(a=one, b=one)
    )
    assert target.a.values.tolist() == [1, 1, 1]
    assert target.b.values.tolist() == [2, 2, 2]


def test_two_names_of_one_object_stay_one_object() -> None:
    shared = Other(torch.ones(2))
    target = carried(Thing(a=shared, b=shared, c=Thing(back=None)), Thing())
    assert target.a is target.b


def test_an_object_may_hold_its_owner() -> None:
    source = Thing(part=Thing(owner=None, n=3))
    source.part.owner = source
    target = carried(source, Thing())
    assert target.part.owner is target
    assert target.part.n == 3


def test_objects_the_other_side_has_not_yet_are_made() -> None:
    target = carried(Thing(kept=[Other(torch.arange(4))]), Thing(kept=[]))
    assert type(target.kept[0]) is Other
    assert target.kept[0].values.tolist() == [0, 1, 2, 3]


def test_what_was_not_held_is_forgotten() -> None:
    target = carried(Thing(a=1), Thing(a=0, later=torch.ones(2)))
    assert not hasattr(target, "later")


def test_wiring_is_neither_saved_nor_touched() -> None:
    wire = object()
    target = carried(Thing(a=1, wire=object()), Thing(a=0, wire=wire))
    assert target.wire is wire
    assert target.a == 1


def test_modules_generators_arrays_and_types() -> None:
    module, generator = network().eval(), torch.Generator().manual_seed(3)
    torch.rand(5, generator=generator)
    source = Thing(
        m=module,
        g=generator,
        a=np.arange(6.0).reshape(2, 3),
        i=np.array([True, False]),
        d=torch.float64,
        v=torch.device("cpu"),
    )
    expected = torch.rand(4, generator=torch.Generator().set_state(generator.get_state()))
    target = carried(
        source, Thing(m=network(), g=torch.Generator(), a=None, i=None, d=None, v=None)
    )
    assert all(
        torch.equal(x, y)
        for x, y in zip(module.state_dict().values(), target.m.state_dict().values(), strict=True)
    )
    assert not target.m.training
    assert torch.equal(torch.rand(4, generator=target.g), expected)
    np.testing.assert_array_equal(target.a, source.a)
    assert target.a.flags.writeable
    assert target.i.dtype == bool
    assert target.d is torch.float64
    assert target.v == torch.device("cpu")


def test_a_copy_of_a_module_is_made_from_a_live_one() -> None:
    """A solo learner's teacher, made after the first task."""
    source = Thing(net=network(), teacher=network())
    target = carried(source, Thing(net=network()))
    assert target.teacher is not target.net
    for name in ("net", "teacher"):
        assert torch.equal(getattr(target, name).a.weight, getattr(source, name).a.weight)


def test_optimisers_of_torch_come_back_with_their_moments() -> None:
    def trained(steps: int) -> Thing:
        torch.manual_seed(0)
        thing = Thing(net=network())
        thing.opt = torch.optim.Adam(thing.net.parameters(), lr=0.1)
        for _ in range(steps):
            step(thing)
        return thing

    def step(thing: Thing) -> None:
        thing.opt.zero_grad()
        thing.net(torch.ones(2, 3)).square().sum().backward()
        thing.opt.step()

    source = trained(3)
    target = carried(source, trained(0))
    step(source)
    step(target)
    assert torch.equal(source.net.a.weight, target.net.a.weight)


def test_noise_goes_on_where_it_was() -> None:
    source = Thing(noise=Noise([(1, 2), (3, 4)]))
    source.noise.uniform(5)
    target = carried(source, Thing(noise=Noise([(0, 0), (0, 0)])))
    assert torch.equal(source.noise.uniform(3), target.noise.uniform(3))


def test_a_teacher_is_rebuilt_from_the_network() -> None:
    source, target = (Thing(net=Stack(network, 3), teacher=None) for _ in range(2))
    source.teacher = source.net.spawn().requires_grad_(False).eval()
    with torch.no_grad():
        for value in source.net.parameters():
            value.add_(1.0)
    carried(source, target)
    x = torch.randn(3, 5, 3)
    assert torch.equal(target.teacher(x), source.teacher(x))
    assert torch.equal(target.net(x), source.net(x))
    assert not target.teacher.training
    assert target.net.training
    assert not any(p.requires_grad for p in target.teacher.parameters())
    assert all(p.requires_grad for p in target.net.parameters())
    assert target.teacher.params["a.weight"] is not target.net.params["a.weight"]


def test_a_network_nobody_builds_is_refused() -> None:
    source = Thing(net=Stack(network, 3), small=Stack(lambda: nn.Linear(2, 2), 3))
    with pytest.raises(
        StrategyError, match=r"Thing\.small: a Stack of another shape .* build it in setup\(\)"
    ):
        carried(source, Thing(net=Stack(network, 3)))


def test_references_are_answered_by_the_reader() -> None:
    tickets = [Ticket(0), Ticket(1)]
    target = carried(Thing(at=tickets[1]), Thing(), find=lambda kind, number: tickets[number])
    assert target.at is tickets[1]
    with pytest.raises(StrategyError, match=r"Thing\.at: .*ticket"):
        carried(Thing(at=tickets[1]), Thing())


class Pair(NamedTuple):
    left: int
    right: int


class Colour(enum.StrEnum):
    red = "red"


@pytest.mark.parametrize(
    "value",
    [
        lambda: None,
        object(),
        Thing,
        frozenset({1}),
        Pair(1, 2),
        Colour.red,
        defaultdict(list),
        np.array(["a"]),
    ],
)
def test_what_cannot_be_saved_is_named(value: Any) -> None:
    """Also what would come back as something else."""
    with pytest.raises(StrategyError, match=r"Thing\.box\[2\]\.deep\['k'\]: a .* cannot be saved"):
        save(Thing(box=[1, 2, Thing(deep={"k": value})]))


@pytest.mark.parametrize("key", [Ticket(0), Colour.red, np.int64(3), (1, object())])
def test_keys_that_cannot_be_saved_are_named(key: Any) -> None:
    with pytest.raises(StrategyError, match=r"Thing\.table: .* key of type"):
        save(Thing(table={key: 1}))


def test_an_unknown_class_is_named() -> None:
    saved = save(Thing(a=Other(torch.ones(1))))
    saved["held"]["a"]["class"] = "somewhere.Else"
    with pytest.raises(StrategyError, match=r"Thing\.a: .*somewhere\.Else.*not loaded"):
        restore(Thing(), saved)


def test_saved_state_is_a_copy() -> None:
    thing = Thing(t=torch.zeros(2), a=np.zeros(2), m=nn.Linear(1, 1))
    weight = thing.m.weight.item()
    saved = save(thing)
    thing.t += 1
    thing.a += 1
    with torch.no_grad():
        thing.m.weight += 1
    restore(thing, saved)
    assert thing.t.tolist() == [0, 0]
    assert thing.a.tolist() == [0, 0]
    assert thing.m.weight.item() == weight
    thing.t += 1
    restore(thing, saved)
    assert thing.t.tolist() == [0, 0]


def test_tensors_are_walked_once_with_their_paths() -> None:
    shared = torch.ones(2)
    thing = Thing(a=shared, b=[shared, {"k": (torch.zeros(1),)}], c=Thing(d=torch.ones(3)), n=5)
    assert [path for path, _ in tensors(thing)] == [".a", ".b[1]['k'][0]", ".c.d"]
