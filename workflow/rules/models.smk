include: "../inputs/models.smk"


# Weights that were trained elsewhere, known by their content: moved, they are the same. It waits
# for no images: weights that do not fit are told before a download that takes an hour.
rule take_weights:
    output:
        weights="results/weights/{model}.safetensors",
        record="results/weights/{model}.json",
    log:
        "results/logs/take_weights/{model}.log",
    wildcard_constraints:
        model=STARTED,
    priority: 1
    localrule: True
    conda:
        "../../envs/torch.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=30,
        # Where they come from. No parameter: moved, they are the same.
        file=lambda wildcards: weights_file(wildcards.model),
        # It is checked here and changes nothing.
        last=last_blocks,
    params:
        code=code("take_weights.py", by_model=True),
        recipe=backbone_json,
        image_size=IMAGE_SIDE,
        sha256=lambda wildcards: weights_digest(wildcards.model),
    shell:
        '"$STUDY_PYTHON" "$STUDY_SCRIPTS/take_weights.py"'
        " --code {params.code:q}"
        " --recipe {params.recipe:q}"
        " --image-size {params.image_size:q}"
        " --file={resources.file:q}"
        " --last {resources.last:q}"
        " --output {output.weights:q}"
        " --record {output.record:q}"
        " > {log:q} 2>&1"


# Once for all runs. The weights are known by their record: touched or moved, they are the same.
rule embed:
    input:
        images="results/data/images.npy",
        index="results/data/index.csv",
        weights=ancient("results/weights/{model}.safetensors"),
        taken="results/weights/{model}.json",
    output:
        features="results/features/{model}.npy",
        record="results/features/{model}.json",
    log:
        "results/logs/embed/{model}.log",
    wildcard_constraints:
        model=EMBEDDED,
    conda:
        "../../envs/torch.yaml"
    threads: 1
    resources:
        gpu=GPUS,
        mem_mb=2000,
        runtime=240,
    params:
        code=code("embed.py", by_model=True),
        recipe=backbone_json,
    shell:
        '"$STUDY_PYTHON" "$STUDY_SCRIPTS/embed.py"'
        " --code {params.code:q}"
        " --images {input.images:q}"
        " --index {input.index:q}"
        " --recipe {params.recipe:q}"
        " --weights {input.weights:q}"
        " --taken {input.taken:q}"
        " --gpus {resources.gpu:q}"
        " --threads {threads:q}"
        " --job"
        " --output {output.features:q}"
        " --record {output.record:q}"
        " > {log:q} 2>&1"


GALLERY_MAP = config.get("gallery_map", "pca")


# Which images are alike, for the list of hard images and the gallery.
rule find_neighbours:
    input:
        features=ancient("results/features/{model}.npy"),
        record="results/features/{model}.json",
        index=INDEX,
        duplicates="results/data/near_duplicates.csv",
    output:
        arrays="results/features/{model}.neighbours.npz",
        table="results/features/{model}.alike.csv",
    log:
        "results/logs/find_neighbours/{model}.log",
    wildcard_constraints:
        model=EMBEDDED,
    conda:
        "../../envs/analysis.yaml"
    threads: 1
    resources:
        mem_mb=4000 if GALLERY_MAP == "umap" else 2000,
        runtime=30,
    params:
        code=code("find_neighbours.py"),
        map_by=GALLERY_MAP,
    shell:
        '"$STUDY_PYTHON" "$STUDY_SCRIPTS/find_neighbours.py"'
        " --code {params.code:q}"
        " --map-by {params.map_by:q}"
        " --features {input.features:q}"
        " --index {input.index:q}"
        " --duplicates {input.duplicates:q}"
        " --output {output.arrays:q}"
        " --table {output.table:q}"
        " > {log:q} 2>&1"


rule resolve_recipe:
    input:
        weights=ancient(taken_weights),
        taken=taken_record,
    output:
        recipe="results/recipes/{model}.yaml",
    log:
        "results/logs/resolve_recipe/{model}.log",
    localrule: True
    conda:
        "../../envs/analysis.yaml"
    threads: 1
    resources:
        mem_mb=500,
        runtime=5,
    params:
        code=code("resolve_recipe.py"),
        recipe=recipe_json,
        weights=lambda wildcards, input: option("--weights", input.weights),
        taken=lambda wildcards, input: option("--taken", input.taken),
    shell:
        '"$STUDY_PYTHON" "$STUDY_SCRIPTS/resolve_recipe.py"'
        " --code {params.code:q}"
        " --recipe {params.recipe:q}"
        " {params.weights:q}"
        " {params.taken:q}"
        " --output {output.recipe:q}"
        " > {log:q} 2>&1"


rule describe_model:
    input:
        images="results/data/images.npy",
        index=INDEX,
        splits=largest_combo_splits,
        recipe="results/recipes/{model}.yaml",
        lr_find=lambda wildcards: search_of(wildcards.model, largest_combo(), SEEDS[0]),
    output:
        page=report(
            "results/models/{model}/layers.html",
            caption="../report/layers.rst",
            category=chapter("Models"),
            subcategory="{model}",
            labels={"model": "{model}", "item": "layers, table"},
        ),
        table="results/models/{model}/layers.csv",
        rates="results/models/{model}/schedule.csv",
        schedule=report(
            "results/models/{model}/schedule.svg",
            caption="../report/schedule.rst",
            category=chapter("Models"),
            subcategory="{model}",
            labels={"model": "{model}", "item": "learning rate, figure"},
        ),
        augmentation=report(
            "results/models/{model}/augmentation.svg",
            caption="../report/augmentation.rst",
            category=chapter("Models"),
            subcategory="{model}",
            labels={"model": "{model}", "item": "augmentation, figure"},
        ),
    log:
        "results/logs/describe_model/{model}.log",
    wildcard_constraints:
        model=TRAINED,
    conda:
        "../../envs/torch.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=10,
    params:
        code=code("describe_model.py", by_recipe=True),
        lr_find=lambda wildcards, input: option("--lr-find", input.lr_find),
    shell:
        '"$STUDY_PYTHON" "$STUDY_SCRIPTS/describe_model.py"'
        " --code {params.code:q}"
        " --images {input.images:q}"
        " --index {input.index:q}"
        " --splits {input.splits:q}"
        " --recipe {input.recipe:q}"
        " {params.lr_find:q}"
        " --title {wildcards.model:q}"
        " --page {output.page:q}"
        " --table {output.table:q}"
        " --rates {output.rates:q}"
        " --schedule {output.schedule:q}"
        " --augmentation {output.augmentation:q}"
        " > {log:q} 2>&1"


rule lr_find:
    input:
        images="results/data/images.npy",
        index="results/data/index.csv",
        splits=lambda wildcards: splits_of(
            wildcards.combo, wildcards.seed, ".development"
        ),
        recipe="results/recipes/{model}.yaml",
        weights=ancient(taken_weights),
    output:
        table="results/lr_find/{combo}/{model}/seed{seed}/losses.csv",
        suggestion="results/lr_find/{combo}/{model}/seed{seed}/suggestion.json",
    log:
        "results/logs/lr_find/{combo}/{model}/seed{seed}.log",
    conda:
        "../../envs/torch.yaml"
    threads: 1
    resources:
        gpu=GPUS,
        mem_mb=MEMORY_OF_TRAINING,
        runtime=60,
    params:
        code=code("lr_find.py", by_recipe=True),
        wildcards=all_wildcards,
        start=config["lr_find"]["start"],
        end=config["lr_find"]["end"],
        steps=config["lr_find"]["steps"],
        smoothing=config["lr_find"]["smoothing"],
        divergence=config["lr_find"]["divergence"],
        rule=config["lr_find"]["rule"],
    shell:
        '"$STUDY_PYTHON" "$STUDY_SCRIPTS/lr_find.py"'
        " --code {params.code:q}"
        " --images {input.images:q}"
        " --index {input.index:q}"
        " --splits {input.splits:q}"
        " --recipe {input.recipe:q}"
        " --seed {wildcards.seed:q}"
        " --start {params.start:q}"
        " --end {params.end:q}"
        " --steps {params.steps:q}"
        " --smoothing {params.smoothing:q}"
        " --divergence {params.divergence:q}"
        " --rule {params.rule:q}"
        " --job"
        " --gpus {resources.gpu:q}"
        " --threads {threads:q}"
        " --table {output.table:q}"
        " --suggestion {output.suggestion:q}"
        " > {log:q} 2>&1"


# Apart from the search, so that a colour trains nothing again.
rule draw_lr_find:
    input:
        table="results/lr_find/{combo}/{model}/seed{seed}/losses.csv",
        suggestion="results/lr_find/{combo}/{model}/seed{seed}/suggestion.json",
    output:
        figure=report(
            "results/lr_find/{combo}/{model}/seed{seed}/lr_find.svg",
            caption="../report/lr_find.rst",
            category=chapter("Models"),
            subcategory="{model}",
            labels={
                "model": "{model}",
                "item": "learning-rate search, figure",
                "combo": "{combo}",
                "seed": "{seed}",
            },
        ),
    log:
        "results/logs/draw_lr_find/{combo}/{model}/seed{seed}.log",
    conda:
        "../../envs/analysis.yaml"
    threads: 1
    resources:
        mem_mb=500,
        runtime=5,
    params:
        code=code("draw_lr_find.py"),
        title=run_title,
    shell:
        '"$STUDY_PYTHON" "$STUDY_SCRIPTS/draw_lr_find.py"'
        " --code {params.code:q}"
        " --table {input.table:q}"
        " --suggestion {input.suggestion:q}"
        " --title {params.title:q}"
        " --figure {output.figure:q}"
        " > {log:q} 2>&1"


rule tune:
    input:
        images="results/data/images.npy",
        index="results/data/index.csv",
        splits=lambda wildcards: splits_of(
            wildcards.combo, wildcards.seed, ".development"
        ),
        recipe="results/recipes/{model}.yaml",
        weights=ancient(taken_weights),
        lr_find=lambda wildcards: search_of(
            wildcards.model, wildcards.combo, wildcards.seed
        ),
    output:
        trials=temp("results/tune/{combo}/{model}/seed{seed}/worker{worker}.json"),
    log:
        "results/logs/tune/{combo}/{model}/seed{seed}_worker{worker}.log",
    wildcard_constraints:
        model=TUNED,
    conda:
        "../../envs/torch.yaml"
    threads: 1
    resources:
        gpu=GPUS,
        mem_mb=MEMORY_OF_TRAINING,
        runtime=720,
    params:
        code=code("tune.py", by_recipe=True),
        wildcards=all_wildcards,
        # In the order it was written in, which is that of a grid's trials.
        search=lambda wildcards: json.dumps(config["tune"][wildcards.model]),
        workers=lambda wildcards: workers(wildcards.model),
        journal="results/scratch/tune/{combo}/{model}/seed{seed}.log",
        lr_find=lambda wildcards, input: option("--lr-find", input.lr_find),
    shell:
        '"$STUDY_PYTHON" "$STUDY_SCRIPTS/tune.py"'
        " --code {params.code:q}"
        " --images {input.images:q}"
        " --index {input.index:q}"
        " --splits {input.splits:q}"
        " --recipe {input.recipe:q}"
        " {params.lr_find:q}"
        " --search {params.search:q}"
        " --seed {wildcards.seed:q}"
        " --workers {params.workers:q}"
        " --worker {wildcards.worker:q}"
        " --gpus {resources.gpu:q}"
        " --threads {threads:q}"
        " --journal {params.journal:q}"
        " --job"
        " --output {output.trials:q}"
        " > {log:q} 2>&1"


rule collect_trials:
    input:
        trials=lambda wildcards: expand(
            "results/tune/{{combo}}/{{model}}/seed{{seed}}/worker{worker}.json",
            worker=range(workers(wildcards.model)),
        ),
    output:
        table="results/tune/{combo}/{model}/seed{seed}/trials.csv",
        best="results/tune/{combo}/{model}/seed{seed}/best.yaml",
        record="results/tune/{combo}/{model}/seed{seed}/tune.json",
    log:
        "results/logs/collect_trials/{combo}/{model}/seed{seed}.log",
    wildcard_constraints:
        model=TUNED,
    conda:
        "../../envs/analysis.yaml"
    threads: 1
    resources:
        mem_mb=500,
        runtime=5,
    params:
        code=code("collect_trials.py"),
        wildcards=all_wildcards,
        journal="results/scratch/tune/{combo}/{model}/seed{seed}.log",
    shell:
        '"$STUDY_PYTHON" "$STUDY_SCRIPTS/collect_trials.py"'
        " --code {params.code:q}"
        " --trials {input.trials:q}"
        " --journal {params.journal:q}"
        " --table {output.table:q}"
        " --best {output.best:q}"
        " --record {output.record:q}"
        " > {log:q} 2>&1"


# Apart from the table, whose trials are gone once it is there: a colour searches nothing again.
rule draw_trials:
    input:
        table="results/tune/{combo}/{model}/seed{seed}/trials.csv",
        record="results/tune/{combo}/{model}/seed{seed}/tune.json",
    output:
        figure=report(
            "results/tune/{combo}/{model}/seed{seed}/trials.svg",
            caption="../report/trials.rst",
            category=chapter("Tuning"),
            subcategory="{model}",
            labels={
                "combo": "{combo}",
                "model": "{model}",
                "seed": "{seed}",
                "item": "hyper-parameter search, figure",
            },
        ),
    log:
        "results/logs/draw_trials/{combo}/{model}/seed{seed}.log",
    wildcard_constraints:
        model=TUNED,
    conda:
        "../../envs/analysis.yaml"
    threads: 1
    resources:
        mem_mb=500,
        runtime=5,
    params:
        code=code("draw_trials.py"),
        title=run_title,
    shell:
        '"$STUDY_PYTHON" "$STUDY_SCRIPTS/draw_trials.py"'
        " --code {params.code:q}"
        " --table {input.table:q}"
        " --record {input.record:q}"
        " --title {params.title:q}"
        " --figure {output.figure:q}"
        " > {log:q} 2>&1"
