rule explain:
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
        "results/logs/explain/{combo}/{model}/seed{seed}.log",
    conda:
        "../../envs/torch.yaml"
    threads: 1
    resources:
        gpu=GPUS,
        mem_mb=3000,
        runtime=10,
    params:
        code=code("explain.py", by_model=True),
    shell:
        "python scripts/explain.py --code {params.code} --images {input.images} --index {input.index} --predictions {input.predictions}"
        " --weights {input.weights} --run {input.run} --model {wildcards.model} --combo {wildcards.combo}"
        " --gpus {resources.gpu} --threads {threads} --maps {output.maps} --figure {output.figure} > {log} 2>&1"


# Which run is a model's best is known when all are measured, so all are inputs.
rule explain_hard_examples:
    input:
        runs="results/runs.csv",
        top="results/hard_examples_top.csv",
        images="results/data/images.npy",
        index="results/data/index.csv",
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
        "results/logs/explain_hard_examples/{model}.log",
    conda:
        "../../envs/torch.yaml"
    threads: 1
    resources:
        gpu=GPUS,
        mem_mb=3000,
        runtime=10,
    params:
        code=code("explain_hard_examples.py", by_model=True),
    shell:
        "python scripts/explain_hard_examples.py --code {params.code} --runs {input.runs} --folder $(dirname {input.runs})/runs --model {wildcards.model}"
        " --top-table {input.top} --images {input.images} --index {input.index} --gpus {resources.gpu} --threads {threads}"
        " --maps {output.maps} --figure {output.figure} > {log} 2>&1"
