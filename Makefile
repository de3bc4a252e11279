# `make quickstart` and `make test` set everything up themselves.
VENV ?= .venv
BIN := $(VENV)/bin
READY := $(VENV)/.typica-ready

.PHONY: quickstart setup check format test test-slow docs bench clean

quickstart: $(READY)
	$(BIN)/typica quickstart

setup: $(READY)

$(READY): pyproject.toml constraints.txt setup.sh
	VENV=$(VENV) ./setup.sh
	@touch $(READY)

check: $(READY)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/pytest -q -p no:cacheprovider tests/test_architecture.py

format: $(READY)
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

test: $(READY)
	OMP_NUM_THREADS=1 MKL_NUM_THREADS=1 $(BIN)/pytest -q -n 2 --durations=10

test-slow: $(READY)
	OMP_NUM_THREADS=1 MKL_NUM_THREADS=1 $(BIN)/pytest -q -m slow --durations=10

docs: $(READY)
	$(BIN)/mkdocs build --strict

bench: $(READY)
	$(BIN)/python benchmarks/startup.py
	$(BIN)/python benchmarks/training_step.py
	$(BIN)/python benchmarks/preparation.py
	$(BIN)/python benchmarks/detectors.py
	$(BIN)/python benchmarks/scoring.py
	$(BIN)/python benchmarks/quickstart.py
	$(BIN)/python benchmarks/engines.py

clean:
	rm -rf $(VENV) site runs quickstart
