"""A second phase on a memory, at a rate of its own, as in end-to-end incremental learning."""

from clbench import Phase, Reservoir, Strategy, hookimpl


class BalancedTuning(Strategy):
    """Learns a task, then tunes the network on a memory of all tasks (Castro et al. 2018)."""

    memory: int = 40  # samples kept in all
    rate: float = 0.01  # of the second phase

    def setup(self):
        super().setup()
        self.buffer = Reservoir(self, self.memory)

    def phases(self, task):
        tuning = Phase(
            name="tuning", epochs=1, lr=self.rate, schedule="none", augment="none", stop=False
        )
        return [*super().phases(task), tuning]

    def begin_phase(self, phase):
        super().begin_phase(phase)
        if phase.name == "tuning":
            self.train_on(self.buffer.samples())

    def after_step(self, batch):
        super().after_step(batch)
        if self.phase.name != "tuning":
            self.buffer.add(batch)


@hookimpl
def clbench_strategies():
    return [BalancedTuning]
