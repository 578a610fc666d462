# Two commands matter: `make run` and `make test`. Everything they need is installed into .venv.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --no-input --quiet
HOST ?= 127.0.0.1
PORT ?= 8080

.PHONY: run test test-all check format bench lock docs dashboards catalogue clean

run: $(VENV)/.run ## Install, then serve a demo on http://127.0.0.1:8080
	@$(BIN)/gateway demo --host $(HOST) --port $(PORT)

# Two processes side by side, about equally long. Each of them searches what it left for secrets.
# pytest's 5 means that ARGS chose nothing in one of them.
ALONE := $(addprefix tests/,catalogue config conformance context providers routing sandbox upstream wire)
PYTEST := $(BIN)/coverage run -m pytest -m "not slow" $(ARGS)

test: $(VENV)/.test ## Install what the tests need, then run them
	@$(BIN)/coverage erase
	@$(PYTEST) -q $(ALONE) > .first-half.log 2>&1 & \
	  $(PYTEST) tests $(addprefix --ignore=,$(ALONE)); rest=$$?; \
	  wait $$!; alone=$$?; cat .first-half.log; rm .first-half.log; \
	  for code in $$rest $$alone; do [ $$code = 0 ] || [ $$code = 5 ] || exit $$code; done
	@$(BIN)/coverage combine --quiet && $(BIN)/coverage report --fail-under=94 | tail -n 60

test-all: $(VENV)/.test ## Everything, the long ones included
	@$(BIN)/pytest $(ARGS)

check: $(VENV)/.test ## Format, lint, types, import contracts
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

format: $(VENV)/.test
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

bench: $(VENV)/.test ## Start-up time and memory of the demo; CPU of context blocks
	@$(BIN)/python -m tests.bench.demo
	@$(BIN)/python -m tests.bench.context

lock: ## Compile the hash-checked lock files from pyproject.toml
	@$(BIN)/python -m pip install --quiet uv
	@cd deploy/lock && for set in run test; do \
	  ../../$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	    --no-header --no-annotate --extra build $$( [ $$set = test ] && echo --extra test ) \
	    ../../pyproject.toml --output-file $$set.txt; done

docs: $(VENV)/.test ## Write the tables of the docs anew
	@$(BIN)/python -m tests.docs.provider_tables

dashboards: $(VENV)/.test ## Write the Grafana dashboards anew
	@$(BIN)/python -m grafana.panels

catalogue: $(VENV)/.test ## Rebuild the committed model and price catalogue
	@$(BIN)/python -m gateway.catalogue.make $$(date -u +%F)

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed; set PYTHON=/path/to/python3")'
	@$(PYTHON) -m venv $(VENV)

$(VENV)/.run: deploy/lock/run.txt pyproject.toml | $(VENV)/bin/python
	@echo "installing the gateway into $(VENV) (about half a minute, once)"
	@$(PIP) install --require-hashes -r deploy/lock/run.txt
	@$(PIP) install --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/.test: deploy/lock/test.txt pyproject.toml | $(VENV)/bin/python
	@echo "installing the gateway and its test tools into $(VENV)"
	@$(PIP) install --require-hashes -r deploy/lock/test.txt
	@$(PIP) install --no-deps --no-build-isolation --editable .
	@touch $@

clean:
	@rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
