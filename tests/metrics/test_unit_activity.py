"""What hidden units give out, seen by a probe that is made by hand."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor

from clbench import Undefined
from clbench.stack import Stack
from clbench_plugins.unit_metrics import features
from clbench_plugins.unit_metrics.backward import cosine, gradient_sizes, loss_gradients, norm
from clbench_plugins.unit_metrics.calibration import ECE
from clbench_plugins.unit_metrics.sparsity import ActivationSparsity
from clbench_plugins.unit_metrics.weights import BiasStatistics, WeightMagnitude
from tests.stack.networks import Net, inputs

MEMBERS = 2


class Look:
    """As much of a probe as these metrics ask for: two batches, in each of which a row of member 1
    does not count.
    """

    def __init__(self) -> None:
        self.net = Stack(Net, MEMBERS).eval()
        self.x = inputs(MEMBERS, 3)
        self.task = SimpleNamespace(index=1)
        self.memory: dict[str, Any] = {}
        weights = torch.ones(MEMBERS, 3, dtype=torch.bool)
        weights[1, 2] = False
        y = torch.tensor([[0, 1, 2], [2, 1, 0]])
        self.batches = [SimpleNamespace(x=x, y=y, weights=weights) for x in (self.x, 2.0 * self.x)]

    def data(self, split: str, tasks: Any, n: int | None = None) -> Iterator[Any]:
        return iter(self.batches)

    def tasks(self, which: str) -> range:
        return range(2)

    def once(self, work: Callable[..., Any], *given: Any) -> Any:
        return work(self, *given)

    def losses(self, logits: Tensor, batch: Any) -> Tensor:
        found = torch.nn.functional.cross_entropy(logits.mT, batch.y, reduction="none")
        return found * batch.weights

    def predict(self, batch: Any) -> Tensor:
        return self.net(batch.x)

    def counted(self, member: int) -> Tensor:
        """All rows of a member that count, `[n, 4]`."""
        return torch.cat([batch.x[member, batch.weights[member]] for batch in self.batches])

    def hidden(self, member: int, layer: str) -> Tensor:
        """What a layer gives for them, by plain calls."""
        alone = Net()
        named = self.net.named_parameters()
        alone.load_state_dict({name: value[member] for name, value in named.items()}, strict=False)
        h = alone.a(self.counted(member)).relu()
        return h if layer == "one" else alone.b(h).tanh()


@pytest.fixture
def look() -> Look:
    return Look()


def test_activity_is_over_rows_that_count_and_nothing_else(look: Look) -> None:
    one, two = features.unit_activity(look, "train", "current", 100)
    for member in range(MEMBERS):
        h = look.hidden(member, "one")
        torch.testing.assert_close(one.magnitude[member].float(), h.abs().mean(0))
        torch.testing.assert_close(one.firing[member].float(), (h != 0).float().mean(0))
        # A tanh is never exactly 0.
        assert two.firing[member].tolist() == [1.0] * 5


def test_features_are_filled_up_to_so_many_rows(look: Look) -> None:
    matrices, valid = features.feature_matrices(look, "train", 0, samples=8)
    assert matrices["one"].shape == (MEMBERS, 8, 6)
    assert valid.sum(1).tolist() == [6, 4]
    assert not matrices["two"][~valid].any()
    torch.testing.assert_close(matrices["two"][1][valid[1]], look.hidden(1, "two"))


def test_features_are_cut_to_so_many_rows(look: Look) -> None:
    matrices, valid = features.feature_matrices(look, "train", 0, samples=2)
    assert matrices["one"].shape == (MEMBERS, 2, 6)
    assert valid.all()


def test_a_layer_by_its_name_or_the_last_one(look: Look) -> None:
    assert features.layer_named(look, "one").name == "one"
    assert features.layer_named(look, "last").name == "two"
    with pytest.raises(Undefined, match="has no hidden layer 'three'; it has one, two"):
        features.layer_named(look, "three")


def test_a_network_without_hidden_layers_has_no_activity(look: Look) -> None:
    look.net = SimpleNamespace(layers=list)
    with pytest.raises(Undefined, match="the network has no hidden layer"):
        features.hidden_layers(look)


def test_after_the_first_task_nothing_lies_behind(look: Look) -> None:
    found = features.nothing_after_the_first_task(look, 3)
    assert found.shape == (MEMBERS, 3)
    assert found.isnan().all()
    look.tasks = lambda which: range(1)
    with pytest.raises(Undefined, match="it needs two tasks"):
        features.nothing_after_the_first_task(look)


# ---------------------------------------------------------------------- metrics


def test_sparsity_is_the_share_of_zeros_of_all_and_of_each_layer(look: Look) -> None:
    found = ActivationSparsity().measure(look)
    for member in range(MEMBERS):
        h = look.hidden(member, "one")
        zeros = (h == 0).sum().item()
        expected = [zeros / (11 * len(h)), zeros / (6 * len(h)), 0.0]
        assert found[member].tolist() == pytest.approx(expected)


def test_the_size_of_weights_of_all_and_of_each_tensor(look: Look) -> None:
    found = WeightMagnitude().measure(look)
    params = [p[1].abs() for p in look.net.parameters()]
    whole = torch.cat([p.flatten() for p in params]).mean()
    expected = torch.stack([whole, *(p.mean() for p in params)])
    torch.testing.assert_close(found[1], expected.detach())


def test_biases_have_a_mean_a_median_and_a_spread(look: Look) -> None:
    found = BiasStatistics().measure(look)
    assert isinstance(found, Tensor)
    biases = torch.cat([look.net.params["a.bias"][0], look.net.params["b.bias"][0]]).double()
    expected = [biases.mean(), biases.quantile(0.5), biases.std(correction=0)]
    torch.testing.assert_close(found[0, 0], torch.stack(expected).detach())
    assert found.shape == (MEMBERS, 3, 3)


def test_who_is_always_right_and_sure_of_it_is_calibrated(look: Look) -> None:
    look.predict = lambda batch: 100.0 * torch.nn.functional.one_hot(batch.y, 3).float()
    torch.testing.assert_close(ECE().measure(look), torch.zeros(MEMBERS).double())


def test_who_is_sure_and_wrong_is_not(look: Look) -> None:
    look.predict = lambda batch: -100.0 * torch.nn.functional.one_hot(batch.y, 3).float()
    # Two outputs share the probability: a confidence of 1/2, and an accuracy of 0.
    torch.testing.assert_close(ECE().measure(look), torch.full((MEMBERS,), 0.5).double())


def test_gaps_of_one_bin_cancel_and_gaps_of_two_do_not(look: Look) -> None:
    # Member 0 has six rows: half are right with 0.6, half are wrong with 0.8.
    right = torch.tensor([0.6, 0.4, 0.0]).log()
    wrong = torch.tensor([0.0, 0.2, 0.8]).log()

    def predict(batch: Any) -> Tensor:
        rows = right if batch is look.batches[0] else wrong
        look_at = rows.expand(MEMBERS, 3, 3).clone()
        batch.y = torch.zeros(MEMBERS, 3, dtype=torch.int64)
        return look_at

    look.predict = predict
    # |0.5 * (1 - 0.6)| + |0.5 * (0 - 0.8)|, and in one bin |0.5 * 0.4 - 0.5 * 0.8|.
    assert ECE(bins=10).measure(look)[0].item() == pytest.approx(0.2 + 0.4)
    assert ECE(bins=1).measure(look)[0].item() == pytest.approx(0.2)


# ---------------------------------------------------------------------- gradients


def test_the_gradient_of_the_mean_loss_is_autograds(look: Look) -> None:
    found = loss_gradients(look, (0, 1), 100)
    params = list(look.net.parameters())
    total = torch.zeros(MEMBERS)
    for batch in look.batches:
        total = total + look.losses(look.net(batch.x), batch).sum(1)
    counts = torch.tensor([6.0, 4.0])
    expected = torch.autograd.grad((total / counts).sum(), params)
    for gradient, wanted in zip(found.values(), expected, strict=True):
        torch.testing.assert_close(gradient, wanted)
    assert all(p.grad is None for p in params)


def test_a_network_that_is_not_trained_has_no_gradient(look: Look) -> None:
    look.net.requires_grad_(False)
    with pytest.raises(Undefined, match="no parameter of the network is trained"):
        loss_gradients(look, (0,), 100)


def test_sizes_of_gradients_do_not_cancel(look: Look) -> None:
    sizes = gradient_sizes(look, "train", 100)
    gradients = loss_gradients(look, (0, 1), 100)
    counts = torch.tensor([6.0, 4.0]).view(-1, 1, 1)
    for found, name in zip(sizes, ("a.weight", "b.weight"), strict=True):
        assert found.shape == look.net.params[name].shape
        # |sum of delta x| <= sum of |delta| |x|.
        assert (found >= (gradients[name] * counts).abs() - 1e-6).all()
    # Layers that stand still have sizes too.
    look.net.requires_grad_(False)
    for found, again in zip(sizes, gradient_sizes(look, "train", 100), strict=True):
        torch.testing.assert_close(found, again)


def test_an_angle_is_between_all_parameters_together() -> None:
    one = {"a": torch.tensor([[3.0]]), "b": torch.tensor([[4.0]])}
    other = {"a": torch.tensor([[4.0]]), "b": torch.tensor([[-3.0]])}
    assert cosine(one, one).tolist() == [1.0]
    assert cosine(one, other).tolist() == [0.0]
    assert cosine(one, {name: -value for name, value in one.items()}).tolist() == [-1.0]
    assert cosine(one, {name: 0.0 * value for name, value in one.items()}).isnan().all()
    assert norm(torch.tensor([[[3.0, 4.0]]])).tolist() == [5.0]
