# make install | demo | serve | test | check | format. A second run of each installs nothing again.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/pip --disable-pip-version-check --quiet

.PHONY: install demo serve test check format constraints test-slow test-browser test-gpu

install: $(VENV)/.installed

$(VENV)/.installed: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; assert (3, 11) <= sys.version_info < (3, 14), "Python 3.11 to 3.13 is needed"'
	$(PYTHON) -m venv $(VENV)
	$(PIP) install -c constraints.txt -e .
	@touch $@

$(VENV)/.installed-dev: $(VENV)/.installed
	$(PIP) install -c constraints.txt -e '.[dev]'
	@touch $@

demo: install
	$(BIN)/overread demo $(if $(PTBXL),--ptbxl "$(PTBXL)") $(ARGS)

serve: install
	$(BIN)/overread serve $(ARGS)

check: $(VENV)/.installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(VENV)/.installed-dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

constraints: $(VENV)/.installed-dev
	$(PIP) install 'uv>=0.5,<1'
	$(BIN)/uv pip compile --quiet --universal --all-extras --no-annotate --no-header pyproject.toml -o constraints.txt

test: $(VENV)/.installed-dev
	$(BIN)/pytest -m "not slow and not browser and not gpu" -n 2 --dist loadfile $(ARGS)

test-slow: $(VENV)/.installed-dev
	$(BIN)/pytest -m slow $(ARGS)

test-browser: $(VENV)/.installed-dev
	$(BIN)/pytest -m browser $(ARGS)

test-gpu: $(VENV)/.installed-dev
	$(BIN)/pytest -m gpu $(ARGS)
