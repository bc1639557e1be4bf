# One task a line; `make help` lists them. `make demo` and `make test` set everything up by themselves.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
EXTRAS ?= test
UNIT := -m "not system and not slow" -n auto --dist loadfile
SYSTEM := -m "system and not slow" -n 2 --dist loadfile
export CI

.PHONY: help install demo test test-all test-fast test-slow test-system coverage check bench agreement lab schema matrix kinds claims samples screenshots lock clean

help:  ## list the tasks
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /  make \1  \t/'

install: $(STAMP)  ## build .venv with the locked versions
$(STAMP): pyproject.toml requirements.lock scripts/install.sh
	@PYTHON=$(PYTHON) sh scripts/install.sh $(VENV) $(EXTRAS)
	@touch $@

demo: install  ## run the demo scenario live and show its verdict
	$(BIN)/harness run scenarios/primary-429.yaml

test: install  ## run the whole test suite
	$(BIN)/python -m pytest $(UNIT)
	$(BIN)/python -m pytest $(SYSTEM)

test-all: install  ## run coverage, test-system and test-slow, and write their results into docs/contributing/test-all.md
	$(BIN)/python -m scripts.test_all

test-system: install  ## run the tests with real processes and sockets
	$(BIN)/python -m pytest $(SYSTEM) $(JUNIT)

test-slow: install  ## run the slow tests: other versions of libraries in environments of their own, the stack of docker-compose.yml
	$(BIN)/python -m pytest -m slow -n 2 --dist loadfile $(JUNIT)

test-fast: install  ## run the tests of the pure rooms, for the inner loop
	$(BIN)/python -m pytest -q -m "not system and not slow" -n auto --dist loadfile --ignore tests/provider/sdk \
	  tests/caller tests/chain tests/document tests/history tests/judge tests/provider tests/scenario tests/store \
	  tests/test_draw.py tests/test_names.py tests/test_registry.py tests/test_words.py

coverage: install  ## run the tests that need no real parts, and see that they reach enough of the package
	rm -f .coverage*
	$(BIN)/coverage run -m pytest $(UNIT) $(JUNIT)
	$(BIN)/coverage combine -q
	$(BIN)/coverage report

check: install  ## lint, types, import layers
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	PYTHONPATH=. $(BIN)/lint-imports

bench: install  ## measure, side by side, and write benchmarks/README.md
	$(BIN)/python -m benchmarks

agreement: install  ## hold live suites (SUITE="reports/suites/… …") against the same plans in virtual time
	$(BIN)/python -m scripts.agreement $(SUITE)

lab: install  ## open the notebooks in JupyterLab
	@PYTHON=$(PYTHON) sh scripts/install.sh $(VENV) $(EXTRAS),lab
	$(BIN)/jupyter lab --ServerApp.root_dir="$(CURDIR)" --LabApp.news_url=None --LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate --LabApp.extension_manager=readonly notebooks/index.ipynb $(if $(filter 0,$(shell id -u)),--allow-root)

kinds: install  ## measure what LiteLLM does with each kind of request, and write the page
	$(BIN)/python -m tests.drivers.litellm_streams_by_kind docs/reference/litellm-kinds.md

matrix: install  ## run the smoke suite on versions of LiteLLM (VERSIONS="1.90.0 …"), and write what they do into docs/reference
	$(BIN)/python -m scripts.matrix $(VERSIONS)
	$(BIN)/python -m tests.provider.sdk.versions docs/reference/litellm-streams.md

claims: install  ## measure what people say about chains (NAMES="waits-2-4-8 …"), and write docs/claims.md
	$(BIN)/python -m scripts.claims $(NAMES)

schema: install  ## write what is generated in docs/reference
	$(BIN)/python -m harness.scenario.json_schema docs/reference
	$(BIN)/python -m scripts.catalogue
	$(BIN)/python -m scripts.incidents
	$(BIN)/python -m scripts.declarations
	$(BIN)/python -m tests.provider.sdk docs/reference/sdk-streams.md

samples: install  ## make the sample runs again, and their pages
	$(BIN)/python -m scripts.samples

screenshots: install  ## make the pictures of the documents from the samples, in Chromium
	$(BIN)/python -m scripts.screenshots

lock: install  ## pin the newest versions that fit
	$(BIN)/uv pip compile --quiet --universal --generate-hashes --no-header --all-extras --upgrade \
	  --python-version 3.11 pyproject.toml -o requirements.lock

clean:  ## remove what was built; runs and caches elsewhere stay
	rm -rf $(VENV) dist .pytest_cache .mypy_cache .ruff_cache .hypothesis .coverage*
