# `make demo`: set everything up, then run every step once on 8x8 digits.
# `make test`: lint, types, and of every rung of the evidence some tests; minutes. Both need a Debian or
#   Ubuntu and nothing else.
# `make test-all`: all tests.
# `make conformance`: all vectors that ship, through the implementations in examples/; a minute.
# `make prove`: proofs of the hardware, some five minutes of one core; `make test` does a few.
# `make mutate`: faults planted in cores, which `cosim` and `verify` must find; 12 minutes of two cores.
# `make fuzz`: bad files, bad streams and kills, for some twenty minutes; EXAMPLES=, SECONDS_EACH=.
# `make soak`: samples back to back, resets at any moment, planted leaks of state; nine minutes of two cores.

BIN := .venv/bin
EXAMPLES ?= 3000
SECONDS_EACH ?= 60
PYTHON ?= python3
PARALLEL := --numprocesses auto --dist loadfile
TESTS := tests:tests/helpers:tests/mutation:tests/soak

.PHONY: help demo test test-rest test-all lint setup clean conformance fuzz mutate prove

help:
	@sed -n 's/^# //p' Makefile

demo: .venv/ready
	$(BIN)/hwgen demo

test: lint
	$(BIN)/pytest --tier quick $(PARALLEL)

test-rest: .venv/ready
	$(BIN)/pytest --tier rest $(PARALLEL)

test-all: lint
	$(BIN)/pytest $(PARALLEL)

lint: .venv/ready
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

conformance: .venv/ready
	sh tools/conformance.sh

prove: .venv/ready
	PYTHONPATH=$(TESTS) $(BIN)/python -m formal

mutate: .venv/ready
	PYTHONPATH=$(TESTS) $(BIN)/python tests/mutation/mutate.py

fuzz: .venv/ready
	HWGEN_FUZZ=$(EXAMPLES) $(BIN)/pytest -q tests/robustness/test_fuzz.py tests/robustness/test_streams.py tests/robustness/test_killed.py
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps atheris==3.0.0
	for kind in params vectors idx; do \
		$(BIN)/python tools/fuzz_files.py $$kind -max_total_time=$(SECONDS_EACH) || exit 1; \
	done

.PHONY: soak
soak: .venv/ready
	PYTHONPATH=$(TESTS) $(BIN)/python tests/soak/soak.py

setup: .venv/ready

.venv/ready: requirements.txt pyproject.toml tools/setup.sh
	PYTHON="$(PYTHON)" sh tools/setup.sh

clean:
	rm -rf build runs
