def combo_splits(wildcards):
    """Return the splits that a run trains on."""
    return splits_of(wildcards.combo, wildcards.seed)


def tuned(wildcards):
    """Return the settings that tuning chose for a run as an input, if its model is tuned."""
    if wildcards.model not in config["tune"]:
        return []
    return [
        f"results/tune/{wildcards.combo}/{wildcards.model}/seed{wildcards.seed}/best.yaml"
    ]


# One thread: on a CPU, trainings side by side are faster than one with several threads, and a
# single thread adds up in the same order everywhere.
rule train:
    input:
        images="results/data/images.npy",
        index="results/data/index.csv",
        splits=combo_splits,
        recipe="results/recipes/{model}.yaml",
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
    cache: True
    conda:
        "../../envs/torch.yaml"
    threads: 1
    resources:
        gpu=GPUS,
        mem_mb=4000,
        runtime=240,
    params:
        code=code("train.py", by_recipe=True),
        wildcards=all_wildcards,
        checkpoint="results/scratch/train/{combo}/{model}/seed{seed}.pt",
        lr_find=lambda wildcards, input: [f"--lr-find {path}" for path in input.lr_find],
        tuned=lambda wildcards, input: [f"--tuned {path}" for path in input.tuned],
    shell:
        "python scripts/train.py"
        " --code {params.code}"
        " --images {input.images}"
        " --index {input.index}"
        " --splits {input.splits}"
        " --recipe {input.recipe}"
        " {params.lr_find}"
        " {params.tuned}"
        " --seed {wildcards.seed}"
        " --gpus {resources.gpu}"
        " --threads {threads}"
        " --checkpoint {params.checkpoint}"
        " --job"
        " --weights {output.weights}"
        " --history {output.history}"
        " --dynamics {output.dynamics}"
        " --run {output.run}"
        " > {log} 2>&1"


rule predict:
    input:
        images="results/data/images.npy",
        splits=combo_splits,
        weights="results/runs/{combo}/{model}/seed{seed}/model.safetensors",
        run="results/runs/{combo}/{model}/seed{seed}/run.json",
    output:
        predictions="results/runs/{combo}/{model}/seed{seed}/predictions.npz",
    log:
        "results/logs/predict/{combo}/{model}/seed{seed}.log",
    cache: True
    conda:
        "../../envs/torch.yaml"
    threads: 1
    resources:
        gpu=GPUS,
        mem_mb=3000,
        runtime=60,
    params:
        code=code("predict.py", by_model=True),
    shell:
        "python scripts/predict.py"
        " --code {params.code}"
        " --images {input.images}"
        " --splits {input.splits}"
        " --weights {input.weights}"
        " --run {input.run}"
        " --gpus {resources.gpu}"
        " --threads {threads}"
        " --output {output.predictions}"
        " > {log} 2>&1"


# Numbers, without matplotlib: another figure measures nothing again.
rule measure:
    input:
        predictions="results/runs/{combo}/{model}/seed{seed}/predictions.npz",
        index="results/data/index.csv",
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
    shell:
        "python scripts/measure.py"
        " --code {params.code}"
        " --predictions {input.predictions}"
        " --index {input.index}"
        " --common-test {input.common_test}"
        " --duplicates {input.duplicates}"
        " --metrics {output.metrics}"
        " --report {output.report}"
        " --classification-report {output.classification_report}"
        " --misclassified {output.misclassified}"
        " > {log} 2>&1"


rule draw_run:
    input:
        predictions="results/runs/{combo}/{model}/seed{seed}/predictions.npz",
        index="results/data/index.csv",
        images="results/data/images.npy",
        metrics="results/runs/{combo}/{model}/seed{seed}/metrics.json",
        misclassified="results/runs/{combo}/{model}/seed{seed}/misclassified.csv",
        history="results/runs/{combo}/{model}/seed{seed}/history.csv",
        run="results/runs/{combo}/{model}/seed{seed}/run.json",
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
    shell:
        "python scripts/draw_run.py"
        " --code {params.code}"
        " --predictions {input.predictions}"
        " --index {input.index}"
        " --images {input.images}"
        " --metrics {input.metrics}"
        " --misclassified {input.misclassified}"
        " --history {input.history}"
        " --run {input.run}"
        " --title '{wildcards.model} on {wildcards.combo}, seed {wildcards.seed}'"
        " --mistakes {output.mistakes}"
        " --curves {output.curves}"
        " --confusion-matrix {output.confusion_matrix}"
        " > {log} 2>&1"


rule gradcam:
    input:
        images="results/data/images.npy",
        index="results/data/index.csv",
        predictions="results/runs/{combo}/{model}/seed{seed}/predictions.npz",
        weights="results/runs/{combo}/{model}/seed{seed}/model.safetensors",
        run="results/runs/{combo}/{model}/seed{seed}/run.json",
    output:
        maps="results/runs/{combo}/{model}/seed{seed}/gradcam.npz",
        figure=report(
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
        "results/logs/gradcam/{combo}/{model}/seed{seed}.log",
    conda:
        "../../envs/torch.yaml"
    threads: 1
    resources:
        gpu=GPUS,
        mem_mb=3000,
        runtime=10,
    params:
        code=code("gradcam.py", by_model=True),
    shell:
        "python scripts/gradcam.py"
        " --code {params.code}"
        " --images {input.images}"
        " --index {input.index}"
        " --run {input.run}"
        " --gpus {resources.gpu}"
        " --threads {threads}"
        " --maps {output.maps}"
        " --figure {output.figure}"
        " > {log} 2>&1"


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
        "python scripts/write_tensorboard.py"
        " --code {params.code}"
        " --runs {input.runs}"
        " --output {output.folder}"
        " 2>&1 | tee {log}"
