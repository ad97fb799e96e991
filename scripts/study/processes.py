"""A job must not outlive the workflow that started it."""

import os
import sys
import threading

import psutil


def stop_with_ancestors(depth: int = 2, every: float = 1.0) -> None:
    """End this process soon after one of its next `depth` ancestors has ended.

    For a job these are the shell and Snakemake: when Snakemake is killed outright, its jobs would otherwise train on,
    beside those of the next call. What was saved before stays.

    Args:
        depth: how many ancestors to watch.
        every: seconds between looks.
    """
    ancestors = psutil.Process().parents()[:depth]

    def watch() -> None:
        pause = threading.Event()
        while all(process.is_running() and process.status() != psutil.STATUS_ZOMBIE for process in ancestors):
            pause.wait(every)
        print("error: the workflow that started this job is gone; stopping", file=sys.stderr, flush=True)
        os._exit(1)

    threading.Thread(target=watch, name="ancestors", daemon=True).start()
