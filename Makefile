# What users and contributors run: `make help` lists it.
SHELL := /bin/bash
VENV := .venv
# It installs what uv.lock pins, everywhere the same.
UV := 0.13.9
# That of the environment, else the newest that works: pyenv's python3.13 may be there and fail.
ALLOWED := import ensurepip, sys; assert (3, 11) <= sys.version_info < (3, 14)
PYTHON ?= $(shell for python in $(VENV)/bin/python python3.13 python3.12 python3.11; do \
	if $$python -c '$(ALLOWED)' >/dev/null 2>&1; then echo $$python; exit; fi; done; echo python3)
export PATH := $(abspath $(VENV))/bin:$(PATH)

# Stamps: the bare environment, what the pipeline needs, what tests and checks need.
BARE := $(VENV)/.uv-$(UV)
READY := $(VENV)/.ready
DEV := $(VENV)/.dev

.DEFAULT_GOAL := help
.PHONY: help setup repro report params refetch sync serve ui clean
.PHONY: test test-slow test-realdata check lint types format hooks lock fuzz kill backbones bench compare

## To run the pipeline

help: ## list the targets
	@awk -F ':.*## ' '/^## /{print substr($$0, 4) ":"} /^[a-z-]+:.*## /{printf "  %-15s%s\n", $$1, $$2}' Makefile

setup: $(READY) ## install the packages into .venv; CUDA too: GPU=1; KerasHub: HUB=1; by another Python: PYTHON=python3.12
	@echo "$(VENV) is ready: source $(VENV)/bin/activate"

repro: params ## run the whole pipeline and print the comparison of the models
	dvc repro
	@python -m animals10 sync || true # what MLflow lacks costs no run
	@python -m animals10 compare
	@echo 'Next: `make report` opens the report, `make ui` shows the runs in MLflow, `source $(VENV)/bin/activate; dvc plots show` the plots.'
	@echo 'README.md: your own photos, experiments and how to compare them.'

report: $(READY) ## open the report of the last run, with times, commit and what changed
	@python -m animals10 report

params: $(READY) ## check params.yaml
	@python -m animals10 params

refetch: params ## download again what a URL or Kaggle gives, when it changed there
	dvc repro check
	dvc repro --force --single-item fetch
	dvc repro

sync: $(READY) ## complete the MLflow store from git and DVC; of earlier commits as well: HISTORY=1
	@python -m animals10 sync $(if $(HISTORY),--history)

serve: $(READY) ## serve predictions and a page on http://127.0.0.1:8000
	@python -m animals10 serve

ui: $(READY) ## open the MLflow UI on http://127.0.0.1:5000
	@python -m animals10 ui

clean: ## remove the environment and caches, not data or models
	rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache

## To work on its code

test: $(DEV) ## run the default tests (under 10 minutes on 2 cores)
	pytest

test-slow: $(DEV) ## run the tests that take minutes, one at a time, as some measure
	pytest -m slow --numprocesses 0

test-realdata: $(DEV) ## run the tests on the photos and weights in ../shared
	pytest -m realdata

check: lint types test ## what CI runs

lint: $(DEV) ## check style
	ruff format --check .
	ruff check .

types: $(DEV) ## check types
	mypy

format: $(DEV) ## format and fix what can be
	ruff format .
	ruff check --fix .

hooks: $(DEV) ## check style and types at each commit
	pre-commit install

fuzz: $(DEV) ## decode 50,000 damaged image files (5 minutes)
	python tests/images/fuzz_images.py 50000 $$RANDOM

kill: $(DEV) ## kill the default pipeline 30 times and compare the results (40 minutes)
	PYTHONPATH=src:tests python -m pipeline.killing 30

backbones: $(DEV) ## measure what each backbone costs on this machine (10 minutes)
	PYTHONPATH=src python benchmarks/backbones.py

bench: $(DEV) ## measure what acceleration gains on this machine (5 minutes)
	PYTHONPATH=src python benchmarks/acceleration.py

compare: $(DEV) ## measure the pipeline against notebooks, with ../shared (1.5 hours)
	PYTHONPATH=src python benchmarks/notebooks/compare.py head 1
	PYTHONPATH=src python benchmarks/notebooks/compare.py finetune 1

# What stages depend on: another version may decode, draw or compute otherwise.
DECIDE := keras|numpy|onnx|onnxruntime|opencv-python-headless|pillow|tensorflow|tf2onnx

# What the containers install, by pip and with hashes.
CONTAINERS := serve page mlflow

lock: $(BARE) ## pin pyproject.toml's packages in uv.lock and in what follows from it; to newer versions: UPGRADE=1
	uv lock --no-config --default-index https://pypi.org/simple $(if $(UPGRADE),--upgrade)
	for group in $(CONTAINERS); do uv export --quiet --frozen --only-group $$group \
		--no-annotate --no-header --output-file requirements-$$group.txt; done
	uv export --quiet --frozen --no-default-groups --no-emit-project --no-hashes --no-annotate --no-header \
		| sed -nE 's/^(($(DECIDE))==[^ ]+).*/\1/p' > versions.txt

# The environment. A stamp is written last, so what was interrupted is resumed.
FOUND = $(shell $(PYTHON) -c 'import platform; print(platform.python_version())' 2>/dev/null)
REFUSAL = $(PYTHON) $(if $(FOUND),is Python $(FOUND),does not run); animals10 needs Python 3.11, 3.12 \
	or 3.13: install one, or name one, as in `make setup PYTHON=python3.12`
CUDA := $(or $(filter 1,$(GPU)),$(wildcard $(VENV)/.gpu))
KERAS_HUB := $(or $(filter 1,$(HUB)),$(wildcard $(VENV)/.hub))
# As `uv sync` does, but without a line for each package; a user's own packages stay. Compiled now, as
# the first imports would do it one after another, or each, where PYTHONDONTWRITEBYTECODE is set.
SYNC = UV_COMPILE_BYTECODE=1 UV_PROJECT_ENVIRONMENT=$(abspath $(VENV)) uv run --frozen --no-default-groups \
	--python $(VENV)/bin/python --no-python-downloads $(if $(CUDA),--extra gpu) $(if $(KERAS_HUB),--extra hub)

ifeq ($(origin PYTHON),command line)
ifneq ($(FOUND),$(shell sed -n 's/^version = //p' $(VENV)/pyvenv.cfg 2>/dev/null))
.PHONY: $(BARE) # another Python than the environment's replaces it
endif
endif

$(BARE):
	$(if $(filter 3.11.% 3.12.% 3.13.%,$(FOUND)),,$(error $(REFUSAL)))
	@echo "Creating $(VENV) with Python $(FOUND)"
	@$(PYTHON) -m venv $(if $(wildcard $(VENV)/pyvenv.cfg),--clear) $(VENV)
	@$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check uv==$(UV)
	@touch $@

$(VENV)/.gpu $(VENV)/.hub: $(BARE)
	@touch $@

$(READY): uv.lock pyproject.toml $(BARE) $(if $(CUDA),$(VENV)/.gpu) $(if $(KERAS_HUB),$(VENV)/.hub)
	@echo "Installing 205 packages: 1 GB to download unless cached, 4 GB on disk$(if $(CUDA),; CUDA: 3 GB more to download)"
	@$(SYNC) true
	@touch $@

$(DEV): $(READY)
	@echo "Installing 53 packages more for tests and checks: 125 MB to download unless cached, 470 MB on disk"
	@$(SYNC) --group dev true
	@touch $@
