"""Planted faults in scenarios, data sets and launchers fail the checks that are for them."""

from dataclasses import replace

import numpy as np
import pytest

from clbench import Dataset, Layout, Scenario, Stream
from clbench.host import Host
from clbench.testing import DatasetConformance, LauncherConformance, ScenarioConformance

DIGITS = 10


def fails(match):
    return pytest.raises(AssertionError, match=match)


class Pairs(Scenario):
    """Five tasks of two classes each, whatever the setting."""

    def layout(self, arrays):
        return Layout(arrays.classes, 5, self.setting, arrays.input_shape)

    def order(self, seed):
        return self.generator(seed, 0, "order").permutation(DIGITS)

    def stream(self, arrays, seed, agent, validation):
        return Stream(tuple(self.tasks(arrays, seed, agent, validation)))

    def tasks(self, arrays, seed, agent, validation):
        for index, classes in enumerate(self.order(seed).reshape(5, 2)):
            labels = np.full(arrays.classes, -1)
            labels[classes] = classes
            yield self.task(
                arrays, seed, agent, index, validation, classes=np.sort(classes), labels=labels
            )


class TestScenarios:
    def check(self, scenario, name):
        checks = ScenarioConformance()
        made = checks._made(scenario)
        getattr(checks, name)(made, checks._arrays(made))

    def test_draw_from_a_global_generator(self):
        class Careless(Pairs):
            """Draws its classes anew at every call."""

            def order(self, seed):
                return np.random.permutation(DIGITS)

        with fails("NumPy's global generator was drawn from; draw from self.generator"):
            self.check(Careless, "test_a_stream_follows_from_its_seed")

    def test_generator_of_its_own(self):
        source = np.random.default_rng(0)

        class Continued(Pairs):
            """Draws from a generator that goes on from call to call."""

            def order(self, seed):
                return source.permutation(DIGITS)

        with fails("the stream of seed 1 differs from itself: classes of task 1"):
            self.check(Continued, "test_a_stream_follows_from_its_seed")

    def test_setting_that_is_ignored(self):
        class Boastful(Pairs):
            """Declares what it does not do."""

            settings = ("class", "task", "domain")

        with fails("setting: domain is accepted, and task 2 has other labels"):
            self.check(Boastful, "test_settings")

    def test_setting_that_is_refused(self):
        self.check(Pairs, "test_settings")  # it declares no more than what needs nothing of it

    def test_validation_that_is_trained_on(self):
        class Leaking(Pairs):
            """Holds samples out and trains on them all the same."""

            def tasks(self, arrays, seed, agent, validation):
                whole = super().tasks(arrays, seed, agent, 0.0)
                for task, part in zip(
                    whole, super().tasks(arrays, seed, agent, validation), strict=True
                ):
                    vars(part)["train"] = task.train
                    yield part

        with fails("is trained on and held out"):
            self.check(Leaking, "test_held_out_samples_are_the_training_data_s")

    def test_sample_of_another_task(self):
        class Mixed(Pairs):
            """Trains on a class that has no label."""

            def tasks(self, arrays, seed, agent, validation):
                for task in super().tasks(arrays, seed, agent, validation):
                    vars(task)["train"] = np.arange(len(arrays.y_train))
                    yield task

        with fails("train has a sample of class .*, which has no label"):
            self.check(Mixed, "test_streams_are_what_the_layout_says")

    def test_shared_tasks_of_each_agent_s_own(self):
        class Apart(Pairs):
            """Promises a task that all agents have, and holds out other samples of it for each."""

            def layout(self, arrays):
                return replace(super().layout(arrays), agents=3, shared_tasks=1)

        with fails("shared_tasks=1, and agents 0 and 1 differ in train of task 1; draw what"):
            self.check(Apart, "test_shared_tasks_are_the_same_for_all_agents")


class TestDatasets:
    def check(self, dataset, name, root, *more):
        checks = DatasetConformance()
        getattr(checks, name)(dataset(), root, *more)

    def test_arrays_that_differ(self, tmp_path):
        class Noise(Dataset):
            """Other images at every call."""

            def load(self, root):
                y = np.arange(40) % 4
                x = np.random.default_rng().integers(0, 255, (40, 6, 6, 1), dtype=np.uint8)
                return x, y, x, y

        with fails("two loads give different arrays"):
            self.check(Noise, "test_same_arrays_again", tmp_path)

    def test_class_without_test_images(self, tmp_path):
        class Lopsided(Dataset):
            """Nothing to test the last class with."""

            def load(self, root):
                x = np.zeros((40, 6, 6, 1), dtype=np.uint8)
                y = np.arange(40) % 4
                return x, y, x[y < 3], y[y < 3]

        with fails("no test image of class 3"):
            self.check(Lopsided, "test_arrays", tmp_path)

    def test_files_that_are_not_listed(self, tmp_path):
        class Secret(Dataset):
            """Reads a file it does not name."""

            def load(self, root):
                return tuple(np.load(root / "secret.npz").values())

        with pytest.raises(pytest.fail.Exception, match="list the files it reads in files"):
            self.check(Secret, "test_missing_files_are_named", tmp_path, tmp_path)


class TestLaunchers:
    @pytest.fixture
    def local(self):
        return Host.load().get("launcher", "local")

    def site(self, tmp_path):
        return LauncherConformance.site.__wrapped__(LauncherConformance(), tmp_path)

    def test_end_that_is_told_twice(self, local, tmp_path):
        class Twice(local):
            """Repeats itself."""

            def run(self, jobs, slots, site):
                for event in super().run(jobs, slots, site):
                    yield event
                    if event.kind == "ended":
                        yield event

        with fails("a job ended 2 times"):
            LauncherConformance().test_every_job_ends_once(Twice(), self.site(tmp_path))

    def test_environment_that_is_forgotten(self, local, tmp_path):
        class Bare(local):
            """Starts workers without what the run wants in their environment."""

            def run(self, jobs, slots, site):
                kept = {key: site.environment[key] for key in ("KIT_FOLDER",)}
                vars(site)["environment"] = {**kept, "KIT_MARK": "another"}
                return super().run(jobs, slots, site)

        with fails("site.environment"):
            LauncherConformance().test_every_job_ends_once(Bare(), self.site(tmp_path))

    def test_lost_worker_that_ends_everything(self, local, tmp_path):
        class Brittle(local):
            """Gives up with its first worker."""

            def run(self, jobs, slots, site):
                for event in super().run(jobs, slots, site):
                    if event.status == "lost":
                        return
                    yield event

        with fails("the jobs ended as .*'no end'"):
            LauncherConformance().test_a_killed_worker_loses_its_job_alone(
                Brittle(), self.site(tmp_path)
            )
