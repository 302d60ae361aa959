# One command: `make test`. Everything it needs it brings, without root and without touching the machine:
# Python packages into .venv, the programs that tests talk to into .cache (CHAPPE_SKIP_PEERS=1 does without them).
# Paths are relative throughout, so that the repository may lie in a folder whose name has spaces.

PYTHON ?= python3
FUZZ_SECONDS ?= 60
BIN := .venv/bin
PY := $(BIN)/python
PIP := $(PY) -m pip --disable-pip-version-check -qq
STAMP := .venv/.installed
COMPILED_TESTS := tests/drivers/smpp tests/drivers/sms tests/drivers/test_simulated.py tests/contracts tests/gateway tests/system
SHELL := /bin/sh

# $(call step,what it is,command): one line when it goes well, all it said when it does not.
step = @printf '%s ' '$(1):'; said=$$($(2) 2>&1) && echo ok || { echo FAILED; printf '%s\n' "$$said"; exit 1; }

help:  ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-14s %s\n", $$1, $$2}' Makefile

install: $(STAMP)  ## .venv with Chappe (editable) and its tools

run: $(STAMP)  ## a gateway against simulated peers: the whole story of a message
	@$(BIN)/chappe demo

test: $(STAMP) test-deps lint  ## lint, types, arrows and every test, real peers included (some 12 minutes)
	@$(PY) -m pytest $(ARGS)

lint: $(STAMP)  ## ruff, mypy --strict, import-linter
	$(call step,ruff check,$(PY) -m ruff check -q .)
	$(call step,ruff format,$(PY) -m ruff format -q --check .)
	$(call step,mypy,$(PY) -m mypy --strict)
	$(call step,mypy (tests/peers),MYPYPATH=tests $(PY) -m mypy --strict --explicit-package-bases tests/conftest.py \
	    tests/peers/gammu.py tests/peers/smstools.py tests/peers/gsmmodem_app.py tests/peers/pty_modem.py tests/peers/chromium.py)
	$(call step,import arrows,$(BIN)/lint-imports)

format: $(STAMP)  ## ruff's formatter and its safe fixes, in place
	@$(PY) -m ruff format -q . && $(PY) -m ruff check -q --fix .

test-deps:  ## Kannel, mosquitto, gammu, smstools, chromium, promtool, npm smpp and smppload, into .cache
	@$(PYTHON) tests/peers/install.py

bench: $(STAMP) bench-deps  ## the measured figures, beside a yardstick, as one table (under 10 minutes)
	@$(PY) bench/run.py $(ARGS)

bench-long: $(STAMP) bench-deps  ## 60 s runs, a million messages waiting, 100 kills: one pass each
	@$(PY) bench/run.py --long $(ARGS)

soak: $(STAMP) bench-deps  ## an hour of traffic with failures, watching memory and counts (ARGS='--minutes 600')
	@$(PY) bench/soak.py $(ARGS)

compiled: .venv/.compiled  ## a copy in build/compiled whose hot modules are machine code (mypyc; 4 minutes)
	@$(PY) systemd/packages/compiled.py

test-compiled: test-deps compiled  ## the tests of what was compiled, on what was compiled
	@cd build/compiled && PYTHONPATH= ../../$(PY) -m pytest $(or $(ARGS),$(COMPILED_TESTS))

dist-compiled: .venv/.compiled  ## a wheel of that copy, for this Python and machine, into dist/
	@$(PY) systemd/packages/compiled.py --wheel dist

bench-deps:
	@$(PYTHON) tests/peers/install.py smppload

fuzz: $(STAMP)  ## each tests/fuzz/fuzz_*.py for FUZZ_SECONDS (60)
	@$(PIP) install -e '.[fuzz]'
	@for target in tests/fuzz/fuzz_*.py; do \
	    echo "$$target, $(FUZZ_SECONDS) s"; $(PY) "$$target" -max_total_time=$(FUZZ_SECONDS) || exit 1; \
	done

storm: $(STAMP)  ## the whole gateway in simulation, faults drawn from a seed: SEEDS=1000, or SEED=42 to replay one
	@PYTHONPATH=tests PYTHONHASHSEED=0 $(PY) -m simulation $(if $(SEED),--seed $(SEED),--seeds $(or $(SEEDS),100)) $(ARGS)

storm-mistakes: $(STAMP)  ## plants each mistake of tests/simulation/mistakes*.py: the storm must find it (an hour or so)
	@STORM_MISTAKES=all $(PY) -m pytest tests/simulation -k mistake $(ARGS)

storm-versions: $(STAMP)  ## SEEDS=40 the same in other interpreters: PYTHONS='/path/to/python3.12 …' (1 minute each)
	@PYTHONPATH=tests $(PY) -m simulation.versions $(PYTHONS) --seeds $(or $(SEEDS),40) $(ARGS)

dist: $(STAMP)  ## sdist and wheel into dist/
	@$(PIP) install build && $(PY) -m build -q && ls dist

deb: $(STAMP)  ## the Debian package into dist/, for the Debian whose python3 is of our minor version (no root)
	@$(PY) systemd/packages/deb.py

package-test: deb  ## as root: sdist and wheel in a new venv, the .deb in a clean Debian in a folder (5 minutes)
	@CHAPPE_PACKAGES=1 $(PY) -m pytest tests/packages
	@$(PY) systemd/packages/install_test.py "$$(ls -t dist/chappe_*.deb | head -n 1)"

clean:  ## removes what was built, measured and cached; .venv and .cache too
	@rm -rf .venv .cache build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis \
	    .import_linter_cache bench/smppload
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

# Debian's python3 without python3-venv has venv but no ensurepip: its pip then installs a pip into the new .venv.
$(PY):
	@echo 'install: .venv'
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	    || { echo '$(PYTHON) is not Python 3.11 or later: make PYTHON=/path/to/python3.11 …'; exit 1; }
	@$(PYTHON) -m venv .venv >/dev/null 2>&1 || { rm -rf .venv; $(PYTHON) -m venv --without-pip .venv \
	    && $(PYTHON) -m pip --python $(PY) -qq install pip; } \
	    || { rm -rf .venv; echo 'No .venv: install python3-venv or python3-pip (apt-get install python3-venv)'; exit 1; }

$(STAMP): pyproject.toml | $(PY)
	@echo 'install: packages'
	@$(PIP) install -e '.[test]'
	@touch $(STAMP)

.venv/.compiled: $(STAMP)
	@$(PIP) install -e '.[compiled]'
	@touch $@

.PHONY: help install run test lint format test-deps bench bench-long bench-deps soak fuzz storm storm-mistakes storm-versions dist deb package-test clean
.PHONY: compiled test-compiled dist-compiled
