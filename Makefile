# `make setup`, `make demo` and `make test` work on a fresh clone; the last two call the first.
#   PYTHON=python3.11   interpreter that makes the environment
#   VENV=.venv          where the environment lies; an existing one is used as it is
#   TORCH=auto|cpu|cuda build of torch to download when none is there
PYTHON ?= $(shell for p in python3.11 python3 python; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
VENV ?= .venv
TORCH ?= auto
RUN = $(VENV)/bin/python

.PHONY: setup demo test lint bench bench-evaluator bench-loader clean

setup:
	@$(or $(PYTHON),python3) tools/setup_env.py --venv $(VENV) --torch $(TORCH)

demo: setup
	$(RUN) tools/demo.py --out work_dirs/demo

test: setup
	$(RUN) -m pytest $(ARGS)

lint: setup
	$(RUN) -m ruff check .
	$(RUN) -m codespell_lib
	$(RUN) -m pydoclint.main --quiet mmtmt tools

bench: setup
	$(RUN) tools/analysis_tools/benchmark.py $(ARGS)

bench-evaluator: setup
	$(RUN) tools/analysis_tools/evaluator_benchmark.py $(ARGS)

bench-loader: setup
	$(RUN) tools/analysis_tools/loader_benchmark.py $(ARGS)

clean:
	rm -rf build dist mmtmt.egg-info .pytest_cache .ruff_cache .hypothesis
	find mmtmt tests tools configs demo -name __pycache__ -type d -prune -exec rm -rf {} + 2>/dev/null || true
