"""What a running study prints."""

import io
import logging
from enum import Enum

import pytest

from study.cli import run_log
from study.cli.run_log import RunLog, for_a_reader, show_run

Event = Enum("Event", "RUN_INFO JOB_INFO JOB_FINISHED JOB_ERROR PROGRESS ERROR")


def record(event: Event | None, message: str = "", **extra) -> logging.LogRecord:
    """Return what Snakemake logs."""
    made = logging.LogRecord("snakemake", logging.INFO, "", 0, message, (), None)
    made.__dict__.update(extra, event=event)
    return made


def job(number: int, rule: str, **wildcards: str) -> logging.LogRecord:
    return record(Event.JOB_INFO, jobid=number, rule_name=rule, wildcards=wildcards)


def said(*records: logging.LogRecord, started: str = "", estimate=lambda jobs: "") -> list[str]:
    """Return what is printed of a study."""
    stream = io.StringIO()
    log = RunLog(stream)
    log.started, log.estimate = started, estimate
    for one in records:
        log.handle(one)
    log.close()
    return stream.getvalue().splitlines()


def test_a_finished_job_is_a_line_with_the_time_left(monkeypatch):
    clock = iter(range(0, 1000, 10))
    monkeypatch.setattr(run_log.time, "monotonic", lambda: float(next(clock)))
    run = {"combo": "v1", "model": "cnn2"}
    lines = said(
        record(Event.RUN_INFO, "Job stats:", stats={"train": 2, "split": 1, "total": 3}),
        job(1, "split"), record(Event.JOB_FINISHED, job_id=1),
        job(2, "train", **run, seed="42"), record(Event.JOB_FINISHED, job_id=2),
        job(3, "train", **run, seed="7"), record(Event.JOB_FINISHED, job_id=3),
        started="on 2 CPU cores",
        estimate=lambda jobs: f"about {jobs['train']} hours",
    )  # fmt: skip
    assert lines == [
        "Job stats:",
        "2 trainings: on 2 CPU cores; about 2 hours in all",
        "   1 of 3  split, 10 seconds",
        "   2 of 3  train v1/cnn2/seed42, 10 seconds; about 10 seconds left",
        "   3 of 3  train v1/cnn2/seed7, 10 seconds",
    ]


def test_a_whole_study_ends_with_where_to_look(monkeypatch):
    monkeypatch.setattr(run_log.time, "monotonic", lambda: 1.0)
    some = (record(Event.RUN_INFO, "Job stats:", stats={"summarize": 1, "all": 1}),)
    lines = said(*some, job(1, "all"), record(Event.JOB_FINISHED, job_id=1))
    assert lines[-1].startswith("done: results/gallery.html") and "--report" in lines[-1]
    lines = said(*some, job(1, "summarize"), record(Event.JOB_FINISHED, job_id=1))
    assert not any("done" in line for line in lines)


def test_jobs_that_have_not_been_tried_take_as_long_as_the_short_ones_do_on_average(monkeypatch):
    times = iter([0, 0, 10, 10, 40, 40, 140, 140])
    monkeypatch.setattr(run_log.time, "monotonic", lambda: float(next(times)))
    lines = said(
        record(Event.RUN_INFO, "Job stats:", stats={"a": 1, "b": 1, "train": 1, "measure": 3}),
        job(1, "a"), record(Event.JOB_FINISHED, job_id=1),
        job(2, "b"), record(Event.JOB_FINISHED, job_id=2),
        job(3, "train"), record(Event.JOB_FINISHED, job_id=3),
    )  # fmt: skip
    # Of 10 and 30 seconds the mean, three times.
    assert lines[-1] == "   3 of 6  train, 2 minutes; about 60 seconds left"


def test_a_long_training_says_nothing_of_the_short_jobs_after_it(monkeypatch):
    times = iter([0, 0, 7200, 7200, 7210, 7210])
    monkeypatch.setattr(run_log.time, "monotonic", lambda: float(next(times)))
    lines = said(
        record(Event.RUN_INFO, "Job stats:", stats={"train": 1, "measure": 2}),
        job(1, "train"), record(Event.JOB_FINISHED, job_id=1),
        job(2, "measure"), record(Event.JOB_FINISHED, job_id=2),
    )  # fmt: skip
    assert lines[1:] == [
        "   1 of 3  train, 2.0 hours",
        "   2 of 3  measure, 10 seconds; about 10 seconds left",
    ]


def test_why_jobs_failed_comes_last_and_once(tmp_path):
    ours, other = tmp_path / "a.log", tmp_path / "b.log"
    ours.write_text("epoch 1/5\nerror: the disk is full\n")
    other.write_text("Traceback\n  x\nValueError: y\x1b[2J\n")
    records = [job(number, "train", seed=str(number)) for number in range(4)]
    failures = [
        record(Event.JOB_ERROR, jobid=number, rule_name="train", log=[str(log)])
        for number, log in enumerate([ours, ours, other, other])
    ]
    lines = said(*records, *failures, record(Event.JOB_FINISHED, job_id=3))
    assert lines[4].startswith("   1 of 1  train seed3")
    assert lines[5:] == [
        "train seed0, train seed1 failed:",
        "error: the disk is full",
        "train seed2 failed:",
        "Traceback",
        "  x",
        "ValueError: y\\x1b[2J",
    ]


def test_a_job_that_was_killed_says_nothing_so_the_usual_reason_is_said(tmp_path):
    log = tmp_path / "a.log"
    log.write_text("epoch 1/5\n")
    failure = record(Event.JOB_ERROR, jobid=1, rule_name="train", log=[str(log)])
    *_, last_word, error = said(job(1, "train", seed="7"), failure)
    assert last_word == "epoch 1/5" and "out of memory" in error


def test_what_snakemake_says_of_every_study_alike_is_left_out():
    assert for_a_reader(record(None, "Nothing to be done."))
    assert for_a_reader(record(Event.ERROR, "WorkflowError:\nno such rule"))
    assert not for_a_reader(record(None, "Select jobs to execute..."))
    assert not for_a_reader(record(Event.PROGRESS))


@pytest.mark.parametrize("rule", ["train", "embed", "download", "find_duplicates"])
def test_a_second_kind_of_job_is_waited_for_without_a_time(rule):
    records = [record(Event.RUN_INFO, stats={"a": 2, "b": 1, rule: 1, "total": 4})]
    for number in (1, 2):
        records += [job(number, "a"), record(Event.JOB_FINISHED, job_id=number)]
    lines = said(*records)[1:]
    assert [line.split(",")[0] for line in lines] == ["   1 of 4  a", "   2 of 4  a"]
    assert not any("left" in line for line in lines)


def test_a_workflow_that_reads_the_study_twice_prints_its_course_once():
    logger = logging.Logger("snakemake")
    stream = io.StringIO()
    default = logging.StreamHandler(stream)
    default.name = "DefaultStreamHandler"
    logger.addHandler(default)
    assert show_run(logger) is show_run(logger)
    assert logger.handlers[1:] == [show_run(logger)] and len(default.filters) == 1
