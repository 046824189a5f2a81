# The verbs of the project. `make run` and `make test` set up by themselves; nothing else is needed but Python 3.11.
PYTHON ?= python3
BIN := .venv/bin
CONF ?=

.PHONY: setup run check test bench train docs clean

setup: .venv/.run
run: .venv/.run
	$(BIN)/guanchao run $(if $(CONF),--conf $(CONF))

check: .venv/.dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m warehouse.dictionary --check
	$(BIN)/python -m crawlers.register --check

test: .venv/.dev check
	$(BIN)/pytest

bench: .venv/.dev
	for name in text events escalation; do $(BIN)/guanchao bench $$name; done

train: .venv/.dev
	$(BIN)/guanchao train text --promote
	$(BIN)/guanchao train escalation --promote

docs: .venv/.dev
	$(BIN)/python -m warehouse.dictionary
	$(BIN)/python -m crawlers.register

clean:
	rm -rf data/drill build .mypy_cache .ruff_cache .pytest_cache

.venv/.pip:
	$(PYTHON) -c "import sys; v = sys.version_info[:2]; sys.exit(0 if (3, 11) <= v < (3, 13) else 'Python 3.11 or 3.12 is needed, this is %d.%d: make PYTHON=python3.11' % v)"
	$(PYTHON) -m venv .venv
	touch $@

.venv/.run: .venv/.pip pyproject.toml constraints.txt
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e .
	touch $@

.venv/.dev: .venv/.pip pyproject.toml constraints.txt
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[dev,train,scale]"
	touch $@ .venv/.run
