# On request, `snakemake validate_hardness`, and part of a study whose configuration names files with people's votes.
rule validate_hardness:
    input:
        hard_examples="results/hard_examples.csv",
        index="results/data/index.csv",
        votes=human_votes_files,
    output:
        table="results/validation.csv",
        page=report(
            "results/validation.html",
            caption="../report/validation.rst",
            category=chapter("Hard examples"),
            labels={"item": "agreement with people, table"},
        ),
        precision_recall=report(
            "results/figures/validation_precision_recall.svg",
            caption="../report/validation.rst",
            category=chapter("Hard examples"),
            labels={"item": "agreement with people, precision and recall, figure"},
        ),
        human_error=report(
            "results/figures/validation_human_error.svg",
            caption="../report/validation.rst",
            category=chapter("Hard examples"),
            labels={"item": "hard for models and for people, figure"},
        ),
    log:
        "results/logs/validate_hardness.log",
    conda:
        "../../envs/analysis.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=15,
    params:
        code=code("validate_hardness.py"),
        kinds=[votes["kind"] for votes in config["human_votes"]],
        votes=digests(*(votes["path"] for votes in config["human_votes"])),
    shell:
        "python scripts/validate_hardness.py --code {params.code} --hard-examples {input.hard_examples} --index {input.index}"
        " --kinds {params.kinds} --votes {input.votes:q} --page {output.page}"
        " --precision-recall {output.precision_recall} --human-error {output.human_error} --output {output.table} > {log} 2>&1"
