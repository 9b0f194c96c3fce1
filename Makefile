.DEFAULT_GOAL := help
SHELL := /bin/bash
PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

.PHONY: help setup demo up test faults fuzz schemas soak images check lint types imports audit format bench bench-peers bench-queues contracts lock clean

help: ## Show this list
	@awk -F':.*## ' '/^[a-z-]+:.*## /{printf "  %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(STAMP) ## Make .venv with every pinned package and check what the system must have

$(STAMP): pyproject.toml constraints.txt deploy/setup_env.sh
	PYTHON=$(PYTHON) VENV=$(VENV) deploy/setup_env.sh
	@touch $@

demo: setup ## A photo becomes a letter and a video tells who is in it, on this machine
	$(BIN)/python -m client.demo

up: setup ## Start gateway, workers and an embedded Valkey; Ctrl-C stops them (ARGS="--port 8000")
	$(BIN)/framelane up $(ARGS)

test: setup ## Run every test (ARGS="-k name" for some)
	$(BIN)/python -m tests.suite $(ARGS)

faults: setup ## Break a running system in every way and count what it lost (ARGS="--short --only F1,F4")
	$(BIN)/python -m tests.faults $(ARGS)

fuzz: setup ## Send a gateway 10,000 malformed requests (ARGS="--count 1000 --seed 2")
	$(BIN)/python -m tests.fuzz $(ARGS)

schemas: setup ## Ask each operation of a gateway as its description says, and otherwise (ARGS="--examples 100")
	$(BIN)/python -m tests.schemas $(ARGS)

soak: setup ## A whole system under load for 20 minutes, and what that leaves (ARGS="--minutes 60")
	$(BIN)/python -m tests.soak $(ARGS)

images: ## Build our images, run docker-compose.yml from them and see it work (root; needs Podman, see tests/images)
	$(BIN)/python -m tests.images $(ARGS)

check: lint types imports audit test ## Run what CI runs, and the audit

lint: setup
	$(BIN)/ruff format --check
	$(BIN)/ruff check

types: setup
	$(BIN)/pyright

imports: setup
	$(BIN)/lint-imports

audit: setup ## List what we are made of, and look up what is known against it (ARGS=--must)
	$(BIN)/python -m deploy.audit $(ARGS)

format: setup ## Format and mend what can be mended
	$(BIN)/ruff format
	$(BIN)/ruff check --fix

bench: setup ## Print the figures, each beside what it is compared with
	$(BIN)/python -m benchmarks

bench-peers: setup ## The same network and request through other model servers (ARGS="--rounds 1 framelane fastapi")
	$(BIN)/python -m benchmarks.peers $(ARGS)

bench-queues: setup ## No-op jobs through other Python queues (ARGS="--rounds 1 framelane celery")
	$(BIN)/python -m benchmarks.queues $(ARGS)

contracts: setup ## Render the generated pages of docs/reference anew
	$(BIN)/python -m api.contracts
	$(BIN)/python -m shared.settings_reference
	$(BIN)/python -m deploy.valkey_start
	$(BIN)/python -m deploy.chart_reference
	$(BIN)/python -m deploy.dashboards
	$(BIN)/python -m deploy.metrics_reference

lock: setup ## Refresh constraints.txt from pyproject.toml
	deploy/lock.sh $(BIN)

clean: ## Remove what was built and downloaded
	rm -rf $(VENV) .framelane dist build .pytest_cache .ruff_cache .hypothesis
