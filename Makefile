# Everything a person or CI runs. `make` alone lists the targets.
.DEFAULT_GOAL := help
SHELL := /bin/bash

# uv from PATH, else one of our own under .tools/ (brought by pip of any Python 3).
UV := $(shell command -v uv 2>/dev/null || echo .tools/uv/bin/uv)

.PHONY: help setup check test up demo

help: ## List the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-10s %s\n", $$1, $$2}'

.tools/uv/bin/uv:
	@python3 -m venv .tools/uv 2>/dev/null || python3 -m pip install --quiet --target .tools/uv uv
	@test -x $@ || .tools/uv/bin/pip install --quiet uv

setup: $(filter .tools/%,$(UV)) ## Install everything into .venv/ and .tools/
	@$(UV) sync --quiet
	@UV_PROJECT_ENVIRONMENT=.tools/sam $(UV) sync --quiet --only-group sam
	@UV_PROJECT_ENVIRONMENT=.tools/stack $(UV) sync --quiet --only-group stack

layers/%/requirements.txt: uv.lock pyproject.toml
	@$(UV) export --quiet --only-group $* --no-emit-project --no-hashes --no-annotate --no-header --output-file $@
