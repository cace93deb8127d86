# Every target works alone on a machine with Python 3.11+, make and the network.
PYTHON ?= python3
WORKERS ?= 2
SEEDS ?= 1000
UV_VERSION := 0.13.9

VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
CREATED := $(VENV)/.created
RUNTIME := $(VENV)/.runtime-installed
DEV := $(VENV)/.dev-installed
UV := $(VENV)/lock/bin/uv
SBOM := $(VENV)/sbom/bin/cyclonedx-py
COMPILE := $(UV) pip compile --quiet --universal --generate-hashes --no-emit-index-url \
	--no-emit-find-links --python-version 3.11 --custom-compile-command 'make lock' $(LOCK_FLAGS)

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
# Two targets named in one command would install into the same folder at the same time.
.NOTPARALLEL:
.PHONY: help demo serve test check bench soak lock sbom clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "make %-7s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: $(RUNTIME) ## gateway and simulator, no account needed: sends a sample picture, keeps serving
	$(BIN)/wirephoto demo

serve: $(RUNTIME) ## the gateway, with the settings of the environment and .env
	$(BIN)/wirephoto serve

test: $(DEV) ## every test, on SQLite and PostgreSQL (WORKERS=2)
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadfile

soak: $(DEV) ## the long runs: SEEDS=1000 of the simulation, days of quiet hours, kills
	$(BIN)/python -m tests.scenarios.simulation --seeds $(SEEDS) --jobs $(WORKERS)
	$(BIN)/python -m tests.scenarios.kill --messages 10000 --kills 20 --drop 0.05 --database sqlite
	$(BIN)/python -m tests.scenarios.kill --messages 10000 --kills 20 --drop 0.05 --database postgres
	QUIET_DAYS_SEEDS=50 $(BIN)/python -m pytest -n $(WORKERS) tests/scenarios/test_quiet_days.py

check: $(DEV) ## format, lint, strict types, import contracts, and the interface compared with its copy
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m pytest tests/api/test_openapi.py tests/test_architecture.py tests/test_docs.py

bench: $(DEV) ## the benchmarks
	$(BIN)/python -m benchmarks

lock: $(UV) ## write the locked requirements again (LOCK_FLAGS=--upgrade takes newer versions)
	$(COMPILE) pyproject.toml requirements/build.in -o requirements/runtime.txt
	$(COMPILE) pyproject.toml requirements/build.in --group dev -c requirements/runtime.txt \
		-o requirements/dev.txt
	$(COMPILE) requirements/sbom.in -o requirements/sbom.txt

sbom: $(SBOM) ## write dist/sbom.cdx.json, the bill of materials of a release (CycloneDX)
	mkdir -p dist
	$(SBOM) requirements requirements/runtime.txt --pyproject pyproject.toml --mc-type application \
		--output-reproducible --output-file dist/sbom.cdx.json

clean: ## remove the virtual environment and every cache; settings and data/ stay
	rm -rf $(VENV) dist .mypy_cache .ruff_cache .import_linter_cache .hypothesis .schemathesis
	find src tests benchmarks -name __pycache__ -prune -exec rm -rf {} +

$(CREATED):
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
		echo "Python 3.11 or newer is needed: make PYTHON=/path/to/python3.11 ..." >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
	touch $@

# The package is installed in place, without its dependencies: those are the pinned ones.
$(RUNTIME): requirements/runtime.txt pyproject.toml | $(CREATED)
	$(PIP) install --require-hashes -r requirements/runtime.txt
	$(PIP) install --no-deps --no-build-isolation -e .
	touch $@

# The development requirements contain the runtime ones at the same versions.
$(DEV): requirements/dev.txt pyproject.toml | $(CREATED)
	$(PIP) install --require-hashes -r requirements/dev.txt
	$(PIP) install --no-deps --no-build-isolation -e .
	touch $@

$(UV): | $(CREATED)
	$(PYTHON) -m venv $(VENV)/lock
	$(VENV)/lock/bin/python -m pip --disable-pip-version-check --quiet install uv==$(UV_VERSION)

# Apart from the development tools: what it brings along is nobody else's business.
$(SBOM): requirements/sbom.txt | $(CREATED)
	$(PYTHON) -m venv $(VENV)/sbom
	$(VENV)/sbom/bin/python -m pip --disable-pip-version-check --quiet install --require-hashes -r $<
