include: "../inputs/aggregate.smk"


rule list_runs:
    output:
        runs="results/runs.csv",
    log:
        "results/logs/list_runs.log",
    localrule: True
    conda:
        "../../envs/analysis.yaml"
    threads: 1
    resources:
        mem_mb=500,
        runtime=5,
    params:
        code=code("list_runs.py"),
        combos=COMBOS,
        models=MODELS,
        seeds=SEEDS,
    shell:
        '"$STUDY_PYTHON" "$STUDY_SCRIPTS/list_runs.py"'
        " --code {params.code:q}"
        " --combos {params.combos:q}"
        " --models {params.models:q}"
        " --seeds {params.seeds:q}"
        " --output {output.runs:q}"
        " > {log:q} 2>&1"


# What needs no network. Neither models nor their runs have a part in it.
rule measure_baselines:
    input:
        images="results/data/images.npy",
        index=INDEX,
        splits=expand(
            "results/splits/{part}/seed{seed}.csv", part=PARTS_OF_COMBOS, seed=SEEDS
        ),
        common_tests=expand("results/splits/common/seed{seed}.csv", seed=SEEDS),
    output:
        table="results/baselines.csv",
    log:
        "results/logs/measure_baselines.log",
    conda:
        "../../envs/analysis.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=60,
    params:
        code=code("measure_baselines.py"),
        combos=COMBOS,
    shell:
        '"$STUDY_PYTHON" "$STUDY_SCRIPTS/measure_baselines.py"'
        " --code {params.code:q}"
        " --images {input.images:q}"
        " --index {input.index:q}"
        " --combos {params.combos:q}"
        " --splits {input.splits:q}"
        " --common-tests {input.common_tests:q}"
        " --output {output.table:q}"
        " > {log:q} 2>&1"


rule compare:
    input:
        runs="results/runs.csv",
        index=INDEX,
        predictions=of_all_runs("predictions.npz"),
        metrics=of_all_runs("metrics.json"),
        records=of_all_runs("run.json"),
        common_tests=expand("results/splits/common/seed{seed}.csv", seed=SEEDS),
        duplicates="results/data/near_duplicates.csv",
    output:
        tables=expand(
            "results/comparisons/{table}.csv",
            table=[
                "comparisons",
                "groups",
                "power",
                "variance",
                "scaling",
                "agreement",
                "calibration",
                "roc",
            ],
        ),
        page=report(
            "results/comparisons/comparisons.html",
            caption="../report/comparisons.rst",
            category=chapter("Comparisons"),
            labels={"item": "differences of accuracy, table"},
        ),
        differences=report(
            "results/figures/comparisons.svg",
            caption="../report/comparisons.rst",
            category=chapter("Comparisons"),
            labels={"item": "differences of accuracy, figure"},
        ),
        variance=report(
            "results/figures/variance.svg",
            caption="../report/variance.rst",
            category=chapter("Comparisons"),
            labels={"item": "where the spread comes from, figure"},
        ),
        scaling=report(
            "results/figures/scaling.svg",
            caption="../report/scaling.rst",
            category=chapter("Comparisons"),
            labels={"item": "error over training images, figure"},
        ),
        calibration=report(
            "results/figures/calibration.svg",
            caption="../report/calibration.rst",
            category=chapter("Comparisons"),
            labels={"item": "calibration, figure"},
        ),
        roc=[
            report(
                f"results/figures/roc/{model}.svg",
                caption="../report/roc.rst",
                category=chapter("Comparisons"),
                labels={"item": f"ROC and precision–recall of {model}, figure"},
            )
            for model in MODELS
        ],
    log:
        "results/logs/compare.log",
    conda:
        "../../envs/analysis.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=30,
    params:
        code=code("compare.py"),
        partitions=list(PARTITIONS),
        precision=config["compare"]["precision"],
        external=EXTERNAL_TEST,
    shell:
        '"$STUDY_PYTHON" "$STUDY_SCRIPTS/compare.py"'
        " --code {params.code:q}"
        " {params.external:q}"
        " --runs {input.runs:q}"
        " --index {input.index:q}"
        " --duplicates {input.duplicates:q}"
        " --partitions {params.partitions:q}"
        " --precision {params.precision:q}"
        " --tables {output.tables:q}"
        " --page {output.page:q}"
        " --comparisons-figure {output.differences:q}"
        " --variance-figure {output.variance:q}"
        " --scaling-figure {output.scaling:q}"
        " --calibration-figure {output.calibration:q}"
        " --roc-figures {output.roc:q}"
        " > {log:q} 2>&1"


rule plot_curves:
    input:
        runs="results/runs.csv",
        histories=expand(
            "results/runs/{combo}/{{model}}/seed{seed}/history.csv",
            combo=COMBOS,
            seed=SEEDS,
        ),
    output:
        figure=report(
            "results/figures/learning_curves/{model}.svg",
            caption="../report/learning_curves.rst",
            category=chapter("Results"),
            labels={"item": "learning curves of {model}, figure"},
        ),
        table="results/figures/learning_curves/{model}.csv",
    log:
        "results/logs/plot_curves/{model}.log",
    conda:
        "../../envs/analysis.yaml"
    threads: 1
    resources:
        mem_mb=500,
        runtime=5,
    params:
        code=code("plot_curves.py"),
    shell:
        '"$STUDY_PYTHON" "$STUDY_SCRIPTS/plot_curves.py"'
        " --code {params.code:q}"
        " --runs {input.runs:q}"
        " --model {wildcards.model:q}"
        " --figure {output.figure:q}"
        " --output {output.table:q}"
        " > {log:q} 2>&1"


rule find_hard_examples:
    input:
        runs="results/runs.csv",
        predictions=of_all_runs("predictions.npz"),
        dynamics=of_all_runs("dynamics.npz"),
        index=INDEX,
        images="results/data/images.npy",
        partitions=expand("results/partitions/{partition}.csv", partition=PARTITIONS),
        duplicates="results/data/near_duplicates.csv",
        votes=human_votes_files if config["human_votes"] else [],
        neighbours=neighbours,
    output:
        table="results/hard_examples.csv",
        top="results/hard_examples_top.csv",
        reliability="results/hard_examples/reliability.csv",
        growth="results/hard_examples/growth.csv",
        confusions="results/hard_examples/confusions.csv",
        behind="results/hard_examples/behind_mistakes.csv",
        behind_page=report(
            "results/hard_examples/behind_mistakes.html",
            caption="../report/behind_mistakes.rst",
            category=chapter("Hard examples"),
            labels={"item": "training images behind mistakes, table"},
        ),
        page=report(
            "results/hard_examples.html",
            caption="../report/hard_examples.rst",
            category=chapter("Hard examples"),
            labels={"item": "hardest images, table"},
        ),
        map=report(
            "results/figures/hard_examples_map.svg",
            caption="../report/hard_examples_map.rst",
            category=chapter("Hard examples"),
            labels={"item": "map of all images, figure"},
        ),
        growth_figure=report(
            "results/figures/hard_examples_growth.svg",
            caption="../report/hard_examples_growth.rst",
            category=chapter("Hard examples"),
            labels={"item": "how reliable the list is, figure"},
        ),
        confusions_figure=report(
            "results/figures/hard_examples_confusions.svg",
            caption="../report/hard_examples_confusions.rst",
            category=chapter("Hard examples"),
            labels={"item": "confusions of hard images, figure"},
        ),
    log:
        "results/logs/find_hard_examples.log",
    conda:
        "../../envs/analysis.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=30,
    params:
        code=code("find_hard_examples.py"),
        kinds=[votes["kind"] for votes in config["human_votes"]],
        votes=digests(*(votes["path"] for votes in config["human_votes"])),
        neighbours=lambda wildcards, input: option("--neighbours", input.neighbours),
    shell:
        '"$STUDY_PYTHON" "$STUDY_SCRIPTS/find_hard_examples.py"'
        " --code {params.code:q}"
        " {params.neighbours:q}"
        " --runs {input.runs:q}"
        " --index {input.index:q}"
        " --images {input.images:q}"
        " --partitions {input.partitions:q}"
        " --duplicates {input.duplicates:q}"
        " --kinds {params.kinds:q}"
        " --votes {input.votes:q}"
        " --output {output.table:q}"
        " --top-table {output.top:q}"
        " --reliability {output.reliability:q}"
        " --growth {output.growth:q}"
        " --confusions {output.confusions:q}"
        " --behind {output.behind:q}"
        " --behind-page {output.behind_page:q}"
        " --page {output.page:q}"
        " --map-figure {output.map:q}"
        " --growth-figure {output.growth_figure:q}"
        " --confusions-figure {output.confusions_figure:q}"
        " > {log:q} 2>&1"


rule find_hard_to_learn:
    input:
        runs="results/runs.csv",
        predictions=chain_predictions,
        index=INDEX,
        partition="results/partitions/{partition}.csv",
    output:
        table="results/hard_to_learn/{partition}.csv",
        report="results/hard_to_learn/{partition}_report.txt",
        page=report(
            "results/hard_to_learn/{partition}_report.html",
            caption="../report/hard_to_learn.rst",
            category=chapter("Hard examples"),
            labels={
                "item": "images that no model learnt, text",
                "partition": "{partition}",
            },
        ),
    log:
        "results/logs/find_hard_to_learn/{partition}.log",
    conda:
        "../../envs/analysis.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        code=code("find_hard_to_learn.py"),
    shell:
        '"$STUDY_PYTHON" "$STUDY_SCRIPTS/find_hard_to_learn.py"'
        " --code {params.code:q}"
        " --runs {input.runs:q}"
        " --index {input.index:q}"
        " --partition {input.partition:q}"
        " --table {output.table:q}"
        " --report {output.report:q}"
        " --page {output.page:q}"
        " > {log:q} 2>&1"


# The summary comes last: it waits for the hard examples and for every figure of the runs and
# models, though it reads little of them.
rule summarize:
    input:
        runs="results/runs.csv",
        metrics=of_all_runs("metrics.json"),
        records=of_all_runs("run.json"),
        compared="results/comparisons/groups.csv",
        baselines="results/baselines.csv",
        claims=["results/claims.csv"] if config["claims"] else [],
        overview="results/overview.rst",
        class_counts="results/data/class_counts.html",
        near_duplicates="results/figures/near_duplicates.svg",
        hard_examples="results/hard_examples.html",
        gallery="results/gallery.html",
        hard_to_learn=hard_to_learn_reports(),
        curves=expand("results/figures/learning_curves/{model}.svg", model=MADE_HERE),
        layers=expand("results/models/{model}/layers.csv", model=NETWORKS),
        figures=figures_of_runs,
        gradcam_of_hard_examples=expand(
            "results/hard_examples/gradcam/{model}.npz", model=MADE_HERE
        ),
        models=expand("results/models/{model}/layers.html", model=NETWORKS),
        corrections=["results/data/corrections.html"] if CORRECTIONS else [],
        searches=beside(searches(), "lr_find.svg"),
        reproduction=reproduction_of_the_study(),
        validation=["results/validation.csv"] if config["human_votes"] else [],
        tuning=expand(
            "results/tune/{combo}/{model}/seed{seed}/trials.svg",
            combo=COMBOS,
            model=config["tune"],
            seed=SEEDS,
        ),
    output:
        summary="results/summary.csv",
        groups="results/summary_by_group.csv",
        page=report(
            "results/summary.html",
            caption="../report/summary.rst",
            category=chapter("Results"),
            labels={"item": "all runs, table"},
        ),
        groups_page=report(
            "results/summary_by_group.html",
            caption="../report/summary_by_group.rst",
            category=chapter("Results"),
            labels={"item": "combos and models over seeds, table"},
        ),
        figure=report(
            "results/figures/accuracy_by_combo.svg",
            caption="../report/accuracy_by_combo.rst",
            category=chapter("Results"),
            labels={"item": "accuracy by combo, figure"},
        ),
        recall_by_class=report(
            "results/figures/recall_by_class.svg",
            caption="../report/recall_by_class.rst",
            category=chapter("Results"),
            labels={"item": "recall by class, figure"},
        ),
        cost=report(
            "results/figures/cost.svg",
            caption="../report/cost.rst",
            category=chapter("Results"),
            labels={"item": "accuracy and what it costs, figure"},
        ),
        resources=report(
            "results/figures/resources.svg",
            caption="../report/resources.rst",
            category=chapter("Results"),
            labels={"item": "time and memory of trainings, figure"},
        ),
        tables=expand(
            "results/figures/{figure}.csv",
            figure=["recall_by_class", "cost", "resources"],
        ),
    log:
        "results/logs/summarize.log",
    conda:
        "../../envs/analysis.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        code=code("summarize.py"),
    shell:
        '"$STUDY_PYTHON" "$STUDY_SCRIPTS/summarize.py"'
        " --code {params.code:q}"
        " --runs {input.runs:q}"
        " --compared {input.compared:q}"
        " --baselines {input.baselines:q}"
        " --groups {output.groups:q}"
        " --groups-page {output.groups_page:q}"
        " --page {output.page:q}"
        " --figure {output.figure:q}"
        " --output {output.summary:q}"
        " > {log:q} 2>&1"


# Which run is a model's best is known when all are measured, so all are inputs.
rule gradcam_hard_examples:
    input:
        runs="results/runs.csv",
        top="results/hard_examples_top.csv",
        images="results/data/images.npy",
        index=INDEX,
        results=expand(
            "results/runs/{combo}/{{model}}/seed{seed}/{file}",
            combo=COMBOS,
            seed=SEEDS,
            file=["metrics.json", "predictions.npz", "model.safetensors", "run.json"],
        ),
    output:
        maps="results/hard_examples/gradcam/{model}.npz",
        figure=report(
            "results/hard_examples/gradcam/{model}.svg",
            caption="../report/gradcam_hard_examples.rst",
            category=chapter("Hard examples"),
            labels={"item": "Grad-CAM of the hardest images by {model}, figure"},
        ),
    log:
        "results/logs/gradcam_hard_examples/{model}.log",
    conda:
        "../../envs/torch.yaml"
    threads: 1
    resources:
        gpu=GPUS,
        mem_mb=3000,
        runtime=10,
    params:
        code=code("gradcam_hard_examples.py", by_model=True),
        shown=24,
    shell:
        '"$STUDY_PYTHON" "$STUDY_SCRIPTS/gradcam_hard_examples.py"'
        " --code {params.code:q}"
        " --runs {input.runs:q}"
        " --model {wildcards.model:q}"
        " --top-table {input.top:q}"
        " --count {params.shown:q}"
        " --images {input.images:q}"
        " --index {input.index:q}"
        " --gpus {resources.gpu:q}"
        " --threads {threads:q}"
        " --maps {output.maps:q}"
        " --figure {output.figure:q}"
        " > {log:q} 2>&1"


# On request, `snakemake validate_hardness`; part of a study whose configuration names files with
# people's votes.
rule validate_hardness:
    input:
        hard_examples="results/hard_examples.csv",
        index=INDEX,
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
        '"$STUDY_PYTHON" "$STUDY_SCRIPTS/validate_hardness.py"'
        " --code {params.code:q}"
        " --hard-examples {input.hard_examples:q}"
        " --index {input.index:q}"
        " --kinds {params.kinds:q}"
        " --votes {input.votes:q}"
        " --page {output.page:q}"
        " --precision-recall {output.precision_recall:q}"
        " --human-error {output.human_error:q}"
        " --output {output.table:q}"
        " > {log:q} 2>&1"


# Part of a study whose configuration names a file of claims.
rule judge_claims:
    input:
        claims=claims_file,
        comparisons="results/comparisons/comparisons.csv",
        groups="results/comparisons/groups.csv",
        variance="results/comparisons/variance.csv",
    output:
        table="results/claims.csv",
        page=report(
            "results/claims.html",
            caption="../report/claims.rst",
            category=chapter("Comparisons"),
            labels={"item": "claims and what the results say, table"},
        ),
    log:
        "results/logs/judge_claims.log",
    conda:
        "../../envs/analysis.yaml"
    threads: 1
    resources:
        mem_mb=500,
        runtime=5,
    params:
        code=code("judge_claims.py"),
        claims=digests(config["claims"]),
    shell:
        '"$STUDY_PYTHON" "$STUDY_SCRIPTS/judge_claims.py"'
        " --code {params.code:q}"
        " --claims {input.claims:q}"
        " --comparisons {input.comparisons:q}"
        " --groups {input.groups:q}"
        " --variance {input.variance:q}"
        " --page {output.page:q}"
        " --output {output.table:q}"
        " > {log:q} 2>&1"


# On request: `snakemake check_claims` fails unless all claims are supported.
rule check_claims:
    input:
        claims=claims_file,
        comparisons="results/comparisons/comparisons.csv",
        groups="results/comparisons/groups.csv",
        variance="results/comparisons/variance.csv",
        judged="results/claims.csv",
    log:
        "results/logs/check_claims.log",
    localrule: True
    conda:
        "../../envs/analysis.yaml"
    threads: 1
    resources:
        mem_mb=500,
        runtime=5,
    params:
        code=code("judge_claims.py"),
    shell:
        '"$STUDY_PYTHON" "$STUDY_SCRIPTS/judge_claims.py"'
        " --code {params.code:q}"
        " --claims {input.claims:q}"
        " --comparisons {input.comparisons:q}"
        " --groups {input.groups:q}"
        " --variance {input.variance:q}"
        " --require-supported"
        " 2>&1 | tee {log:q}"


# A file of its own and no part of the report, which would hold all of it.
rule build_gallery:
    input:
        runs="results/runs.csv",
        predictions=of_all_runs("predictions.npz"),
        metrics=of_all_runs("metrics.json"),
        index=INDEX,
        images="results/data/images.npy",
        duplicates="results/data/near_duplicates.csv",
        table="results/hard_examples.csv",
        top="results/hard_examples_top.csv",
        gradcam=expand("results/hard_examples/gradcam/{model}.npz", model=MADE_HERE),
        neighbours=neighbours,
        manifest="results/data/manifest.json",
        verdicts=["results/data/verdicts.csv"] if CORRECTIONS else [],
    output:
        page="results/gallery.html",
    log:
        "results/logs/build_gallery.log",
    conda:
        "../../envs/analysis.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=30,
    params:
        code=code("build_gallery.py"),
        neighbours=lambda wildcards, input: option("--neighbours", input.neighbours),
    shell:
        '"$STUDY_PYTHON" "$STUDY_SCRIPTS/build_gallery.py"'
        " --code {params.code:q}"
        " {params.neighbours:q}"
        " --runs {input.runs:q}"
        " --index {input.index:q}"
        " --images {input.images:q}"
        " --duplicates {input.duplicates:q}"
        " --table {input.table:q}"
        " --top-table {input.top:q}"
        " --manifest {input.manifest:q}"
        " --verdicts={input.verdicts:q}"
        " --gradcam {input.gradcam:q}"
        " --output {output.page:q}"
        " > {log:q} 2>&1"


# What the study was, and the digest of every file that jobs made for it. It is written last;
# `verify` and `bundle` read it.
rule record_study:
    input:
        runs="results/runs.csv",
        data="results/data/manifest.json",
        files_of_runs=files_of_runs,
        files=files_of_study,
    output:
        manifest="results/study.json",
    log:
        "results/logs/record_study.log",
    conda:
        "../../envs/analysis.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=5,
    params:
        code=code("record_study.py"),
        config=WHOLE_CONFIG,
        configfiles=CONFIGFILES,
    shell:
        '"$STUDY_PYTHON" "$STUDY_SCRIPTS/record_study.py"'
        " --code {params.code:q}"
        " --config {params.config:q}"
        " --configfiles {params.configfiles:q}"
        " --runs {input.runs:q}"
        " --data {input.data:q}"
        " --files {input.files:q}"
        " --output {output.manifest:q}"
        " > {log:q} 2>&1"


# The report's start page. It reads what the summary reads, and the summary waits for it, so that
# it is there when the report is asked for.
rule describe_study:
    input:
        runs="results/runs.csv",
        records=of_all_runs("run.json"),
        metrics=of_all_runs("metrics.json"),
        tables=expand(
            "results/comparisons/{table}.csv",
            table=["groups", "comparisons", "power", "variance", "scaling"],
        ),
        baselines="results/baselines.csv",
        hard_examples="results/hard_examples.csv",
        hardness=expand(
            "results/hard_examples/{table}.csv", table=["reliability", "confusions"]
        ),
        claims=["results/claims.csv"] if config["claims"] else [],
        reproduction=reproduction_of_the_study(),
        validation=["results/validation.csv"] if config["human_votes"] else [],
        corrected=[INDEX] if CORRECTIONS else [],
        data="results/data/manifest.json",
        partitions=expand("results/partitions/{partition}.json", partition=PARTITIONS),
        duplicates="results/data/near_duplicates.csv",
        problems=problems_table(),
    output:
        page="results/overview.rst",
    log:
        "results/logs/describe_study.log",
    conda:
        "../../envs/analysis.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=5,
    params:
        code=code("describe_study.py"),
        config=WHOLE_CONFIG,
        configfiles=CONFIGFILES,
        optional=lambda wildcards, input: [
            word
            for name in ("claims", "reproduction", "validation", "corrected")
            for word in option(f"--{name}", input[name])
        ],
    shell:
        '"$STUDY_PYTHON" "$STUDY_SCRIPTS/describe_study.py"'
        " --code {params.code:q}"
        " --config {params.config:q}"
        " --configfiles {params.configfiles:q}"
        " --runs {input.runs:q}"
        " {params.optional:q}"
        " --partitions {input.partitions:q}"
        " --problems {input.problems:q}"
        " --output {output.page:q}"
        " > {log:q} 2>&1"
