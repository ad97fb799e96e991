rule resolve_recipe:
    output:
        recipe="results/recipes/{model}.yaml",
    log:
        "results/logs/resolve_recipe/{model}.log",
    conda:
        "../../envs/analysis.yaml"
    threads: 1
    resources:
        mem_mb=500,
        runtime=5,
    params:
        code=code("resolve_recipe.py"),
        recipe=recipe_json,
    shell:
        "python scripts/resolve_recipe.py --recipe {params.recipe:q} --output {output.recipe} > {log} 2>&1"


rule describe_model:
    input:
        images="results/data/images.npy",
        index="results/data/index.csv",
        splits=largest_combo_splits,
        recipe="results/recipes/{model}.yaml",
    output:
        page=report(
            "results/models/{model}/layers.html",
            caption="../report/layers.rst",
            category="Models",
            subcategory="{model}",
            labels={"model": "{model}", "item": "layers, table"},
        ),
        text="results/models/{model}/layers.txt",
        rates="results/models/{model}/schedule.csv",
        schedule=report(
            "results/models/{model}/schedule.svg",
            caption="../report/schedule.rst",
            category="Models",
            subcategory="{model}",
            labels={"model": "{model}", "item": "learning rate, figure"},
        ),
        augmentation=report(
            "results/models/{model}/augmentation.svg",
            caption="../report/augmentation.rst",
            category="Models",
            subcategory="{model}",
            labels={"model": "{model}", "item": "augmentation, figure"},
        ),
    log:
        "results/logs/describe_model/{model}.log",
    conda:
        "../../envs/torch.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=10,
    params:
        code=code("describe_model.py"),
    shell:
        "python scripts/describe_model.py --images {input.images} --index {input.index} --splits {input.splits}"
        " --recipe {input.recipe} --title {wildcards.model} --page {output.page} --text {output.text}"
        " --rates {output.rates} --schedule {output.schedule} --augmentation {output.augmentation} > {log} 2>&1"
