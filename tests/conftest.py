"""One small synthetic archive in CIFAR-10's format serves all tests; some use the real one."""

import copy
import fcntl
import hashlib
import io
import os
import pickle
import re
import shutil
import subprocess
import sys
import tarfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import warm
import yaml
from hypothesis import settings

from study import code

# Tests run side by side, as jobs do: with a thread a core each they would wait for one another.
# torch reads it when it is imported, and so does all that is started.
os.environ.setdefault("OMP_NUM_THREADS", "1")

# The suite draws the same examples each time; with LONG_TESTS it searches at random, and what it
# finds becomes a fixed example.
settings.register_profile("repeatable", derandomize=not os.environ.get("LONG_TESTS"), deadline=None)
settings.load_profile("repeatable")

ROOT = Path(__file__).resolve().parents[1]
CLASSES = ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"]
PER_BATCH = 60


def synthetic_members(per_batch: int = PER_BATCH) -> dict[str, bytes]:
    """Return the seven files of a small learnable data set: each class has its own colour."""
    random = np.random.default_rng(7)
    members = {
        "batches.meta": {b"label_names": [name.encode() for name in CLASSES], b"num_vis": 3072}
    }
    for batch in [f"data_batch_{number}" for number in range(1, 6)] + ["test_batch"]:
        labels = random.permutation(np.arange(per_batch) % 10)
        planes = np.stack([(labels * 25) % 256, (labels * 67) % 256, (labels * 131) % 256], axis=1)
        noise = random.integers(-40, 41, (per_batch, 3, 1024))
        data = np.clip(planes[:, :, None] + noise, 0, 255).astype(np.uint8).reshape(per_batch, 3072)
        names = [
            f"{CLASSES[label]}_s_{position:06d}.png".encode()
            for position, label in enumerate(labels)
        ]
        members[batch] = {
            b"batch_label": batch.encode(),
            b"labels": labels.tolist(),
            b"data": data,
            b"filenames": names,
        }
    return {name: pickle.dumps(content, protocol=2) for name, content in members.items()}


def write_archive(
    path: Path, members: dict[str, bytes], folder: str = "cifar-10-batches-py/"
) -> Path:
    """Write a .tar.gz of the members."""
    with tarfile.open(path, "w:gz") as archive:
        for name, content in members.items():
            member = tarfile.TarInfo(folder + name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return path


def write_checksums(path: Path, members: dict[str, bytes]) -> Path:
    """Write the md5 list of the members, as md5sum prints it."""
    path.write_text(
        "".join(
            f"{hashlib.md5(content).hexdigest()}  {name}\n" for name, content in members.items()
        )
    )
    return path


def forget_code() -> None:
    """Let the next digest of code read files again."""
    for function in vars(code).values():
        if hasattr(function, "cache_clear"):
            function.cache_clear()


class Archive:
    """A synthetic archive with its members and its list of md5s."""

    def __init__(self, folder: Path):
        self.members = synthetic_members()
        self.path = write_archive(folder / "tiny.tar.gz", self.members)
        self.checksums = write_checksums(folder / "tiny.md5", self.members)


@pytest.fixture(scope="session")
def archive(tmp_path_factory) -> Archive:
    return Archive(tmp_path_factory.mktemp("archive"))


@pytest.fixture(scope="session")
def decoded(archive, tmp_path_factory) -> Path:
    """The synthetic data set, decoded by the scripts: images.npy, index.csv, manifest.json."""
    folder = tmp_path_factory.mktemp("decoded")
    run_script(
        "download.py", "--dataset", "cifar10", "--archive", archive.path, "--checksums",
        archive.checksums,
        "--scratch", folder / "scratch", "--output", folder / "raw",
    )  # fmt: skip
    run_script(
        "decode.py", "--dataset", "cifar10", "--raw", folder / "raw", "--checksums",
        archive.checksums,
        "--images", folder / "images.npy", "--index", folder / "index.csv", "--manifest",
        folder / "manifest.json",
    )  # fmt: skip
    return folder


@pytest.fixture
def scripts(tmp_path) -> Path:
    """A copy of the code in which files may be changed."""
    forgotten = shutil.ignore_patterns("__pycache__")
    return shutil.copytree(ROOT / "scripts", tmp_path / "scripts", ignore=forgotten)


def clean_environment(**extra: str) -> dict[str, str]:
    """Return this process's environment without what leads to the user's data or GPUs."""
    hidden = {
        "CIFAR10_ARCHIVE", "SNAKEMAKE_PROFILE", "GLIBC_TUNABLES", "PYTHONDONTWRITEBYTECODE",
        "PYTHONUNBUFFERED", "MPLBACKEND", "MATPLOTLIBRC", "PWD",
    }  # fmt: skip
    environment = {key: value for key, value in os.environ.items() if key not in hidden}
    environment["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{environment['PATH']}"
    return environment | extra


def run_python(
    program: str,
    *arguments: object,
    scripts: Path | str = ROOT / "scripts",
    cwd: Path | None = None,
    **environment: str,
) -> str:
    """Return what a Python program prints, which must succeed.

    Args:
        program: its text.
        arguments: of the command.
        scripts: where it finds the library.
        cwd: its folder. Default: this process's.
        environment: more variables of its environment.
    """
    result = subprocess.run(
        [sys.executable, "-c", program, *map(str, arguments)], cwd=cwd, capture_output=True,
        text=True, env=clean_environment(PYTHONPATH=str(scripts), **environment),
    )  # fmt: skip
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


def run_file(
    path: Path, *arguments: object, environment: dict[str, str], **options
) -> subprocess.CompletedProcess:
    """Run a Python file in a process of its own, forked where that is the same."""
    # Limits of a process are set as it starts.
    fresh = "preexec_fn" in options or warm.needs_a_fresh_process(environment)
    python = sys.executable if fresh else warm.folder() / "python"
    return subprocess.run(
        [python, path, *map(str, arguments)],
        capture_output=True, text=True, env=environment, **options,
    )  # fmt: skip


def run_script(
    name: str, *arguments: object, check: bool = True, **options
) -> subprocess.CompletedProcess:
    """Run an entry script as a user would."""
    path = ROOT / "scripts" / name
    result = run_file(path, *arguments, environment=clean_environment(), **options)
    if check and result.returncode:
        pytest.fail(f"{name} failed:\n{result.stdout}{result.stderr}")
    return result


def assert_one_clear_line(text: str, *fragments: str) -> None:
    """Assert that `text` is one line 'error: …' with all fragments, and no traceback."""
    assert "Traceback" not in text
    errors = [line for line in text.splitlines() if line.startswith("error: ")]
    assert len(errors) == 1, text
    for fragment in fragments:
        assert fragment in errors[0], errors[0]


def files_below(folder: Path) -> dict[Path, tuple[int, int]]:
    """Return size and time of change of each file and folder below a folder."""
    stats = {path: path.lstat() for path in folder.rglob("*")}
    return {path: (stat.st_size, stat.st_mtime_ns) for path, stat in stats.items()}


class Project:
    """A pristine copy of the tracked files, with a tiny study as its configuration."""

    def __init__(self, folder: Path, archive: Archive, **changes):
        self.folder = folder
        self.archive = archive
        listing = subprocess.run(
            ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
            cwd=ROOT, capture_output=True, text=True, check=True,
        )  # fmt: skip
        for name in listing.stdout.splitlines():
            source = ROOT / name
            if source.is_file():
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(source, folder / name)
        # What Python and the digests of code remember: a clone that has been used once.
        for memory in (ROOT / "scripts").rglob("__pycache__"):
            shutil.copytree(memory, folder / memory.relative_to(ROOT))
        shutil.copy2(archive.checksums, folder)
        study = {
            "dataset": {
                "name": "cifar10", "archive": "", "urls": [], "checksums": "tiny.md5",
                "path": "", "test_path": "", "image_size": 32, "fit": "resize",
                "skip_broken": False,
            },
            "partition_seed": 42,
            "partitions": [{"name": name, "size": size} for name,
                size in (("v1", 100), ("v2", 101), ("v3", 99))],
            "combos": ["v1", "v1+v2"],
            "split": {"train": 0.7, "val": 0.15, "test": 0.15},
            "official": {"val": 0.1},
            "seeds": [42, 7],
            "models": ["cnn2"],
            "overrides": {"cnn2": {"epochs": 2, "architecture": {"filters": 16}}},
            "near_duplicates": {"threshold": 0.35},
            "lr_find": {
                "models": [], "per_combo": False, "start": 1e-5, "end": 1.0, "steps": 40,
                "smoothing": 0.3, "divergence": 5,
                "rule": "steepest",
            },
            "tune": {},
            "hardness": {"views": True, "neighbours": True},
            "reproduce": {"systems": ["S0", "S1"], "tuned": False},
            "human_votes": [],
            "certify": [],
            "storage": "",
            "compare": {"precision": 0.005},
            "claims": "",
            "figures": {"runs": False},
            "device": "cpu",
        }  # fmt: skip
        self.configure(study | changes)

    @classmethod
    def there(cls, folder: Path, archive: Archive) -> "Project":
        """Return the project that a folder holds."""
        project = cls.__new__(cls)
        project.folder, project.archive = folder, archive
        return project

    def configure(self, study: dict, name: str = "config.yaml") -> None:
        """Write a configuration file."""
        (self.folder / "config" / name).write_text(yaml.safe_dump(study, sort_keys=False))

    def copied(self, folder: Path) -> "Project":
        """Return a copy of the project with all that was made in it, and its dates."""
        shutil.copytree(self.folder, folder, symlinks=True)
        twin = copy.copy(self)
        twin.folder = folder
        return twin

    @property
    def study(self) -> dict:
        return yaml.safe_load((self.folder / "config" / "config.yaml").read_text())

    def environment(self, **extra: str) -> dict[str, str]:
        return clean_environment(**({"CIFAR10_ARCHIVE": str(self.archive.path)} | extra))

    def snakemake(
        self, *arguments: str, prefix: tuple[str, ...] = (), fresh: bool = False, **extra: str
    ) -> subprocess.CompletedProcess:
        """Run `snakemake` with these arguments in the project's folder, with its own account.

        Args:
            arguments: of the command.
            prefix: of the command.
            fresh: it is a process of its own, and not one that a process has forked.
            extra: variables of its environment.
        """
        # Before the others: behind `--` all are targets.
        quiet = () if "--quiet" in arguments else ("--quiet", "host", "--printshellcmds")
        environment = self.environment(**extra)
        if not (prefix or fresh or warm.needs_a_fresh_process(environment)):
            environment["PATH"] = f"{warm.folder()}{os.pathsep}{environment['PATH']}"
        return subprocess.run(
            [*prefix, "snakemake", *quiet, *arguments],
            cwd=self.folder, capture_output=True, text=True, env=environment, timeout=600,
        )  # fmt: skip

    def succeeds(self, *arguments: str, **options) -> str:
        """Run `snakemake`, fail the test with its output if it fails, return its output."""
        result = self.snakemake(*arguments, **options)
        output = result.stdout + result.stderr
        assert result.returncode == 0, output[-6000:]
        return output

    def planned(self, *arguments: str) -> dict[str, int]:
        """Return how many jobs of each rule a command would run; none where all is done."""
        output = self.succeeds("--dry-run", *arguments)
        counts = {rule: int(n) for rule, n in re.findall(r"^(\w+) +(\d+)$", output, re.MULTILINE)}
        assert counts or "Nothing to be done" in output, output[-6000:]
        counts.pop("total", None)
        return counts


@pytest.fixture
def project(tmp_path, archive) -> Project:
    return Project(tmp_path / "project", archive)


def wait_for(
    what: str, condition: Callable[[], object], seconds: float = 120, every: float = 0.05
) -> object:
    """Return what `condition` returns once it is true; fail the test if that takes too long."""
    end = time.monotonic() + seconds
    while not (found := condition()):
        if time.monotonic() > end:
            pytest.fail(f"not within {seconds} s: {what}")
        time.sleep(every)
    return found


# What each change makes Snakemake run again: a property of this name that tests record, printed at
# the end as a table.
MATRIX = "runs again after a change"
_STEPS = ("download", "decode", "partition", "split", "train", "predict", "measure", "draw_run",
    "compare", "find_hard_examples", "build_gallery", "summarize")  # fmt: skip


def pytest_collection_modifyitems(items):
    """Put studies first: two processes then end at the same time, with small tests."""
    items.sort(key=lambda item: item.get_closest_marker("workflow") is None)


def pytest_terminal_summary(terminalreporter):
    """Print the matrix as a table."""
    reports = [
        report for kind in ("passed", "failed") for report in terminalreporter.getreports(kind)
    ]
    changes = [
        value
        for report in reports
        if report.when == "call"
        for name, value in report.user_properties
        if name == MATRIX
    ]
    if not changes:
        return
    terminalreporter.section("what runs again after a change (jobs by rule; others: other rules)")
    rows = [("", *_STEPS, "others")]
    for change, counts in changes:
        others = sum(n for rule, n in counts.items() if rule not in (*_STEPS, "all"))
        rows.append((change, *(str(counts.get(step, "·")) for step in _STEPS), str(others or "·")))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        terminalreporter.write_line(
            "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        )


# The first command of the README.
FULL = ("--cores", "4", "--resources", "gpu=1")


@pytest.fixture(scope="session")
def finished(tmp_path_factory, archive) -> Project:
    """A project after the first command; who changes something in it puts it back."""
    base = tmp_path_factory.getbasetemp()
    # All processes of these tests share one, and the first one makes it.
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "shared"
    folder.mkdir(exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (made := folder / "project").exists():
            unfinished = Project(folder / "unfinished", archive, figures={"runs": True})
            unfinished.succeeds(*FULL)
            unfinished.folder.rename(made)
    return Project.there(made, archive).copied(tmp_path_factory.mktemp("finished") / "project")


def documentation() -> str:
    """Return what the README and the pages in docs/ say."""
    return "\n".join(
        path.read_text() for path in [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
    )


def section(heading: str) -> str:
    """Return a section of CONTRIBUTING.md."""
    text = (ROOT / "CONTRIBUTING.md").read_text()
    return text.split(f"\n## {heading}\n")[1].split("\n## ")[0]


def shown_files(heading: str) -> dict[str, str]:
    """Return the files that a section of CONTRIBUTING.md shows, by path."""
    file = r"^`([^`]+/[^`]+)`[^\n]*\n\n```\w+\n(.*?)^```"
    return dict(re.findall(file, section(heading), re.MULTILINE | re.DOTALL))


def model_template() -> dict[str, str]:
    """Return the files of the architecture that CONTRIBUTING.md shows."""
    return shown_files("Add an architecture")


def real_archive() -> Path | None:
    """Return the real CIFAR-10 archive, of CIFAR10_ARCHIVE or ../shared/data, if there is one."""
    candidates = [
        os.environ.get("CIFAR10_ARCHIVE"),
        ROOT.parent / "shared" / "data" / "cifar-10-python.tar.gz",
    ]
    return next((Path(path) for path in candidates if path and Path(path).exists()), None)
