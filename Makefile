# Every target builds what it needs. Another interpreter: make test PYTHON=python3.12
PYTHON ?= python3
BIN := .venv/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check -q install --compile
# Two workers are enough threads: those of linear algebra would only wait for each other.
PYTEST := OPENBLAS_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist loadfile

.PHONY: help reproduce test lab bench map notebooks lint lock clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-10s %s\n", $$1, $$2 }' Makefile

# ONLY="05 mean_error" chooses notebooks, figures and claims, SEEDS=40, SEED=1000 and FULL=1 the
# seeds of notebook 15, WORKERS=1 the threads.
reproduce: .venv/ready ## run every notebook, rewrite figures/, print the claims table
	@$(BIN)/python -m csgld_book.reproduce $(ONLY) $(SEEDS:%=--seeds=%) $(SEED:%=--seed=%) \
		$(WORKERS:%=--workers=%) $(if $(FULL),--full)

test: .venv/ready-dev ## run all tests, then compare notebooks and figures with the stored ones
	@$(PYTEST) tests
	@CSGLD_FIGURES="$(CURDIR)/.pytest_cache/figures" $(PYTEST) --nbval --nbval-current-env --nbval-sanitize-with tests/nbval.cfg notebooks

lab: .venv/ready ## open the notebooks in JupyterLab
	@$(BIN)/jupyter lab notebooks

bench: .venv/ready-dev ## measure the samplers against their floor, at scale, beside BlackJAX, and the demos
	@$(BIN)/python -m benchmarks.speed
	@$(BIN)/python -m benchmarks.scale
	@$(BIN)/python -m benchmarks.peers
	@$(BIN)/python -m benchmarks.latency

map: .venv/ready-dev ## tune every method with the same effort and see who wins where (half an hour)
	@$(BIN)/python -m benchmarks.map
	@$(BIN)/python -m benchmarks.interacting

notebooks: .venv/ready ## run every notebook and store its outputs
	@$(BIN)/python -m csgld_book.reproduce --write

lint: .venv/ready-dev ## check code and notebooks with ruff
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .

# Pins that still fit stay as they are; make lock UPGRADE=--upgrade raises them all.
# One version for every Python and system, so that all readers run the same numbers.
LOCK = $(BIN)/uv pip compile -q $(UPGRADE) pyproject.toml --group build --python-version 3.11 \
	--universal --fork-strategy fewest --generate-hashes --no-emit-index-url --no-header --no-annotate

lock: .venv/ready-dev ## rebuild both locks from pyproject.toml
	@echo "Resolving the locks: a few seconds."
	@$(LOCK) -o requirements.lock
	@$(LOCK) --extra dev --constraint requirements.lock -o requirements-dev.lock

clean: ## remove .venv and all caches
	@rm -rf .venv .pytest_cache .hypothesis .ruff_cache
	@find . -name __pycache__ -prune -exec rm -rf {} +

# A function of make, not a command, so that a failed check is one line.
needs = $(if $(shell $(PYTHON) -c '$(1)' 2>/dev/null && echo yes),,$(error $(strip $(2))))

.venv/ready: requirements.lock pyproject.toml
	$(call needs,import sys; assert sys.hexversion >= 0x30B0000,\
		Python 3.11 or newer is needed. "$(PYTHON)" is not: try make PYTHON=python3.12)
	$(call needs,import venv; import ensurepip,\
		"$(PYTHON)" has no venv module. On Debian: apt install python3-venv)
	@echo "Building .venv from requirements.lock: about a minute."
	@$(PYTHON) -m venv .venv
	@$(PIP) --require-hashes -r requirements.lock
	@$(PIP) --no-deps --no-build-isolation -e .
	@$(BIN)/python -c "import csgld_core" # compiles the loops into numba's cache
	@touch $@

.venv/ready-dev: .venv/ready requirements-dev.lock
	@echo "Adding the tools of requirements-dev.lock to .venv: a few seconds."
	@$(PIP) --require-hashes -r requirements-dev.lock
	@touch $@
