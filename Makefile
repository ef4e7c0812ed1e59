# Everything a developer or CI runs. Needs Linux, Python 3.11 or later with venv and pip, and make; the rest is
# installed, pinned by hash, into .venv. A stamp in .venv says what it holds, so that a second run is quick.

# 3.11, for which the cost of a request is recorded, and one that was built with profile-guided optimisation, if there is
# one: it needs about a fifth less CPU.
PYTHON ?= $(shell python3 scripts/choose_python.py 2>/dev/null || command -v python3.11 || command -v python3)
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet --retries 10
COMPILE := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
           --no-header --no-emit-index-url --no-emit-find-links
LOCK := $(COMPILE) pyproject.toml
OIDC := tests/support/oidc
BROWSER := tests/support/browser
PEER := bench/peers/node
JOBS ?= 2
ARGS ?=

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help demo test check format bench soak fuzz examples lock clean

help: ## what there is to make
	@awk -F ':.*## ' '/^[a-z]+:.*## /{printf "  make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: $(VENV)/.run ## a gateway with everything around it, and a tour of it (ARGS=--once ends after the tour)
	@$(BIN)/ostiary demo $(ARGS)

# One test opens a page in a browser: the system's own, or else one of 70 MB.
test: $(if $(wildcard /usr/bin/chromium),,$(BROWSER)/node_modules/.browser/.stamp)
test: $(VENV)/.test $(OIDC)/node_modules/.stamp ## everything that CI runs
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/python scripts/check_mirror.py
	$(BIN)/pytest -n $(JOBS) $(ARGS)

check: $(VENV)/.test ## the developer's loop: format, lint, types, mirrored tests, fast tests
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/python scripts/check_mirror.py
	$(BIN)/pytest -q -n $(JOBS) -m "not real" $(ARGS)

format: $(VENV)/.test ## rewrite the sources in the one format, with the lint's safe fixes
	$(BIN)/ruff check --fix-only --quiet .
	$(BIN)/ruff format .

bench: $(VENV)/.dev $(PEER)/node_modules/.stamp ## the gateway and its peers side by side, into bench/results (ARGS=--quick)
	@$(BIN)/python -m bench $(ARGS)

soak: $(VENV)/.dev ## half an hour of mixed load, watching memory (ARGS=--minutes=5)
	@$(BIN)/python -m bench soak $(ARGS)

fuzz: $(VENV)/.fuzz ## coverage-guided fuzzing of the readers, a minute each (ARGS=--seconds=600)
	@$(BIN)/python -m fuzz $(ARGS)

examples: $(VENV)/.test ## the property tests, with many more examples
	$(BIN)/pytest -q -n $(JOBS) --hypothesis-profile=fuzz -m hypothesis --timeout=1800 $(ARGS)

lock: $(VENV)/.dev ## resolve the dependencies anew into requirements/ (ARGS=--upgrade for newer ones)
	$(COMPILE) $(ARGS) --group pip -o requirements/pip.lock
	$(LOCK) $(ARGS) --group build -o requirements/run.lock
	$(LOCK) $(ARGS) --group build --group lint --group test -c requirements/run.lock -o requirements/test.lock
	$(LOCK) $(ARGS) --group dev -c requirements/test.lock -o requirements/dev.lock
	$(LOCK) $(ARGS) --group build --group test --group fuzz -c requirements/test.lock -o requirements/fuzz.lock

clean: ## remove whatever make installed or built
	rm -rf $(VENV) $(OIDC)/node_modules $(BROWSER)/node_modules $(PEER)/node_modules .mypy_cache .ruff_cache .pytest_cache .hypothesis

# Some distributions ship venv without the pip that it would put there; then the system's own pip does.
$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Ostiary needs Python 3.11 or later: make PYTHON=...")'
	@$(PYTHON) -m venv $(VENV) || { $(PYTHON) -m venv --without-pip $(VENV) && \
	    $(PYTHON) -m pip --python $@ install --quiet --retries 10 --require-hashes -r requirements/pip.lock; }

# The project itself comes last, without resolving anything: what it needs is in the lock, its build backend too.
$(VENV)/.run $(VENV)/.test $(VENV)/.dev $(VENV)/.fuzz: $(VENV)/.%: requirements/%.lock pyproject.toml | $(BIN)/python
	$(PIP) install --require-hashes -r $<
	$(PIP) install --no-deps --no-build-isolation -e .
	@touch $@

# npm's own command in the wheel is a dangling script, so Node runs the npm that lies beside it.
$(OIDC)/node_modules/.stamp $(BROWSER)/node_modules/.stamp: | $(VENV)/.test
$(PEER)/node_modules/.stamp: | $(VENV)/.dev
%/node_modules/.stamp: %/package-lock.json %/package.json
	$(BIN)/python scripts/npm.py ci --prefix $* --ignore-scripts --no-audit --no-fund --loglevel=error
	@touch $@

$(BROWSER)/node_modules/.browser/.stamp: $(BROWSER)/node_modules/.stamp $(BROWSER)/unpack.js
	$(BIN)/python scripts/npm.py run unpack --prefix $(BROWSER) --silent
	@touch $@
