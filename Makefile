# Everything that people and CI run; each entry sets up its own virtual environment on first use.
# PYTHON=/path/to/python3 chooses the interpreter, ARGS=... is handed to pytest, the demo or the benchmarks.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
ARGS ?=
WORKERS ?= 2
PYTEST := $(BIN)/python -m pytest -n $(WORKERS) --dist worksteal

# How long building the real servers of platforms may take; what is left over is built by the next run.
SERVERS_SECONDS ?= 3000

# The differential test's full size: rule sets, each with fifty requests or more.
FULL_SIZE := PIDALIO_DIFFERENTIAL_SETS=1000

.DEFAULT_GOAL := help
.PHONY: help setup demo test test-platforms e2e check lint types layers docs-test histories differential fuzz wheel format bench behaviour docs lock clean

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-15s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: ## Build .venv from requirements.lock (done by every entry that needs it)
	@command -v $(PYTHON) >/dev/null 2>&1 || { echo "make: no $(PYTHON) found: install Python 3.11 or newer (Debian: apt-get install python3 python3-venv), or say PYTHON=/path/to/python3" >&2; exit 1; }
	@$(PYTHON) scripts/setup_venv.py $(VENV)

demo: setup ## Run the example shop on loopback: a gateway, a sidecar beside every instance, measured traffic
	@exec $(BIN)/python examples/shop/demo.py $(ARGS)

test: setup ## Run the tests, real Envoy included
	$(PYTEST) --ignore=tests/docs $(ARGS)

test-platforms: setup ## Build the real servers of platforms, once, and run the tests that need them
	$(BIN)/python scripts/platform_servers.py --seconds $(SERVERS_SECONDS)
	PIDALIO_PLATFORMS=1 $(PYTEST) -m platform tests $(ARGS)

e2e: setup
	$(PYTEST) tests/e2e $(ARGS)

check: setup lint types layers docs-test histories differential fuzz ## Run everything that must hold before a merge, besides the tests

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: setup
	$(BIN)/mypy

layers: setup
	$(BIN)/lint-imports

docs-test: setup
	$(BIN)/python -m pytest tests/docs $(ARGS)

differential: setup
	$(FULL_SIZE) $(PYTEST) tests/differential $(ARGS)

histories: setup
	PIDALIO_HYPOTHESIS=large $(PYTEST) tests/derive/test_product.py $(ARGS)

fuzz: setup
	PIDALIO_FUZZ=5 $(PYTEST) tests/fuzz $(ARGS)

wheel: setup ## Build the wheel, install it elsewhere, and run a first mesh from it
	$(BIN)/python scripts/try_wheel.py

format: setup ## Put the code into the project's form
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: setup ## Measure: JSON in benchmarks/results, a table here and in docs/performance.md
	$(BIN)/python scripts/bench.py $(ARGS)

behaviour: setup ## Measure balancing, health and recovery on real Envoys; rewrites docs/behaviour.md
	$(BIN)/python -m tests.behaviour $(ARGS)

docs: setup ## Look for the test of every field, regenerate the generated pages and check every link
	$(BIN)/python scripts/fields.py
	$(BIN)/python scripts/docs.py

lock: setup ## Choose dependencies anew and write requirements.lock
	$(BIN)/uv pip compile --universal --generate-hashes --no-header --all-extras --python-version 3.11 \
		--quiet --upgrade --output-file requirements.lock pyproject.toml

clean: ## Remove what was built, .venv included
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache build dist
