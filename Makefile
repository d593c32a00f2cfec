# Everything a person or CI runs. `make` alone lists the targets.
.DEFAULT_GOAL := help
SHELL := /bin/bash

# uv from PATH, else one of our own under .tools/ (brought by pip of any Python 3).
UV := $(shell command -v uv 2>/dev/null || echo .tools/uv/bin/uv)

RUN := $(UV) run --no-sync

.PHONY: help setup lock check test up down demo throughput deploy

help: ## List the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-10s %s\n", $$1, $$2}'

.tools/uv/bin/uv:
	@python3 -m venv .tools/uv 2>/dev/null || python3 -m pip install --quiet --target .tools/uv uv
	@test -x $@ || .tools/uv/bin/pip install --quiet uv

setup: $(filter .tools/%,$(UV)) ## Install everything into .venv/ and .tools/
	@test -d .tools/stack || echo "Installing into .venv/ and .tools/, once ..."
	@$(UV) sync --quiet
	@UV_PROJECT_ENVIRONMENT=.tools/sam $(UV) sync --quiet --compile-bytecode --only-group sam
	@UV_PROJECT_ENVIRONMENT=.tools/stack $(UV) sync --quiet --compile-bytecode --only-group stack

lock: ## Lock dependencies anew and write the layers' requirements from the lock
	@$(UV) lock
	@for layer in darkroom imaging; do $(EXPORT) $$layer --output-file layers/$$layer/requirements.txt; done

EXPORT := $(UV) export --quiet --frozen --no-emit-project --no-hashes --no-annotate --no-header --only-group

check: setup ## Lint, types, walls, templates, and the build for both processors
	$(RUN) ruff check
	$(RUN) ruff format --check
	$(RUN) mypy layers/darkroom/darkroom tools tests
	@for function in functions/*/app.py; do echo "mypy $$function"; $(RUN) mypy $$function || exit 1; done
	$(RUN) lint-imports --no-logo
	@for layer in darkroom imaging; do $(EXPORT) $$layer | diff - layers/$$layer/requirements.txt \
		|| { echo "layers/$$layer/requirements.txt is not what uv.lock says: run make lock"; exit 1; }; done
	.tools/sam/bin/sam validate --lint
	$(RUN) cfn-lint template.yaml
	$(RUN) pytest -q tests/build

test: setup ## Run every test: unit, contract, integration, template, end to end
	$(RUN) pytest

up: setup ## Run the whole thing here, until Ctrl-C
	@$(RUN) darkroom up

down: ## Stop a stack that runs in the background
	@$(RUN) darkroom down

demo: setup ## Drop sample pictures and show what becomes of them
	@$(RUN) darkroom demo

throughput: setup ## Measure pictures per second on the local stack, into docs/throughput.md
	@$(RUN) python -m tools.throughput

deploy: setup ## Deploy to AWS; asks what it needs the first time
	.tools/sam/bin/sam build
	.tools/sam/bin/sam deploy $(GUIDED)

# Until a guided deployment has written a region under [default], the next one asks.
GUIDED = $(shell awk '/^\[/ { ours = /\[default/ } ours && /^region/ { found = 1 } END { if (!found) print "--guided" }' samconfig.toml)
