"""The built-in data sets: two that need no file, those of torchvision, a small ImageNet, and what
is put together of others.
"""

from __future__ import annotations

from clbench import Dataset, hookimpl

from .combined import Combined
from .digits import Digits
from .imagenet32 import Imagenet32
from .synthetic import Synthetic
from .vision import CIFAR10, CIFAR100, KMNIST, MNIST, STL10, FashionMNIST, Imagenette


@hookimpl
def clbench_datasets() -> list[type[Dataset]]:
    """Offer the data sets."""
    return [
        Digits,
        Synthetic,
        MNIST,
        FashionMNIST,
        KMNIST,
        CIFAR10,
        CIFAR100,
        STL10,
        Imagenette,
        Imagenet32,
        Combined,
    ]
