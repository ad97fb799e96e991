include: "../inputs/runs.smk"


# One thread: on a CPU, trainings side by side are faster than one with several threads, and a
# single thread adds up in the same order everywhere.
rule train:
    input:
        images="results/data/images.npy",
        index="results/data/index.csv",
        splits=combo_splits,
        recipe="results/recipes/{model}.yaml",
        weights=ancient(taken_weights),
        lr_find=lambda wildcards: search_of(
            wildcards.model, wildcards.combo, wildcards.seed
        ),
        tuned=tuned,
    output:
        weights="results/runs/{combo}/{model}/seed{seed}/model.safetensors",
        history="results/runs/{combo}/{model}/seed{seed}/history.csv",
        dynamics="results/runs/{combo}/{model}/seed{seed}/dynamics.npz",
        run="results/runs/{combo}/{model}/seed{seed}/run.json",
    log:
        "results/logs/train/{combo}/{model}/seed{seed}.log",
    wildcard_constraints:
        model=TRAINED,
    cache: True
    conda:
        "../../envs/torch.yaml"
    threads: 1
    resources:
        gpu=GPUS,
        mem_mb=MEMORY_OF_TRAINING,
        runtime=240,
    params:
        code=code("train.py", by_recipe=True),
        wildcards=all_wildcards,
        checkpoint="results/scratch/train/{combo}/{model}/seed{seed}.pt",
        lr_find=lambda wildcards, input: option("--lr-find", input.lr_find),
        tuned=lambda wildcards, input: option("--tuned", input.tuned),
    shell:
        '"$STUDY_PYTHON" "$STUDY_SCRIPTS/train.py"'
        " --code {params.code:q}"
        " --images {input.images:q}"
        " --index {input.index:q}"
        " --splits {input.splits:q}"
        " --recipe {input.recipe:q}"
        " {params.lr_find:q}"
        " {params.tuned:q}"
        " --seed {wildcards.seed:q}"
        " --gpus {resources.gpu:q}"
        " --threads {threads:q}"
        " --checkpoint {params.checkpoint:q}"
        " --job"
        " --weights {output.weights:q}"
        " --history {output.history:q}"
        " --dynamics {output.dynamics:q}"
        " --run {output.run:q}"
        " > {log:q} 2>&1"


rule predict:
    input:
        images="results/data/images.npy",
        index="results/data/index.csv",
        splits=combo_splits,
        weights="results/runs/{combo}/{model}/seed{seed}/model.safetensors",
        run="results/runs/{combo}/{model}/seed{seed}/run.json",
    output:
        predictions="results/runs/{combo}/{model}/seed{seed}/predictions.npz",
        maps="results/runs/{combo}/{model}/seed{seed}/gradcam.npz",
    log:
        "results/logs/predict/{combo}/{model}/seed{seed}.log",
    wildcard_constraints:
        model=TRAINED,
    cache: True
    conda:
        "../../envs/torch.yaml"
    threads: 1
    resources:
        gpu=GPUS,
        mem_mb=MEMORY_OF_PREDICTING,
        runtime=60,
    params:
        code=code("predict.py", by_model=True),
        looks=[f"--{look}" for look in looks(config)],
    shell:
        '"$STUDY_PYTHON" "$STUDY_SCRIPTS/predict.py"'
        " --code {params.code:q}"
        " --images {input.images:q}"
        " --index {input.index:q}"
        " --splits {input.splits:q}"
        " --weights {input.weights:q}"
        " --run {input.run:q}"
        " --gpus {resources.gpu:q}"
        " --threads {threads:q}"
        " {params.looks:q}"
        " --maps {output.maps:q}"
        " --output {output.predictions:q}"
        " > {log:q} 2>&1"


# What train and predict make, for models that train no network; its log has the place of theirs.
rule probe:
    input:
        features=ancient(features_file(".npy")),
        record=features_file(".json"),
        data=ancient("results/data/manifest.json"),
        index="results/data/index.csv",
        splits=combo_splits,
        recipe="results/recipes/{model}.yaml",
    output:
        weights="results/runs/{combo}/{model}/seed{seed}/model.safetensors",
        history="results/runs/{combo}/{model}/seed{seed}/history.csv",
        dynamics="results/runs/{combo}/{model}/seed{seed}/dynamics.npz",
        run="results/runs/{combo}/{model}/seed{seed}/run.json",
        predictions="results/runs/{combo}/{model}/seed{seed}/predictions.npz",
        maps="results/runs/{combo}/{model}/seed{seed}/gradcam.npz",
    log:
        "results/logs/train/{combo}/{model}/seed{seed}.log",
    wildcard_constraints:
        model=PROBED,
    conda:
        "../../envs/analysis.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=60,
    params:
        code=code("probe.py"),
        wildcards=all_wildcards,
        neighbours=["--neighbours"] if "neighbours" in looks(config) else [],
    shell:
        '"$STUDY_PYTHON" "$STUDY_SCRIPTS/probe.py"'
        " --code {params.code:q}"
        " --features {input.features:q}"
        " --record {input.record:q}"
        " --data {input.data:q}"
        " --index {input.index:q}"
        " --splits {input.splits:q}"
        " --recipe {input.recipe:q}"
        " --seed {wildcards.seed:q}"
        " --threads {threads:q}"
        " --weights {output.weights:q}"
        " --history {output.history:q}"
        " --dynamics {output.dynamics:q}"
        " --run {output.run:q}"
        " {params.neighbours:q}"
        " --predictions {output.predictions:q}"
        " --maps {output.maps:q}"
        " > {log:q} 2>&1"


# What train and predict make, of predictions that were made elsewhere; known by their content.
rule import_predictions:
    input:
        data=ancient("results/data/manifest.json"),
        # Corrections may leave out a user's test image; they say nothing of other imports.
        index=INDEX if EXTERNAL_TEST else "results/data/index.csv",
        splits=combo_splits,
        common_test="results/splits/common/seed{seed}.csv",
        recipe="results/recipes/{model}.yaml",
    output:
        weights="results/runs/{combo}/{model}/seed{seed}/model.safetensors",
        history="results/runs/{combo}/{model}/seed{seed}/history.csv",
        dynamics="results/runs/{combo}/{model}/seed{seed}/dynamics.npz",
        run="results/runs/{combo}/{model}/seed{seed}/run.json",
        predictions="results/runs/{combo}/{model}/seed{seed}/predictions.npz",
        maps="results/runs/{combo}/{model}/seed{seed}/gradcam.npz",
    log:
        "results/logs/train/{combo}/{model}/seed{seed}.log",
    wildcard_constraints:
        model=IMPORTED,
    conda:
        "../../envs/analysis.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=10,
        # Where they come from. No parameter: moved, they are the same.
        file=lambda wildcards: str(file_of_predictions(wildcards)),
    params:
        code=code("import_predictions.py"),
        sha256=digest_of_predictions,
        external=EXTERNAL_TEST,
    shell:
        '"$STUDY_PYTHON" "$STUDY_SCRIPTS/import_predictions.py"'
        " --code {params.code:q}"
        " --file {resources.file:q}"
        " --data {input.data:q}"
        " --index {input.index:q}"
        " --splits {input.splits:q}"
        " --common-test {input.common_test:q}"
        " {params.external:q}"
        " --recipe {input.recipe:q}"
        " --combo {wildcards.combo:q}"
        " --seed {wildcards.seed:q}"
        " --weights {output.weights:q}"
        " --history {output.history:q}"
        " --dynamics {output.dynamics:q}"
        " --run {output.run:q}"
        " --predictions {output.predictions:q}"
        " --maps {output.maps:q}"
        " > {log:q} 2>&1"


# Numbers, without matplotlib: another figure measures nothing again.
rule measure:
    input:
        predictions="results/runs/{combo}/{model}/seed{seed}/predictions.npz",
        index=INDEX,
        common_test="results/splits/common/seed{seed}.csv",
        duplicates="results/data/near_duplicates.csv",
    output:
        metrics="results/runs/{combo}/{model}/seed{seed}/metrics.json",
        report="results/runs/{combo}/{model}/seed{seed}/report.txt",
        classification_report="results/runs/{combo}/{model}/seed{seed}/classification_report.json",
        misclassified="results/runs/{combo}/{model}/seed{seed}/misclassified.csv",
    log:
        "results/logs/measure/{combo}/{model}/seed{seed}.log",
    conda:
        "../../envs/analysis.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        code=code("measure.py"),
        external=EXTERNAL_TEST,
    shell:
        '"$STUDY_PYTHON" "$STUDY_SCRIPTS/measure.py"'
        " --code {params.code:q}"
        " {params.external:q}"
        " --predictions {input.predictions:q}"
        " --index {input.index:q}"
        " --common-test {input.common_test:q}"
        " --duplicates {input.duplicates:q}"
        " --metrics {output.metrics:q}"
        " --report {output.report:q}"
        " --classification-report {output.classification_report:q}"
        " --misclassified {output.misclassified:q}"
        " > {log:q} 2>&1"


rule draw_run:
    input:
        predictions="results/runs/{combo}/{model}/seed{seed}/predictions.npz",
        index=INDEX,
        images="results/data/images.npy",
        metrics="results/runs/{combo}/{model}/seed{seed}/metrics.json",
        misclassified="results/runs/{combo}/{model}/seed{seed}/misclassified.csv",
        history="results/runs/{combo}/{model}/seed{seed}/history.csv",
        run="results/runs/{combo}/{model}/seed{seed}/run.json",
        maps="results/runs/{combo}/{model}/seed{seed}/gradcam.npz",
    output:
        confusion_matrix=report(
            "results/runs/{combo}/{model}/seed{seed}/confusion_matrix.svg",
            caption="../report/confusion_matrix.rst",
            category=chapter("Runs"),
            subcategory="{model}",
            labels={
                "combo": "{combo}",
                "model": "{model}",
                "seed": "{seed}",
                "item": "confusion matrix, figure",
            },
        ),
        curves=report(
            "results/runs/{combo}/{model}/seed{seed}/curves.svg",
            caption="../report/curves.rst",
            category=chapter("Runs"),
            subcategory="{model}",
            labels={
                "combo": "{combo}",
                "model": "{model}",
                "seed": "{seed}",
                "item": "loss and accuracy by epoch",
            },
        ),
        mistakes=report(
            "results/runs/{combo}/{model}/seed{seed}/misclassified.svg",
            caption="../report/misclassified.rst",
            category=chapter("Runs"),
            subcategory="{model}",
            labels={
                "combo": "{combo}",
                "model": "{model}",
                "seed": "{seed}",
                "item": "most confident mistakes",
            },
        ),
        gradcam=report(
            "results/runs/{combo}/{model}/seed{seed}/gradcam.svg",
            caption="../report/gradcam.rst",
            category=chapter("Runs"),
            subcategory="{model}",
            labels={
                "combo": "{combo}",
                "model": "{model}",
                "seed": "{seed}",
                "item": "Grad-CAM of the most confident mistakes",
            },
        ),
    log:
        "results/logs/draw_run/{combo}/{model}/seed{seed}.log",
    conda:
        "../../envs/analysis.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        code=code("draw_run.py"),
        title=run_title,
    shell:
        '"$STUDY_PYTHON" "$STUDY_SCRIPTS/draw_run.py"'
        " --code {params.code:q}"
        " --predictions {input.predictions:q}"
        " --index {input.index:q}"
        " --images {input.images:q}"
        " --metrics {input.metrics:q}"
        " --misclassified {input.misclassified:q}"
        " --history {input.history:q}"
        " --run {input.run:q}"
        " --maps {input.maps:q}"
        " --title {params.title:q}"
        " --mistakes {output.mistakes:q}"
        " --curves {output.curves:q}"
        " --confusion-matrix {output.confusion_matrix:q}"
        " --gradcam {output.gradcam:q}"
        " > {log:q} 2>&1"


# On request: `snakemake tensorboard`. It reads the histories, so no training runs again for it.
rule tensorboard:
    input:
        "results/tensorboard",


rule write_tensorboard:
    input:
        runs="results/runs.csv",
        histories=of_all_runs("history.csv"),
        records=of_all_runs("run.json"),
    output:
        folder=directory("results/tensorboard"),
    log:
        "results/logs/write_tensorboard.log",
    conda:
        "../../envs/analysis.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=30,
    params:
        code=code("write_tensorboard.py"),
    shell:
        '"$STUDY_PYTHON" "$STUDY_SCRIPTS/write_tensorboard.py"'
        " --code {params.code:q}"
        " --runs {input.runs:q}"
        " --output {output.folder:q}"
        " 2>&1 | tee {log:q}"
