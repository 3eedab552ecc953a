"""What the kernels of a layer respond to in chosen images, to be looked at."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field, NonNegativeInt, PositiveInt

from clbench import Probe, ProbeMetric, Undefined

if TYPE_CHECKING:
    from torch import Tensor

MOST = 16  # images, and channels, so that a record stays small
Chosen = (
    Annotated[int, Field(ge=1, le=MOST)]
    | Annotated[tuple[NonNegativeInt, ...], Field(min_length=1, max_length=MOST)]
)


class ActivationMaps(ProbeMetric):
    """The activation maps of a layer for chosen test images, to be drawn; tables show no number.

    `[images, 1 + channels, rows, columns]`: of each image the image itself, grey, then the map of
    each channel, in evaluation mode, all brought to one size by averaging, or by repeating what is
    smaller. `clbench compare RECORD --figure activation_maps.png` draws those of each strategy's
    first finished run.
    """

    summary = "none"
    empty = "it is no number; draw it with `--figure activation_maps.png`"

    when: Literal["task_end", "run_end"] = "task_end"  # after each task, or once at the end
    task: PositiveInt = 1  # the task whose test images are shown
    images: Chosen = 4  # the first so many of them, or those with these numbers, from 0
    layer: str = "last"  # a layer by its name, or the `last` one that has maps
    channels: Chosen = 8  # the first so many, or those with these numbers, from 0
    side: Annotated[int, Field(ge=1, le=32)] = 16  # pixels: no map is larger than this

    def measure(self, probe: Probe) -> Tensor:
        import torch

        if self.task - 1 not in probe.tasks("all"):
            raise Undefined(f"there is no task {self.task}")
        images = _numbers(self.images)
        shown = []
        with torch.no_grad():
            for batch in probe.data("test", [self.task - 1], max(images) + 1):
                _, hidden = probe.net(batch.x, trace=True)
                shown.append((batch.x, self._maps(hidden), batch.weights))
        x, maps, valid = (torch.cat(parts, dim=1) for parts in zip(*shown, strict=True))
        if valid.shape[1] <= max(images):
            raise Undefined(f"task {self.task} has no test image {max(images)}, counted from 0")
        # Numbers of images: the first so many of a test set are read, and these are picked.
        rows = list(images)
        planes = self._planes(x[:, rows], maps[:, rows])
        return planes.where(valid[:, rows, None, None, None], torch.nan)

    def _maps(self, hidden: dict[str, Tensor]) -> Tensor:
        """`[R, B, channels, h, w]`: those that are asked for, of the layer that is asked for."""
        # `[R, B, channels, h, w]`; dense layers have 3 dimensions.
        layers = {name: values for name, values in hidden.items() if values.dim() == 5}
        if not layers:
            raise Undefined("no hidden layer of this network has maps: none is a convolution")
        name = list(layers)[-1] if self.layer == "last" else self.layer
        if name not in layers:
            raise Undefined(f"no layer {name!r} has maps; these do: {', '.join(layers)}")
        there = layers[name].shape[2]
        if isinstance(self.channels, int):
            return layers[name][:, :, : self.channels]
        if max(self.channels) >= there:
            raise Undefined(
                f"{name} has {there} channels, counted from 0, and no {max(self.channels)}"
            )
        return layers[name][:, :, list(self.channels)]

    def _planes(self, x: Tensor, maps: Tensor) -> Tensor:
        """`[R, images, 1 + channels, rows, columns]`, in float64: grey images, and maps."""
        import torch

        # Never enlarged beyond the image itself.
        rows, columns = (min(self.side, size) for size in x.shape[-2:])
        grey = x.double().mean(2, keepdim=True)
        sized = [resized(planes, rows, columns) for planes in (grey, maps.double())]
        return torch.cat(sized, dim=2)


def resized(planes: Tensor, rows: int, columns: int) -> Tensor:
    """`[..., h, w]` to `[..., rows, columns]`: means of what falls together, or repetitions."""
    from torch.nn.functional import adaptive_avg_pool2d

    sized: Tensor = adaptive_avg_pool2d(planes.flatten(0, -3), (rows, columns))
    return sized.reshape(*planes.shape[:-2], rows, columns)


def _numbers(chosen: int | Sequence[int]) -> Sequence[int]:
    return range(chosen) if isinstance(chosen, int) else chosen
