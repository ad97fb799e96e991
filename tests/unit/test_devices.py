"""Which GPU a job gets, with made-up devices; and that a job ends with its workflow."""

import os
import platform
import pwd
import re
import signal
import subprocess
import sys
import tempfile
from collections import Counter

import psutil
import pytest
import torch
from conftest import ROOT, clean_environment, wait_for
from hypothesis import given, settings
from hypothesis import strategies as st

from study import devices
from study.devices import (
    full_memory,
    lease_gpu,
    look_for_gpu,
    take_device,
    torch_is_built_for,
    trains_in_bf16,
    visible_gpus,
    wants_gpu,
    where_trainings_run,
)
from study.errors import StudyError

LISTING = """GPU 0: NVIDIA H200 (UUID: GPU-aaaa)
GPU 1: NVIDIA A100 (UUID: GPU-bbbb)
  MIG 1g.10gb     Device  0: (UUID: MIG-cccc)
  MIG 1g.10gb     Device  1: (UUID: MIG-dddd)
"""
HOLDER = """
import sys
from pathlib import Path
from study.devices import lease_gpu
folder, *devices = sys.argv[1:]
print(lease_gpu(devices, Path(folder)), flush=True)
sys.stdin.read()
"""


def test_a_gpu_is_asked_for_only_where_one_will_be_used(tmp_path):
    def sees(built_for="cuda", **environment):
        return look_for_gpu(environment, tmp_path, built_for, lambda facts: "").found

    assert not sees()
    (tmp_path / "proc/driver/nvidia/gpus/0000:01:00.0").mkdir(parents=True)
    assert sees() and sees(CUDA_VISIBLE_DEVICES="GPU-1b2c") and sees(None) and not sees("cpu")
    assert not sees(CUDA_VISIBLE_DEVICES="") and not sees(CUDA_VISIBLE_DEVICES="-1")
    assert wants_gpu("cuda") and not wants_gpu("cpu")


@pytest.mark.parametrize(
    ("files", "built_for", "found", "words"),
    [
        ({"dev/nvidia0": "", "dev/nvidiactl": ""}, "cuda", True, "NVIDIA"),  # a container
        ({"dev/dxg": "", "usr/lib/wsl/lib/libcuda.so.1": ""}, "cuda", True, "NVIDIA"),
        ({"dev/dxg": ""}, "cuda", False, "no GPU found"),  # WSL on a machine with another card
        ({"dev/nvidiactl": ""}, "cuda", False, "looked at /proc/driver/nvidia/gpus"),
        ({"nodes/0/gpu_id": "0\n", "nodes/1/gpu_id": "4312\n"}, "hip", True, "AMD"),
        ({"nodes/0/gpu_id": "0\n"}, "hip", False, "no GPU found"),
        ({"nodes/1/gpu_id": "4312\n"}, "cuda", False, "built for NVIDIA.*install the other torch"),
        ({"dev/nvidia0": ""}, "cpu", False, "built for the CPU"),
        ({"dev/nvidia0": "", "nodes/1/gpu_id": "4312\n"}, "hip", True, "AMD"),
        ({"dev/nvidia0": "", "nodes/1/gpu_id": "4312\n"}, "cuda", True, "NVIDIA"),
    ],
)
def test_gpus_are_found_where_people_have_them(tmp_path, files, built_for, found, words):
    for name, content in files.items():
        path = tmp_path / name.replace("nodes/", "sys/class/kfd/kfd/topology/nodes/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    sight = look_for_gpu({}, tmp_path, built_for, lambda facts: "")
    assert sight.found is found and re.search(words, sight.words)


def test_a_gpu_that_torch_cannot_use_is_not_asked_for(tmp_path, monkeypatch):
    asked = []

    def why_unusable(facts):
        asked.append(facts)
        return "the driver is too old" if "470" in "".join(facts) else ""

    def look(built_for="cuda"):
        return look_for_gpu({}, tmp_path, built_for, why_unusable)

    assert not look().found and not asked  # on a machine without a card nothing is started
    (tmp_path / "dev").mkdir()
    (tmp_path / "dev/nvidia0").touch()
    assert not look("cpu").found and look(None).found and not asked
    version = tmp_path / "proc/driver/nvidia/version"
    version.parent.mkdir(parents=True)
    version.write_text("NVRM version: NVIDIA UNIX x86_64 Kernel Module  470.1\n")
    sight = look()
    assert not sight.found and sight.words == (
        f"a GPU (NVIDIA, {tmp_path}/dev/nvidia0) is there but torch cannot use it "
        "(the driver is too old)"
    )
    monkeypatch.setattr(devices, "look_for_gpu", lambda: sight)
    assert not wants_gpu("auto") and where_trainings_run("auto", 4) == (
        f"{sight.words}; on 4 CPU cores"
    )
    version.write_text("NVRM version: NVIDIA UNIX x86_64 Kernel Module  580.1\n")
    assert look().found and len(set(asked)) == 2
    space = tmp_path / "proc/self/ns/mnt"  # of a container on this machine
    space.parent.mkdir(parents=True)
    space.symlink_to("mnt:[4026531841]")
    assert look().found and len(set(asked)) == 3


def test_what_torch_is_built_for_is_told_without_importing_it():
    expected = "hip" if torch.version.hip else "cuda" if torch.version.cuda else "cpu"
    assert torch_is_built_for() == expected


@pytest.mark.parametrize(
    ("amx", "avx512_bf16", "cpuinfo", "expected"),
    [
        (False, False, "vendor_id\t: AuthenticAMD\n", False),
        (False, True, "processor\t: 0\nvendor_id\t: AuthenticAMD\n", True),
        (True, True, "vendor_id\t: GenuineIntel\n", True),
        # A virtual machine on a Sapphire Rapids that hides AMX: 83 GFLOP/s in bfloat16, 144 in
        # float32.
        (False, True, "processor\t: 0\nvendor_id\t: GenuineIntel\n", False),
        (False, True, None, False),
    ],
)
def test_bf16_is_taken_where_it_is_faster_than_float32(
    amx, avx512_bf16, cpuinfo, expected, monkeypatch, tmp_path
):
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: amx, raising=False)
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: avx512_bf16, raising=False)
    if cpuinfo is not None:
        (tmp_path / "cpuinfo").write_text(cpuinfo)
    cpu = torch.device("cpu")
    assert trains_in_bf16("auto", cpu, tmp_path) is expected
    assert trains_in_bf16("bf16", cpu, tmp_path) and not trains_in_bf16("fp32", cpu, tmp_path)


def test_visible_devices_are_the_preset_ones_or_the_driver_s():
    assert visible_gpus({"CUDA_VISIBLE_DEVICES": "2,GPU-x, MIG-y"}, LISTING) == [
        "2",
        "GPU-x",
        "MIG-y",
    ]
    assert visible_gpus({"CUDA_VISIBLE_DEVICES": ""}, LISTING) == []
    assert visible_gpus({}, LISTING) == ["GPU-aaaa", "MIG-cccc", "MIG-dddd"]
    assert visible_gpus({}, "no devices were found") == []


class Holders:
    """Processes that lease made-up devices and hold them until told to go."""

    def __init__(self, folder):
        self.folder = folder
        self.processes: list[tuple[subprocess.Popen, str]] = []

    def start(self, devices):
        process = subprocess.Popen(
            [sys.executable, "-c", HOLDER, str(self.folder), *devices],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            env=clean_environment(PYTHONPATH=str(ROOT / "scripts")),
        )  # fmt: skip
        taken = process.stdout.readline().strip()
        self.processes.append((process, taken))
        return taken

    def kill(self, position):
        process, _ = self.processes.pop(position)
        process.kill()
        process.communicate()

    def load(self):
        return Counter(device for _, device in self.processes)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        while self.processes:
            self.kill(0)


@settings(max_examples=8, deadline=None)
@given(st.integers(1, 4), st.integers(1, 9))
def test_jobs_spread_over_the_devices(tmp_path_factory, cards, jobs):
    devices = [f"GPU-{card}" for card in range(cards)]
    with Holders(tmp_path_factory.mktemp("locks")) as holders:
        for _ in range(jobs):
            holders.start(devices)
        load = holders.load()
    assert sum(load.values()) == jobs and max(load.values()) == -(-jobs // cards)


def test_a_killed_job_frees_its_device_at_once(tmp_path):
    devices = ["0", "1", "2"]
    with Holders(tmp_path) as holders:
        for _ in range(3):
            holders.start(devices)
        freed = holders.processes[1][1]
        holders.kill(1)
        assert holders.start(devices) == freed
        assert set(holders.load().values()) == {1}


def test_a_lease_makes_the_device_the_only_visible_one(tmp_path, monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "5,6")
    taken = lease_gpu(folder=tmp_path)
    assert os.environ["CUDA_VISIBLE_DEVICES"] == taken and taken in {"5", "6"}
    assert lease_gpu(folder=tmp_path) == taken


def test_locks_lie_in_a_folder_of_the_users_alone(tmp_path, monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "5")
    theirs = tmp_path / "theirs"
    theirs.mkdir()
    (tmp_path / "link").symlink_to(theirs)
    (tmp_path / "lost").symlink_to(tmp_path / "not there yet")
    (tmp_path / "file").touch()
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "open to all").mkdir()
    (tmp_path / "open to all").chmod(0o777)
    for name in ("link", "lost", "file", "pipe", "open to all"):
        with pytest.raises(StudyError, match=f"{name}: is .* remove it, or name another"):
            lease_gpu(folder=tmp_path / name)
    assert not list(theirs.iterdir()) and not (tmp_path / "not there yet").exists()
    monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 1)
    with pytest.raises(StudyError, match="is another user's"):
        lease_gpu(folder=theirs)


def test_a_lock_that_is_a_link_is_not_followed(tmp_path, monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "5")
    (tmp_path / "5.0.lock").symlink_to(tmp_path / "precious")
    with pytest.raises(OSError, match="symbolic links"):
        lease_gpu(folder=tmp_path)
    assert not (tmp_path / "precious").exists()


def test_a_job_ends_when_its_workflow_is_killed(tmp_path):
    job = (
        f"{sys.executable} -c 'import time; from study.job import stop_with_ancestors; "
        "stop_with_ancestors(every=.05); "
        f'open("{tmp_path}/started", "w").write(str(__import__("os").getpid())); time.sleep(60)\''
    )
    workflow = subprocess.Popen(
        [sys.executable, "-c",
            "import subprocess\n"
             f"subprocess.run(['bash', '-c', 'set -e; true; ' + {job!r} + '; true'])"],
        env=clean_environment(PYTHONPATH=str(ROOT / "scripts")), stderr=subprocess.DEVNULL,
    )  # fmt: skip
    started = tmp_path / "started"
    pid = int(wait_for("the job starts", lambda: started.exists() and started.read_text(), 30))
    os.kill(workflow.pid, signal.SIGKILL)
    workflow.wait()
    wait_for("the job ends with its workflow", lambda: not psutil.pid_exists(pid), 30)


def test_a_user_without_a_name_gets_a_gpu(tmp_path, monkeypatch):
    for name in ("HOME", "USER", "LOGNAME", "LNAME", "USERNAME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(pwd, "getpwuid", {}.__getitem__)
    monkeypatch.setattr(tempfile, "gettempdir", lambda: str(tmp_path))
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0")
    assert lease_gpu() == "0"


def test_a_mac_trains_on_its_cpu(tmp_path, monkeypatch):
    """Its GPU knows no float64, in which sums over an epoch are kept."""
    monkeypatch.setattr(platform, "system", lambda: "Darwin")
    monkeypatch.setattr(platform, "machine", lambda: "arm64")
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch, "set_num_threads", lambda threads: None)
    assert not look_for_gpu({}, tmp_path, "cpu").found
    assert take_device(0, 1).type == "cpu"
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    with pytest.raises(StudyError, match="torch sees none"):
        take_device(1, 1)


def test_a_job_needs_a_thread():
    with pytest.raises(StudyError, match="--threads is 0, expected 1 or more"):
        take_device(0, 0)


@pytest.mark.parametrize(
    ("error", "where"),
    [
        (torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB"), "GPU"),
        (RuntimeError("CUDA error: out of memory\nCUDA kernel errors might be reported"), "GPU"),
        (RuntimeError("HIP error: out of memory"), "GPU"),
        (RuntimeError("CUDA driver error: out of memory"), "GPU"),
        (RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling cublasCreate"), "GPU"),
        (RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory"), "machine"),
        (RuntimeError("CUDA error: an illegal memory access was encountered"), None),
        (ValueError("error: out of memory"), None),
    ],
)
def test_whose_memory_is_full_is_told_by_torchs_class_or_by_what_its_libraries_say(error, where):
    assert full_memory(error) == where
