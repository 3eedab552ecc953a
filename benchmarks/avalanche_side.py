"""Avalanche's side of `against_avalanche.py`: run by the interpreter of its own environment, prints
a JSON line.

python benchmarks/avalanche_side.py '{"arrays": "mnist.npz", "path": "tensors", "method": "naive",
...}'
"""

from __future__ import annotations

import os

os.environ["OMP_NUM_THREADS"] = os.environ["MKL_NUM_THREADS"] = "1"

import json
import sys
import time
import warnings
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from avalanche.benchmarks import benchmark_from_datasets, nc_benchmark
from avalanche.benchmarks.utils import _make_taskaware_tensor_classification_dataset
from avalanche.evaluation.metrics import accuracy_metrics
from avalanche.training.plugins import EvaluationPlugin
from avalanche.training.supervised import EWC, Naive, Replay
from PIL import Image
from torch import nn
from torch.utils.data import Dataset
from torchvision.transforms import Compose, Normalize, ToTensor


class Images(Dataset[Any]):
    """A data set as torchvision's: an image and its label at a time."""

    def __init__(self, x: Any, y: Any, pil: bool) -> None:
        self.x, self.targets, self.pil = x, y.tolist(), pil

    def __len__(self) -> int:
        return len(self.targets)

    def __getitem__(self, index: int) -> Any:
        image = self.x[index, :, :, 0]
        # Not as an image: what Avalanche's own TensorMNIST does.
        return Image.fromarray(image) if self.pil else torch.from_numpy(image).float().unsqueeze(
            0
        ) / 255.0, self.targets[index]


def benchmark(given: dict[str, Any]) -> Any:
    arrays = np.load(given["arrays"])
    sides = [(arrays[f"x_{side}"], arrays[f"y_{side}"]) for side in ("train", "test")]
    tasks, classes = given["tasks"], given["classes"]
    if given["path"] == "tensors":  # preloaded, scaled tensors
        streams = []
        for x, y in sides:
            images, labels = (
                torch.from_numpy(x).permute(0, 3, 1, 2).float() / 255.0,
                torch.from_numpy(y),
            )
            masks = [labels // (classes // tasks) == task for task in range(tasks)]
            streams.append(
                [
                    _make_taskaware_tensor_classification_dataset(
                        images[m].contiguous(), labels[m], task_labels=0
                    )
                    for m in masks
                ]
            )
        return benchmark_from_datasets(train=streams[0], test=streams[1])
    scale = Normalize((0.0,), (1.0,))  # SplitMNIST normalises too, with other numbers
    transform = Compose([ToTensor(), scale]) if given["path"] == "images" else scale
    train, test = (Images(x, y, given["path"] == "images") for x, y in sides)
    return nc_benchmark(
        train,
        test,
        n_experiences=tasks,
        task_labels=False,
        shuffle=False,
        fixed_class_order=list(range(classes)),
        train_transform=transform,
        eval_transform=transform,
    )


def run(given: dict[str, Any], stream: Any, seed: int) -> tuple[float, float]:
    """Processor seconds of one seed, and its mean accuracy at the end."""
    started = time.process_time()
    torch.manual_seed(seed)
    sizes = [given["inputs"], *given["hidden"], given["classes"]]
    modules: list[nn.Module] = [nn.Flatten()]
    for before, after in pairwise(sizes):
        modules += [nn.Linear(before, after), nn.ReLU()]
    model = nn.Sequential(*modules[:-1])
    common = {
        "model": model,
        "optimizer": torch.optim.SGD(model.parameters(), lr=given["lr"]),
        "criterion": nn.CrossEntropyLoss(),
        "train_mb_size": given["batch_size"],
        "train_epochs": given["epochs"],
        "eval_mb_size": given["eval_batch_size"],
        "device": "cpu",
        "evaluator": EvaluationPlugin(accuracy_metrics(experience=True), loggers=[]),
    }
    strategy = {
        "naive": lambda: Naive(**common),
        "replay": lambda: Replay(mem_size=given["memory"], **common),
        "ewc": lambda: EWC(ewc_lambda=given["strength"], **common),
    }[given["method"]]()
    found: dict[str, Any] = {}
    for experience in stream.train_stream:
        strategy.train(experience)
        found = strategy.eval(stream.test_stream)
    shares = [
        value
        for name, value in found.items()
        if name.startswith("Top1_Acc_Exp/eval_phase/test_stream")
    ]
    assert len(shares) == given["tasks"], found
    return time.process_time() - started, float(np.mean(shares))


def main() -> None:
    warnings.filterwarnings("ignore")
    given = json.loads(sys.argv[1])
    torch.set_num_threads(1)
    stream = benchmark(given)
    results = [run(given, stream, seed) for seed in given["seeds"]]
    print(
        json.dumps(
            {
                "seconds": [seconds for seconds, _ in results],
                "accuracy": [share for _, share in results],
            }
        )
    )


if __name__ == "__main__":
    main()
