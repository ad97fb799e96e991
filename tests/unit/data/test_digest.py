"""What a digest of your own images takes for a change."""

import shutil
import time

import pytest
from made_images import coloured

from study.data.datasets import digest
from study.data.datasets.digest import digest_of_images
from study.data.datasets.listing import list_images
from study.files import read_json


def test_the_digest_knows_contents_and_names_and_not_times_or_places(tmp_path):
    images, memory = coloured(tmp_path / "images", 2), tmp_path / "memory" / "digests.json"
    first = images / "été" / "bild 0.png"

    def digest_now(folder=images):
        fresh, remembered = (digest_of_images(list_images(folder), path) for path in (None, memory))
        assert fresh == remembered
        return fresh

    before = digest_now()
    shutil.copytree(images, tmp_path / "elsewhere")
    assert digest_now(tmp_path / "elsewhere") == before
    for path in images.rglob("*.*"):
        path.touch()
    assert digest_now() == before
    first.write_bytes(first.read_bytes() + b"\0")
    changed = digest_now()
    shutil.copy(first, first.with_name("again.png"))
    added = digest_now()
    first.with_name("again.png").rename(first.with_name("other.png"))
    renamed = digest_now()
    first.with_name("other.png").unlink()
    assert digest_now() == changed
    assert len({before, changed, added, renamed}) == 4


def test_files_that_did_not_change_are_not_read_again(tmp_path, monkeypatch):
    images, memory = coloured(tmp_path / "images", 1), tmp_path / "digests.json"
    now = time.time_ns
    # Ten seconds later nothing is fresh any more.
    monkeypatch.setattr(digest.time, "time_ns", lambda: now() + 10**10)
    before = digest_of_images(list_images(images), memory)
    monkeypatch.setattr(digest, "_content_digest", lambda path: pytest.fail(f"read {path}"))
    assert digest_of_images(list_images(images), memory) == before


def test_a_file_that_was_changed_a_moment_ago_is_not_remembered(tmp_path):
    memory = tmp_path / "digests.json"
    digest_of_images(list_images(coloured(tmp_path / "images", 1)), memory)
    assert read_json(memory) == {}
