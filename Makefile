# Everything a user or contributor runs. `make help` lists it.
SHELL := /bin/bash
PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
export PATH := $(CURDIR)/$(VENV)/bin:$(PATH)
export TF_CPP_MIN_LOG_LEVEL ?= 2
READY := $(VENV)/.ready

.DEFAULT_GOAL := help
.PHONY: help setup repro params refetch backbones bench compare ui sync test test-slow test-realdata fuzz kill lint types check format lock clean

help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

setup: $(READY) ## make the virtual environment .venv and install the pinned packages

# The stamp is written last, so an interrupted installation is taken up again.
$(READY): requirements.txt pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(VENV)/bin/python -m pip install --quiet --requirement requirements.txt
	$(VENV)/bin/python -m pip install --quiet --no-deps --editable .
	touch $@

repro: params ## run the whole pipeline and print the comparison of the models
	@python -m animals10 repair
	dvc repro
	@python -m animals10 sync || true # what MLflow lacks costs no run
	@python -m animals10 compare

params: $(READY) ## check params.yaml
	@python -m animals10 params

refetch: params ## read again what a URL, Kaggle or Keras gives, when it changed there
	dvc repro check
	dvc repro --force --single-item fetch
	dvc repro split
	dvc repro --force --single-item embed
	dvc repro

backbones: $(READY) ## measure what each backbone costs on this machine (10 minutes)
	python -m animals10 backbones

bench: $(READY) ## measure what a training step costs on this machine (12 minutes)
	PYTHONPATH=src python benchmarks/steps.py
	PYTHONPATH=src python benchmarks/steps.py bfloat16
	PYTHONPATH=src python benchmarks/steps.py head

compare: $(READY) ## measure the pipeline against notebooks, with ../shared (1 hour; the first time 1.5 hours)
	PYTHONPATH=src python benchmarks/notebooks/compare.py head 1
	PYTHONPATH=src python benchmarks/notebooks/compare.py all 1
	PYTHONPATH=src python benchmarks/notebooks/compare.py accuracy 1

ui: $(READY) ## open the MLflow UI on http://127.0.0.1:5000
	@python -m animals10 ui

sync: $(READY) ## complete the MLflow store from git and DVC; of earlier commits as well: HISTORY=1
	@python -m animals10 sync $(if $(HISTORY),--history)

test: $(READY) ## run the default tests (under 7 minutes on 2 cores)
	pytest

test-slow: $(READY) ## run the tests that take minutes
	pytest -m slow

test-realdata: $(READY) ## run the tests on the photos and weights in ../shared
	pytest -m realdata

fuzz: $(READY) ## decode 50,000 damaged image files (5 minutes)
	python tests/fuzz_images.py 50000 $$RANDOM 2>/dev/null

kill: $(READY) ## kill the default pipeline 30 times and compare the results (40 minutes)
	PYTHONPATH=src:tests python -m pipeline.killing 30

lint: $(READY) ## check style
	ruff format --check .
	ruff check .

types: $(READY) ## check types
	mypy

check: lint types test ## what CI runs

format: $(READY) ## format and mend what can be
	ruff format .
	ruff check --fix .

# What stages depend on: another version may decode, draw or compute otherwise.
IMAGES := numpy|opencv-python-headless|pillow
NETWORKS := keras|numpy|tensorflow

lock: $(READY) ## pin requirements.in into requirements.txt and versions/
	pip-compile --quiet --strip-extras --no-emit-options --output-file requirements.txt requirements.in
	grep -E '^($(IMAGES))==' requirements.txt > versions/images.txt
	grep -E '^($(NETWORKS))==' requirements.txt > versions/networks.txt

clean: ## remove the environment and caches, not data or models
	rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache
