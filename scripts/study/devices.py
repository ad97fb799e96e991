"""Which device a job trains on; found without torch, because the workflow asks at every start."""

import contextlib
import fcntl
import importlib.util
import itertools
import os
import platform
import re
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from study.errors import StudyError
from study.usable_gpu import why_unusable

if TYPE_CHECKING:
    import torch

_HIDDEN = {"", "-1", "none", "NoDevFiles"}
_REMOVE = "remove it, or name another temporary folder with TMPDIR"
_NAMES = {"cuda": "NVIDIA", "hip": "AMD", "cpu": "the CPU"}
# Where drivers show their cards: NVIDIA's, also in containers that have but the second, and in WSL,
# which has but the third; and AMD's.
_PLACES = {
    "cuda": ("proc/driver/nvidia/gpus/*", "dev/nvidia[0-9]*", "usr/lib/wsl/lib/libcuda.so*"),
    "hip": ("sys/class/kfd/kfd/topology/nodes/*/gpu_id",),
}
# Variables that hide cards from torch, and the system's files that say which driver there is and
# since when. With them it says otherwise whether it can use a card.
_HIDING = ("CUDA_VISIBLE_DEVICES", "HIP_VISIBLE_DEVICES", "ROCR_VISIBLE_DEVICES")
_DRIVER = (
    "proc/driver/nvidia/version", "sys/module/amdgpu/version", "proc/sys/kernel/random/boot_id",
)  # fmt: skip
_held: list[int] = []  # open lock files of this process; the kernel frees them however it ends


class Sight(NamedTuple):
    """Whether a GPU will be used where it is found, and what was seen, in words."""

    found: bool
    words: str


def wants_gpu(device: str) -> bool:
    """Tell whether jobs should ask for a GPU: `device` is "cuda", or "auto" with a GPU in sight."""
    return device == "cuda" or (device == "auto" and look_for_gpu().found)


def where_trainings_run(device: str, cores: int | None) -> str:
    """Return in words what trainings run on, and why, for the user who waits for them."""
    if device == "cuda":
        return "on GPUs, as `device: cuda` says"
    sight = look_for_gpu() if device == "auto" else Sight(False, "`device: cpu`")
    on = f"on {cores} CPU cores" if cores else "on the CPU"
    return f"on {sight.words}" if sight.found else f"{sight.words}; {on}"


def look_for_gpu(
    environment: Mapping[str, str] = os.environ,
    root: Path = Path("/"),
    built_for: str | None = "",
    why_unusable: Callable[[tuple[str, ...]], str] = why_unusable,
) -> Sight:
    """Look for a GPU that this process may use and torch can.

    Cards are found by what their drivers leave in the system. Only where there is one that torch is
    built for, torch is asked: that takes seconds.

    Args:
        environment: where the variables that hide cards are looked up.
        root: where the system's files are looked for.
        built_for: "cuda", "hip" (AMD's) or "cpu", or None where that is not known; by default that
            of the torch that is installed.
        why_unusable: see `study.usable_gpu`.
    """
    for name in _HIDING:
        if environment.get(name, "all").strip() in _HIDDEN:
            return Sight(False, f"no GPU, because {name} hides all")
    built_for = torch_is_built_for() if built_for == "" else built_for
    seen = {kind: cards for kind in _PLACES if (cards := _cards(kind, root))}
    if not seen:
        looked = ", ".join(f"/{pattern}" for patterns in _PLACES.values() for pattern in patterns)
        return Sight(False, f"no GPU found (looked at {looked})")
    kind = built_for if built_for in seen else next(iter(seen))
    card = f"a GPU ({_NAMES[kind]}, {seen[kind][0]})"
    if built_for is None:
        return Sight(True, card)
    if built_for != kind:
        return Sight(
            False, f"no GPU, because torch is built for {_NAMES[built_for]} but {seen[kind][0]} is "
            f"there, {_NAMES[kind]}; install the other torch"
        )  # fmt: skip
    hiding = [environment.get(name, "") for name in _HIDING]
    driver = [system_text(root / place) for place in _DRIVER]
    machine = (platform.node(), _container(root), _torch_version())
    why = why_unusable((*machine, *hiding, *driver, *map(str, seen[kind])))
    return Sight(not why, f"{card} is there but torch cannot use it ({why})" if why else card)


def _cards(kind: str, root: Path) -> list[Path]:
    """Return the files by which cards of a kind are seen."""
    cards = [path for pattern in _PLACES[kind] for path in sorted(root.glob(pattern))]
    if kind == "hip":  # a processor is a node too, with the number 0
        cards = [path for path in cards if system_text(path).strip() not in ("", "0")]
    return cards


def torch_is_built_for() -> str | None:
    """Return "cuda", "hip" or "cpu", by the files of torch; None where it is not installed."""
    versions = _torch_version()
    built = re.findall(r"^(cuda|hip)\b[^=\n]*= *['\"]", versions, re.MULTILINE)
    return built[0] if built else "cpu" if versions else None


def _container(root: Path) -> str:
    """Return a name of the files that this process sees: in a container others than outside.

    It may see the host's cards there and have none of the driver's libraries.
    """
    with contextlib.suppress(OSError):
        return str((root / "proc/self/ns/mnt").readlink())
    return ""


def _torch_version() -> str:
    """Return the file that says which torch is installed; "" where none is."""
    found = importlib.util.find_spec("torch")
    path = found and found.origin and Path(found.origin).with_name("version.py")
    return system_text(path) if path else ""


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
    listing = _listed_by_driver() if listing is None else listing
    if listing is None:  # AMD's cards have numbers
        return [str(number) for number, _ in enumerate(_cards("hip", Path("/")))]
    cards: list[list[str]] = []
    for line in listing.splitlines():
        found = re.search(r"\(UUID: ([^)]+)\)", line)
        if found and line.startswith("GPU"):
            cards.append([found[1]])
        elif found and cards:
            cards[-1].append(found[1])
    return [uuid for card in cards for uuid in (card[1:] or card)]


def _listed_by_driver() -> str | None:
    """Return what NVIDIA's tool lists, None without it; WSL keeps it where few look."""
    for tool in ("nvidia-smi", "/usr/lib/wsl/lib/nvidia-smi"):
        with contextlib.suppress(OSError, subprocess.TimeoutExpired):
            return subprocess.run([tool, "-L"], capture_output=True, text=True, timeout=60).stdout
    return None


def lease_gpu(devices: Sequence[str] | None = None, folder: Path | None = None) -> str | None:
    """Take the least used GPU for this process, which then sees no others.

    Jobs on one machine agree by locks on files, one for each device and each number of jobs on it.
    A lock ends with its process, however that ends, so no lock is stale and nobody waits. Call
    before torch is imported.

    Args:
        devices: what `visible_gpus` returns, unless given.
        folder: where the locks lie; by default one folder a user on this machine.

    Returns:
        The device; CUDA_VISIBLE_DEVICES is set to it. None, and nothing set, if no device is known.

    Raises:
        StudyError: the folder is somebody else's.
    """
    devices = visible_gpus() if devices is None else devices
    if not devices:
        return None
    folder = folder or Path(tempfile.gettempdir()) / f"partition-study-gpus-{os.getuid()}"
    locks = _open_own_folder(folder)
    taken = next(
        device
        for depth in itertools.count()
        for device in devices
        if _lock(locks, f"{_file_name(device)}.{depth}.lock")
    )
    os.close(locks)
    os.environ["CUDA_VISIBLE_DEVICES"] = taken
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
        gpus: how many GPUs the job was given; it uses one. 0: it computes on the CPU.
        threads: of the CPU.
        deterministic: repeat results to the bit on a GPU too, where torch knows how.

    Raises:
        StudyError: torch can use no GPU, or there is no thread.
    """
    if threads < 1:
        raise StudyError(f"--threads is {threads}, expected 1 or more")
    if gpus:
        lease_gpu()
    if deterministic:
        _make_deterministic()
    import torch

    torch.set_num_threads(threads)
    if gpus == 0:
        return torch.device("cpu")
    if torch.cuda.is_available():
        return torch.device("cuda", 0)
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
    # Not public in torch; a version without them trains in float32.
    amx, avx512 = (
        getattr(torch.cpu, check, lambda: False)()
        for check in ("_is_amx_tile_supported", "_is_avx512_bf16_supported")
    )
    cpuinfo = system_text(proc / "cpuinfo")
    amd = re.search(r"^vendor_id\s*:\s*AuthenticAMD\s*$", cpuinfo, re.MULTILINE)
    return amx or (avx512 and amd is not None)


def _make_deterministic() -> None:
    os.environ["CUBLAS_WORKSPACE_CONFIG"] = ":4096:8"  # cuBLAS reads it when it starts
    import torch

    # Operations without a deterministic form only warn: max-pooling is one by its general code, but
    # not without overlap.
    torch.use_deterministic_algorithms(True, warn_only=True)
    torch.backends.cudnn.benchmark = False


@contextlib.contextmanager
def memory_advice() -> Iterator[None]:
    """Turn torch's errors about missing memory into one line that says what to do.

    It may be around `take_device`, because it imports torch after an error alone.

    Raises:
        StudyError: memory ran out, on the GPU or in the machine.
    """
    try:
        yield
    except RuntimeError as error:
        where = full_memory(error)
        if where is None:
            raise
        raise StudyError(
            f"out of memory on the {where}; lower 'batch_size' in the recipe, run fewer jobs at "
            f"once, or use a larger {where}"
        ) from error


def full_memory(error: BaseException) -> str | None:
    """Return whose memory an error of torch's calls full, "GPU" or "machine"; None: no one's."""
    import torch

    if isinstance(error, torch.OutOfMemoryError):
        return "GPU"
    if not isinstance(error, RuntimeError):
        return None
    # That class is of torch's own allocator. Where CUDA and its libraries find no room, as beside
    # other programs, and where the machine has none, only the words tell.
    said = str(error)
    if "error: out of memory" in said or "STATUS_ALLOC_FAILED" in said:
        return "GPU"
    # The second is what torch says on Linux.
    phrases = ("not enough memory", "can't allocate memory")
    return "machine" if any(words in said for words in phrases) else None


def device_name(device: "torch.device") -> str:
    """Return the device's name for readers: the card, or such as "cpu (x86_64)"."""
    import torch

    return (
        torch.cuda.get_device_name(device)
        if device.type == "cuda"
        else f"{device.type} ({platform.machine()})"
    )


def gpu_versions(device: "torch.device", proc: Path = Path("/proc")) -> dict[str, str]:
    """Return the versions of CUDA, cuDNN and the driver, or of HIP; nothing without such a GPU."""
    if device.type != "cuda":
        return {}
    import torch

    if torch.version.hip:
        return {"hip": torch.version.hip}
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
