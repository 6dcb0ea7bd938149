# Two commands on a fresh machine with Python and nothing else set up:
#   make demo   environment, install, then a run on a simulated archive; ends by printing the path of the report
#   make test   environment, install, all checks and tests
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin

.PHONY: demo test install check lock clean

demo: install
	$(BIN)/changedet demo --out demo

test: check
	$(BIN)/python -m pytest -n auto --dist loadfile

check: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

install: $(VENV)/.installed

$(VENV)/.installed: requirements.lock pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps -e .
	touch $@

# pins what a new environment resolves to, as plain name==version lines: one that grew by hand may hold what cannot be
# installed together
lock:
	rm -rf .lock-venv && $(PYTHON) -m venv .lock-venv
	.lock-venv/bin/python -m pip install --quiet --disable-pip-version-check -e '.[dev]'
	.lock-venv/bin/python -m pip check
	.lock-venv/bin/python -m pip freeze --exclude-editable --exclude changedet \
	    | grep -E '^[A-Za-z0-9_.-]+==' > requirements.lock
	rm -rf .lock-venv

clean:
	rm -rf $(VENV) demo out .mypy_cache .ruff_cache .pytest_cache .hypothesis
