"""A real SLURM cluster of one node; its daemons, keys and state lie in a temporary folder."""

import contextlib
import os
import re
import secrets
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import psutil
import pytest
from conftest import wait_for

# One dummy card: SLURM counts it, hides it and names it in CUDA_VISIBLE_DEVICES, and nothing ever
# opens the device. More cores and memory than there may be, so that what is missing for a job is
# always the card.
CONFIG = """\
ClusterName=partition-study-test
SlurmctldHost={host}(127.0.0.1)
SlurmUser=root
SlurmctldPort={ports[0]}
SlurmdPort={ports[1]}
AuthType=auth/munge
AuthInfo=socket={folder}/munge/socket
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmdParameters=config_overrides
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
SwitchType=switch/none
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
SchedulerParameters=sched_interval=2,bf_interval=2
JobRequeue=0
KillWait=5
MinJobAge=3600
GresTypes=gpu
NodeName={host} NodeAddr=127.0.0.1 CPUs=8 RealMemory=16000 Gres=gpu:1
PartitionName=all Nodes={host} Default=YES MaxTime=INFINITE
"""


def free_ports(count: int) -> list[int]:
    """Return ports that nobody listens on."""
    sockets = [socket.socket() for _ in range(count)]
    try:
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]
    finally:
        for each in sockets:
            each.close()


class Cluster:
    """The daemons of a cluster, and its commands."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.host = socket.gethostname().split(".")[0]
        self.daemons: list[subprocess.Popen] = []
        for name in ("bin", "munge", "state", "spool"):
            (folder / name).mkdir(mode=0o711)
        (folder / "munge" / "key").write_bytes(secrets.token_bytes(128))
        (folder / "munge" / "key").chmod(0o400)
        (folder / "slurm.conf").write_text(
            CONFIG.format(folder=folder, host=self.host, ports=free_ports(2))
        )
        (folder / "gres.conf").write_text(f"NodeName={self.host} Name=gpu File=/dev/null\n")
        (folder / "plugstack.conf").write_text("")
        # Snakemake's plugin takes SLURM_CONF from the environment of what it starts inside a job.
        srun = folder / "bin" / "srun"
        srun.write_text(
            f'#!/bin/sh\nSLURM_CONF={folder}/slurm.conf exec {shutil.which("srun")} "$@"\n'
        )
        srun.chmod(0o755)
        self.environment = {
            "SLURM_CONF": str(folder / "slurm.conf"),
            "PATH": os.pathsep.join(
                [str(srun.parent), str(Path(sys.executable).parent), os.environ["PATH"]]
            ),
        }

    def start(self) -> None:
        munge = self.folder / "munge"
        self._daemon(
            "munged", "--foreground", "--force", f"--key-file={munge}/key",
            f"--socket={munge}/socket",
            f"--pid-file={munge}/pid", f"--log-file={munge}/log", f"--seed-file={munge}/seed",
        )  # fmt: skip
        wait_for("munged answers", (munge / "socket").exists, 20)
        self._daemon("slurmctld", "-D", "-c")
        self._daemon("slurmd", "-D", "-c")
        wait_for(
            "the node is idle",
            lambda: self("sinfo", "--noheader", "--format=%T", check=False).strip() == "idle",
            30,
        )

    def _daemon(self, *command: str) -> None:
        with (self.folder / f"{command[0]}.out").open("w") as output:
            self.daemons.append(
                subprocess.Popen(
                    command,
                    stdout=output,
                    stderr=output,
                    start_new_session=True,
                    env=os.environ | self.environment,
                )
            )

    def stop(self) -> None:
        """End all daemons and what they or a test started, also if the cluster did not come up."""
        for daemon in reversed(self.daemons):
            daemon.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                daemon.wait(timeout=10)
        # linuxproc loses a process whose parent has died, so SLURM leaves some.
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error):
                if process.environ().get("SLURM_CONF") == self.environment["SLURM_CONF"]:
                    process.kill()
        for daemon in self.daemons:
            daemon.wait()

    def __call__(self, *command: str, check: bool = True) -> str:
        """Run one of SLURM's commands and return what it prints."""
        try:
            result = subprocess.run(
                command,
                capture_output=True,
                text=True,
                env=os.environ | self.environment,
                timeout=60,
            )
        except subprocess.TimeoutExpired:
            assert not check, command
            return ""
        assert result.returncode == 0 or not check, (command, result.stderr)
        return result.stdout

    def jobs(self) -> list[dict[str, str]]:
        """Return what SLURM knows of each job, finished ones too, in the order of submission."""
        listing = self("scontrol", "show", "job", "--oneliner").splitlines()
        jobs = [
            dict(re.findall(r"(\w+)=(\S*)", line)) for line in listing if line.startswith("JobId=")
        ]
        return sorted(jobs, key=lambda job: int(job["JobId"]))

    def of_runs(self, *states: str) -> list[dict[str, str]]:
        """Return the jobs that are runs of the study, of these states."""
        return [
            job
            for job in self.jobs()
            if job["Comment"].startswith("rule_run_") and (not states or job["JobState"] in states)
        ]

    def node(self, state: str) -> None:
        """Set the node's state as an administrator would."""
        self("scontrol", "update", f"nodename={self.host}", f"state={state}", "reason=test")


@pytest.fixture(scope="session")
def cluster(tmp_path_factory) -> Cluster:
    if not os.environ.get("SLURM_TESTS"):
        pytest.skip("starts a SLURM cluster: make test-slurm")
    missing = [
        name for name in ("munged", "slurmctld", "slurmd", "sbatch") if not shutil.which(name)
    ]
    if missing:
        pytest.skip(f"{', '.join(missing)} not found: apt-get install slurm-wlm munge")
    if os.geteuid():
        pytest.skip("slurmd runs jobs as root only if root starts it")
    pytest.importorskip("snakemake_executor_plugin_slurm", reason="pip install '.[slurm]'")
    cluster = Cluster(tmp_path_factory.mktemp("cluster"))
    try:
        cluster.start()
        yield cluster
    finally:
        cluster.stop()
