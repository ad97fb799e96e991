"""What jobs are about to replace stays until there is something to replace it.

Snakemake deletes the outputs of a job before it starts, and also where the job then fails; it notes
the parameters of the failed job as those of its outputs. So outputs and Snakemake's records of them
are kept elsewhere, as links. When a job fails, both are put back. Then all is as it was before the
job, and the next command plans it again.
"""

import base64
import os
import shutil
from collections.abc import Iterable, Sequence
from pathlib import Path

from study.audit.bundle_places import RECORDS, recorded_file

# Where it is kept, in the project's folder: below, one folder per job with the same paths.
KEPT = Path("results/scratch/replaced")
_LOCKS = Path(".snakemake/locks")
# Of a file's name. Snakemake cuts longer names of its records into folders.
_LONGEST = 255


def locked() -> bool:
    """Tell whether Snakemake holds the current folder: it runs, or was killed."""
    return _LOCKS.is_dir() and any(_LOCKS.iterdir())


def record_of(output: str | Path) -> Path:
    """Return where Snakemake keeps its record of an output."""
    name = base64.urlsafe_b64encode(str(output).encode()).decode()
    *folders, last = [name[i : i + _LONGEST - 1] for i in range(0, len(name), _LONGEST - 1)]
    return Path(RECORDS, *(f"@{folder}" for folder in folders), last)


def keep(jobs: Iterable[Sequence[str]]) -> None:
    """Keep the outputs that jobs are about to replace, with their records.

    Takes no space but that of what is replaced, for as long as the command runs. An output without
    a record is not kept: nobody would know later what it was made with. Where the file
    system has no hard links, none is kept.

    Args:
        jobs: the outputs of each, as Snakemake writes them.
    """
    drop()
    for number, outputs in enumerate(jobs):
        there = [path for path in outputs if os.path.lexists(path) and record_of(path).is_file()]
        try:
            for path in there:
                _link(Path(path), KEPT / str(number) / path)
                kept_record = KEPT / str(number) / record_of(path)
                kept_record.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(record_of(path), kept_record)
        except OSError:
            shutil.rmtree(KEPT / str(number), ignore_errors=True)


def put_back() -> int:
    """Put back what jobs were to replace that did not end well; return how many jobs these are."""
    n_jobs = 0
    for folder in KEPT.iterdir() if KEPT.is_dir() else ():
        records = [path for path in (folder / RECORDS).rglob("*") if path.is_file()]
        outputs = [recorded_file(path.relative_to(folder)) for path in records]
        # A job that ended well has all its outputs, new ones; so has one that did not start.
        if all(map(os.path.lexists, outputs)):
            continue
        for record, output in zip(records, outputs, strict=True):
            # The record first: an output without its own would pass for what the job was to make.
            record.replace(record_of(output))
            _remove(Path(output))
            Path(output).parent.mkdir(parents=True, exist_ok=True)
            (folder / output).replace(output)
        n_jobs += 1
    drop()
    return n_jobs


def drop() -> None:
    """Forget what was kept."""
    shutil.rmtree(KEPT, ignore_errors=True)


def _link(path: Path, link: Path) -> None:
    """Make hard links of a file, or of all files in a folder."""
    link.parent.mkdir(parents=True, exist_ok=True)
    if path.is_dir() and not path.is_symlink():
        shutil.copytree(path, link, symlinks=True, copy_function=_link_file)
    else:
        _link_file(path, link)


def _link_file(path: str | Path, link: str | Path) -> None:
    os.link(path, link, follow_symlinks=False)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
