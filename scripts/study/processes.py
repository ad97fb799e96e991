"""What a job's process needs: memory that stays, and an end when the workflow that started it ends."""

import os
import sys
import threading

import psutil

# Environment of a process that trains on a CPU. glibc maps and unmaps every large activation at each training step unless told
# to keep the memory, which costs 1.2 to 1.7 times the time. It reads this when a process starts; other C libraries ignore it.
KEEP_MEMORY = {
    "GLIBC_TUNABLES": (
        "glibc.malloc.mmap_threshold=4294967296:glibc.malloc.trim_threshold=17179869184:glibc.malloc.top_pad=268435456"
    )
}


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
