# `make demo` and `make test` need Python 3.11 or newer and nothing else: each makes its own environment in .venv.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt

# Who has nothing left takes half of what the other still has: what takes longest comes first (tests/conftest.py).
WORKERS := -n 2 --dist worksteal

.DEFAULT_GOAL := help
.PHONY: help demo console verifier test quick lint format bench bench-peers soak clean

help: ## what there is
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 18

demo: $(VENV)/runtime ## a seeded programme from nothing to a checked decision, in ./demo
	$(BIN)/csat-ledger demo $(DEMO)

console: $(VENV)/runtime ## the same with pages for people, until Ctrl-C; it prints where to look
	$(BIN)/csat-ledger demo --serve $(DEMO)

test: lint ## everything that must be green: style, types, imports, tests
	$(BIN)/pytest $(WORKERS) $(TEST)

quick: lint ## lint and the tests that need no server, within two minutes
	$(BIN)/pytest $(WORKERS) -m 'not server and not slow' $(TEST)

lint: $(VENV)/dev ## style, types, and that imports point one way
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(VENV)/dev ## puts the code into its form
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

verifier: $(VENV)/runtime ## csat-verify.pyz: the offline verifier in one file
	$(BIN)/python -m console.verifier_pyz csat-verify.pyz

bench: $(VENV)/dev ## how fast, each figure against a baseline of the same run; BENCH="…" passes options
	$(BIN)/python -m tests.benchmarks --also postgres,latency,workers,proof,capability,importing $(BENCH)

bench-peers: $(VENV)/dev ## a peer beside us in one run; skipped where its wheel cannot be had; PEERS="…" passes options
	-@$(INSTALL) umadb
	$(BIN)/python -m tests.benchmarks.peers $(PEERS)

SOAK = $(shell grep -rlE 'CSAT_LEDGER_TEST_SOAK|tests\.support\.soak' tests --include='test_*.py')

soak: $(VENV)/dev ## the simulations with bigger numbers
	CSAT_LEDGER_TEST_SOAK=1 $(BIN)/pytest $(WORKERS) $(or $(TEST),$(SOAK))

clean: ## removes what was made here, the demo too
	rm -rf $(VENV) demo csat-verify.pyz build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis client/*.egg-info client/build
	find ledger projections consumers console client tests -name __pycache__ -prune -exec rm -rf {} +

$(VENV)/made:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "found $$($(PYTHON) --version 2>&1), expected Python 3.11 or newer; make PYTHON=… names another" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
	@touch $@

$(VENV)/runtime: $(VENV)/made pyproject.toml client/pyproject.toml constraints.txt
	$(INSTALL) --editable ./client --editable '.[proof,http,vault,results,reports,webhooks,console]'
	@touch $@

$(VENV)/dev: $(VENV)/made pyproject.toml client/pyproject.toml constraints.txt
	$(INSTALL) --editable ./client --editable '.[dev]'
	@touch $(VENV)/runtime $@
