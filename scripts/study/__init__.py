"""Compare image classifiers over data partitions, seeds and models, and find the hard images.

Ten rooms, each with its question in its first line. Most functions work on arrays, models and
tables; the scripts one folder up read files, call them and write files. Nothing knows of Snakemake
but `audit.storage`, and the paths of the results tree are spelled in `runs.tree` alone.
"""
