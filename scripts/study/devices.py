"""Which device a job trains on; found without torch, because the workflow asks at every start."""

import fcntl
import os
import platform
import re
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from study.errors import StudyError

if TYPE_CHECKING:
    import torch

_HIDDEN = {"", "-1", "none", "NoDevFiles"}
_REMOVE = "remove it, or name another temporary folder with TMPDIR"
_held: list[int] = []  # open lock files of this process; the kernel frees them however it ends


def wants_gpu(device: str) -> bool:
    """Tell whether jobs should ask for a GPU: `device` is "cuda", or "auto" with a GPU in sight."""
    return device == "cuda" or (device == "auto" and gpu_visible())


def gpu_visible(
    environment: Mapping[str, str] = os.environ,
    proc: Path = Path("/proc"),
    system: tuple[str, str] | None = None,
) -> bool:
    """Tell whether this process may see a GPU: an allowed NVIDIA card, or an Apple one."""
    if (system or (platform.system(), platform.machine())) == ("Darwin", "arm64"):
        return True
    if environment.get("CUDA_VISIBLE_DEVICES", "all").strip() in _HIDDEN:
        return False
    cards = proc / "driver" / "nvidia" / "gpus"
    return cards.is_dir() and any(cards.iterdir())


def visible_gpus(
    environment: Mapping[str, str] = os.environ, listing: str | None = None
) -> list[str]:
    """Return what CUDA_VISIBLE_DEVICES may name: its entries, else the UUIDs of the driver.

    Entries (numbers, UUIDs, MIG UUIDs) are not interpreted. A card divided into MIG devices stands
    for these.

    Args:
        environment: where CUDA_VISIBLE_DEVICES is looked up.
        listing: output of `nvidia-smi -L`; None runs it.
    """
    preset = environment.get("CUDA_VISIBLE_DEVICES")
    if preset is not None:
        return (
            []
            if preset.strip() in _HIDDEN
            else [entry.strip() for entry in preset.split(",") if entry.strip()]
        )
    if listing is None:
        try:
            listing = subprocess.run(
                ["nvidia-smi", "-L"], capture_output=True, text=True, timeout=60
            ).stdout
        except (OSError, subprocess.TimeoutExpired):
            return []
    cards: list[list[str]] = []
    for line in listing.splitlines():
        found = re.search(r"\(UUID: ([^)]+)\)", line)
        if found and line.startswith("GPU"):
            cards.append([found[1]])
        elif found and cards:
            cards[-1].append(found[1])
    return [uuid for card in cards for uuid in (card[1:] or card)]


def lease_gpus(
    count: int, devices: Sequence[str] | None = None, folder: Path | None = None
) -> list[str]:
    """Take `count` GPUs for this process, the least used first; it sees no others.

    Jobs on one machine agree by locks on files, one for each device and each number of jobs on it;
    a lock ends with its process, however it ends, so nothing is ever stale and nobody waits. Call
    before torch is imported.

    Args:
        count: how many different GPUs.
        devices: what `visible_gpus` returns, unless given.
        folder: where the locks lie; by default one folder a user on this machine.

    Returns:
        The devices taken; CUDA_VISIBLE_DEVICES is set to them. Empty, and nothing set, if no device
        is known.

    Raises:
        StudyError: fewer than `count` devices are visible, or the folder is somebody else's.
    """
    devices = visible_gpus() if devices is None else list(devices)
    if not devices:
        return []
    if count > len(devices):
        raise StudyError(
            f"this job asks for {count} GPUs but sees {len(devices)} ({', '.join(devices)})"
        )
    folder = folder or Path(tempfile.gettempdir()) / f"partition-study-gpus-{os.getuid()}"
    locks = _open_own_folder(folder)
    taken: list[str] = []
    depth = 0
    while len(taken) < count:
        for device in devices:
            if (
                len(taken) < count
                and device not in taken
                and _lock(locks, f"{_file_name(device)}.{depth}.lock")
            ):
                taken.append(device)
        depth += 1
    os.close(locks)
    os.environ["CUDA_VISIBLE_DEVICES"] = ",".join(taken)
    return taken


def _file_name(device: str) -> str:
    return re.sub(r"[^A-Za-z0-9-]", "_", device)


def _open_own_folder(folder: Path) -> int:
    """Return the descriptor of a folder of this user's, made if it is not there.

    In the temporary folder anybody may make what has its name, such as a link to elsewhere.

    Raises:
        StudyError: it is a link, or no folder, or others may enter it.
    """
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError as error:
        raise StudyError(
            f"{folder}: is no folder of yours ({error.strerror}); {_REMOVE}"
        ) from error
    status = os.fstat(descriptor)
    if status.st_uid != os.geteuid() or status.st_mode & 0o077:
        os.close(descriptor)
        raise StudyError(f"{folder}: is another user's, or others may enter it; {_REMOVE}")
    return descriptor


def _lock(folder: int, name: str) -> bool:
    flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
    descriptor = os.open(name, flags, 0o600, dir_fd=folder)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return False
    _held.append(descriptor)
    return True


def take_device(gpus: int, threads: int, deterministic: bool = False) -> "torch.device":
    """Return the device for a job and set torch up for it; must be the first to import torch.

    Args:
        gpus: how many GPUs the job was given; 0: it computes on the CPU.
        threads: of the CPU.
        deterministic: repeat results to the bit on a GPU too, where torch knows how.

    Raises:
        StudyError: fewer GPUs are visible, or torch can use none.
    """
    if gpus:
        lease_gpus(gpus)
    if deterministic:
        _make_deterministic()
    import torch

    torch.set_num_threads(threads)
    if gpus == 0:
        return torch.device("cpu")
    if torch.cuda.is_available():
        return torch.device("cuda", 0)
    if torch.backends.mps.is_available():
        return torch.device("mps")
    raise StudyError(
        "this job was given a GPU but torch sees none (driver, CUDA_VISIBLE_DEVICES or a torch "
        "built for another CUDA); "
        "set 'device: cpu' in the configuration or run with '--resources gpu=0'"
    )


def trains_in_bf16(precision: str, device: "torch.device", proc: Path = Path("/proc")) -> bool:
    """Tell whether a training's forward passes run in bfloat16 (autocast; weights stay float32).

    Args:
        precision: "fp32", "bf16" or "auto": bfloat16 where it is faster than float32. That is CUDA
            since Ampere, CPUs with AMX, and AMD's with AVX512-BF16. Elsewhere it is emulated and
            slow; and Intel's with AVX512-BF16 alone, as on a virtual machine that hides AMX,
            multiply it at little more than half the speed of float32.
        device: where the training runs.
        proc: where the kernel tells what processor this is.
    """
    import torch

    if precision != "auto":
        return precision == "bf16"
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    if device.type == "cpu":
        # Not public in torch; a version without them trains in float32.
        amx, avx512 = (
            getattr(torch.cpu, check, lambda: False)()
            for check in ("_is_amx_tile_supported", "_is_avx512_bf16_supported")
        )
        amd = re.search(
            r"^vendor_id\s*:\s*AuthenticAMD\s*$", system_text(proc / "cpuinfo"), re.MULTILINE
        )
        return amx or (avx512 and amd is not None)
    return False


def _make_deterministic() -> None:
    os.environ["CUBLAS_WORKSPACE_CONFIG"] = ":4096:8"  # cuBLAS reads it when it starts
    import torch

    # Operations without a deterministic form only warn: max-pooling is one by its general code, but
    # not without overlap.
    torch.use_deterministic_algorithms(True, warn_only=True)
    torch.backends.cudnn.benchmark = False


@contextmanager
def memory_advice() -> Iterator[None]:
    """Turn torch's errors about missing memory into one line that says what to do.

    Raises:
        StudyError: memory ran out, on the GPU or in the machine.
    """
    import torch

    try:
        yield
    except (
        RuntimeError
    ) as error:  # torch.OutOfMemoryError is one; for the machine's memory torch has no class
        if not isinstance(error, torch.OutOfMemoryError) and "not enough memory" not in str(error):
            raise
        where = "GPU" if isinstance(error, torch.OutOfMemoryError) else "machine"
        raise StudyError(
            f"out of memory on the {where}; lower 'batch_size' in the recipe, run fewer jobs at "
            f"once, or use a larger {where}"
        ) from error


def device_name(device: "torch.device") -> str:
    """Return the device's name for readers: the card, or such as "cpu (x86_64)"."""
    import torch

    return (
        torch.cuda.get_device_name(device)
        if device.type == "cuda"
        else f"{device.type} ({platform.machine()})"
    )


def gpu_versions(device: "torch.device", proc: Path = Path("/proc")) -> dict[str, str]:
    """Return the versions of CUDA, cuDNN and the driver; nothing without an NVIDIA GPU."""
    if device.type != "cuda":
        return {}
    import torch

    versions = {"cuda": str(torch.version.cuda), "cudnn": str(torch.backends.cudnn.version())}
    found = re.search(
        r"\b(\d+\.\d+(?:\.\d+)?)\b", system_text(proc / "driver" / "nvidia" / "version")
    )
    return versions | ({"driver": found[1]} if found else {})


def system_text(path: Path) -> str:
    """Return the content of a file of the system, "" where it is not there or may not be read."""
    try:
        return path.read_text(errors="replace")
    except OSError:
        return ""
