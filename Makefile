# Every target sets itself up on a Debian machine with Python 3.11, as root or with sudo,
# and installs nothing that is there already. Progress goes to standard error.

SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
.DELETE_ON_ERROR:

BIN := .venv/bin
# Warnings about package indexes are noise here; errors still show.
PIP := $(BIN)/python -m pip install -qq --disable-pip-version-check --no-input
SUDO := $(shell test "$$(id -u)" = 0 || echo sudo)
APT := $(SUDO) env DEBIAN_FRONTEND=noninteractive apt-get -qq -o Dpkg::Use-Pty=0

# $(call need,COMMAND,PACKAGES): Debian packages, only where COMMAND fails.
need = $(1) >/dev/null 2>&1 || { echo "installing $(2)" >&2; \
	{ $(APT) update && $(APT) install -y --no-install-recommends $(2); } </dev/null >/dev/null; }

.PHONY: run test lint machine_code bench soak docs setup compiler browser broker

run: setup
	@$(BIN)/lumina run lab_configs/twin.yaml --virtual

test: setup compiler browser broker .venv/.acceptance-installed
	@$(MAKE) --no-print-directory --jobs 2 lint machine_code
	@$(BIN)/python -m pytest -q --numprocesses 4 --dist loadscope

lint: setup
	@$(BIN)/ruff check --quiet
	@$(BIN)/ruff format --check --quiet
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-logo

machine_code: setup
	@$(BIN)/python -m tests.machine_code

bench: setup compiler
	@$(BIN)/lumina bench --json

soak: setup
	@$(BIN)/python -m pytest -m soak

docs: .venv/.docs-installed
	@$(BIN)/pdoc --docformat google --output-directory build/docs lumina twin drivers firmware_sim calibration
	@echo "build/docs/index.html" >&2

setup: .venv/.installed

.venv/.installed: pyproject.toml
	@$(call need,python3 -c 'import ensurepip',python3-venv)
	@test -x $(BIN)/pip || python3 -m venv --clear .venv
	@echo "installing Lumina into .venv" >&2
	@$(PIP) --editable '.[dev]' </dev/null
	@touch $@

.venv/.docs-installed: .venv/.installed
	@$(PIP) --editable '.[docs]' </dev/null
	@touch $@

# Other people's clients, to try the simulated instruments with.
.venv/.acceptance-installed: .venv/.installed
	@$(PIP) --editable '.[acceptance]' </dev/null
	@touch $@

# The loop benchmark compares with the same arithmetic in C.
compiler:
	@$(call need,command -v gcc,gcc libc6-dev)

# A test opens the calibration report in a browser.
browser:
	@$(call need,command -v chromium,chromium)

# The facility link is tested against a real MQTT broker, on ports of its own.
broker:
	@$(call need,test -x /usr/sbin/mosquitto,mosquitto)
