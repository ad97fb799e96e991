from study.audit.coverage import RUN_FIGURES, RUN_FILES
from study.audit.provenance import lock_digest
from study.config.combos import chain_of
from study.files import with_home

NETWORKS = [model for model in MODELS if trains_network(RECIPES[model])]
MADE_HERE = [model for model in MODELS if not is_imported(RECIPES[model])]
# In the order of the combos.
PARTS_OF_COMBOS = list(
    dict.fromkeys(part for combo in COMBOS for part in combo.split("+"))
)
BACKBONES = sorted({features_of(RECIPES[model]) for model in MODELS} - {None})


def human_votes_files(wildcards):
    """Return the files with people's votes, or end with one line if none is named or there."""
    if not config["human_votes"]:
        sys.exit(
            "error: config: human_votes is empty, so there is nothing to compare hardness with; "
            "write for example human_votes: [{kind: cifar10h, path: cifar10h-counts.npy}]"
        )
    files = [with_home(votes["path"]) for votes in config["human_votes"]]
    for position, path in enumerate(files):
        if not path.is_file():
            sys.exit(
                f"error: config: human_votes[{position}].path is {path}, where there is no file; "
                "docs/compare.md says where to get it"
            )
    return local(files)


def chain_predictions(wildcards):
    """Return the predictions of the runs on a partition's chain of combos, smallest first."""
    return expand(
        "results/runs/{combo}/{model}/seed{seed}/predictions.npz",
        combo=chain_of(COMBOS, wildcards.partition),
        model=MODELS,
        seed=SEEDS,
    )


def hard_to_learn_reports():
    """Return the reports on partitions that are combos: there a chain of combos starts."""
    return [
        f"results/hard_to_learn/{partition}_report.txt"
        for partition in PARTITIONS
        if partition in COMBOS
    ]


def searches():
    """Return all learning-rate searches: those asked for and those that recipes depend on."""
    return [
        f"results/lr_find/{combo}/{model}/seed{seed}/suggestion.json"
        for model in MODELS
        if model in config["lr_find"]["models"] or searches_rate(RECIPES[model])
        for combo in dict.fromkeys(map(searched_combo, COMBOS))
        for seed in (SEEDS if searches_rate(RECIPES[model]) else SEEDS[:1])
    ]


def beside(paths, *names):
    """Return files of these names in the folder of each path."""
    return [str(Path(path).with_name(name)) for path in paths for name in names]


def figures_of_runs(wildcards):
    """Return a figure of each run as an input, if the study draws its runs."""
    if not config["figures"]["runs"]:
        return []
    return of_all_runs("curves.svg")(wildcards)


def neighbours(wildcards):
    """Return what features say of the images as an input, those of the first network that has any.

    None in a study without models on features.
    """
    return [f"results/features/{model}.neighbours.npz" for model in BACKBONES[:1]]


def files_of_runs(wildcards):
    """Return every file of each run."""
    names = (*RUN_FILES, *RUN_FIGURES) if config["figures"]["runs"] else RUN_FILES
    return [path for name in names for path in of_all_runs(name)(wildcards)]


def files_of_study(wildcards):
    """Return every file that a job makes for the study and for no single run.

    Of the array of images and their table the manifest has the digests.
    """

    def made_by(*names, **values):
        patterns = [
            # A storage and a module's prefix stand before "results/", and are put there again.
            pattern[pattern.rindex("results/") :]
            for name in names
            for pattern in map(str, getattr(rules, name).output)
        ]
        return expand(patterns, **values)

    return [
        *[
            "results/data/manifest.json",
            *made_by("find_duplicates", "draw_near_duplicates"),
        ],
        *made_by(*["correct", "list_corrections"] if CORRECTIONS else []),
        *made_by("count_classes", *(["list_problems"] if OWN_IMAGES.digest else [])),
        *made_by("partition", partition=PARTITIONS),
        *made_by(
            "split", part=[*PARTITIONS, *{OFFICIAL}.intersection(COMBOS)], seed=SEEDS
        ),
        *made_by("common_test", seed=SEEDS),
        *made_by("resolve_recipe", model=MODELS),
        *made_by("describe_model", model=NETWORKS),
        *made_by(
            "take_weights",
            model=list(filter(starts_from_weights, (*NETWORKS, *BACKBONES))),
        ),
        *made_by("embed", model=BACKBONES),
        *made_by("find_neighbours", model=BACKBONES[:1]),
        *beside(searches(), "losses.csv", "suggestion.json", "lr_find.svg"),
        *made_by(
            *["collect_trials", "draw_trials"],
            combo=COMBOS,
            model=list(config["tune"]),
            seed=SEEDS,
        ),
        *made_by("list_runs", "measure_baselines", "compare"),
        *made_by("find_hard_examples", "build_gallery"),
        *made_by("plot_curves", "gradcam_hard_examples", model=MADE_HERE),
        *made_by("describe_study", "summarize"),
        *made_by(
            "find_hard_to_learn",
            partition=[name for name in PARTITIONS if name in COMBOS],
        ),
        *made_by(*["judge_claims"] if config["claims"] else []),
        *made_by(*["validate_hardness"] if config["human_votes"] else []),
        *made_by(*["compare_published"] if reproduction_of_the_study() else []),
    ]


def claims_file(wildcards):
    """Return the file of claims, or end with one line if the study has none."""
    if not config["claims"]:
        sys.exit(
            "error: config: claims is empty, so there is nothing to judge; "
            "write for example claims: config/claims.yaml"
        )
    return local(with_home(config["claims"]))


# What the configuration asks for; jobs that depend on all of it take it as this text. Where results
# are kept changes none. Braces in its texts, such as a pattern's \d{2}, are no wildcards.
WHOLE_CONFIG = re.sub(
    r'"(?:[^"\\]|\\.)*"',
    lambda text: text[0].replace("{", r"\u007b").replace("}", r"\u007d"),
    canonical({key: value for key, value in config.items() if key != "storage"}),
)


def start_page():
    """Return the report's start page: the one that says what was found, once it is made.

    Its template is the project's own and takes the page as data, because a page that came in a
    bundle is somebody else's.
    """
    # Templates take functions from the configuration, with which scripts of jobs cannot be called.
    if not any(word.startswith("--report") for word in sys.argv):
        return "report/workflow.rst"
    config["meaning"] = meaning_of_column
    if not Path("results/overview.rst").exists():
        return "report/workflow.rst"
    # The page takes it from the configuration of the main Snakefile, which may be another one.
    workflow.modifier_stack[0].globals["config"]["start_page"] = shown_start_page
    return "report/start_page.rst"


def meaning_of_column(column, table):
    """Return what a column of a table in results/ means."""
    from study.report.glossary import meaning

    return meaning(column, table)


def shown_start_page(categories):
    """Return the HTML that shows the start page in a report of these categories."""
    from study.report.shown_page import shown_page

    chapters = [category.name for category in categories]
    page, record = Path("results/overview.rst"), Path("results/study.json")
    with end_in_one_line():
        return shown_page(
            page,
            chapters,
            record,
            lock_digest(PROJECT),
            Path("results/figures/accuracy_by_combo.svg"),
        )


def notify(outcome):
    """Tell the user's chat how a command ended, if it has an address; a failure changes nothing."""
    if url := os.environ.get("STUDY_WEBHOOK"):
        try:
            from study.cli.notifications import tell
        except Exception as error:  # such as code that is being edited
            print(f"error: STUDY_WEBHOOK was not told ({error})", file=sys.stderr)
        else:
            tell(url, outcome, "results/runs.csv")
