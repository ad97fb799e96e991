"""Optimizers and augmentations by name: a file each, and code of its own runs only."""

import json

import pytest
from conftest import ROOT, forget_code, run_python, shown_files

from study.code import code_digest, code_files
from study.config import components as registry
from study.config.component_schemas import expanded
from study.config.components import component, component_modules, components
from study.config.recipe_checks import check_recipe
from study.errors import StudyError
from study.files import read_yaml

PACKAGES = ("training.optimizers", "training.augment")
SCHEMA = read_yaml(ROOT / "workflow/schemas/recipe.schema.yaml")
CNN2 = read_yaml(ROOT / "config/models/cnn2.yaml")
RECIPES = {
    "adam": CNN2,
    "sgd": CNN2 | {"optimizer": {"name": "sgd", "lr": 0.1}},
    "cutout": CNN2 | {"augment": [{"name": "cutout", "size": 8}]},
    "mixup": CNN2 | {"augment": [{"name": "to_grey"}, {"name": "mixup", "alpha": 1}]},
}
NEW = shown_files("Add an optimizer") | shown_files("Add an augmentation")


def test_components_are_the_files_with_a_schema():
    optimizers, augmentations = (list(components(package)) for package in PACKAGES)
    assert optimizers == ["adam", "adamw", "muon", "sgd"]
    assert "mixup" in augmentations and not {"draw", "cover", "planes"} & set(augmentations)


@pytest.mark.parametrize("package", PACKAGES)
def test_what_there_is_not_is_refused_with_what_there_is(package):
    for name in ("no_such", "__init__", "../trainer", "a b"):
        with pytest.raises(StudyError, match=r"unknown \w+ .*; known: ad|known: alternating_flip"):
            component(package, name)


@pytest.mark.parametrize(
    ("changes", "fragment"),
    [
        ({"augment": [{"name": "blur"}]}, 'augment[0].name is "blur", expected one of alternat'),
        ({"augment": [{"name": "to_grey", "size": 3}]}, "does not go with its name"),
        ({"augment": [{"name": "to_grey", "p": 2}]}, "augment[0].p: 2 is greater than"),
        ({"augment": [{"name": "cutout"}]}, "augment[0] has no 'size'"),
        ({"augment": [{"name": "cutout", "size": 8.0}]}, "size is 8.0, expected a whole number"),
        ({"augment": [{"name": "cutout", "sise": 8}]}, "Allowed here: name, size, fill"),
        ({"augment": [{"p": 0.5}]}, "augment[0] has no 'name'"),
        ({"optimizer": {"name": 3, "lr": 1}}, "name is 3, expected one of adam, adamw, muon, sgd"),
        ({"optimizer": {"name": "muon", "lr": 1, "nesterov": True}}, "Allowed here: name, lr, wei"),
        (
            {"optimizer": {"name": "sgd", "lr": 1, "momentum": 1}},
            "optimizer.momentum: 1 is greater",
        ),
        ({"optimizer": {"name": "sgd"}}, "optimizer has no 'lr'"),
    ],
)
def test_a_recipe_is_checked_by_the_schemas_of_its_components(changes, fragment):
    with pytest.raises(StudyError) as refused:
        check_recipe(CNN2 | changes, SCHEMA, "mine.yaml")
    assert fragment in str(refused.value) and "\n" not in str(refused.value)


@pytest.fixture
def package(tmp_path, monkeypatch):
    """Return what writes a file of an otherwise empty package of optimizers."""
    folder = tmp_path / "training/optimizers"
    folder.mkdir(parents=True)
    monkeypatch.setattr(registry, "_STUDY", tmp_path)
    return lambda name, text: (folder / f"{name}.py").write_text(text)


def test_an_option_may_mean_something_else_for_each_component(package):
    text = 'SCHEMA = {{"description": "X.", "properties": {{"size": {}}}}}\nclass X: ...\n'
    package("whole", text.format({"description": "Pixels.", "type": "integer"}))
    package("share", text.format({"description": "A share.", "type": "number", "maximum": 1}))
    schema = expanded(SCHEMA)["properties"]["optimizer"]
    size = schema["properties"]["size"]
    assert size["description"] == "`share`: A share. `whole`: Pixels."
    for name, value, fragment in (
        ("whole", 8, ""), ("share", 0.5, ""), ("share", 8, "size: 8 is greater than"),
        ("whole", 0.5, "size is 0.5, expected a whole number"),
        ("share", "x", "size is \"x\", expected a number"),
    ):  # fmt: skip
        changes = {"optimizer": {"name": name, "lr": 1, "size": value}, "augment": []}
        if fragment:
            with pytest.raises(StudyError) as refused:
                check_recipe(CNN2 | changes, SCHEMA, "mine.yaml")
            assert fragment in str(refused.value)
        else:
            check_recipe(CNN2 | changes, SCHEMA, "mine.yaml")


@pytest.mark.parametrize(
    ("text", "fragment"),
    [
        ("class Broken(:\n", r"mine\.py: not valid Python \(.*line 1\)"),
        ("SCHEMA = dict(description='X.')\nclass X: ...\n", "SCHEMA is computed"),
        ("SCHEMA = {}\nclass X: ...\n", "SCHEMA has no description"),
        ("SCHEMA = {'description': 'X.', 'require': []}\nclass X: ...\n", "SCHEMA has 'require'"),
        (
            "SCHEMA = {'description': 'X.', 'properties': {'p': {'type': 'number'}}}\n",
            "option 'p' in SCHEMA needs a description",
        ),
        ("SCHEMA = {'description': 'X.'}\n", "one public class beside SCHEMA, found none"),
        ("SCHEMA = {'description': 'X.'}\nclass A: ...\nclass B: ...\n", "found A and B"),
    ],
)
def test_a_wrong_file_is_named(package, text, fragment):
    package("mine", text)
    with pytest.raises(StudyError, match=fragment):
        component("training.optimizers", "mine")


def test_the_names_that_a_search_may_choose_count_too():
    search = {"optimizer.name": ["adamw"], "augment": [[], [{"name": "invert"}]]}
    search |= {"architecture.name": ["cnn3"], "optimizer.lr": {"low": 0.1, "high": 1}}
    assert component_modules(RECIPES["cutout"]) == [
        "study.models.cnn2",
        "study.training.augment.cutout",
        "study.training.optimizers.adam",
    ]
    assert component_modules(RECIPES["cutout"], search) == [
        "study.models.cnn2",
        "study.models.cnn3",
        "study.training.augment.cutout",
        "study.training.augment.invert",
        "study.training.optimizers.adam",
        "study.training.optimizers.adamw",
    ]


def digests(scripts):
    """Return the digest of each recipe's training."""
    forget_code()
    return {
        name: code_digest(scripts / "train.py", *component_modules(recipe))
        for name, recipe in RECIPES.items()
    }


def test_a_new_component_changes_the_digest_of_no_training(scripts):
    before = digests(scripts)
    assert len(set(before.values())) == len(RECIPES)
    for name, text in NEW.items():
        (scripts.parent / name).write_text(text)
    assert digests(scripts) == before


@pytest.mark.parametrize(
    ("file", "changed"),
    [
        ("optimizers/sgd.py", {"sgd"}),
        ("optimizers/adam.py", {"adam", "cutout", "mixup"}),
        ("optimizers/muon.py", set()),
        ("augment/cutout.py", {"cutout"}),
        ("augment/mixup.py", {"mixup"}),
        ("augment/planes.py", {"mixup"}),  # of to_grey
        ("augment/draw.py", set(RECIPES)),
    ],
)
def test_a_changed_component_changes_the_digest_of_what_trains_with_it(scripts, file, changed):
    others = [scripts / "predict.py", scripts / "gradcam_hard_examples.py"]
    before, before_others = digests(scripts), [code_digest(script) for script in others]
    path = scripts / "study/training" / file
    text = path.read_text()
    # Another wording of what a recipe may hold is no other code.
    path.write_text(text.replace('"description": "', '"description": "Now: '))
    assert digests(scripts) == before
    path.write_text(text + "\nUNUSED = 1\n")
    after = digests(scripts)
    assert {name for name in RECIPES if after[name] != before[name]} == changed
    if changed != set(RECIPES):
        assert [code_digest(script) for script in others] == before_others


def test_every_module_that_a_training_imports_by_name_is_in_the_digest(scripts):
    """What Python really imports for a recipe, against what the digest covers."""
    for name, text in NEW.items():
        (scripts.parent / name).write_text(text)
    optimizer = {"name": "signum", "lr": 0.1}
    new = CNN2 | {"optimizer": optimizer, "augment": [{"name": "invert"}, {"name": "to_grey"}]}
    new |= {"architecture": {"name": "fastnet"}}
    of_a_library = {"architecture": {"name": "torchvision/shufflenet_v2_x0_5"}}
    program = (
        "import json, sys; from study.models.build import build_recipe_model; "
        "import study.training.step as step; recipe = json.loads(sys.argv[1]); "
        "model = build_recipe_model(recipe, num_classes=10, image_shape=(32, 32, 3)); "
        "step.make_optimizer(model, **recipe['optimizer']); "
        "step.make_transforms(recipe['augment']); "
        "names = [name for name in sys.modules if name.split('.')[0] == 'study']; "
        "print(*(sys.modules[name].__file__ for name in names), sep='\\n')"
    )
    for recipe in (new, RECIPES["mixup"] | of_a_library):
        loaded = run_python(program, json.dumps(recipe), scripts=scripts).split()
        modules = component_modules(recipe)
        covered = set(map(str, code_files(scripts / "train.py", *modules)))
        assert set(loaded) <= covered
        by_name = {
            str(scripts.joinpath(*module.split(".")).with_suffix(".py")) for module in modules
        }
        assert by_name <= set(loaded)
        # And nothing of another optimizer or augmentation.
        of_others = {
            str(scripts / "study" / package.replace(".", "/") / f"{name}.py")
            for package in PACKAGES
            for name in components(package)
        } - by_name
        assert not of_others & covered
