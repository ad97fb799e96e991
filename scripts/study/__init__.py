"""Compare image classifiers over data partitions, seeds and models, and find the images that stay hard.

Functions on arrays, models and tables. Nothing in here knows of Snakemake, wildcards or the results tree:
the scripts one folder up read files, call these functions and write files.
"""
