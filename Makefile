# `make demo`: set everything up, then the whole road once, on 8x8 digits.
# `make test`: all checks. Both need a Debian or Ubuntu and nothing else.
# `make conformance`: all vectors that ship, through the implementations in examples/; a minute.

BIN := .venv/bin
PYTHON ?= python3

.PHONY: help demo test lint setup clean conformance

help:
	@sed -n 's/^# //p' Makefile

demo: .venv/ready
	$(BIN)/hwgen demo

test: lint
	$(BIN)/pytest

lint: .venv/ready
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

conformance: .venv/ready
	sh tools/conformance.sh

setup: .venv/ready

.venv/ready: requirements.txt pyproject.toml tools/setup.sh
	PYTHON="$(PYTHON)" sh tools/setup.sh

clean:
	rm -rf build runs
