.DEFAULT_GOAL := help
PY := .venv/bin/python

help: ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

types: ## mypy --strict over agent and collector
	@mkdir -p build/src/modpulse
	@for folder in agent bpf collector; do ln -sfn ../../../$$folder build/src/modpulse/$$folder; done
	.venv/bin/mypy

lint: ## ruff: rules and format
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .

.PHONY: help types lint
