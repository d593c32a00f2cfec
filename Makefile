# Everything a person or CI runs. `make` alone lists the targets.
.DEFAULT_GOAL := help
SHELL := /bin/bash

# As .ci/setup.sh finds or brings it.
UV := $(shell command -v uv 2>/dev/null || echo .tools/uv/bin/uv)

RUN := $(UV) run --no-sync
# SAM builds layers with the first python3.13 on PATH that has pip; its own environment has one.
SAM := PATH="$(CURDIR)/.tools/sam/bin:$$PATH" .tools/sam/bin/sam

.PHONY: help setup lock check test test-alone test-stack e2e test-full up down demo throughput scale jobs chaos bench cold screenshots build deploy

help: ## List the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-10s %s\n", $$1, $$2}'

setup: ## Install everything into .venv/ and .tools/
	@.ci/setup.sh

lock: ## Lock dependencies anew and write the layers' requirements from the lock
	@$(UV) lock
	@for layer in darkroom imaging; do $(EXPORT) $$layer --output-file layers/$$layer/requirements.txt; done

EXPORT := $(UV) export --quiet --frozen --no-emit-project --no-hashes --no-annotate --no-header --only-group

check: setup ## Lint, types, walls, templates, and the build for both processors
	$(RUN) ruff check
	$(RUN) ruff format --check
	$(RUN) mypy layers/darkroom/darkroom cli/darkroom_cli bench tests
	@for function in functions/*/app.py; do echo "mypy $$function"; $(RUN) mypy $$function || exit 1; done
	$(RUN) lint-imports --no-logo
	@for layer in darkroom imaging; do $(EXPORT) $$layer | diff - layers/$$layer/requirements.txt \
		|| { echo "layers/$$layer/requirements.txt is not what uv.lock says: run make lock"; exit 1; }; done
	$(SAM) validate --lint
	$(RUN) cfn-lint template.yaml pipeline.yaml
	$(RUN) zizmor --offline --no-progress --quiet .github/workflows
	@mkdir -p .aws-sam/expanded
	.tools/checkov/bin/python tests/template/expand.py > .aws-sam/expanded/template.json
	.tools/checkov/bin/checkov --config-file tests/template/checkov.yaml --file .aws-sam/expanded/template.json
	$(RUN) pytest -q tests/build

test: setup ## Run the tests: unit, contract, integration, template, end to end, browser
	@command -v chromium chromium-browser >/dev/null || echo "Chromium is missing (Debian: apt-get install chromium): no browser test can run, all others do."
	@$(MAKE) --no-print-directory --jobs 2 test-alone test-stack

# Side by side, each on a processor: what asks a stack waits for it most of its time. sed lets whole lines through.
ON_A_STACK := tests/e2e tests/chaos $(filter-out %/test_pages.py,$(wildcard tests/browser/test_*.py))

test-alone:
	@set -o pipefail; $(RUN) pytest -m "not full" $(ON_A_STACK:%=--deselect=%) | sed -u ''

test-stack:
	@set -o pipefail; $(RUN) pytest -m "not full" $(ON_A_STACK) | sed -u ''

test-full: setup ## Run what `make test` has no time for: defences taken away, long chaos, one stack after another
	$(RUN) pytest -m full

e2e: setup ## Run the end-to-end tests; against a deployed stack: make e2e STACK=name [REGION=region]
	DARKROOM_E2E_STACK=$(STACK) DARKROOM_E2E_REGION=$(REGION) $(RUN) pytest -m "not full" tests/e2e

up: setup ## Run the whole thing here, until Ctrl-C
	@$(RUN) darkroom up

down: ## Stop a stack that runs in the background
	@$(RUN) darkroom down

demo: setup ## Drop sample pictures and show what becomes of them
	@$(RUN) darkroom demo

throughput: setup ## Measure pictures per second on the local stack, into docs/throughput.md
	@$(RUN) python -m bench.throughput

scale: setup ## Compute the limits and the cost at different loads, into docs/scale.md
	@$(RUN) python -m bench.scale

jobs: setup ## Run a job of 2,000 pictures on the local stack and see that all adds up, into docs/jobs.md
	@$(RUN) python -m bench.jobs

chaos: setup ## Break the local stack on purpose and count what is lost, into docs/reliability.md
	@$(RUN) python -m tests.chaos

screenshots: setup ## Take pictures of the pages, light and dark, phone and desktop, into docs/screenshots/
	@$(RUN) python -m bench.screenshots

build: setup ## Build for AWS, into .aws-sam/
	@rm -f .aws-sam/built # what the local stack takes for its own build
	$(SAM) build

deploy: setup ## Deploy to AWS; asks for a name and a region the first time
	@$(RUN) darkroom deploy

bench: setup ## Compare with Squoosh and sharp: make bench PICTURES=folder [BENCH="--only light"]
	@$(RUN) python -m bench $(PICTURES) $(BENCH)

cold: setup ## Measure cold starts, and what memory each function should have: make cold [COLD="--before checkout"]
	@$(RUN) python -m bench.cold $(COLD)
