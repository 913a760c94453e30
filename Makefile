# Everything that is done with a checkout. Each target makes the environment first, where it is not there.
.DEFAULT_GOAL := help
.PHONY: help setup demo test lint lint-style lint-types lint-layers lint-manifest lint-docs format \
        screenshots bench clean clean-cache

BIN := .venv/bin
# On the screen, or on a virtual one where there is none.
ON_SCREEN := $(BIN)/python -m tools.screen

PYTEST_ARGS ?=
CORES := $(shell nproc 2>/dev/null || sysctl -n hw.ncpu 2>/dev/null || echo 1)
# Processes that share the tests. All windows are tested in one of them (tests/conftest.py), so more than two bring little.
JOBS ?= $(shell echo $$(($(CORES) < 2 ? 1 : 2)))
DEMO_OUT ?= demo-output
# Tests and pictures neither read nor change the settings and the list of runs of the user.
APART_FOLDER := $(CURDIR)/build/apart
APART := NAPARI_CONFIG="$(APART_FOLDER)/napari.yaml" NAPARI_STI_RUNS="$(APART_FOLDER)/runs"
# Arrays in tests are small: on a machine with many cores, starting all of them costs more than it brings.
test: export OMP_NUM_THREADS ?= $(shell each=$$(($(CORES) / $(JOBS))); echo $$((each < 1 ? 1 : each < 4 ? each : 4)))

help:  ## say what can be made
	@grep -E '^[a-z-]+:.*## ' $(firstword $(MAKEFILE_LIST)) | sed 's/:.*## /\t/' | expand -t 14

setup:  ## make the environment in .venv, with pinned versions, and install missing system libraries
	@sh tools/setup.sh

demo: setup  ## sample brain, simulated scan, reconstruction: a window, or pictures and maps in demo-output
	@$(ON_SCREEN) --without-screen --headless $(BIN)/napari-sti demo --out $(DEMO_OUT) --overwrite

test: setup  ## run all tests; PYTEST_ARGS="tests/io -k oblique" runs some, JOBS=1 one after the other
	@rm -rf "$(APART_FOLDER)" && mkdir -p "$(APART_FOLDER)"
	@$(APART) $(ON_SCREEN) \
	    $(BIN)/python -m pytest $(if $(filter-out 1,$(JOBS)),-n $(JOBS)) $(PYTEST_ARGS)

lint: lint-style lint-types lint-layers lint-manifest lint-docs  ## check style, types, imports, manifest, made pages

lint-style: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

lint-types: setup
	$(BIN)/mypy

lint-layers: setup
	$(BIN)/lint-imports

lint-manifest: setup
	$(BIN)/npe2 validate napari_sti/napari.yaml

# The page of methods is written from the registry.
lint-docs: setup
	$(BIN)/python -m tools.methods_page --check

format: setup  ## bring the style in order
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

screenshots: setup  ## make the pictures of the documentation anew
	@rm -rf "$(APART_FOLDER)" && mkdir -p "$(APART_FOLDER)"
	@$(APART) $(ON_SCREEN) $(BIN)/python -m tools.screenshots

bench: setup  ## measure speed and memory
	@for name in $(basename $(notdir $(wildcard benchmarks/[a-z]*.py))); do \
	    echo "== $$name"; $(ON_SCREEN) $(BIN)/python -m benchmarks.$$name || exit 1; done

clean:  ## remove what was made in the checkout, the environment's packages excepted
	rm -rf .venv build dist demo-output napari_sti.egg-info .pytest_cache .mypy_cache .ruff_cache .import_linter_cache
	find napari_sti tests tools benchmarks -name __pycache__ -type d -prune -exec rm -rf {} + 2>/dev/null || true

clean-cache:  ## remove the packages that all checkouts share (made again by the next set-up)
	rm -rf "$${NAPARI_STI_CACHE:-$${XDG_CACHE_HOME:-$$HOME/.cache}/napari-sti}"/environment-*
