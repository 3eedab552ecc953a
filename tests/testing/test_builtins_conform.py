"""The built-in strategies, models and metrics pass the kit they give to others."""

from typing import ClassVar

import numpy as np
import pytest

from clbench.host import Host
from clbench.testing import (
    DatasetConformance,
    LauncherConformance,
    MetricConformance,
    ModelConformance,
    ScenarioConformance,
    StrategyConformance,
)


def builtin(kind, name):
    return Host.load().get(kind, name)


class TestNaive(StrategyConformance):
    @pytest.fixture
    def strategy(self):
        return builtin("strategy", "naive")


class TestNaiveWithBatchNormAndDropout(StrategyConformance):
    protocol: ClassVar = {
        "model": {"mlp": {"hidden": [16], "norm": "batch", "dropout": 0.2}},
        "optimizer": {"adamw": {"lr": 0.003}},
    }

    @pytest.fixture
    def strategy(self):
        return builtin("strategy", "naive")


class TestNaiveWithForeignOptimiser(StrategyConformance):
    protocol: ClassVar = {"optimizer": {"torch.RMSprop": {"lr": 0.003}}, "clip": 1.0}

    @pytest.fixture
    def strategy(self):
        cls = builtin("strategy", "naive")
        return type("Naive", (cls,), {"__doc__": cls.__doc__, "capturable": False})


class TestJoint(StrategyConformance):
    @pytest.fixture
    def strategy(self):
        return builtin("strategy", "joint")


class TestCumulative(StrategyConformance):
    @pytest.fixture
    def strategy(self):
        return builtin("strategy", "cumulative")(restart=True)


class TestER(StrategyConformance):
    scenario: ClassVar = (
        "split",
        {"dataset": "digits", "tasks": 5, "setting": "task", "class_order": "random"},
    )

    @pytest.fixture
    def strategy(self):
        return builtin("strategy", "er")(memory=50)


class TestERWithABudgetInBytes(StrategyConformance):
    @pytest.fixture
    def strategy(self):
        return builtin("strategy", "er")(memory="3kB", replay_batch=7)


class TestERACE(StrategyConformance):
    @pytest.fixture
    def strategy(self):
        return builtin("strategy", "er_ace")(memory=50)


class TestERACEInTasks(StrategyConformance):
    scenario: ClassVar = (
        "split",
        {"dataset": "digits", "tasks": 5, "setting": "task", "class_order": "random"},
    )
    protocol: ClassVar = {"optimizer": {"adam": {"lr": 0.003}}}

    @pytest.fixture
    def strategy(self):
        return builtin("strategy", "er_ace")(memory=50, replay_batch=11, among="task")


class TestERACEWithL2Init(StrategyConformance):
    protocol: ClassVar = {"logits": "seen"}

    @pytest.fixture
    def strategy(self):
        er_ace, l2_init = builtin("strategy", "er_ace"), builtin("strategy", "l2_init")
        return [er_ace(memory=50), l2_init(strength=0.01)]


class TestDER(StrategyConformance):
    protocol: ClassVar = {"augment": "crop_flip"}

    @pytest.fixture
    def strategy(self):
        return builtin("strategy", "der")(memory="9kB", replay_batch=7)


class TestDERpp(StrategyConformance):
    scenario: ClassVar = (
        "split",
        {"dataset": "digits", "tasks": 5, "setting": "task", "class_order": "random"},
    )
    protocol: ClassVar = {"optimizer": {"adam": {"lr": 0.003}}}

    @pytest.fixture
    def strategy(self):
        return builtin("strategy", "derpp")(memory=50)


class TestDERppInDomains(StrategyConformance):
    scenario: ClassVar = (
        "split",
        {"dataset": "digits", "tasks": 5, "setting": "domain", "class_order": "random"},
    )
    protocol: ClassVar = {"model": {"mlp": {"hidden": [16], "norm": "batch", "dropout": 0.2}}}

    @pytest.fixture
    def strategy(self):
        return builtin("strategy", "derpp")(memory=53, replay_batch=9)


class TestDERWithEWC(StrategyConformance):
    @pytest.fixture
    def strategy(self):
        der, ewc = builtin("strategy", "der"), builtin("strategy", "ewc")
        return [der(memory=50), ewc(strength=5, samples=50)]


class TestEWC(StrategyConformance):
    scenario: ClassVar = (
        "split",
        {"dataset": "digits", "tasks": 5, "setting": "domain", "class_order": "random"},
    )

    @pytest.fixture
    def strategy(self):
        return builtin("strategy", "ewc")(strength=5, fisher="sampled", samples=100)


class TestOnlineEWC(StrategyConformance):
    @pytest.fixture
    def strategy(self):
        return builtin("strategy", "online_ewc")(strength=5, decay=0.9, samples=100)


class TestCBP(StrategyConformance):
    protocol: ClassVar = {"optimizer": {"adam": {"lr": 0.003}}}

    @pytest.fixture
    def strategy(self):
        return builtin("strategy", "cbp")(replacement_rate=0.01, maturity=5)


class TestCBPInTasks(StrategyConformance):
    """Members replace units in steps of their own, and heads of other tasks stand still."""

    scenario: ClassVar = (
        "split",
        {"dataset": "digits", "tasks": 5, "setting": "task", "class_order": "random"},
    )
    protocol: ClassVar = {"optimizer": {"adam": {"lr": 0.003}}}

    @pytest.fixture
    def strategy(self):
        cbp = builtin("strategy", "cbp")
        return cbp(replacement_rate=0.01, maturity=5, accumulate=False)


class TestCBPWithBatchNormAndMomentum(StrategyConformance):
    protocol: ClassVar = {
        "model": {"mlp": {"hidden": [16, 12], "norm": "batch"}},
        "optimizer": {"sgd": {"lr": 0.01, "momentum": 0.9}},
    }

    @pytest.fixture
    def strategy(self):
        cbp = builtin("strategy", "cbp")
        return cbp(replacement_rate=0.01, maturity=5, utility="random", initial="kaiming")


class TestCBPWithReplay(StrategyConformance):
    protocol: ClassVar = {"optimizer": {"adam": {"lr": 0.003}}}

    @pytest.fixture
    def strategy(self):
        cbp, er = builtin("strategy", "cbp"), builtin("strategy", "er")
        return [
            cbp(replacement_rate=0.01, maturity=5, utility="contribution", count_all=True),
            er(memory=50),
        ]


class TestCBPWithPenalties(StrategyConformance):
    @pytest.fixture
    def strategy(self):
        return [
            builtin("strategy", "l2_init")(strength=0.01),
            builtin("strategy", "cbp")(replacement_rate=0.01, maturity=5, decay=0.9),
            builtin("strategy", "ewc")(strength=5, samples=50),
        ]


class TestOGD(StrategyConformance):
    """Factors of three linear layers."""

    protocol: ClassVar = {"optimizer": {"sgd": {"lr": 0.03, "momentum": 0.5}}}

    @pytest.fixture
    def strategy(self):
        return builtin("strategy", "ogd")(memory=20, project="update")


class TestOGDInTasks(StrategyConformance):
    """Factors and dense rows on the convolutional network; heads are left alone, and all is taken anew."""

    scenario: ClassVar = (
        "split",
        {"dataset": "digits", "tasks": 5, "setting": "task", "class_order": "random"},
    )

    @pytest.fixture
    def strategy(self):
        return builtin("strategy", "ogd")(variant="all", memory=7, recompute=True)


class TestOGDWithMeanLoss(StrategyConformance):
    protocol: ClassVar = {
        "model": {"mlp": {"hidden": [16], "norm": "batch", "dropout": 0.2}},
        "optimizer": {"adamw": {"lr": 0.003}},
    }

    @pytest.fixture
    def strategy(self):
        return builtin("strategy", "ogd")(variant="mean_loss", later_rate=0.2)


class TestOGDWithMeanLossOfClasses(StrategyConformance):
    @pytest.fixture
    def strategy(self):
        return builtin("strategy", "ogd")(variant="mean_loss", per_class=True)


class TestOGDWithPrincipalDirections(StrategyConformance):
    """A dense basis, under a sparse-activity penalty."""

    @pytest.fixture
    def strategy(self):
        ogd, l1 = builtin("strategy", "ogd"), builtin("strategy", "l1_activity")
        return [ogd(variant="ave", memory=12, pca=5), l1(strength=0.1)]


class TestL1Activity(StrategyConformance):
    protocol: ClassVar = {
        "model": {"mlp": {"hidden": [16, 16], "norm": "layer", "activation": "tanh"}}
    }

    @pytest.fixture
    def strategy(self):
        return builtin("strategy", "l1_activity")(strength=0.1)


class TestL2(StrategyConformance):
    protocol: ClassVar = {"model": {"mlp": {"hidden": [23, 17], "norm": "layer"}}}

    @pytest.fixture
    def strategy(self):
        return builtin("strategy", "l2")(strength=0.01, norms=False)


class TestL2Init(StrategyConformance):
    protocol: ClassVar = {"optimizer": {"adam": {"lr": 0.003}}}

    @pytest.fixture
    def strategy(self):
        return builtin("strategy", "l2_init")(strength=0.01, l1_strength=0.001)


class TestL2InitResampled(StrategyConformance):
    @pytest.fixture
    def strategy(self):
        return builtin("strategy", "l2_init")(strength=0.01, resample=True)


class TestShrinkPerturb(StrategyConformance):
    @pytest.fixture
    def strategy(self):
        return builtin("strategy", "shrink_perturb")(shrink=0.001, noise=0.01)


class TestShrinkPerturbWithFreshWeights(StrategyConformance):
    protocol: ClassVar = {"optimizer": {"adam": {"lr": 0.003}}}

    @pytest.fixture
    def strategy(self):
        kind = builtin("strategy", "shrink_perturb")
        return kind(shrink=0.001, noise=0.05, perturbation="initial")


class TestShrinkPerturbOnceATask(StrategyConformance):
    @pytest.fixture
    def strategy(self):
        return [
            builtin("strategy", "er")(memory=50),
            builtin("strategy", "shrink_perturb")(when="task", shrink=0.5, noise=0.01),
        ]


class TestScratch(StrategyConformance):
    protocol: ClassVar = {"optimizer": {"adam": {"lr": 0.003}}}

    @pytest.fixture
    def strategy(self):
        return builtin("strategy", "scratch")


class TestScratchWithBatchNormAndDropout(StrategyConformance):
    protocol: ClassVar = {"model": {"mlp": {"hidden": [16], "norm": "batch", "dropout": 0.2}}}

    @pytest.fixture
    def strategy(self):
        return builtin("strategy", "scratch")


class TestHeadReset(StrategyConformance):
    protocol: ClassVar = {"optimizer": {"adamw": {"lr": 0.003}}}

    @pytest.fixture
    def strategy(self):
        return [builtin("strategy", "er")(memory=50), builtin("strategy", "head_reset")(to="zero")]


class TestHeadResetInTheTaskSetting(StrategyConformance):
    """With outputs that stand still, each of its own age."""

    scenario: ClassVar = (
        "split",
        {"dataset": "digits", "tasks": 5, "setting": "task", "class_order": "random"},
    )
    protocol: ClassVar = {"optimizer": {"adam": {"lr": 0.003}}}

    @pytest.fixture
    def strategy(self):
        return builtin("strategy", "head_reset")(to="init")


class TestUPGD(StrategyConformance):
    protocol: ClassVar = {"optimizer": {"sgd": {"lr": 0.05, "weight_decay": 0.001}}}

    @pytest.fixture
    def strategy(self):
        return builtin("strategy", "upgd")(noise=0.01, decay=0.9)


class TestUPGDOfLayersWithReplay(StrategyConformance):
    protocol: ClassVar = {"optimizer": {"adam": {"lr": 0.003}}}

    @pytest.fixture
    def strategy(self):
        upgd = builtin("strategy", "upgd")(scaling="local", protect=False, step=2.0)
        return [builtin("strategy", "er")(memory=50), upgd]


class TestGDumb(StrategyConformance):
    @pytest.fixture
    def strategy(self):
        return builtin("strategy", "gdumb")(memory=30, epochs=4)


class TestGDumbWithAPenaltyInDomains(StrategyConformance):
    scenario: ClassVar = (
        "split",
        {"dataset": "digits", "tasks": 5, "setting": "domain", "class_order": "random"},
    )
    protocol: ClassVar = {"optimizer": {"adam": {"lr": 0.003}}}

    @pytest.fixture
    def strategy(self):
        gdumb = builtin("strategy", "gdumb")(memory=30, epochs=3, schedule="protocol")
        return [builtin("strategy", "l2")(strength=0.01), gdumb]


class TestAGEM(StrategyConformance):
    @pytest.fixture
    def strategy(self):
        return builtin("strategy", "agem")(memory=50)


class TestAGEMWithOneBatchOfEachTask(StrategyConformance):
    scenario: ClassVar = (
        "split",
        {"dataset": "digits", "tasks": 5, "setting": "task", "class_order": "random"},
    )
    protocol: ClassVar = {"optimizer": {"sgd": {"lr": 0.05, "momentum": 0.9}}}

    @pytest.fixture
    def strategy(self):
        agem = builtin("strategy", "agem")(memory=50, kept="batch", replay_batch=7)
        return [builtin("strategy", "online_ewc")(strength=5, samples=100), agem]


class TestGEM(StrategyConformance):
    @pytest.fixture
    def strategy(self):
        return builtin("strategy", "gem")(memory=50)


class TestGEMInTasks(StrategyConformance):
    scenario: ClassVar = (
        "split",
        {"dataset": "digits", "tasks": 5, "setting": "task", "class_order": "random"},
    )
    protocol: ClassVar = {"optimizer": {"adam": {"lr": 0.003}}}

    @pytest.fixture
    def strategy(self):
        gem = builtin("strategy", "gem")(memory=100, replay_batch=6, margin=0.0)
        return [gem, builtin("strategy", "er")(memory=30)]


class TestICaRL(StrategyConformance):
    @pytest.fixture
    def strategy(self):
        return builtin("strategy", "icarl")(memory=50)


class TestICaRLInTasks(StrategyConformance):
    scenario: ClassVar = (
        "split",
        {"dataset": "digits", "tasks": 5, "setting": "task", "class_order": "random"},
    )
    protocol: ClassVar = {
        "model": {"mlp": {"hidden": [16], "norm": "batch"}},
        "optimizer": {"adamw": {"lr": 0.003}},
    }

    @pytest.fixture
    def strategy(self):
        l2_init = builtin("strategy", "l2_init")(strength=0.01)
        return [l2_init, builtin("strategy", "icarl")(memory=33)]


class TestL2InitWithEWC(StrategyConformance):
    @pytest.fixture
    def strategy(self):
        return [
            builtin("strategy", "ewc")(strength=5, samples=50),
            builtin("strategy", "l2_init")(strength=0.01, distance="huber"),
        ]


class TestSI(StrategyConformance):
    protocol: ClassVar = {"optimizer": {"adam": {"lr": 0.003}}}

    @pytest.fixture
    def strategy(self):
        return builtin("strategy", "si")(strength=10.0)


class TestSIWithReplayInTasks(StrategyConformance):
    """Old heads move where replay trains them, and stand still else."""

    scenario: ClassVar = (
        "split",
        {"dataset": "digits", "tasks": 5, "setting": "task", "class_order": "random"},
    )
    protocol: ClassVar = {"optimizer": {"sgd": {"lr": 0.01, "momentum": 0.9}}}

    @pytest.fixture
    def strategy(self):
        si = builtin("strategy", "si")(strength=2.0, xi=0.5, clamp=True)
        return [builtin("strategy", "er")(memory=50), si]


class TestMAS(StrategyConformance):
    scenario: ClassVar = (
        "split",
        {"dataset": "digits", "tasks": 5, "setting": "task", "class_order": "random"},
    )

    @pytest.fixture
    def strategy(self):
        return builtin("strategy", "mas")(strength=0.01, samples=100)


class TestMASWithBatchNorm(StrategyConformance):
    protocol: ClassVar = {"model": {"mlp": {"hidden": [16], "norm": "batch"}}}

    @pytest.fixture
    def strategy(self):
        return builtin("strategy", "mas")(strength=0.001, samples=40)


class TestLwF(StrategyConformance):
    @pytest.fixture
    def strategy(self):
        return builtin("strategy", "lwf")


class TestLwFInTasksWithL2Init(StrategyConformance):
    scenario: ClassVar = (
        "split",
        {"dataset": "digits", "tasks": 5, "setting": "task", "class_order": "random"},
    )
    protocol: ClassVar = {"optimizer": {"adam": {"lr": 0.003}}}

    @pytest.fixture
    def strategy(self):
        lwf, l2_init = builtin("strategy", "lwf"), builtin("strategy", "l2_init")
        return [lwf(strength=0.5, temperature=3.0), l2_init(strength=0.01)]


class TestLwFBesideReplay(StrategyConformance):
    """The pass of the loss is over the batch and the memory; distillation takes one of its own."""

    protocol: ClassVar = {
        "model": {"mlp": {"hidden": [16], "norm": "batch", "dropout": 0.2}},
        "logits": "seen",
    }

    @pytest.fixture
    def strategy(self):
        return [builtin("strategy", "lwf"), builtin("strategy", "er")(memory=50)]


class TestL2LastWithL2Init(StrategyConformance):
    protocol: ClassVar = {"optimizer": {"adam": {"lr": 0.003}}}

    @pytest.fixture
    def strategy(self):
        l2_last, l2_init = builtin("strategy", "l2_last"), builtin("strategy", "l2_init")
        return [l2_last(strength=0.1), l2_init(strength=0.01)]


class TestReDo(StrategyConformance):
    protocol: ClassVar = {"optimizer": {"adam": {"lr": 0.003}}}

    @pytest.fixture
    def strategy(self):
        return builtin("strategy", "redo")(tau=0.4, period=7)


class TestReDoWithReplay(StrategyConformance):
    """With heads of their own for tasks, whose outputs stand still in steps of others."""

    scenario: ClassVar = (
        "split",
        {"dataset": "digits", "tasks": 5, "setting": "task", "class_order": "random"},
    )
    protocol: ClassVar = {
        "model": {"mlp": {"hidden": [13, 11], "activation": "crelu"}},
        "optimizer": {"adamw": {"lr": 0.003}},
    }

    @pytest.fixture
    def strategy(self):
        redo = builtin("strategy", "redo")
        return [redo(tau=0.7, period=5, samples=20), builtin("strategy", "er")(memory=50)]


class TestSNR(StrategyConformance):
    protocol: ClassVar = {"optimizer": {"adam": {"lr": 0.01}}, "batch_size": 5}

    @pytest.fixture
    def strategy(self):
        return builtin("strategy", "snr")(eta=0.2, minimum=10)


class TestSNRWithReplay(StrategyConformance):
    protocol: ClassVar = {"batch_size": 5}

    @pytest.fixture
    def strategy(self):
        snr = builtin("strategy", "snr")
        rare = snr(eta=0.3, minimum=10, estimate="histogram", maximum=40, every=3)
        return [builtin("strategy", "er")(memory=50), rare]


class TestComposition(StrategyConformance):
    protocol: ClassVar = {
        "augment": "crop_flip",
        "normalise": "standard",
        "schedule": "cosine",
        "logits": "seen",
    }

    @pytest.fixture
    def strategy(self):
        return [
            builtin("strategy", "er")(memory=50),
            builtin("strategy", "ewc")(strength=5, samples=50),
        ]


class TestMLP(ModelConformance):
    @pytest.fixture(
        params=[
            {},
            {"norm": "batch", "init": "xavier"},
            {"norm": "layer", "activation": "tanh"},
            {"activation": "crelu", "dropout": 0.3},
            {"dropout": 0.3},
        ],
        ids=str,
    )
    def model(self, request):
        mlp = builtin("model", "mlp")
        return lambda shape, classes: mlp(shape, classes, hidden=(20, 12), **request.param)


class TestConvNet(ModelConformance):
    input_shape: ClassVar = (3, 32, 32)

    @pytest.fixture(params=["relu", "crelu"])
    def model(self, request):
        convnet = builtin("model", "convnet")
        return lambda shape, classes: convnet(shape, classes, activation=request.param)


class TestLeNet(ModelConformance):
    input_shape: ClassVar = (1, 14, 14)

    @pytest.fixture
    def model(self):
        return builtin("model", "lenet")


class TestResNet(ModelConformance):
    input_shape: ClassVar = (3, 16, 16)

    @pytest.fixture
    def model(self):
        resnet = builtin("model", "reduced_resnet18")
        return lambda shape, classes: resnet(shape, classes, width=8)


@pytest.mark.parametrize(
    "name",
    [
        "average_accuracy",
        "forgetting",
        "train_seconds",
        "activation_sparsity",
        "weight_magnitude",
        "current_accuracy",
    ],
)
class TestMetrics(MetricConformance):
    @pytest.fixture
    def metric(self, name):
        return builtin("metric", name)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("dormant_units", {"rule": "mean_activation", "threshold": 0.3}),
        ("dormant_units", {"rule": "tau", "tau": 0.5, "when": "epoch_end"}),
        ("dormant_units", {"rule": "firing_rate", "threshold": 0.5, "samples": 30}),
        ("dormant_units", {"rule": "dead", "samples": 1000}),
        ("rank", {"layer": "all", "when": "epoch_end"}),
        ("effective_rank", {}),
        ("stable_rank", {"samples": 300}),
        ("srank99", {}),
        ("nuclear_to_frobenius", {"squared": True}),
        ("approximate_rank", {}),
        ("bias_statistics", {}),
        ("dead_gradients", {"when": "epoch_end"}),
        ("dead_gradients", {"count": "entries", "samples": 300}),
        ("relative_update", {"when": "step"}),
        ("relative_update", {"of": "gradient", "when": "task_end"}),
        ("gradient_interference", {"when": "epoch_end", "tasks": 2}),
        ("feature_drift", {"layer": "hidden1"}),
        ("cka", {"when": "epoch_end", "tasks": 2, "samples": 1000}),
        ("ece", {"samples": 100}),
    ],
    ids=str,
)
class TestUnitMetrics(MetricConformance):
    @pytest.fixture
    def metric(self, name, options):
        return builtin("metric", name)(**options)


@pytest.mark.parametrize("estimate", ["difference", "trace", "top"])
@pytest.mark.parametrize("space", ["input", "weight"])
class TestCurvature(MetricConformance):
    @pytest.fixture
    def metric(self, space, estimate):
        kind = builtin("metric", "curvature")
        return kind(space=space, estimate=estimate, samples=10, draws=2, steps=3)


@pytest.mark.parametrize("name", ["probe_accuracy", "probe_gap", "representation_strength"])
class TestLinearProbes(MetricConformance):
    @pytest.fixture
    def metric(self, name):
        return builtin("metric", name)(samples=100)


class TestSplit(ScenarioConformance):
    @pytest.fixture
    def scenario(self):
        return builtin("scenario", "split")(dataset="digits", class_order="random")


class TestMappedSplit(ScenarioConformance):
    @pytest.fixture
    def scenario(self):
        return builtin("scenario", "split")(dataset="digits", setting="task", labels="mapped")


@pytest.mark.parametrize("name", ["permuted", "rotated"])
class TestWarped(ScenarioConformance):
    @pytest.fixture
    def scenario(self, name):
        return builtin("scenario", name)


class TestComposedPermutations(ScenarioConformance):
    @pytest.fixture
    def scenario(self):
        return builtin("scenario", "permuted")(dataset="digits", compose=True, samples=200)


@pytest.mark.parametrize("recur", ["repeat", "reshuffle"])
class TestPairs(ScenarioConformance):
    @pytest.fixture
    def scenario(self, recur):
        return builtin("scenario", "pairs")(dataset="digits", tasks=12, recur=recur)


@pytest.mark.parametrize("images", ["fixed", "drawn"])
class TestRandomLabels(ScenarioConformance):
    @pytest.fixture
    def scenario(self, images):
        options = {"tasks": 4, "samples": 70, "images": images}
        return builtin("scenario", "random_labels")(dataset="digits", **options)


class TestGrowing(ScenarioConformance):
    @pytest.fixture
    def scenario(self):
        options = {"classes_at_first": 4, "classes_per_stage": 3}
        return builtin("scenario", "growing")(dataset="digits", **options)


class TestDigits(DatasetConformance):
    @pytest.fixture
    def dataset(self):
        return builtin("dataset", "digits")


class TestSynthetic(DatasetConformance):
    @pytest.fixture
    def dataset(self):
        return builtin("dataset", "synthetic")(classes=3)


class TestImagenet32(DatasetConformance):
    @pytest.fixture
    def dataset(self):
        full = builtin("dataset", "imagenet32")
        return type(
            "Imagenet32", (full,), {"__doc__": full.__doc__, "classes": 2, "train": 2, "test": 1}
        )

    @pytest.fixture
    def root(self, tmp_path):
        folder = tmp_path / "imagenet32" / "classes"
        folder.mkdir(parents=True)
        for label in range(2):
            np.save(folder / f"{label}.npy", np.full((3, 3, 32, 32), label, dtype=np.uint8))
        return tmp_path


class TestLocal(LauncherConformance):
    @pytest.fixture
    def launcher(self):
        return builtin("launcher", "local")


class TestHypernetwork(StrategyConformance):
    """In the class setting: whose task an image is of, is found by the networks' entropies."""

    protocol: ClassVar = {"optimizer": {"adam": {"lr": 0.003}}, "logits": {"train": "current"}}

    @pytest.fixture
    def strategy(self):
        kind = builtin("strategy", "hypernetwork")
        return kind(hidden=[9, 7], num_chunks=7, embedding_size=5, chunk_embedding_size=3)


class TestHypernetworkOfSampledTasks(StrategyConformance):
    """Told the task, with targets computed anew, and only a task's own outputs held."""

    scenario: ClassVar = (
        "split",
        {"dataset": "digits", "tasks": 5, "setting": "task", "class_order": "random"},
    )
    protocol: ClassVar = {"optimizer": {"sgd": {"lr": 0.01, "momentum": 0.9}}}

    @pytest.fixture
    def strategy(self):
        kind = builtin("strategy", "hypernetwork")
        return kind(
            reg_batch=2,
            targets="online",
            hold="own_outputs",
            hidden=[11],
            activation="elu",
            chunk_size=301,
            embedding_size=6,
        )


class TestHypernetworkInTwoUpdates(StrategyConformance):
    """With batch-norm, whose statistics each task has for itself."""

    scenario: ClassVar = (
        "split",
        {"dataset": "digits", "tasks": 5, "setting": "domain", "class_order": "random"},
    )
    protocol: ClassVar = {
        "model": {"mlp": {"hidden": [16], "norm": "batch", "dropout": 0.2}},
        "optimizer": {"adam": {"lr": 0.003}},
    }

    @pytest.fixture
    def strategy(self):
        kind = builtin("strategy", "hypernetwork")
        return kind(
            scheme="sequential",
            output="tanh",
            activation="sigmoid",
            embedding_deviation=0.1,
            chunk_deviation=0.0,
            output_l2=0.001,
            first_task_factor=2,
            hidden=[12],
        )
