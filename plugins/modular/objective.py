"""What body and head are trained by: cross-entropy, supervised contrast, or both."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Literal

import torch
from pydantic import PositiveFloat
from torch import Tensor

from clbench import Batch, Strategy, per_member

from .contrast import supervised_contrast
from .views import affine_blur, crop_flip, flip_blur_noise

WITH_CONTRAST = ("cl", "both", "detached")
HEAD_APART = ("finetune_ce", "detached")  # cross-entropy trains the head and nothing in front of it


class Objective(Strategy):
    """Training by cross-entropy, by the contrast of features of equal and unequal labels, or both.

    The features are what goes into the head. Contrast is taken between the samples of a batch that
    belong to the same task, each in two views: as it is, and augmented once more.
    """

    # ce: cross-entropy. cl: contrast alone; the head is never trained. both: their sum.
    # finetune_ce: the head alone, by cross-entropy. detached: contrast for the body, and
    # cross-entropy for the head, which reaches no further.
    loss: Literal["ce", "cl", "both", "finetune_ce", "detached"] = "ce"
    temperature: PositiveFloat = 0.06  # of the contrast
    # Whose losses the contrast averages: those of the samples as they are, or of both views.
    anchors: Literal["one", "all"] = "one"
    # How the second view of a sample is made; none: there is one view.
    views: Literal["none", "affine_blur", "crop_flip", "flip_blur_noise"] = "affine_blur"

    # ------------------------------------------------------------------ what a method says of
    # itself

    @contextmanager
    def as_trained(self, tasks: Tensor) -> Iterator[None]:
        """Within the block the network is, for samples of tasks `[R, B]`, the one to be trained."""
        yield

    @property
    def trains_body(self) -> bool:
        """Whether anything but heads is trained."""
        return self.loss != "finetune_ce"

    # ------------------------------------------------------------------ the losses

    def task_loss(self, batch: Batch) -> Tensor:
        if self.loss not in WITH_CONTRAST:
            return super().task_loss(batch)
        contrast = self.contrast(batch)
        if self.loss == "cl":
            return contrast
        return contrast + super().task_loss(batch)

    def training_logits(self, batch: Batch) -> Tensor:
        if self.loss in HEAD_APART:
            return self.net.part("head")(self._detached_features(batch))
        with self.as_trained(batch.tasks):
            return super().training_logits(batch)

    @torch.no_grad()
    def _detached_features(self, batch: Batch) -> Tensor:
        """A body that stands still is in evaluation mode, with dropout and running statistics."""
        if self.trains_body:
            return self.features(batch)
        with self.net.evaluation():
            return self.features(batch)

    def features(self, batch: Batch) -> Tensor:
        """`[R, B, features]`: what goes into the head, in training."""
        with self.as_trained(batch.tasks), self.net.inputs_of("head") as inputs:
            super().training_logits(batch)
        return inputs["head"]

    def contrast(self, batch: Batch) -> Tensor:
        """`[R]`: the contrastive loss of a batch and its second view."""
        both = batch if self.views == "none" else batch.join(self.second_view(batch))
        features = self.features(both).flatten(2)
        anchors = batch.size if self.anchors == "one" else both.size
        return supervised_contrast(
            features, both.y, both.tasks, both.weights, anchors, self.temperature
        )

    @torch.no_grad()
    def second_view(self, batch: Batch) -> Batch:
        """The same samples, augmented."""
        noise, x = self.rng("views"), batch.x
        seen: Tensor
        if self.views == "flip_blur_noise":
            drawn = noise.uniform(batch.size, 2)
            seen = per_member(flip_blur_noise, x, drawn, noise.fast_normal(*x.shape[1:]))
        else:
            augment = CROPPED_OR_TURNED[self.views]
            seen = per_member(augment, x, noise.uniform(batch.size, 5))
        return replace(batch, x=seen)


CROPPED_OR_TURNED: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "crop_flip": crop_flip,
    "affine_blur": affine_blur,
}
