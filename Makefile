# All commands for people and CI. `make` alone lists the targets.
.DEFAULT_GOAL := help
SHELL := /bin/bash

# The same uv as in .ci/setup.sh: from PATH, or installed into .tools/.
UV := $(shell command -v uv 2>/dev/null || echo .tools/uv/bin/uv)

RUN := $(UV) run --no-sync
# SAM builds layers with the first python3.13 on PATH that has pip; SAM's own environment has one.
SAM := PATH="$(CURDIR)/.tools/sam/bin:$$PATH" .tools/sam/bin/sam

.PHONY: help setup lock check test test-no-stack test-stack e2e test-full up down demo throughput scale jobs chaos simulate model bench fidelity cold screenshots wheel build deploy

help: ## List the targets
	@grep -hE '^[a-z0-9-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-11s %s\n", $$1, $$2}'

setup: ## Install everything into .venv/ and .tools/
	@.ci/setup.sh

lock: ## Update uv.lock and the layers' requirements
	@$(UV) lock
	@for layer in darkroom imaging; do $(EXPORT) $$layer --output-file layers/$$layer/requirements.txt; done
	@$(EXPORT) libjxl --output-file layers/imaging/libjxl.txt

# Without numpy: imagecodecs needs it, but libjxl does not.
EXPORT := $(UV) export --quiet --frozen --no-emit-project --no-emit-package numpy --no-hashes --no-annotate --no-header \
	--only-group

check: setup ## Run linters, type checks, import rules, template checks, and build and start the functions for both architectures
	$(RUN) ruff check
	$(RUN) ruff format --check
	$(RUN) mypy
	@for function in functions/*/app.py; do echo "mypy $$function"; $(RUN) mypy $$function || exit 1; done
	$(RUN) lint-imports --no-logo
	@for layer in darkroom imaging; do $(EXPORT) $$layer | diff - layers/$$layer/requirements.txt \
		|| { echo "layers/$$layer/requirements.txt does not match uv.lock: run make lock"; exit 1; }; done
	@$(EXPORT) libjxl | diff - layers/imaging/libjxl.txt \
		|| { echo "layers/imaging/libjxl.txt does not match uv.lock: run make lock"; exit 1; }
	$(SAM) validate --lint
	$(RUN) cfn-lint template.yaml pipeline.yaml plugins/eventbridge/*.yaml
	$(RUN) zizmor --offline --no-progress --quiet .github/workflows
	@mkdir -p .aws-sam/expanded
	.tools/checkov/bin/python tests/template/expand.py > .aws-sam/expanded/template.json
	.tools/checkov/bin/checkov --config-file tests/template/checkov.yaml --file .aws-sam/expanded/template.json
	@.ci/runtime.sh
	$(RUN) pytest -q tests/build
	$(RUN) python -m tests.language

test: setup ## Run the tests: unit, contract, integration, template, end-to-end, browser
	@command -v chromium chromium-browser >/dev/null || echo "Chromium is missing (Debian: apt-get install chromium). The browser tests are skipped."
	@$(MAKE) --no-print-directory --jobs 2 test-no-stack test-stack

# Two processes in parallel: the tests with a stack or a browser mostly wait. sed -u '' keeps their output lines whole.
STACK_TESTS := tests/e2e tests/chaos/test_chaos.py $(filter-out %/test_fidelity.py,$(wildcard tests/browser/test_*.py))
MARKED = not full

test-no-stack:
	@set -o pipefail; $(RUN) pytest -m "$(MARKED)" $(STACK_TESTS:%=--deselect=%) | sed -u ''

test-stack:
	@set -o pipefail; $(RUN) pytest -m "$(MARKED)" $(STACK_TESTS) | sed -u ''

test-full: setup plug-ins ## Run the slow tests that `make test` leaves out: mutations, long chaos runs, repeated stacks
	@$(MAKE) --no-print-directory --jobs 2 MARKED=full test-no-stack test-stack

plug-ins: setup ## Install what the tests of the plug-ins need: Node, site generators, Django
	@.ci/plug-ins.sh

e2e: setup ## Run the end-to-end tests; on a deployed stack: make e2e STACK=name [REGION=region]
	DARKROOM_E2E_STACK=$(STACK) DARKROOM_E2E_REGION=$(REGION) $(RUN) pytest -m "not full" tests/e2e

up: setup ## Run the local stack until Ctrl-C
	@$(RUN) darkroom up

# Without the installed program: that one contains the path of this folder, which may have been moved since.
down: ## Stop the local stack
	@PYTHONPATH=layers/darkroom:cli $(RUN) python -m darkroom_cli.app down

demo: setup ## Drop sample pictures on the local stack and show the results
	@$(RUN) darkroom demo

throughput: setup ## Measure pictures per second on the local stack and write docs/throughput.md
	@$(RUN) python -m bench.throughput

scale: setup ## Compute limits and costs by load and write docs/scale.md
	@$(RUN) python -m bench.scale

jobs: setup ## Run a job of 2,000 pictures on the local stack, check its totals and write docs/jobs.md
	@$(RUN) python -m bench.jobs

chaos: setup ## Inject faults into the local stack, count lost uploads and write docs/reliability.md
	@$(RUN) python -m tests.chaos

simulate: setup ## Perform random simulated histories and write docs/reliability.md: make simulate [SEEDS=100000]
	@$(RUN) python -m tests.simulation --report --seeds $(or $(SEEDS),10000)

model: setup ## Visit every state of the ledger's protocol within small limits and write docs/reliability.md
	@$(RUN) python -m tests.model --report

screenshots: setup ## Take screenshots of the pages, light and dark, phone and desktop, for docs/screenshots/
	@$(RUN) python -m bench.screenshots

wheel: setup ## Build the command line for Linux (x86_64, arm64), and without the engine for others, into dist/
	@for wheel in x86_64 arm64 any; do DARKROOM_WHEEL=$$wheel $(UV) build --quiet --wheel || exit 1; done
	@ls dist/*.whl

build: setup ## Build for AWS, into .aws-sam/
	@rm -f .aws-sam/built # records the local stack's build in the same folder, which this one replaces
	$(SAM) build

deploy: setup ## Deploy to AWS; the first time asks for a stack name and a region
	@$(RUN) darkroom deploy

bench: setup ## Compare with Squoosh and sharp: make bench PICTURES=folder [BENCH="--before checkout"]
	@$(RUN) python -m bench $(PICTURES) $(BENCH)

fidelity: setup ## Compare renditions with what Chromium draws for the originals: make fidelity PICTURES=folder
	@$(RUN) python -m bench.fidelity $(PICTURES)

cold: setup ## Measure cold starts and memory of each function: make cold [COLD="--before checkout"]
	@$(RUN) python -m bench.cold $(COLD)
