"""Who takes part: members that have stopped, or have diverged, sit out while the others go on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from clbench.engine.learner import Learner
from clbench.stack import Suspension, member_tables


class Participation:
    """Lets members sit out and come back, and lets those that diverged stop for good."""

    def __init__(self, learner: Learner) -> None:
        self.learner, self.session = learner, learner.session
        self.measurements = learner.session.measurements
        self.suspension = Suspension(learner.state(), learner.members)
        self.rows: slice | Tensor = slice(None)  # of the members that take part, on the device

    def set_active(self, members: Sequence[int]) -> None:
        """Let exactly these members take part from here on."""
        # Suspending copies rows: not without need.
        if list(members) == self.session.active:
            return
        self.suspension.set_active(set(members))
        self.publish()

    def all_running(self) -> None:
        """Let all take part that have not diverged, each
        with what it left behind when it sat out.
        """
        self.set_active(self.measurements.running)
        self.show_suspended()

    def publish(self) -> None:
        """Tell everybody who takes part."""
        active = self.suspension.active
        self.session.set_active(active)
        everybody = len(active) == self.learner.members
        # A slice writes without an index, which matters in every step.
        self.rows = slice(None) if everybody else torch.tensor(active, device=self.learner.device)
        self.learner.show_active(active)

    def show_suspended(self) -> None:
        """Let whoever looks see members that sit out as they left."""
        self.suspension.show_kept()

    def check_tables(self) -> None:
        """Refuse a tensor that neither has a row a member nor is declared to be shared.

        With as many members as it has rows it would be suspended and cleared like one of theirs.
        """
        # The walk raises at the first such tensor.
        for _ in member_tables(self.learner.state(), self.learner.members):
            pass

    # ------------------------------------------------------------------ members that diverged

    def mark_all_diverged(self, broken: Mapping[int, int]) -> None:
        """Members whose loss was not finite, with the step in which that was, stop for good."""
        if not broken:
            return
        for member, step in broken.items():
            # The first time counts.
            if self.measurements.diverged_at[member] < 0:
                self.mark_diverged(member, step)
        running = set(self.measurements.running)
        self.set_active([member for member in self.session.active if member in running])

    def mark_diverged(self, member: int, step: int) -> None:
        """Note that a member diverged, and clear its state, so that no arithmetic trips over it."""
        self.measurements.diverged_at[member] = step
        for _, table in member_tables(self.learner.state(), self.learner.members):
            if table.is_floating_point():
                # Finite, and in place: NaN would spread through whatever members share, such as
                # sums.
                table.detach()[member].nan_to_num_(0.0, 0.0, 0.0)

    def broken_agents(self) -> dict[int, int]:
        """Agents whose weights are not finite, with the step that they are in.

        Found before any other agent sees them; the loss tells a step too late.
        """
        net = self.learner.stack
        # Agents read each other's weights; members of other scenarios do not.
        if self.learner.scenario.agents == 1 or net is None:
            return {}
        finite = torch.ones(self.learner.members, dtype=torch.bool, device=self.learner.device)
        for value in net.parameters():
            finite &= value.detach().isfinite().flatten(1).all(1)
        # The only reading on the host, once an epoch.
        flags = finite.tolist()
        steps = self.measurements.steps
        return {member: int(steps[member]) for member in self.session.active if not flags[member]}
