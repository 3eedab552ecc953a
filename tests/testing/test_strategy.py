"""A planted fault fails the check that is for it, with a sentence that helps."""

import pytest
import torch

from clbench import SoloStrategy, Strategy
from clbench.testing import StrategyConformance
from clbench.testing import strategy as strategy_kit
from tests.guests import test_guests

from .planted import fails, kit, mlp, naive


def test_undocumented_option():
    class Silent(Strategy):
        """Says nothing of its option."""

        weight: float = 1.0

    checks, bench = kit(Silent)
    with fails("options without a comment.*weight"):
        checks.test_options_are_documented(bench)


def test_loss_of_a_wrong_shape():
    checks, bench = kit(
        naive(
            task_loss=lambda self, batch: self.cross_entropy(self.net(batch.x), batch).mean()[None]
        )
    )
    with fails(r"one value a member, \[2\]"):
        checks.test_shapes(bench)


def test_prediction_of_a_wrong_shape():
    checks, bench = kit(naive(predict=lambda self, x, task=None: self.net(x)[..., :3]))
    with fails("planted.predict returned"):
        checks.test_shapes(bench)


def test_maximum_over_members():
    def adjust_gradients(self, batch):
        for p in self.net.parameters():
            p.grad /= p.grad.abs().max() + 1

    checks, bench = kit(naive(adjust_gradients=adjust_gradients))
    with fails("alone and among the seeds"):
        checks.test_stacked_equals_solo(bench, "loop")


def test_count_of_steps_as_a_number():
    """Members with unequal numbers of steps share one count."""

    class Counting(Strategy):
        """Decays a penalty by a count that belongs to the whole stack."""

        def setup(self):
            super().setup()
            self.count = 0

        def penalty(self):
            self.count += 1
            return (
                super().penalty()
                + sum(p.square().flatten(1).sum(1) for p in self.net.parameters()) / self.count
            )

    checks, bench = kit(Counting)
    with fails("also a count of steps"):
        checks.test_stacked_equals_solo(bench, "loop")


def test_draw_from_the_global_generator():
    def task_loss(self, batch):
        noisy = batch.x + 0.1 * torch.randn(batch.x.shape)
        return self.cross_entropy(self.net(noisy), batch)

    checks, bench = kit(naive(task_loss=task_loss))
    with fails("torch's global generator"):
        checks.test_no_draw_from_global_generators(bench)
    with fails("torch's global generator"):
        checks.test_same_seed_same_numbers(bench)


def test_state_that_cannot_be_saved():
    def begin_task(self, task):
        self.shape = lambda: task

    checks, bench = kit(naive(begin_task=begin_task))
    with fails("shape: a function cannot be saved"):
        checks.test_state_round_trip(bench)


def test_state_outside_the_object(tmp_path):
    kept = {}

    def end_task(self, task):
        kept[id(self)] = [p.detach().clone() for p in self.net.parameters()]

    def penalty(self):
        pairs = zip(self.net.parameters(), kept.get(id(self), []), strict=False)
        return super(type(self), self).penalty() + sum(
            (p - a).square().flatten(1).sum(1) for p, a in pairs
        )

    checks, bench = kit(naive(end_task=end_task, penalty=penalty))
    with fails("resumed job and an uninterrupted one differ"):
        checks.test_resume_equals_uninterrupted(bench, tmp_path)


def test_neighbours_that_share_a_nan():
    def adjust_gradients(self, batch):
        for p in self.net.parameters():
            p.grad += 1e-3 * p.grad.mean(0, keepdim=True)

    checks, bench = kit(naive(adjust_gradients=adjust_gradients))
    with fails("neighbour's NaN"):
        checks.test_neighbour_of_a_diverged_member(bench)


def agents(strategy):
    """The kit on the agents of `tests/guests/two_agents.py`."""
    checks = type("Agents", (test_guests.TestTwoAgents,), {"__test__": False})()
    return checks, checks._bench(strategy)


def test_average_over_agents_that_diverged():
    def end_epoch(self, phase, epoch):
        super(strategy, self).end_epoch(phase, epoch)
        with torch.no_grad():
            for p in self.net.parameters():
                by_agent = self.by_agent(p)
                by_agent.copy_(by_agent.mean(1, keepdim=True))

    strategy = naive(end_epoch=end_epoch)
    checks, bench = agents(strategy)
    with fails("a diverged agent holds changed another one.*agent_mean"):
        checks.test_agent_beside_a_diverged_one(bench)


def test_columns_of_a_filter_that_are_not_its_own():
    """A unit's number taken for its column: right in dense layers, wrong where a filter has
    several.
    """

    @torch.no_grad()
    def after_step(self, batch):
        params = self.net.named_parameters()
        for layer in self.net.layers():
            params[layer.out_weight][:, :, 3] = 0.0

    checks = StrategyConformance()
    with fails("some, not all, of the outgoing columns of a unit of conv"):
        checks.test_silences_whole_units(naive(after_step=after_step))


def test_whole_units_may_be_silenced():
    @torch.no_grad()
    def after_step(self, batch):
        params = self.net.named_parameters()
        for layer in self.net.layers():
            owned = slice(3 * layer.block, 4 * layer.block)
            params[layer.out_weight][:, :, owned] = 0.0

    StrategyConformance().test_silences_whole_units(naive(after_step=after_step))


def test_table_that_members_share():
    def setup(self):
        super(type(self), self).setup()
        self.codes = torch.eye(10)

    checks, bench = kit(naive(setup=setup))
    with fails(r"no row a member: .*codes.* \[10, 10\]. If members share it"):
        checks.test_shared_tables_are_declared(bench)
    checks, bench = kit(naive(setup=setup, shared_state=frozenset({"codes"})))
    checks.test_shared_tables_are_declared(bench)


def test_network_left_in_evaluation_mode():
    checks, bench = kit(naive(after_step=lambda self, batch: self.net.eval()))
    with fails("would train without dropout"):
        checks.test_stays_in_training_mode(bench)


def test_rows_that_only_fill_a_batch_up():
    def setup(self):
        super(type(self), self).setup()
        self.offset = torch.zeros(self.members, 1, 1)

    def end_task(self, task):
        means = [batch.x.flatten(1).mean(1) for batch in task.batches("train", 50)]
        self.offset = sum(means).view(-1, 1, 1)

    def predict(self, x, task=None):
        outputs = torch.arange(self.scenario.classes)
        return self.net(x) + self.offset * outputs

    checks, bench = kit(naive(setup=setup, end_task=end_task, predict=predict))
    with fails("rows of task.batches that do not count were used"):
        checks.test_rows_that_do_not_count(bench)


def test_a_method_of_few_steps_a_task_can_be_checked(tmp_path):
    class Short(StrategyConformance):
        protocol = {"steps": 4}  # noqa: RUF012

    checks = Short()
    checks.test_resume_equals_uninterrupted(checks._bench(naive()), tmp_path)


def test_curve_that_only_neighbours_write():
    """A member that wrote nothing to a curve is the same alone, where the curve is not there."""

    def end_task(self, task):
        late = torch.tensor([float(seed) for seed, _ in self.session.members])
        writers = [row for row, seed in enumerate(late.tolist()) if seed != 2]
        self.session.log("elsewhere", late, writers)

    checks, bench = kit(naive(end_task=end_task))
    checks.test_stacked_equals_solo(bench, "loop")


def test_solo_authors_are_told_in_their_words():
    class Sharing(SoloStrategy):
        """Keeps what belongs to a run in its class."""

        seen = []  # noqa: RUF012

        def observe(self, batch):
            self.seen.append(len(batch.y))
            loss = super().observe(batch)
            return loss + len(self.seen)

    checks, bench = kit(Sharing)
    with pytest.raises(AssertionError) as caught:
        checks.test_stacked_equals_solo(bench, "loop")
    assert "never of the class" in str(caught.value)
    assert "[R" not in str(caught.value)


def test_plugins_models_and_data_of_one_s_own_can_be_given(tmp_path):
    file = tmp_path / "stripes.py"
    file.write_text(
        "import numpy as np\n"
        "from clbench import Dataset, hookimpl\n"
        "class Stripes(Dataset):\n"
        "    def load(self, root):\n"
        "        y = np.arange(120) % 4\n"
        "        x = np.zeros((120, 6, 6, 1), dtype=np.uint8)\n"
        "        x[np.arange(120), y] = 255\n"
        "        return x, y, x, y\n"
        "@hookimpl\n"
        "def clbench_datasets():\n"
        "    return [Stripes]\n"
    )

    class Own(StrategyConformance):
        plugins = (file,)
        own = {("model", "tiny"): mlp}  # noqa: RUF012
        scenario = ("split", {"dataset": "stripes", "tasks": 2})
        protocol = {"model": "tiny"}  # noqa: RUF012

    checks = Own()
    bench = checks._bench(naive())
    assert bench.arrays.classes == 4
    checks.test_stacked_equals_solo(bench, "auto")


def test_a_kit_without_its_fixture_says_so(pytester):
    pytester.makepyfile(
        "from clbench.testing import StrategyConformance\nclass TestMine(StrategyConformance):\n   "
        " pass\n"
    )
    result = pytester.runpytest_inprocess("-q", "-k", "shapes", "-p", "no:cacheprovider")
    result.stdout.fnmatch_lines(["*TestMine needs a fixture named 'strategy'*"])


# ------------------------------------------------------------------ where a job is left


@pytest.mark.parametrize(
    ("steps", "where"),
    [
        (1, []),  # a task of one step cannot be left inside
        (2, [1, 1]),
        (10, [1, 6]),
        (80, [10, 67]),  # an eighth, and so many later that three are left
    ],
)
def test_a_job_is_left_early_in_a_task_and_near_its_end(steps, where, monkeypatch):
    monkeypatch.setattr(strategy_kit, "_steps_of_third_task", lambda bench: steps)
    assert StrategyConformance._where_to_leave(None) == where
    assert sum(where) <= steps
