"""All randomness of a run comes from its seed, in separate streams."""

import hashlib


def stream_seed(run_seed: int, stream: str) -> int:
    """Return the seed of one named stream of a run.

    Streams are independent, so drawing more from one (more epochs, another augmentation) leaves the
    others as they were. The rule is BLAKE2b of "<run seed>/<stream>", 63 bits: the same on every
    machine and version.
    """
    digest = hashlib.blake2b(f"{run_seed}/{stream}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") >> 1


def streams_of(run_seed: int) -> dict[str, int]:
    """Return the seeds of the streams that a run with this seed draws from."""
    streams = ("init", "order", "augmentation", "dropout")
    return {stream: stream_seed(run_seed, stream) for stream in streams}
