"""What produced a result: the copy of the project, the libraries and the machine."""

import datetime
import hashlib
import importlib.metadata
import os
import platform
import re
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from study.code import PROJECT
from study.devices import device_name, gpu_versions, system_text
from study.files import file_digest, unix_text

if TYPE_CHECKING:
    import torch


def library_versions() -> dict[str, str]:
    """Return the versions of Python and of the installed libraries that shape a result."""
    versions = {"python": platform.python_version()}
    for name in ("torch", "torchvision", "numpy", "scipy", "scikit-learn", "pandas", "snakemake"):
        try:
            versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return versions


def other_libraries(root: str | Path) -> list[str]:
    """Return which of these libraries are installed in another version than the locked one.

    Args:
        root: folder of the project, with its requirements.lock.

    Returns:
        Such as "numpy 2.1.0 (locked: 2.4.6)"; nothing without a lock.
    """
    lock = system_text(Path(root) / "requirements.lock")
    locked = dict(re.findall(r"^([\w-]+)==([^\s;]+)", lock, re.MULTILINE))
    return [
        f"{name} {version} (locked: {locked[name]})"
        for name, version in library_versions().items()
        # A build of torch for one kind of GPU is called 2.15.0+cu130.
        if name in locked and version.partition("+")[0] != locked[name].partition("+")[0]
    ]


def circumstances(device: "torch.device", threads: int) -> list[str]:
    """Return what a training's bits depend on besides its recipe, data and code.

    These are the device (on a CPU its model), the libraries that compute, and the threads, which
    decide in which order is added up.
    """
    versions = library_versions()
    libraries = {name: versions[name] for name in ("torch", "numpy")} | gpu_versions(device)
    processor = machine()["cpu"] if device.type == "cpu" else device_name(device)
    return [str(processor), *(f"{key} {value}" for key, value in libraries.items()), str(threads)]


def lock_digest(root: str | Path) -> str | None:
    """Return the sha256 of a project's requirements.lock, None without one."""
    lock = Path(root) / "requirements.lock"
    return hashlib.sha256(unix_text(lock)).hexdigest() if lock.is_file() else None


def repository(root: str | Path | None = None) -> dict[str, str | bool | None]:
    """Return the commit of the copy of the project that runs, whether it is clean, and its lock.

    Args:
        root: folder of the project; that of this file unless given.

    Returns:
        `commit` and `dirty` (tracked files differ), None without git; `lock`, the sha256 of
        requirements.lock, None without one.
    """
    root = Path(root) if root else PROJECT
    commit, changes = (
        _git(root, *command)
        for command in (("rev-parse", "HEAD"), ("status", "--porcelain", "-uno"))
    )
    # A commit that Snakemake fetched is unpacked into a folder of its name.
    unpacked = root.name if re.fullmatch("[0-9a-f]{40}", root.name) else None
    return {
        "commit": commit or unpacked,
        "dirty": None if changes is None else bool(changes),
        "lock": lock_digest(root),
    }


def account(
    started: datetime.datetime, threads: int, parents: Iterable[str | None], code: str
) -> dict[str, Any]:
    """Return what a run's record says of the job that made it.

    Args:
        started: when the job began, with its time zone.
        threads: that it computed with.
        parents: files that it read; None or "" is one that this run has not.
        code: digest of its code.
    """
    now = datetime.datetime.now(datetime.UTC)
    return {
        "threads": threads,
        "peak_memory_mb": round(peak_memory_mb(), 1),
        "started": started.isoformat(timespec="seconds"),
        "finished": now.isoformat(timespec="seconds"),
        "parents": {path: file_digest(path) for path in parents if path},
        "code": code,
        "repository": repository(),
        "versions": library_versions(),
        "machine": machine(),
    }


def _git(root: Path, *command: str) -> str | None:
    # Else git would find a repository above, which is not this project's.
    if not (root / ".git").exists():
        return None
    # In a container the folder often is somebody else's, whose settings git would not obey.
    trusted = ("-c", f"safe.directory={root.resolve()}", "-c", "core.fsmonitor=false")
    try:
        result = subprocess.run(
            ["git", *trusted, "-C", root, *command], capture_output=True, text=True, timeout=60
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return result.stdout.strip() if result.returncode == 0 else None


def machine(root: Path = Path("/")) -> dict[str, str | int | None]:
    """Return the operating system, the processor, memory and the kind of host.

    Args:
        root: where the system's files are looked for.

    Returns:
        `system`, `architecture`, `cpu`, `cpus`, `memory_mb` (None where the system does not say)
        and `host`: "container", "virtual machine" or "physical machine" (as far as Linux tells)
        with the product's name, never the machine's own.
    """
    processor = system_text(root / "proc/cpuinfo")
    model = re.search(r"^model name\s*:\s*(.+)$", processor, re.MULTILINE)
    virtual = re.search(r"^flags\s*:.*\bhypervisor\b", processor, re.MULTILINE)
    memory = re.search(r"^MemTotal:\s*(\d+) kB", system_text(root / "proc/meminfo"), re.MULTILINE)
    cpus = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    contained = any((root / mark).exists() for mark in (".dockerenv", "run/.containerenv"))
    kind = "container" if contained else "virtual machine" if virtual else "physical machine"
    product = " ".join(
        filter(
            None,
            (
                system_text(root / "sys/class/dmi/id" / part).strip()
                for part in ("sys_vendor", "product_name")
            ),
        )
    )
    return {
        "system": platform.system(),
        "architecture": platform.machine(),
        "cpu": model[1] if model else platform.processor() or platform.machine(),
        "cpus": cpus,
        "memory_mb": int(memory[1]) // 1024 if memory else None,
        "host": f"{kind}, {product}" if product else kind,
    }


def peak_memory_mb() -> float:
    """Return the largest resident set size of this process so far, in MiB."""
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (1024 * 1024 if sys.platform == "darwin" else 1024)
