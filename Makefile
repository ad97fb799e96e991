# Targets set up what they need. `make help` lists them.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# What activating .venv does.
IN_VENV := PATH="$(CURDIR)/$(BIN):$$PATH"
# Tests of one file share what they make.
TEST_PROCESSES ?= -n 2 --dist loadfile --no-loadscope-reorder
# `make setup TORCH=cpu`: a torch without GPU libraries. Default: what .venv was made with, at first
# what requirements.lock names, which `TORCH=` goes back to.
ifeq ($(origin TORCH),undefined)
TORCH := $(shell cat $(VENV)/torch 2>/dev/null)
endif
# The lock is made for Linux on x86-64; elsewhere the ranges in pyproject.toml decide.
PLATFORM := $(shell uname -sm)
EXTRAS := dev,storage,export,timm,tensorboard
ifeq ($(firstword $(PLATFORM)),Linux)
EXTRAS := $(EXTRAS),slurm
endif

.PHONY: help setup demo test test-long test-slurm bench time-to-accuracy lint format docs lock audit
.DEFAULT_GOAL := help

help: ## list the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):[^#]*## */\1\t/' | expand -t 18

setup: ## make .venv from requirements.lock; again when the lock, the folder or Python changed
	@{ cmp -s requirements.lock $(VENV)/requirements.lock && pwd -P | cmp -s - $(VENV)/made-in && \
		[ "$(TORCH)" = "$$(cat $(VENV)/torch 2>/dev/null)" ] && \
		$(BIN)/python -I -c 'import snakemake, partition_study' 2>/dev/null; } || $(MAKE) --no-print-directory $(VENV)

.PHONY: $(VENV)
$(VENV):
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' || \
		{ echo "error: $(PYTHON) is not Python 3.11, 3.12 or 3.13; say which to use: make PYTHON=python3.12 …" >&2; exit 1; }
	@[ -z "$(TORCH)" ] || { [ "$(TORCH)" = cpu ] && uv --version >/dev/null 2>&1; } || \
		{ echo "error: TORCH is $(TORCH), expected cpu, for which uv is needed: pip install uv" >&2; exit 1; }
	@echo "Setting up $(VENV): $(if $(TORCH),torch for CPUs alone,several GB, because torch brings its GPU libraries)"
	@set -e; \
	base=$$($(PYTHON) -c 'import os, sys; print(os.path.realpath(sys.executable))'); \
	rm -rf $(VENV); \
	if uv --version >/dev/null 2>&1; then \
		uv venv --quiet --seed --python "$$base" $(VENV); \
		install() { uv pip install --quiet --compile-bytecode --python $(VENV) "$$@"; }; \
	else \
		"$$base" -m venv $(VENV); \
		install() { $(BIN)/python -m pip install --quiet --disable-pip-version-check "$$@"; }; \
	fi; \
	if [ -n "$(TORCH)" ]; then \
		sed -n 's/^\([A-Za-z0-9._-]*==[^ ;\]*\).*/\1/p' requirements.lock > $(VENV)/versions.txt; \
		install --torch-backend $(TORCH) --constraint $(VENV)/versions.txt '.[$(EXTRAS)]'; \
	elif [ "$(PLATFORM)" = "Linux x86_64" ]; then \
		install --require-hashes -r requirements.lock; \
	else \
		echo "note: requirements.lock is for Linux x86-64; installing the ranges of pyproject.toml on $(PLATFORM)"; \
		install '.[$(EXTRAS)]'; \
	fi; \
	install --no-deps --no-build-isolation -e .
	@cp requirements.lock $(VENV)/requirements.lock
	@pwd -P > $(VENV)/made-in
	@echo "$(TORCH)" > $(VENV)/torch

demo: setup ## run the whole workflow on the embedded digits and build report.html (minutes, no download)
	$(IN_VENV) snakemake --configfile config/demo.yaml
	$(IN_VENV) snakemake --configfile config/demo.yaml --report report.html --quiet
	@echo
	@echo "Done. Look at:"
	@echo "  report.html                the study's tables and figures, in a browser"
	@echo "  results/gallery.html       every image that some run got wrong, with what each run says, in a browser"
	@echo "  results/summary.csv        one row per run"
	@echo "  results/hard_examples.csv  the images that stay hard"

test: setup ## run the test suite
	$(IN_VENV) pytest $(TEST_PROCESSES)

test-long: setup ## run it with fifty kills and thousands of configurations; most of an hour
	$(IN_VENV) LONG_TESTS=1 pytest $(TEST_PROCESSES)

test-slurm: setup ## run a study on a SLURM cluster of one node; minutes, as root, with slurm-wlm and munge installed
	$(IN_VENV) SLURM_TESTS=1 pytest -rs tests/cluster

lint: setup ## check code, workflow and words
	$(IN_VENV) snakemake --lint
	$(IN_VENV) snakefmt --check workflow
	$(IN_VENV) ruff check .
	$(IN_VENV) ruff format --check .
	$(IN_VENV) python tests/plain_words.py

format: setup ## format code and workflow
	$(IN_VENV) ruff check --fix .
	$(IN_VENV) ruff format .
	$(IN_VENV) snakefmt workflow

bench: setup ## time training as the authors run it against this project's; minutes
	$(IN_VENV) python tests/benchmarks/training.py --output results/benchmarks/training.csv

time-to-accuracy: setup ## time how fast the authors' accuracies are reached, their way and ours; minutes
	$(IN_VENV) PYTHONPATH=tests python tests/benchmarks/time_to_accuracy.py --output results/benchmarks/time_to_accuracy.csv

docs: setup ## rewrite the tables of keys and columns in the READMEs, and the defaults of the schema
	$(IN_VENV) python scripts/document_config.py --readme config/README.md results/README.md

audit: ## ask PyPI which locked libraries have known vulnerabilities (needs uv and the network)
	uvx pip-audit --requirement requirements.lock --disable-pip --progress-spinner off

lock: ## resolve requirements.lock again from pyproject.toml (needs uv)
	uv pip compile pyproject.toml --all-extras --python-version 3.11 --python-platform x86_64-manylinux_2_28 \
		--generate-hashes --no-emit-index-url --no-annotate --no-header --upgrade --quiet -o requirements.lock
