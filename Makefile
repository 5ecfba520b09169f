.DEFAULT_GOAL := help
PYTHON := /usr/bin/python3
VENV := .venv
PY := $(VENV)/bin/python
TESTS := PYTHONPATH=tests $(PY)
# The machine's go comes first, or a fetched one where it has none or an old one.
WITH_GO = PATH="$$($(TESTS) -c 'from lab import parts; print(parts.machine_go().rpartition("/")[0])'):$$PATH"
ROOT := $(if $(filter 0,$(shell id -u)),,sudo)

# The distribution's bcc, and the way to a virtual environment that sees it.
PACKAGES := python3-bpfcc python3-venv
# Network namespaces and a DNS server.
LAB_PACKAGES := dnsmasq-base iproute2 util-linux
# What is loaded, layouts, Debian's own go, a proxy, who is told, who calls us, units and where they run, traces.
# And the commands that people are told to check with, and a browser to look with.
TEST_PACKAGES := bindfs bpftool chromium curl fonts-wqy-microhei gcc golang-1.19-go libc6-dev mmdebstrap nginx-light openssl prometheus prometheus-alertmanager sudo systemd systemd-container tshark unzip

help: ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 10

setup: debian-setup $(VENV)/.installed ## .venv with modpulse in it; as root also the Debian packages it needs

# Editable: only a change of what is required makes it anew.
$(VENV)/.installed: setup.cfg pyproject.toml | debian-setup
	@echo "making $(VENV) …"
	@$(PYTHON) -m venv --system-site-packages $(VENV)
	@$(PY) -m pip install --quiet --disable-pip-version-check --retries 10 --editable '.[agent,collector,dev]'
	@touch $@

debian-setup: NEEDED := $(PACKAGES)
debian-lab: NEEDED := $(LAB_PACKAGES)
debian-test: NEEDED := $(TEST_PACKAGES)
debian-%:
	@.ci/packages $(NEEDED)

demo: setup debian-lab ## three proxies, real go commands, a waterfall, the health table: 3 minutes
	@$(ROOT) env PYTHONPATH=tests KEEP=$(KEEP) $(PY) tests/demo.py

parts: setup ## fetch and build the real parts that tests run against: minutes, once
	@$(TESTS) -m lab.parts

test: setup debian-lab debian-test parts ## all tests, as root also those with eBPF; ARGS="-k name" for some
	@$(WITH_GO) .ci/test $(PY) $(ARGS)

lint: setup ## ruff: rules and format
	@$(VENV)/bin/ruff check .
	@$(VENV)/bin/ruff format --check .

# mypy cannot follow an editable install: it reads the folders under their import names.
types: setup ## mypy --strict over agent and collector
	@mkdir -p build/src/modpulse
	@for folder in agent bpf collector; do ln -sfn ../../../$$folder build/src/modpulse/$$folder; done
	@$(VENV)/bin/mypy

wheel: setup ## build the wheel, install it into a new environment, and use it from there
	@.ci/wheel $(PYTHON) build/wheel

bench: setup debian-lab debian-test ## the figures in docs/: accuracy and cost
	@$(WITH_GO) $(TESTS) -m bench $(ARGS)

verdicts: setup debian-lab debian-test parts ## docs/verdicts-run.md: every way to fail that is provoked, minutes
	@$(WITH_GO) $(TESTS) -P -m verdicts --page docs/verdicts-run.md

scenarios: setup ## docs/verdicts.md: what the collector says of each scenario; two minutes
	@$(TESTS) -P -m scenarios docs/verdicts.md

openapi: setup ## docs/openapi.json, when a type of an answer or a request changed
	@$(TESTS) -P -m openapi docs/openapi.json

clean: ## remove what was built here; ~/.cache/modpulse-tests stays
	@rm -rf $(VENV) build dist modpulse.egg-info .mypy_cache .pytest_cache .ruff_cache .hypothesis
	@find . -name __pycache__ -prune -exec rm -r {} +

.PHONY: help setup demo parts test lint types wheel bench verdicts scenarios openapi clean
