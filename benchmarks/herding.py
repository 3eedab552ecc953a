"""What is large and element-wise goes member by member: herding, as iCaRL chooses its exemplars.

    python benchmarks/herding.py

Herding (Welling 2009; Rebuffi et al. 2017) picks samples of a class one after the other, each time
the one whose features bring the mean of those picked nearest to the mean of the class. Written for
the whole stack it makes temporaries of `[R, samples, features]` at each pick, which leave every
cache. Two ways member by member: the same lines within `clbench.per_member`, and lines that need no
such temporary, for the distance to the mean is a norm and a product. Times are processor seconds,
the least of several rounds in which the ways take turns. R = 10 should cost at most ten times what
R = 1 costs.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable

import torch
from as_worker import as_worker
from rich.console import Console
from rich.table import Table
from torch import Tensor

from clbench import per_member

Herding = Callable[[Tensor, int], Tensor]


def stacked(features: Tensor, picks: int) -> Tensor:
    """`[R, samples, features]` -> `[R, picks]`, written for all members at once."""
    mean, total = features.mean(-2), torch.zeros_like(features[..., 0, :])
    taken = torch.zeros(features.shape[:-1], dtype=torch.bool)
    chosen = []
    for count in range(1, picks + 1):
        means = (total.unsqueeze(-2) + features) / count
        distance = (mean.unsqueeze(-2) - means).square().sum(-1)
        nearest = distance.masked_fill(taken, torch.inf).argmin(-1, keepdim=True)
        taken.scatter_(-1, nearest, True)
        picked = nearest.unsqueeze(-1).expand(*nearest.shape, features.shape[-1])
        total = total + features.gather(-2, picked).squeeze(-2)
        chosen.append(nearest)
    return torch.cat(chosen, dim=-1)


def member_by_member(features: Tensor, picks: int) -> Tensor:
    """The same lines, for one member after the other."""
    found: Tensor = per_member(lambda rows: stacked(rows, picks), features)
    return found


def by_products(features: Tensor, picks: int) -> Tensor:
    """Member by member, without temporaries of the features' size.

    The distance of `mean` to `(total + f) / count` is least where `|f|^2 - 2 f (count mean -
    total)` is.
    """

    def herd(rows: Tensor) -> Tensor:
        mean, total = rows.mean(0), torch.zeros_like(rows[0])
        sizes, chosen = rows.square().sum(1), []
        for count in range(1, picks + 1):
            nearest = (sizes - 2 * (rows @ (count * mean - total))).argmin()
            sizes[nearest] = torch.inf
            total = total + rows[nearest]
            chosen.append(nearest)
        return torch.stack(chosen)

    found: Tensor = per_member(herd, features)
    return found


WAYS: dict[str, Herding] = {
    "for the whole stack": stacked,
    "the same within per_member": member_by_member,
    "per_member, by products": by_products,
}


def seconds(way: Herding, features: Tensor, picks: int) -> float:
    start = time.process_time()
    way(features, picks)
    return time.process_time() - start


def main() -> None:
    as_worker()
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--members", type=int, default=10)
    parser.add_argument("--samples", type=int, default=1500, help="of a class")
    parser.add_argument("--features", type=int, default=400)
    parser.add_argument("--picks", type=int, default=20)
    parser.add_argument("--rounds", type=int, default=4)
    given = parser.parse_args()
    generator = torch.Generator().manual_seed(0)
    shape = (given.members, given.samples, given.features)
    features = torch.randn(shape, generator=generator).relu()
    features /= features.norm(dim=-1, keepdim=True)
    wanted = stacked(features, given.picks)
    for name, way in WAYS.items():
        same = (way(features, given.picks) == wanted).double().mean()
        assert same > 0.99, f"{name} picks other samples ({same:.1%} are the same)"
    least = {(name, r): float("inf") for name in WAYS for r in (1, given.members)}
    for turn in range(given.rounds):
        for name, r in sorted(least, reverse=bool(turn % 2)):
            spent = seconds(WAYS[name], features[:r], given.picks)
            least[name, r] = min(least[name, r], spent)
    size = f"{given.picks} of {given.samples} samples of {given.features} features"
    table = Table(title=f"herding, {size}, milliseconds, one thread")
    table.add_column("way")
    for column in ("R = 1", f"R = {given.members}", "times as long"):
        table.add_column(column, justify="right")
    for name in WAYS:
        one, many = least[name, 1], least[name, given.members]
        table.add_row(name, f"{one * 1e3:,.1f}", f"{many * 1e3:,.1f}", f"{many / one:.1f}")
    Console().print(table)


if __name__ == "__main__":
    main()
