import functools

from study.config.imports import imported_models, is_imported, predictions_file
from study.config.probes import features_of, is_probe
from study.files import file_digest, with_home


def run_title(wildcards):
    """Return what a job's run is called in figures."""
    return f"{wildcards.model} on {wildcards.combo}, seed {wildcards.seed}"


def option(name, files):
    """Return an option with its files as the words of a command, nothing where there is none."""
    return [name, *files] if files else []


def recipe_json(wildcards):
    """Return the resolved recipe of a model as text that does not depend on the order of keys."""
    model = wildcards.model
    return canonical(RECIPES[model] | {"architecture": architecture_of(model)})


def starts_from_weights(model):
    """Tell whether a model starts from weights that were trained elsewhere."""
    return "weights" in RECIPES[model]["architecture"]


def architecture_of(model):
    """Return a model's architecture, without the place that its trained weights come from."""
    architecture = RECIPES[model]["architecture"]
    placeless = {"weights": "weights"} if starts_from_weights(model) else {}
    return architecture | placeless


def weights_file(model):
    """Return the path of a model's trained weights, "" where they are a library's."""
    place = RECIPES[model]["architecture"]["weights"]
    return "" if place == "library" else str(with_home(place))


def weights_digest(model):
    """Return what a model's trained weights are known by: their content, or the library's name."""
    path = weights_file(model)
    return content_of(path) if path else "library"


@functools.cache
def content_of(path):
    """Return the sha256 of a file, which is read once for all jobs."""
    return file_digest(path)


def last_blocks(wildcards):
    """Return how many blocks before its head a model trains, 0 where it trains all or none.

    It trains none where other models use its features alone.
    """
    train = RECIPES[wildcards.model].get("train", "all")
    is_trained = wildcards.model in MODELS and isinstance(train, dict)
    return train["last"] if is_trained else 0


def backbone_json(wildcards):
    """Return what decides a model's network and its input, as text."""
    recipe = RECIPES[wildcards.model]
    keys = ("normalize", "input_size")
    backbone = {key: recipe[key] for key in keys if key in recipe}
    return canonical(backbone | {"architecture": architecture_of(wildcards.model)})


def taken_weights(wildcards):
    """Return the trained weights that a model starts from as an input, if it does."""
    path = f"results/weights/{wildcards.model}.safetensors"
    return [path] if starts_from_weights(wildcards.model) else []


def taken_record(wildcards):
    """Return the record of these weights as an input: by it, other weights run again."""
    path = f"results/weights/{wildcards.model}.json"
    return [path] if starts_from_weights(wildcards.model) else []


def any_of(models):
    """Return a pattern that matches these models, and none where there are none."""
    return "|".join(map(re.escape, models)) or "(?!)"


STARTED = any_of(filter(starts_from_weights, RECIPES))
PROBED = any_of(model for model in RECIPES if is_probe(RECIPES[model]))
TRAINED = any_of(model for model in RECIPES if trains_network(RECIPES[model]))
IMPORTED = any_of(model for model in RECIPES if is_imported(RECIPES[model]))
EMBEDDED = any_of(filter(None, map(features_of, RECIPES.values())))


def largest_combo():
    """Return the study's largest combo, by which a recipe is shown."""
    return max(COMBOS, key=combo_size)


def largest_combo_splits(wildcards):
    """Return the splits of the study's largest combo for its first seed."""
    return splits_of(largest_combo(), SEEDS[0])


def searched_combo(combo):
    """Return the combo on which the learning rate for a combo is searched.

    Never `official` for a combo of partitions, whose test images are among its training images.
    """
    partition_combos = [combo for combo in COMBOS if combo != OFFICIAL]
    if config["lr_find"]["per_combo"] or combo == OFFICIAL or not partition_combos:
        return combo
    return max(partition_combos, key=combo_size)


def search_of(model, combo, seed):
    """Return the learning-rate search as an input, if the model's runs take their rate from one."""
    if not searches_rate(RECIPES[model]):
        return []
    return [
        f"results/lr_find/{searched_combo(combo)}/{model}/seed{seed}/suggestion.json"
    ]


TUNED = any_of(config["tune"])


def workers(model):
    """Return how many jobs share a model's hyper-parameter search."""
    return config["tune"].get(model, {}).get("workers", 1)
