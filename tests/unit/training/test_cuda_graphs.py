"""Steps that are recorded once and replayed train as steps do that are taken one by one.

On an NVIDIA GPU with CUDA graphs; on a CPU with a stand-in for them, which also repeats operations
with the numbers and on the memory of the recording.
"""

import copy
import math
from types import SimpleNamespace

import pytest
import small_trainings
import torch
from tape import TapeRecorder

from study.job import StartAnew
from study.training import cuda_graphs
from study.training.image_set import ImageSet
from study.training.trainer import Diverged

VARIANTS = {
    "adam": {"schedule": {"name": "cosine", "warmup": 1}},
    "adamw, clipped, averaged": {
        "optimizer": {"name": "adamw", "lr": 0.01, "weight_decay": 0.01},
        "schedule": {"name": "triangular"}, "clip_norm": 0.5, "ema": 0.9,
    },
    "sgd, nesterov": {
        "optimizer": {
            "name": "sgd", "lr": 0.05, "momentum": 0.9, "nesterov": True, "weight_decay": 5e-4,
            "decay_norms_and_biases": False,
        },
        "schedule": {"name": "one_cycle", "cycle_momentum": False},
    },
    "muon": {
        "optimizer": {"name": "muon", "lr": 0.02, "rescale": True, "weight_decay": 0.01},
        "schedule": {"name": "triangular"},
    },
    "muon for the head alone": {"optimizer": {"name": "muon", "lr": 0.02}, "train": "head"},
    "momentum that the schedule changes": {
        "optimizer": {"name": "sgd", "lr": 0.05, "momentum": 0.9},
        "schedule": {"name": "one_cycle"},
    },
    "Adam's beta that the schedule changes": {"schedule": {"name": "one_cycle"}},
    "mixed images, dropout, bfloat16": {
        "architecture": "dilated_separable",
        "augment": [{"name": "alternating_flip"}, {"name": "mixup", "alpha": 0.3}],
        "schedule": {"name": "step", "every": 1, "gamma": 0.5}, "precision": "bf16", "epochs": 2,
    },
}  # fmt: skip
AUGMENT = [
    {"name": "alternating_flip"},
    {"name": "random_crop", "padding": 2},
    {"name": "cutout", "size": 4},
]


def image_set(device="cpu"):
    random = torch.Generator().manual_seed(0)
    images = torch.randint(0, 256, (120, 32, 32, 3), generator=random, dtype=torch.uint8)
    return ImageSet(images.to(device), torch.randint(0, 3, (120,), generator=random).to(device))


def trainer(variant, device="cpu", **recipe):
    """Return a trainer of three steps of 32 images and one of 24 an epoch, for four epochs."""
    keys = {"architecture": "cnn3", "augment": AUGMENT, "epochs": 4} | VARIANTS[variant] | recipe
    return small_trainings.trainer(image_set(device), order=2, device=device, **keys)


def train(untrained, **options):
    torch.manual_seed(4)  # dropout draws from torch's own generator
    untrained.run(**options)


def rows(trained):
    return [
        {
            key: value
            for key, value in epoch._asdict().items()
            if "second" not in key and "_per_s" not in key
        }
        for epoch in trained.history
    ]


def assert_same(first, second):
    """Weights, average, history and dynamics, to the bit."""
    assert str(rows(first)) == str(rows(second))
    for one, other in ((first.model, second.model), (first.evaluated, second.evaluated)):
        for name, tensor in one.state_dict().items():
            assert torch.equal(tensor, other.state_dict()[name]), name
    assert torch.equal(first.step.dynamics.sums, second.step.dynamics.sums)
    assert torch.equal(first.step.dynamics.events, second.step.dynamics.events)


@pytest.mark.parametrize("variant", VARIANTS)
def test_recorded_steps_train_as_steps_one_by_one_do(variant):
    recorded, one_by_one = trainer(variant), trainer(variant)
    tape = TapeRecorder()
    recorded.recorder = tape
    one_by_one.recorder = TapeRecorder(
        obstacle="…"
    )  # one by one, but otherwise as those that are recorded
    train(recorded)
    train(one_by_one)
    assert (tape.warm_ups, tape.recordings) == (cuda_graphs.WARM_UP, 1) and recorded.recorded
    assert_same(recorded, one_by_one)


@pytest.mark.parametrize("variant", VARIANTS)
def test_they_train_as_those_of_a_cpu_do(variant):
    recorded, plain = trainer(variant), trainer(variant)
    recorded.recorder = TapeRecorder()
    train(recorded)
    train(plain)
    if "schedule changes" in variant:  # rates are numbers in both
        assert_same(recorded, plain)
    for ours, theirs in zip(recorded.history, plain.history, strict=True):
        # Rates in tensors are float32: the last bits differ, and bfloat16 turns that into percents.
        assert ours.train_loss == pytest.approx(
            theirs.train_loss, rel=0.05 if "bfloat16" in variant else 0.002
        )
        assert ours.learning_rate == theirs.learning_rate


@pytest.mark.parametrize(
    "variant", ["adamw, clipped, averaged", "momentum that the schedule changes", "muon"]
)
@pytest.mark.parametrize("stop", [1, 5, 8])
def test_a_training_with_a_recording_resumes_to_the_bit(variant, stop):
    whole, fresh, used = (trainer(variant) for _ in range(3))
    for each in (whole, fresh, used):
        each.recorder = TapeRecorder()
    states = []  # at each step, as checkpoints would keep them
    train(whole, save=lambda state: states.append(copy.deepcopy(state)), save_every=0)
    train(used)  # what it has recorded is of no use to another state
    for resumed in (fresh, used):
        resumed.load_state_dict(copy.deepcopy(states[stop]))
        resumed.run()
        assert_same(whole, resumed)


def test_a_training_that_is_resumed_at_its_end_was_recorded():
    whole, resumed = trainer("adam"), trainer("adam")
    whole.recorder = TapeRecorder()
    train(whole)
    resumed.load_state_dict(copy.deepcopy(whole.state_dict()))
    assert resumed.run() and resumed.recorded


def test_momentum_and_rates_stay_numbers_for_the_schedule_and_the_checkpoint():
    for variant in VARIANTS:
        recorded = trainer(variant, epochs=2)
        recorded.recorder = TapeRecorder()
        train(recorded)
        for group in recorded.state_dict()["optimizer"]["param_groups"]:
            assert isinstance(group["lr"], float) and not group.get("capturable")


def test_a_step_that_waits_is_taken_as_it_comes_and_said_once(capsys):
    waiting = trainer("adam")
    recorder = TapeRecorder(obstacle="my_net.py, line 7")
    waiting.recorder = recorder
    train(waiting)
    assert (recorder.warm_ups, recorder.recordings) == (
        cuda_graphs.WARM_UP,
        0,
    ) and not waiting.recorded
    said = capsys.readouterr().err
    assert (
        said.count("note: a training step waits for the GPU (my_net.py, line 7)") == 1
        and "'cuda_graph: false'" in said
    )


def test_divergence_is_noticed():
    diverging = trainer(
        "momentum that the schedule changes", optimizer={"name": "sgd", "lr": 1e30, "momentum": 0.9}
    )
    diverging.recorder = TapeRecorder()
    with pytest.raises(Diverged):
        train(diverging)


class Failing(TapeRecorder):
    """Fails at a place as a GPU does."""

    def __init__(self, place, error):
        super().__init__()
        self.place, self.error = place, error

    def _at(self, place):
        if place == self.place:
            raise self.error

    def warm_up(self, work):
        self._at("warm up")
        return super().warm_up(work)

    def record(self, work):
        self._at("record")
        replay, result = super().record(work)
        return lambda: (self._at("replay"), replay()), result


@pytest.mark.parametrize("place", ["warm up", "record", "replay"])
@pytest.mark.parametrize("kind", [RuntimeError, torch.OutOfMemoryError])
def test_a_training_starts_again_without_a_graph_that_fails(place, kind):
    failing = trainer("adam")
    failing.recorder = Failing(place, kind("CUDA error: operation not permitted\nmore"))
    with pytest.raises((StartAnew, torch.OutOfMemoryError)) as raised:
        train(failing)
    if (place, kind) == ("warm up", torch.OutOfMemoryError):  # it has no room without a graph too
        assert raised.type is torch.OutOfMemoryError
    else:
        assert raised.value.variables == {cuda_graphs.VARIABLE: "0"}
        assert "not permitted more" in str(raised.value)


OF_THE_GRAPH = [
    "CUDA error: an illegal memory access", "HIP error: an illegal memory access",
    "cuDNN error: CUDNN_STATUS_EXECUTION_FAILED", "CUDA driver error: unknown error",
]  # fmt: skip


@pytest.mark.parametrize("message", [*OF_THE_GRAPH, "of another kind"])
@pytest.mark.parametrize("place", ["a save within an epoch", "the end of an epoch"])
def test_kernels_that_fail_later_are_told_from_other_errors(message, place, monkeypatch):
    failing = trainer("adam")
    failing.recorder = TapeRecorder()

    def fail(*arguments):
        raise RuntimeError(message)

    if place == "the end of an epoch":  # the totals are the first that waits for the kernels
        monkeypatch.setattr(failing, "_finished_epoch", fail)
    with pytest.raises(StartAnew if message in OF_THE_GRAPH else RuntimeError, match=message):
        train(failing, save=fail, save_every=0 if "save" in place else 60)


@pytest.mark.parametrize(
    ("place", "tried"),
    [
        ("the copies", True),
        ("a short batch", True),
        ("a short batch", False),
        ("the evaluation", True),
        ("the evaluation", False),
    ],
)
def test_memory_that_a_recording_takes_is_given_back(place, tried, monkeypatch):
    failing = trainer("adam")
    # Where warming up finds an obstacle no recording takes memory.
    failing.recorder = TapeRecorder(obstacle=None if tried else "…")
    learn, evaluation = failing.step.learn, failing._evaluation

    def full(*arguments):
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB")

    def learn_full_batches(positions, epoch):
        # The first epoch warms up, and the second one records.
        return (full if len(positions) < 32 and epoch > 1 else learn)(positions, epoch)

    def evaluate_once(*sets):
        return (full if failing.history else evaluation)(*sets)

    if place == "the copies":
        monkeypatch.setattr(cuda_graphs, "copy", SimpleNamespace(deepcopy=full))
    elif place == "a short batch":
        monkeypatch.setattr(failing.step, "learn", learn_full_batches)
    else:
        monkeypatch.setattr(failing, "_evaluation", evaluate_once)
    with pytest.raises(StartAnew if tried else torch.OutOfMemoryError, match="Tried to allocate"):
        train(failing)


def test_a_recording_that_computes_something_else_is_not_used(capsys):
    class Wrong(TapeRecorder):
        def record(self, work):
            replay, result = super().record(work)
            return lambda: (replay(), result.mul_(2)), result

    wrong, one_by_one = trainer("adamw, clipped, averaged"), trainer("adamw, clipped, averaged")
    wrong.recorder, one_by_one.recorder = Wrong(), TapeRecorder(obstacle="…")
    train(wrong)
    train(one_by_one)
    assert not wrong.recorded and "taken by itself" in capsys.readouterr().err
    assert_same(wrong, one_by_one)


def test_without_a_gpu_nothing_is_recorded():
    assert trainer("adam").recorder is None
    plain = trainer("adam")
    train(plain)
    assert not plain.recorded and math.isfinite(plain.history[-1].train_loss)


needs_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs an NVIDIA GPU")


@needs_gpu
@pytest.mark.parametrize("variant", VARIANTS)
def test_on_a_gpu_the_graph_trains_as_steps_one_by_one_do(variant):
    recorded, one_by_one = trainer(variant, "cuda"), trainer(variant, "cuda", cuda_graph=False)
    train(recorded)
    train(one_by_one)
    assert recorded.recorded and not one_by_one.recorded
    for ours, theirs in zip(recorded.history, one_by_one.history, strict=True):
        assert ours.train_loss == pytest.approx(theirs.train_loss, rel=2e-2)


@needs_gpu
@pytest.mark.parametrize(
    "variant", ["adamw, clipped, averaged", "momentum that the schedule changes", "muon"]
)
@pytest.mark.parametrize("stop", [5, 8])
def test_on_a_gpu_a_deterministic_training_resumes_to_the_bit(variant, stop, monkeypatch):
    monkeypatch.setenv("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    torch.use_deterministic_algorithms(True, warn_only=True)
    try:
        whole, resumed = trainer(variant, "cuda"), trainer(variant, "cuda")
        states = []
        train(whole, save=lambda state: states.append(copy.deepcopy(state)), save_every=0)
        resumed.load_state_dict(states[stop])
        resumed.run()
        assert_same(whole, resumed)
    finally:
        torch.use_deterministic_algorithms(False)


@needs_gpu
def test_on_a_gpu_a_network_that_waits_is_noticed(capsys):
    waiting = trainer("adam", "cuda")
    waiting.step.transforms.append(lambda images, draw: images * (images.float().mean().item() > 0))
    train(waiting)
    assert not waiting.recorded and "waits for the GPU" in capsys.readouterr().err
