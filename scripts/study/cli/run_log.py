"""What a running study prints: a line a finished job, and why jobs failed, last and alone.

Snakemake's own account of its jobs is for who debugs a workflow; it comes back with
`snakemake --quiet host` or any other `--quiet` without `rules`.
"""

import atexit
import logging
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TextIO

from study.errors import escaped
from study.wording import counted, duration

# What Snakemake says besides, of every study alike.
_CHATTER = (
    "Assuming unrestricted shared filesystem", "Building DAG of jobs", "Complete log(s)",
    "Conda environments: ignored", "Config file ", "Elapsed time:", "Execute ",
    "Exiting because a job execution failed", "Removing output files of failed job",
    "RuleException:\nCalledProcessError in file", "Select jobs to execute", "Using shell: ",
    "Workflow defines that rule ", "WorkflowError:\nAt least one job did not complete successfully",
)  # fmt: skip
_SHOWN_OTHERWISE = {"RUN_INFO", "WORKFLOW_STARTED", "RESOURCES_INFO", "JOB_FINISHED", "PROGRESS"}
_WITHOUT_A_WORD = (
    "error: it ended without saying why, as when the system kills a process that is out of memory; "
    "run fewer jobs at once (--cores 1), or lower 'batch_size' in the recipe"
)
_DONE = (
    "done: results/gallery.html and results/summary.csv; the same command with --report makes "
    "report.html"
)
# Of the log of a job that ended without a line of ours.
_LAST_LINES = 20
# Other jobs of a study say nothing of how long these take.
_LONG = {"download", "embed", "find_duplicates", "lr_find", "take_weights", "train", "tune"}


class RunLog(logging.Handler):
    """Prints the course of a study to a stream, by the records that Snakemake logs.

    Attributes:
        started: what to say before the first training.
        estimate: how long jobs take, in words, by their number of each rule; "" if it is not known.
    """

    def __init__(self, stream: TextIO):
        super().__init__(logging.INFO)
        self.started = ""
        self.estimate: Callable[[Mapping[str, int]], str] = lambda jobs: ""
        self._stream = stream
        self._jobs: dict[int, tuple[str, str, float]] = {}
        self._to_do: Counter[str] = Counter()
        self._seconds: dict[str, list[float]] = defaultdict(list)
        self._failed: dict[int, tuple[str, list[str]]] = {}
        self._since = time.monotonic()

    def emit(self, record: logging.LogRecord) -> None:
        """Print what a record says, if it is for a reader."""
        event = getattr(record, "event", None)
        react = {
            "RUN_INFO": self._plan,
            "JOB_INFO": self._start,
            "JOB_FINISHED": self._finish,
            "JOB_ERROR": self._fail,
        }.get(getattr(event, "name", ""))
        try:
            if react:
                react(record)
        except Exception:  # what is printed must not end a study
            self.handleError(record)

    def _plan(self, record: logging.LogRecord) -> None:
        # A dry run says its plan twice.
        self._to_do = Counter({rule: n for rule, n in record.stats.items() if rule != "total"})
        self._say(record.getMessage().rstrip())
        if self._to_do["train"] and self.started:
            line = f"{counted(self._to_do['train'], 'training')}: {self.started}"
            estimate = self.estimate(self._to_do)
            self._say(f"{line}; {estimate} in all" if estimate else line)

    def _start(self, record: logging.LogRecord) -> None:
        name = " ".join([record.rule_name, _named(record.wildcards)]).strip()
        self._jobs[record.jobid] = record.rule_name, name, time.monotonic()

    def _finish(self, record: logging.LogRecord) -> None:
        if record.job_id not in self._jobs:
            return
        rule, name, start = self._jobs[record.job_id]
        self._failed.pop(record.job_id, None)  # it was tried again
        seconds = time.monotonic() - start
        self._seconds[rule].append(seconds)
        n_done = sum(map(len, self._seconds.values()))
        self._say(
            f"{n_done:>4} of {self._to_do.total() or n_done}  {name}, {duration(seconds)}"
            f"{self._left()}"
        )
        if rule == "all":
            self._say(_DONE)

    def _left(self) -> str:
        """Return how long the rest takes, once a job of each long rule and a short one show it."""
        measured = {rule: sum(times) / len(times) for rule, times in self._seconds.items()}
        rest = {rule: n - len(self._seconds.get(rule, ())) for rule, n in self._to_do.items()}
        unknown = {rule for rule, n in rest.items() if n > 0 and rule not in measured}
        if not any(n > 0 for n in rest.values()) or unknown & _LONG:
            return ""
        short = [measured[rule] for rule in measured.keys() - _LONG]
        if unknown and not short:
            return ""
        usual = sum(short) / max(len(short), 1)
        at_once = max(sum(map(sum, self._seconds.values())) / self._elapsed(), 1)
        seconds = sum(max(n, 0) * measured.get(rule, usual) for rule, n in rest.items())
        return f"; about {duration(seconds / at_once)} left"

    def _elapsed(self) -> float:
        return max(time.monotonic() - self._since, 1e-3)

    def _fail(self, record: logging.LogRecord) -> None:
        _, name, _ = self._jobs.get(record.jobid, ("", record.rule_name, 0.0))
        self._say(f"failed: {name}, see {' '.join(record.log)}")
        self._failed[record.jobid] = name, why(record.log)

    def close(self) -> None:
        """Print why jobs failed, each reason once."""
        by_reason: dict[str, list[str]] = defaultdict(list)
        for name, lines in self._failed.values():
            by_reason["\n".join(lines)].append(name)
        self._failed = {}
        for reason, names in by_reason.items():
            self._say(f"{', '.join(names[:3])}{' …' if names[3:] else ''} failed:\n{reason}")
        super().close()

    def _say(self, text: str) -> None:
        print(text, file=self._stream, flush=True)


def why(logs: list[str]) -> list[str]:
    """Return the one-line error in the logs of a job, or what comes nearest to one."""
    texts = [Path(log).read_text("utf-8", "replace") for log in logs if Path(log).is_file()]
    lines = [escaped(line) for text in texts for line in text.splitlines()]
    ours = [line for line in lines if line.startswith("error: ")]
    if ours or any(line.startswith("Traceback") for line in lines):
        return ours[-1:] or lines[-_LAST_LINES:]
    return [*lines[-3:], _WITHOUT_A_WORD]


def _named(wildcards: Mapping[str, str]) -> str:
    """Return a job's wildcards as results are called: v1/cnn2/seed42."""
    words = (f"seed{value}" if name == "seed" else str(value) for name, value in wildcards.items())
    return "/".join(words)


def for_a_reader(record: logging.LogRecord) -> bool:
    """Tell whether a message of Snakemake's own is to be shown beside a `RunLog`."""
    event = getattr(getattr(record, "event", None), "name", None)
    message = str(record.msg or "")
    return event not in _SHOWN_OTHERWISE and not message.startswith(_CHATTER)


def show_run(logger: logging.Logger) -> RunLog | None:
    """Let a logger of Snakemake's print a study's course as `RunLog` does, and return that.

    A workflow that takes the study as a module may read it several times; the log is one.
    """
    for log in logger.handlers:
        if isinstance(log, RunLog):
            return log
    for handler in logger.handlers:
        if handler.name == "DefaultStreamHandler":
            handler.addFilter(for_a_reader)
            log = RunLog(handler.stream)
            logger.addHandler(log)
            atexit.register(log.close)
            return log
    return None
