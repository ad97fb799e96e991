"""What a teacher insists on in a study that was handed in."""

import pytest
from verified_study import CONFIG, finish, write_study

from study.audit.grading import read_submission


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    study = write_study(tmp_path_factory.mktemp("handed in") / "results")
    finish(study)
    return study.tree.folder


@pytest.mark.parametrize(
    ("dataset", "problem"),
    [
        ({"path": "the teacher's folder", "checksums": "a.md5"}, ""),
        ({"image_size": 64}, ""),  # what it would change, the digests of images say
        ({"name": "cifar10"}, "dataset: is {'name': 'digits'"),
    ],
)
def test_where_images_came_from_is_the_students_own_matter(results, dataset, problem):
    asked = CONFIG | {"dataset": CONFIG["dataset"] | dataset, "storage": "s3://lab/assignment"}
    found = read_submission(results.parent, results / "data", asked, {})
    wrong = [f"{check.subject}: {check.problem}" for check in found.checks if check.problem]
    assert wrong[0].startswith(problem) if problem else not wrong
