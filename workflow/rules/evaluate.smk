rule evaluate:
    input:
        predictions="results/runs/{combo}/{model}/seed{seed}/predictions.npz",
        index="results/data/index.csv",
        splits=expand(
            "results/splits/{partition}/seed{{seed}}.csv", partition=PARTITIONS
        ),
        duplicates="results/data/near_duplicates.csv",
        history="results/runs/{combo}/{model}/seed{seed}/history.csv",
        run="results/runs/{combo}/{model}/seed{seed}/run.json",
        images="results/data/images.npy",
    output:
        metrics="results/runs/{combo}/{model}/seed{seed}/metrics.json",
        report="results/runs/{combo}/{model}/seed{seed}/report.txt",
        classification_report="results/runs/{combo}/{model}/seed{seed}/classification_report.json",
        misclassified="results/runs/{combo}/{model}/seed{seed}/misclassified.csv",
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
        "results/logs/evaluate/{combo}/{model}/seed{seed}.log",
    conda:
        "../../envs/analysis.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        code=code("evaluate.py"),
    shell:
        "python scripts/evaluate.py --code {params.code} --predictions {input.predictions} --index {input.index} --splits {input.splits}"
        " --duplicates {input.duplicates} --history {input.history} --run {input.run} --images {input.images}"
        " --title '{wildcards.model} on {wildcards.combo}, seed {wildcards.seed}' --metrics {output.metrics}"
        " --report {output.report} --classification-report {output.classification_report}"
        " --misclassified {output.misclassified} --mistakes {output.mistakes} --curves {output.curves} --confusion-matrix {output.confusion_matrix} > {log} 2>&1"
