import subprocess

from study.audit.provenance import lock_digest
from study.config.combos import chain_of
from study.files import file_digest


def digests(*paths):
    """Return digests of those of the user's files that exist, a parameter of jobs that read them.

    Snakemake by itself does not see that an older file is another one.
    """
    files = [Path(path).expanduser() for path in paths if path]
    return [file_digest(path) for path in files if path.is_file()]


def human_votes_files(wildcards):
    """Return the files with people's votes, or end with one line if none is named or there."""
    if not config["human_votes"]:
        sys.exit(
            "error: config: human_votes is empty, so there is nothing to compare hardness with; "
            "write for example human_votes: [{kind: cifar10h, path: cifar10h-counts.npy}]"
        )
    files = [Path(votes["path"]).expanduser() for votes in config["human_votes"]]
    for position, path in enumerate(files):
        if not path.is_file():
            sys.exit(
                f"error: config: human_votes[{position}].path is {path}, where there is no file; "
                "docs/guide.md says where to get it"
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
        if model in config["lr_find"]["models"] or takes_rate(model)
        for combo in dict.fromkeys(map(searched_combo, COMBOS))
        for seed in (SEEDS if takes_rate(model) else SEEDS[:1])
    ]


def figures_of_runs(wildcards):
    """Return the last figures of each run as an input, if the study draws its runs."""
    if not config["figures"]["runs"]:
        return []
    return [
        *of_all_runs("curves.svg")(wildcards),
        *of_all_runs("gradcam.npz")(wildcards),
    ]


def all_files(wildcards):
    """Return the files that a study's runs and report are made of.

    Not what it was fetched from, which bundles leave out.
    """
    names = (
        "decode find_duplicates draw_near_duplicates count_classes partition split common_test "
        "resolve_recipe describe_model list_runs train predict measure compare plot_curves "
        "find_hard_examples find_hard_to_learn gradcam_hard_examples build_gallery record_study "
        "describe_study summarize"
    ).split()
    if config["figures"]["runs"]:
        names += ["draw_run", "gradcam"]
    values = {
        "partition": PARTITIONS,
        "part": [*PARTITIONS, *{OFFICIAL}.intersection(COMBOS)],
        "combo": COMBOS,
        "model": MODELS,
        "seed": SEEDS,
    }
    files = []
    for name in names:
        for pattern in getattr(rules, name).output:
            of_it = {key: values[key] for key in re.findall(r"{(\w+)}", pattern)}
            # Chains of combos start with a partition that is one.
            if name == "find_hard_to_learn":
                of_it["partition"] = [one for one in PARTITIONS if one in COMBOS]
            files += expand(pattern, **of_it)
    return files


def claims_file(wildcards):
    """Return the file of claims, or end with one line if the study has none."""
    if not config["claims"]:
        sys.exit(
            "error: config: claims is empty, so there is nothing to judge; "
            "write for example claims: config/claims.yaml"
        )
    return local(config["claims"])


# What the configuration asks for; jobs that depend on all of it take it as this text. Where results
# are kept changes none.
WHOLE_CONFIG = canonical(
    {key: value for key, value in config.items() if key != "storage"}
)


def start_page():
    """Return the report's start page: the one that says what was found, once it is made.

    Its template is the project's own and takes the page as data, because a page that came in a
    bundle is somebody else's.
    """
    if not Path("results/overview.rst").exists():
        return "report/workflow.rst"
    # For the template alone; no job runs again for it.
    config["start_page"] = shown_start_page
    return "report/start_page.rst"


def shown_start_page(categories):
    """Return the HTML that shows the start page in a report of these categories."""
    from study.report.shown_page import shown_page

    chapters = [category.name for category in categories]
    page, record = Path("results/overview.rst"), Path("results/study.json")
    with end_in_one_line():
        return shown_page(page, chapters, record, lock_digest(SCRIPTS.parent))


def notify(outcome):
    """Tell the user's chat how a command ended, if it has an address; a failure changes nothing."""
    if os.environ.get("STUDY_WEBHOOK"):
        command = [sys.executable, SCRIPTS / "notify.py", "--outcome", outcome]
        subprocess.run([*command, "--runs", "results/runs.csv"])
