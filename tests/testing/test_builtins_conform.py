"""The built-in strategies, models and metrics pass the kit they give to others."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pytest

from clbench.testing import (
    DatasetConformance,
    LauncherConformance,
    MetricConformance,
    ModelConformance,
    ScenarioConformance,
    StrategyConformance,
)
from clbench.testing.bench import host_with

# Coverage counts what tests reach that know the right answer; following every line of these runs
# would make them half as long again.
pytestmark = pytest.mark.no_cover


def builtin(kind, name):
    return host_with().get(kind, name)


# ------------------------------------------------------------------ strategies

SPLIT = StrategyConformance.scenario[1]
ADAM = {"adam": {"lr": 0.003}}
ADAMW = {"adamw": {"lr": 0.003}}
MOMENTUM = {"sgd": {"lr": 0.01, "momentum": 0.9}}
NORM_AND_DROPOUT = {"mlp": {"hidden": [16], "norm": "batch", "dropout": 0.2}}


def method(name, **options):
    """A built-in strategy with these options."""
    return name, options


@dataclass(frozen=True)
class Case:
    """One class of checks: the methods that are composed, the setting, and what the protocol
    changes.
    """

    methods: tuple
    setting: str
    protocol: dict


def case(*methods, setting="class", **protocol):
    """A method without options is named, one with options is given by `method`."""
    pairs = tuple((given, {}) if isinstance(given, str) else given for given in methods)
    return Case(pairs, setting, protocol)


# `"ER": case(...)` makes the class `TestER`. What a table cannot say is a class of its own below.
STRATEGIES = {
    "Naive": case("naive"),
    "NaiveWithBatchNormAndDropout": case("naive", model=NORM_AND_DROPOUT, optimizer=ADAMW),
    "Joint": case("joint"),
    "Cumulative": case(method("cumulative", restart=True)),
    "ER": case(method("er", memory=50), setting="task"),
    "ERWithABudgetInBytes": case(method("er", memory="3kB", replay_batch=7)),
    "ERACE": case(method("er_ace", memory=50)),
    "ERACEInTasks": case(
        method("er_ace", memory=50, replay_batch=11, among="task"), setting="task", optimizer=ADAM
    ),
    "ERACEWithL2Init": case(
        method("er_ace", memory=50), method("l2_init", strength=0.01), logits="seen"
    ),
    "DER": case(method("der", memory="9kB", replay_batch=7), augment="crop_flip"),
    "DERpp": case(method("derpp", memory=50), setting="task", optimizer=ADAM),
    "DERppInDomains": case(
        method("derpp", memory=53, replay_batch=9), setting="domain", model=NORM_AND_DROPOUT
    ),
    "DERWithEWC": case(method("der", memory=50), method("ewc", samples=50, strength=5)),
    "EWC": case(method("ewc", fisher="sampled", samples=100, strength=5), setting="domain"),
    "OnlineEWC": case(method("online_ewc", samples=100, strength=5, decay=0.9)),
    "CBP": case(method("cbp", replacement_rate=0.01, maturity=5), optimizer=ADAM),
    # Members replace units in steps of their own, and heads of other tasks stand still.
    "CBPInTasks": case(
        method("cbp", replacement_rate=0.01, maturity=5, accumulate=False),
        setting="task",
        optimizer=ADAM,
    ),
    "CBPWithBatchNormAndMomentum": case(
        method("cbp", replacement_rate=0.01, maturity=5, utility="random", initial="kaiming"),
        model={"mlp": {"hidden": [16, 12], "norm": "batch"}},
        optimizer=MOMENTUM,
    ),
    "CBPWithReplay": case(
        method("cbp", replacement_rate=0.01, maturity=5, utility="contribution", count_all=True),
        method("er", memory=50),
        optimizer=ADAM,
    ),
    "CBPWithPenalties": case(
        method("l2_init", strength=0.01),
        method("cbp", replacement_rate=0.01, maturity=5, decay=0.9),
        method("ewc", samples=50, strength=5),
    ),
    # Factors of three linear layers.
    "OGD": case(
        method("ogd", memory=20, project="update"), optimizer={"sgd": {"lr": 0.03, "momentum": 0.5}}
    ),
    # Factors and dense rows on the convolutional network; heads are left alone, and all is taken
    # anew.
    "OGDInTasks": case(method("ogd", variant="all", memory=7, recompute=True), setting="task"),
    "OGDWithMeanLoss": case(
        method("ogd", variant="mean_loss", later_rate=0.2), model=NORM_AND_DROPOUT, optimizer=ADAMW
    ),
    "OGDWithMeanLossOfClasses": case(method("ogd", variant="mean_loss", per_class=True)),
    # A dense basis, under a sparse-activity penalty.
    "OGDWithPrincipalDirections": case(
        method("ogd", variant="ave", memory=12, pca=5), method("l1_activity", strength=0.1)
    ),
    "L1Activity": case(
        method("l1_activity", strength=0.1),
        model={"mlp": {"hidden": [16, 16], "norm": "layer", "activation": "tanh"}},
    ),
    "L2": case(
        method("l2", strength=0.01, norms=False),
        model={"mlp": {"hidden": [23, 17], "norm": "layer"}},
    ),
    "L2Init": case(method("l2_init", strength=0.01, l1_strength=0.001), optimizer=ADAM),
    "L2InitResampled": case(method("l2_init", strength=0.01, resample=True)),
    "ShrinkPerturb": case(method("shrink_perturb", shrink=0.001, noise=0.01)),
    "ShrinkPerturbWithFreshWeights": case(
        method("shrink_perturb", shrink=0.001, noise=0.05, perturbation="initial"), optimizer=ADAM
    ),
    "ShrinkPerturbOnceATask": case(
        method("er", memory=50), method("shrink_perturb", when="task", shrink=0.5, noise=0.01)
    ),
    "Scratch": case("scratch", optimizer=ADAM),
    "ScratchWithBatchNormAndDropout": case("scratch", model=NORM_AND_DROPOUT),
    "HeadReset": case(method("er", memory=50), method("head_reset", to="zero"), optimizer=ADAMW),
    # With outputs that stand still, each of its own age.
    "HeadResetInTheTaskSetting": case(
        method("head_reset", to="init"), setting="task", optimizer=ADAM
    ),
    # Heads whose own outputs alone are trained, and groups of images that cross batches.
    "MultiheadSwap": case(
        "naive",
        method("multihead_swap", granularity="batch", batch=7, score="sum_abs_max"),
        logits={"train": "current"},
        optimizer=ADAM,
    ),
    # Members with unequal numbers of heads.
    "MultiheadSwapOfHeadsUsedAgain": case(
        method("er", memory=50),
        method(
            "multihead_swap",
            heads="reuse_running",
            threshold=0.6,
            score="entropy",
            normalise=True,
        ),
        setting="domain",
        model=NORM_AND_DROPOUT,
    ),
    "MultiheadSwapOnAModulatedBody": case(
        method("softhebb", order="consecutive", hebbian_batch_size=31),
        method("kernel_plasticity", delta_w_interval=3),
        method("multihead_swap", granularity="sample"),
        setting="domain",
        model={"softhebb_mnist": {"width": 33}},
        optimizer=ADAM,
    ),
    "UPGD": case(
        method("upgd", decay=0.9, noise=0.01),
        optimizer={"sgd": {"lr": 0.05, "weight_decay": 0.001}},
    ),
    "UPGDOfLayersWithReplay": case(
        method("er", memory=50),
        method("upgd", scaling="local", protect=False, step=2.0),
        optimizer=ADAM,
    ),
    "GDumb": case(method("gdumb", memory=30, epochs=4)),
    "GDumbWithAPenaltyInDomains": case(
        method("l2", strength=0.01),
        method("gdumb", memory=30, epochs=3, schedule="protocol"),
        setting="domain",
        optimizer=ADAM,
    ),
    "AGEM": case(method("agem", memory=50)),
    "AGEMWithOneBatchOfEachTask": case(
        method("online_ewc", samples=100, strength=5),
        method("agem", memory=50, replay_batch=7, kept="batch"),
        setting="task",
        optimizer={"sgd": {"lr": 0.05, "momentum": 0.9}},
    ),
    "GEM": case(method("gem", memory=50)),
    "GEMInTasks": case(
        method("gem", memory=100, replay_batch=6, margin=0.0),
        method("er", memory=30),
        setting="task",
        optimizer=ADAM,
    ),
    "ICaRL": case(method("icarl", memory=50)),
    "ICaRLInTasks": case(
        method("l2_init", strength=0.01),
        method("icarl", memory=33),
        setting="task",
        model={"mlp": {"hidden": [16], "norm": "batch"}},
        optimizer=ADAMW,
    ),
    "L2InitWithEWC": case(
        method("ewc", samples=50, strength=5), method("l2_init", strength=0.01, distance="huber")
    ),
    "SI": case(method("si", strength=10.0), optimizer=ADAM),
    # Old heads move where replay trains them, and stand still else.
    "SIWithReplayInTasks": case(
        method("er", memory=50),
        method("si", strength=2.0, xi=0.5, clamp=True),
        setting="task",
        optimizer=MOMENTUM,
    ),
    "MAS": case(method("mas", strength=0.01, samples=100), setting="task"),
    "MASWithBatchNorm": case(
        method("mas", strength=0.001, samples=40), model={"mlp": {"hidden": [16], "norm": "batch"}}
    ),
    "LwF": case("lwf"),
    "LwFInTasksWithL2Init": case(
        method("lwf", strength=0.5, temperature=3.0),
        method("l2_init", strength=0.01),
        setting="task",
        optimizer=ADAM,
    ),
    # The pass of the loss is over the batch and the memory; distillation takes one of its own.
    "LwFBesideReplay": case("lwf", method("er", memory=50), model=NORM_AND_DROPOUT, logits="seen"),
    "L2LastWithL2Init": case(
        method("l2_last", strength=0.1), method("l2_init", strength=0.01), optimizer=ADAM
    ),
    "ReDo": case(method("redo", tau=0.4, period=7), optimizer=ADAM),
    # With heads of their own for tasks, whose outputs stand still in steps of others.
    "ReDoWithReplay": case(
        method("redo", tau=0.7, period=5, samples=20),
        method("er", memory=50),
        setting="task",
        model={"mlp": {"hidden": [13, 11], "activation": "crelu"}},
        optimizer=ADAMW,
    ),
    "SNR": case(method("snr", eta=0.2, minimum=10), optimizer={"adam": {"lr": 0.01}}, batch_size=5),
    "SNRWithReplay": case(
        method("er", memory=50),
        method("snr", eta=0.3, estimate="histogram", minimum=10, maximum=40, every=3),
        batch_size=5,
    ),
    # A convolution ranked by the dense block behind it, and that block by what it gives out.
    "SoftHebbWithKernelPlasticity": case(
        method("softhebb", order="consecutive", hebbian_batch_size=31),
        method(
            "kernel_plasticity",
            top_k=0.4,
            low_lr=0.8,
            threshold="median",
            ranking="kse",
            delta_w_interval=3,
            carry="accumulate",
        ),
        setting="domain",
        model={"hebbian": {"units": [11, 9], "kernel": [3, 0], "pool": ["max 4/2/1", "none"]}},
    ),
    # A convolution, then a dense block; one after the other, and the head on features that are
    # kept.
    "SoftHebb": case(
        method("softhebb", hebbian_batch_size=31),
        model={
            "hebbian": {
                "units": [5, 23],
                "kernel": [3, 0],
                "pool": ["max 4/2/1", "none"],
                "pre_triangle": [False, True],
            }
        },
        optimizer=ADAM,
        batch_size=31,
    ),
    # Dense blocks with biases and a head for which labels take the winner's place, all at every
    # step.
    "SoftHebbInOneGo": case(
        method(
            "softhebb",
            order="simultaneous",
            competition="soft_ranked",
            adapt="linear",
            classifier="hebbian",
        ),
        setting="task",
        model={
            "hebbian": {
                "units": [23, 17],
                "kernel": [0],
                "temperature": [2.0],
                "rate": [0.03],
                "pool": ["none"],
                "norm": [False, True],
                "bias": [True],
                "radius": [3.0],
            }
        },
        batch_size=31,
    ),
    # In the class setting: whose task an image is of, is found by the networks' entropies.
    "Hypernetwork": case(
        method(
            "hypernetwork", hidden=[9, 7], num_chunks=7, embedding_size=5, chunk_embedding_size=3
        ),
        optimizer=ADAM,
        logits={"train": "current"},
    ),
    # Told the task, with targets computed anew, and only a task's own outputs held.
    "HypernetworkOfSampledTasks": case(
        method(
            "hypernetwork",
            reg_batch=2,
            targets="online",
            hold="own_outputs",
            hidden=[11],
            activation="elu",
            chunk_size=301,
            embedding_size=6,
        ),
        setting="task",
        optimizer=MOMENTUM,
    ),
    # With batch-norm, whose statistics each task has for itself.
    "HypernetworkInTwoUpdates": case(
        method(
            "hypernetwork",
            scheme="sequential",
            output="tanh",
            activation="sigmoid",
            embedding_deviation=0.1,
            chunk_deviation=0.0,
            output_l2=0.001,
            first_task_factor=2,
            hidden=[12],
        ),
        setting="domain",
        model=NORM_AND_DROPOUT,
        optimizer=ADAM,
    ),
    "Composition": case(
        method("er", memory=50),
        method("ewc", samples=50, strength=5),
        augment="crop_flip",
        normalise="standard",
        schedule="cosine",
        logits="seen",
    ),
}


def conformance_of(name, checked):
    """The class of checks that a line of the table stands for."""

    class Checks(StrategyConformance):
        scenario: ClassVar = ("split", {**SPLIT, "setting": checked.setting})
        protocol: ClassVar = checked.protocol

        @pytest.fixture
        def strategy(self):
            return [builtin("strategy", name)(**options) for name, options in checked.methods]

    Checks.__name__ = Checks.__qualname__ = f"Test{name}"
    return Checks


for _name, _case in STRATEGIES.items():
    globals()[f"Test{_name}"] = conformance_of(_name, _case)


class AmongAgents(StrategyConformance):
    """Three agents a seed, with classes and numbers of samples of their own."""

    scenario: ClassVar = ("agents", {"dataset": "digits", "agents": 3, "tasks": 3})


class TestFedAvg(AmongAgents):
    protocol: ClassVar = {
        "model": NORM_AND_DROPOUT,
        "optimizer": ADAM,
        "epochs": 3,
        "batch_size": 97,
    }

    @pytest.fixture
    def strategy(self):
        fedavg = builtin("strategy", "fedavg")
        options = {"topology": "ring", "weighting": "samples", "server_momentum": 0.3, "every": 2}
        return [builtin("strategy", "er")(memory=50), fedavg(**options)]


class TestFedProx(AmongAgents):
    protocol: ClassVar = {"epochs": 2, "batch_size": 97}

    @pytest.fixture
    def strategy(self):
        return builtin("strategy", "fedprox")(topology="random", mu=0.5, when="after")


class TestSharingBesideModular(AmongAgents):
    """Weights, samples and modules, by agents whose networks are made of modules."""

    scenario: ClassVar = (
        "agents",
        {**AmongAgents.scenario[1], "samples_per_class": 20},
    )
    protocol: ClassVar = {
        "model": {"soft_ordering_mlp": {"width": 13, "components": 2, "depth": 2}},
        "optimizer": ADAM,
        "epochs": 4,
        "batch_size": 23,
        "validation": 0.1,
    }

    @pytest.fixture
    def strategy(self):
        modular = builtin("strategy", "modular")(initial_tasks=1, replay=9, threshold=0)
        fedavg = builtin("strategy", "fedavg")(every=2)
        sharing = builtin("strategy", "data_sharing")
        options = {"after": 2, "filter": "distance", "score": "random", "received_batch": 9}
        data = sharing(topology="tree", queries=5, memory=20, stored=11, **options)
        options = {"choice": "tryout", "tries": 2, "tryout_epochs": 1, "transfer_head": True}
        modules = builtin("strategy", "module_sharing")(**options)
        return [modular, fedavg, data, modules]


class TestDataSharingByNeed(AmongAgents):
    protocol: ClassVar = {
        "model": NORM_AND_DROPOUT,
        "epochs": 2,
        "batch_size": 97,
        "validation": 0.1,
    }

    @pytest.fixture
    def strategy(self):
        sharing = builtin("strategy", "data_sharing")
        return [builtin("strategy", "er")(memory=30), sharing(variant="heuristic", after=1)]


class TestNaiveWithForeignOptimiser(StrategyConformance):
    protocol: ClassVar = {"optimizer": {"torch.RMSprop": {"lr": 0.003}}, "clip": 1.0}

    @pytest.fixture
    def strategy(self):
        cls = builtin("strategy", "naive")
        return type("Naive", (cls,), {"__doc__": cls.__doc__, "capturable": False})


# ------------------------------------------------------------------ everything else


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


class TestHebbianNet(ModelConformance):
    """Convolutions, a triangle before the competition, and a dense block behind."""

    @pytest.fixture
    def model(self):
        hebbian = builtin("model", "hebbian")
        options = {
            "units": (5, 7, 9),
            "kernel": (3, 3, 0),
            "temperature": (1.0,),
            "rate": (0.05,),
            "activation": ("triangle", "repu", "softmax"),
            "power": (0.7, 1.4, 2.0),
            "pool": ("max 4/2/1", "avg 2/2/0", "none"),
            "pre_triangle": (False, True, False),
            "bias": (False, True, True),
        }
        return lambda shape, classes: hebbian(shape, classes, **options)


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
        return builtin("scenario", name)(dataset="digits", tasks=4)


class TestComposedPermutations(ScenarioConformance):
    @pytest.fixture
    def scenario(self):
        options = {"tasks": 4, "compose": True, "samples": 200}
        return builtin("scenario", "permuted")(dataset="digits", **options)


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


class TestAgents(ScenarioConformance):
    @pytest.fixture
    def scenario(self):
        options = {"agents": 2, "tasks": 4, "shared_tasks": 1, "groups": [4, 6]}
        return builtin("scenario", "agents")(dataset="digits", **options)


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
