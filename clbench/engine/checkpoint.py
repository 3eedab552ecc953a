"""A job's checkpoint: written whole or not at all, read back only by the same job."""

from __future__ import annotations

import hashlib
import io
import pickle
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch

from clbench.engine.curve_log import CurveLog
from clbench.engine.loop import Loop
from clbench.errors import ClbenchError, OutputError, StrategyError
from clbench.records.atomic import atomic_write
from clbench.stack import gemm, save
from clbench.suite.cell import Cell
from clbench.suite.choice import MetricChoice

LAYOUT = 7
# Bytes at the end of the file; torch reads tensors without looking whether their bits are those
# that were written.
DIGEST_BYTES = 32
# Checkpoints may take so much of a job's time, and so many seconds beyond it: of large networks
# one takes long, of short tasks there are many.
SHARE_OF_TIME, FREE_SECONDS = 0.1, 3.0


class Checkpointer:
    """Writes checkpoints: between tasks, and within them every `every` seconds."""

    def __init__(
        self, path: Path | None, every: float, identity: dict[str, Any], say: Callable[[str], None]
    ) -> None:
        self.path, self.every, self.say = path, every, say
        self.identity = {"layout": LAYOUT, **identity}
        self.began = self.last = time.monotonic()
        self.spent = 0.0  # seconds on checkpoints
        self.said = False
        self.curves = None if path is None else CurveLog(path.with_suffix(".curves"))

    def between_steps(self, loop: Loop) -> None:
        """Save, where it is time to."""
        # monotonic, for the wall clock may be set back while a job runs.
        if self.path is None or time.monotonic() - self.last < self.every:
            return
        if self._is_affordable():
            self.save(loop)

    def between_tasks(self, loop: Loop) -> None:
        """Save, where it costs little beside the tasks.

        At the end always, so that a record can be written again.
        """
        if loop.cursor.task == len(loop.streams.tasks) or self._is_affordable():
            self.save(loop)

    def _is_affordable(self) -> bool:
        """A task that is done again costs less than a tenth of all of them."""
        return self.spent <= FREE_SECONDS + SHARE_OF_TIME * (time.monotonic() - self.began)

    def save(self, loop: Loop) -> None:
        """Save now.

        What cannot be written is said once, and is no reason to stop: the checkpoint before stays.
        """
        if self.path is None:
            return
        started = time.monotonic()
        # What saving takes is no time of training, and the clock is stopped meanwhile.
        loop.cursor.read_clock()
        try:
            self._write(self.path, loop)
        except (OSError, OutputError, MemoryError, torch.OutOfMemoryError) as error:
            self._complain(error)
        except StrategyError as error:
            if loop.cursor.phases is None:
                # Between two tasks whatever is held can be saved; if not, the method's author is to
                # know at once. Within a task it may be something that passes.
                raise
            self._complain(error)
        loop.cursor.start_clock()
        self.last = time.monotonic()
        self.spent += self.last - started

    def _write(self, path: Path, loop: Loop) -> None:
        assert self.curves is not None
        buffer = io.BytesIO()
        # Into memory first: the digest is over all bytes, and the file is written in one piece.
        whole = {
            "identity": self.identity,
            "state": save(loop.state()),
            "curves": self.curves.commit(loop.measurements.growing),
        }
        torch.save(whole, buffer)
        buffer.write(hashlib.blake2b(buffer.getbuffer(), digest_size=DIGEST_BYTES).digest())
        path.parent.mkdir(parents=True, exist_ok=True)
        # The checkpoint before stays whole until this one is on disk.
        atomic_write(path, buffer.getbuffer())

    def _complain(self, error: Exception) -> None:
        if not self.said:
            self.said = True
            reason = str(error).partition("; free some space")[0] or type(error).__name__
            self.say(
                f"no checkpoint for now: {reason}; training goes on, and an interruption costs"
                " what came since the last one"
            )

    def load(self, loop: Loop) -> bool:
        """Bring the loop, which has done nothing yet, to where the job was when it was saved.

        False where there is no checkpoint of this very job.
        """
        if self.path is None or not self.path.exists():
            return False
        data = self.path.read_bytes()
        if (
            hashlib.blake2b(data[:-DIGEST_BYTES], digest_size=DIGEST_BYTES).digest()
            != data[-DIGEST_BYTES:]
        ):
            raise ClbenchError("it is damaged or cut off")
        # Only behind the digest: nothing that is damaged is parsed.
        saved = _opened(data[:-DIGEST_BYTES])
        if saved["identity"]["layout"] != LAYOUT:
            raise ClbenchError("another version of clbench wrote it")
        if saved["identity"] != self.identity:
            # Another job's: to begin anew is right, an error would not be.
            return False
        # State first; the curves have to match its steps.
        loop.go_on(saved["state"])
        assert self.curves is not None
        self.curves.restore(saved["curves"], loop.measurements.growing, loop.learner.members)
        return True


def _opened(data: bytes) -> Any:
    """Tensors and plain values.

    What else there is, torch advises to open all the same; nobody should.
    """
    try:
        return torch.load(io.BytesIO(data), weights_only=True, map_location="cpu")
    except pickle.UnpicklingError:
        raise ClbenchError(
            "it holds more than tensors and plain values, and is not opened"
        ) from None


def identity_of(
    cell: Cell, key: str, members: Sequence[tuple[int, int]], form: str
) -> dict[str, Any]:
    """What has to be the same for a checkpoint to be of use."""
    metrics = [_asked(metric) for metric in cell.metrics]
    return {
        "key": key,
        "members": list(map(list, members)),
        # Another form rounds otherwise, on a GPU at least.
        "form": form,
        # So does another path of matrix products.
        "gemm": gemm.current(),
        "metrics": metrics,
        "keep": list(cell.protocol.keep),
    }


def _asked(metric: MetricChoice) -> list[Any]:
    """A metric without a label of its own is written as it was before there were labels."""
    own = [] if metric.label == metric.name else [metric.label]
    return [metric.name, dict(metric.options), *own]
