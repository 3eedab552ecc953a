"""Where a run took place: written into its record,
so that a number can be traced to a machine and to versions.
"""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import lru_cache
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

from clbench.execution.jobs import Job, Site
from clbench.records.provenance import Facts, named
from clbench.suite import ENGINE_VERSION

if TYPE_CHECKING:
    from clbench.host import Host

PACKAGES = ("clbench", "torch", "torchvision", "numpy", "scipy", "scikit-learn", "h5py")

# The whole hash, by no tag's name.
DESCRIBE = ("describe", "--always", "--dirty", "--abbrev=40", "--exclude=*")

# One thread a worker: two gain little on an idle machine, collapse on a busy one, and change bits.
ONE_THREAD = {
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "NUMEXPR_NUM_THREADS": "1",
}

# Without it MKL's products round by where in memory a member's rows begin.
BITS = {"MKL_CBWR": "AUTO"}

# glibc gives large blocks back to the system when they are freed, and the next step takes them
# again page by page, a fifth of a convolutional network's time. So a worker keeps what it had: it
# does not grow by that, it only does not shrink between jobs.
MEMORY = {"MALLOC_MMAP_MAX_": "0", "MALLOC_TRIM_THRESHOLD_": str(2**40)}


def environment(
    host: Host, slots: Sequence[str], form: str, gemm: str, folder: Path | None
) -> dict[str, Any]:
    """Versions, machine, devices, plugins of this process;
    `folder` is the suite's, asked for its git commit.
    """
    return {
        "python": platform.python_version(),
        "packages": {name: _version(name) for name in PACKAGES},
        "engine": ENGINE_VERSION,
        "platform": platform.platform(),
        "cpu": cpu_model(),
        "cores": os.cpu_count(),
        "device": gpu_names(slots) or "cpu",
        "workers": len(slots),
        "threads": _threads(),
        "gemm": f"float32, {gemm} path, MKL_CBWR={_rounding()}",
        "form": form,
        "plugins": host.versions(),
        "git": git_commit(folder),
    }


def facts_of(host: Host, job: Job, site: Site, device: str) -> Facts:
    """What a worker says of itself: the run's date and size,
    and the environment in which it really works.
    """
    found = _environment_of_worker(host, device, job.form, site.gemm)
    return named({**found, "date": site.started, "workers": site.workers, "git": site.git})


@lru_cache(maxsize=8)
def _environment_of_worker(host: Host, device: str, form: str, gemm: str) -> dict[str, Any]:
    """Found out once: it takes longer than a small job."""
    return environment(host, [device], form, gemm, None)


def now() -> str:
    """The date and time in UTC, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def _rounding() -> str:
    """What MKL was told; it listens before its first product alone."""
    told = os.environ.get("MKL_CBWR", "not set")
    if "torch" not in sys.modules:
        return told
    from clbench.stack import gemm

    return told if gemm.rounds_as_a_worker() else f"{told}, but too late"


def _threads() -> int:
    """Threads of a matrix product; a worker has one."""
    torch = sys.modules.get("torch")
    return 1 if torch is None else int(torch.get_num_threads())


def gemm_path(slots: Sequence[str]) -> str:
    """The path of the matrix products (`clbench.stack.gemm`):
    found once, by who starts a run, and then every worker's.
    """
    from clbench.stack import gemm

    return gemm.STANDARD if any(slot.startswith("cuda") for slot in slots) else gemm.choose()


def worker_environment() -> dict[str, str]:
    """What a worker process has to find:
    one thread, memory to keep (a person's setting stands), the modules that this one sees.
    """
    memory = {name: value for name, value in MEMORY.items() if name not in os.environ}
    # Plugins that this process can import, a worker has to find, too.
    path = os.pathsep.join(dict.fromkeys(os.path.abspath(entry) for entry in sys.path))
    return {
        **ONE_THREAD,
        **BITS,
        **memory,
        "PYTHONPATH": path,
        "PYTHONFAULTHANDLER": "1",
        "PYTHONIOENCODING": "utf-8",
    }


def worker_command() -> tuple[str, ...]:
    """The interpreter that runs this; `-P` keeps the current directory off `sys.path`."""
    return (sys.executable, "-P", "-m", "clbench.execution.worker")


def cpu_model(source: Path = Path("/proc/cpuinfo")) -> str:
    """The processor's name, or at least its kind."""
    try:
        lines = source.read_text().splitlines()
    except OSError:
        lines = []
    for line in lines:
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def gpu_names(slots: Sequence[str]) -> str:
    """`2 x NVIDIA H200`, empty where nothing runs on a GPU of this machine."""
    if not any(slot.startswith("cuda") for slot in slots):
        return ""
    import torch

    if not torch.cuda.is_available():
        return "cuda"
    return _counted([torch.cuda.get_device_name(slot) for slot in slots if slot.startswith("cuda")])


def _counted(names: Sequence[str]) -> str:
    """`2 x this, 1 x that`."""
    return ", ".join(f"{names.count(name)} x {name}" for name in dict.fromkeys(names))


def git_commit(folder: Path | None) -> str | None:
    """The commit the suite's folder stands at, `-dirty` where files differ from it;
    None without git or a checkout.
    """
    if folder is None:
        return None
    try:
        done = subprocess.run(
            ["git", "-C", str(folder), *DESCRIBE],
            capture_output=True,
            text=True,
            timeout=10,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip() or None if done.returncode == 0 else None


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None
