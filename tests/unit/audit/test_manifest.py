"""The record of a study, and what it says of machines and energy."""

import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from study.audit.manifest import study_manifest
from study.audit.provenance import machine
from study.runs.run import Run
from study.training.energy import gpu_energy_joules


def a_run(seed, lr=0.1, cpu="A", energy=None, started="2026-01-02T00:00:00+00:00", status="ok"):
    record = {
        "status": "ok", "code": "c0de", "device": "cpu", "precision": "fp32", "threads": 1,
        "started": started,
        "finished": "2026-01-03T00:00:00+00:00", "train_seconds": 10.0, "gpu_energy_joules": energy,
        "recipe": {"epochs": 5, "optimizer": {"lr": lr}}, "sha256": {"weights": f"w{seed}"},
        "repository": {"commit": "abc"}, "versions": {"torch": "2"}, "machine": {"cpu": cpu},
    }  # fmt: skip
    metrics = {"sha256": {"predictions": f"p{seed}"}, "status": status}
    run = Run("v1", "cnn2", seed, Path())
    run.__dict__.update(record=record, metrics=metrics)
    return run


def manifest(*runs):
    return study_manifest(
        {"seeds": [1]}, runs, {"results/x.csv": "d"}, {"train.py": "c0de"}, {"commit": "def"}
    )


def test_the_record_counts_what_the_runs_took():
    made = manifest(a_run(1, energy=5.0), a_run(2, energy=7.5, started="2026-01-01T00:00:00+00:00"))
    assert made["totals"] == {
        "runs": 2, "ok": 2, "started": "2026-01-01T00:00:00+00:00",
        "finished": "2026-01-03T00:00:00+00:00",
        "train_seconds": 20.0, "gpu_energy_joules": 12.5,
    }  # fmt: skip
    assert [run["sha256"] for run in made["runs"]] == [
        {"weights": "w1", "predictions": "p1"},
        {"weights": "w2", "predictions": "p2"},
    ]


def test_a_run_whose_weights_answer_no_numbers_is_not_ok():
    made = manifest(a_run(1), a_run(2, status="diverged"))
    assert made["totals"]["ok"] == 1
    assert [run["status"] for run in made["runs"]] == ["ok", "diverged"]


def test_energy_that_is_known_of_some_runs_is_no_total():
    assert manifest(a_run(1, energy=5.0), a_run(2))["totals"]["gpu_energy_joules"] is None


def test_what_differs_between_runs_is_listed_once():
    made = manifest(a_run(1, cpu="A"), a_run(2, cpu="B"), a_run(3, cpu="A"))
    assert made["machines"] == [{"cpu": "A"}, {"cpu": "B"}]
    assert [run["machine"] for run in made["runs"]] == [0, 1, 0]
    assert made["versions"] == [{"torch": "2"}]


def test_a_tuned_model_has_no_recipe_of_all_its_runs():
    assert manifest(a_run(1), a_run(2, lr=0.2))["recipes"] == {
        "cnn2": {"epochs": 5, "optimizer": "differs by run"}
    }


@pytest.mark.parametrize(
    ("files", "host"),
    [
        ({"proc/cpuinfo": "flags\t\t: fpu sse"}, "physical machine"),
        ({"proc/cpuinfo": "flags\t\t: fpu hypervisor"}, "virtual machine"),
        ({"run/.containerenv": ""}, "container"),
        (
            {"sys/class/dmi/id/sys_vendor": "LENOVO\n", "sys/class/dmi/id/product_name": "20XW\n"},
            "physical machine, LENOVO 20XW",
        ),
    ],
)
def test_the_class_of_the_host_is_read_from_the_system(tmp_path, files, host):
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    assert machine(tmp_path)["host"] == host
    assert machine(tmp_path)["memory_mb"] is None


def test_the_processor_and_memory_are_read_from_the_system(tmp_path):
    (tmp_path / "proc").mkdir()
    (tmp_path / "proc/cpuinfo").write_text("model name\t: A Chip\n")
    (tmp_path / "proc/meminfo").write_text("MemFree: 1 kB\nMemTotal:       2097152 kB\n")
    assert (machine(tmp_path)["cpu"], machine(tmp_path)["memory_mb"]) == ("A Chip", 2048)


class NVMLError(Exception):
    pass


def cards(counter):
    """Return a stand-in for NVIDIA's library with one card, of the identity 1-2-3."""

    def handle(uuid):
        if uuid != "GPU-1-2-3":
            raise NVMLError
        return uuid

    return SimpleNamespace(
        NVMLError=NVMLError, nvmlInit=lambda: None, nvmlShutdown=lambda: None,
        nvmlDeviceGetHandleByUUID=handle,
        nvmlDeviceGetTotalEnergyConsumption=lambda card: counter,
    )  # fmt: skip


@pytest.mark.parametrize(("uuid", "joules"), [("1-2-3", 4.5), ("another", None)])
def test_the_energy_of_the_jobs_own_card_is_read(monkeypatch, uuid, joules):
    import torch

    monkeypatch.setitem(sys.modules, "pynvml", cards(4500))
    monkeypatch.setattr(
        torch.cuda, "get_device_properties", lambda device: SimpleNamespace(uuid=uuid)
    )
    assert gpu_energy_joules(torch.device("cuda")) == joules


def test_no_energy_is_guessed_without_a_counter(monkeypatch):
    import torch

    assert gpu_energy_joules(torch.device("cpu")) is None
    monkeypatch.setitem(sys.modules, "pynvml", None)
    assert gpu_energy_joules(torch.device("cuda")) is None
