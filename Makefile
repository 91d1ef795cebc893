# Everything a fresh machine needs: `make up` (the main job) and `make test`.
SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
UV_VERSION := 0.13.9
ROOMS := bus consumers inferbus ingest schemas
BENCH_TOOLS := $(VENV)/bench-tools
# uv brings a list of authorities; the system's, where it has one, also holds a company proxy's own.
ifneq ($(wildcard /etc/ssl/certs/ca-certificates.crt /etc/pki/tls/certs/ca-bundle.crt /etc/ssl/cert.pem),)
export UV_SYSTEM_CERTS ?= 1
endif

.DEFAULT_GOAL := help
.PHONY: help install install-dev up test test-stack faults lint types fmt bench bench-full profile lock clean

help: ## list the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

install: $(VENV)/.runtime $(VENV)/.bytecode ## build .venv with the inferbus command
install-dev: $(VENV)/.dev

up: $(VENV)/.runtime ## broker, ingest, storage and alerting in one go
	@exec env -u PYTHONDONTWRITEBYTECODE $(BIN)/inferbus up $(ARGS)

test: $(BIN)/uv ## every test this machine can run
	@scripts/test $(ARGS)

test-stack: $(BIN)/uv ## the system tests on the compose stack only
	@scripts/test tests/system/stack $(ARGS)

faults: $(VENV)/.dev ## the fault suite in full, about an hour: a table in build/faults
	@scripts/faults $(ARGS)

lint: $(VENV)/.dev ## ruff, the import rules, licences and known vulnerabilities
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports
	$(BIN)/python -m scripts.licences
	$(BIN)/python -m scripts.advisories

types: $(VENV)/.dev ## mypy, strict
	$(BIN)/mypy

fmt: $(VENV)/.dev ## format and fix what can be fixed
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix-only .

bench: $(VENV)/.bench $(VENV)/.bytecode ## short benchmarks: figures beside a baseline, into docs/performance.md
	$(BIN)/python -m benchmarks $(ARGS)

bench-full: $(VENV)/.bench $(VENV)/.bytecode ## the long form, half an hour on two quiet cores
	$(BIN)/python -m benchmarks --full $(ARGS)

profile: $(VENV)/.bench ## where the time of ingress and storage goes, into docs/performance.md
	$(BIN)/python -m benchmarks.profiles $(ARGS)

lock: $(VENV)/.dev ## write the lock files anew from pyproject.toml
	$(BIN)/uv pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header -q pyproject.toml --group build -o requirements.lock
	$(BIN)/uv pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header -q pyproject.toml --group build --group dev -c requirements.lock -o requirements-dev.lock
	$(BIN)/uv pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header -q tests/system/stack/requirements.in -c requirements-dev.lock -o tests/system/stack/requirements.lock
	$(BIN)/uv pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header -q benchmarks/tools.in -o benchmarks/tools.lock
	echo uv==$(UV_VERSION) | $(BIN)/uv pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header -q - -o deploy/build-tools.lock

clean: ## remove what the targets built
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis dist build

$(BIN)/uv:
	@scripts/make-venv $(PYTHON) $(VENV) $(UV_VERSION)

$(VENV)/.runtime: $(BIN)/uv requirements.lock pyproject.toml
	@echo "installing inferbus into $(VENV) …"
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --require-hashes -r requirements.lock
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --no-build-isolation --no-deps --editable .
	@touch $@

# pip compiles what it installs, uv does not, and where PYTHONDONTWRITEBYTECODE is set each start
# would compile everything anew. Not before `up`, whose first start compiles what it needs itself.
$(VENV)/.bytecode: $(VENV)/.runtime $(shell find $(ROOMS) -name '*.py')
	@$(BIN)/python -m compileall -q -j 0 $(ROOMS) $(VENV)/lib || true
	@touch $@

$(VENV)/.dev: $(VENV)/.runtime requirements-dev.lock
	@echo "installing the test tools into $(VENV) …"
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --require-hashes -r requirements-dev.lock
	@touch $@

# A server or a peer that cannot be had here leaves its subjects out; the others are measured.
$(VENV)/.bench: $(VENV)/.dev benchmarks/tools.lock
	@echo "preparing Apache Kafka, PostgreSQL and a peer for the benchmarks …"
	@scripts/packages kafka postgres || true
	@$(BIN)/python -m tests.support.kafka || true
	@$(BIN)/uv venv --quiet --clear --python $(BIN)/python $(BENCH_TOOLS)
	@$(BIN)/uv pip install --quiet --python $(BENCH_TOOLS)/bin/python --require-hashes -r benchmarks/tools.lock || true
	@touch $@
