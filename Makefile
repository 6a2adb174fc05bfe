# `make demo` and `make test` need Python 3.11+ and make, nothing else: each sets up .venv itself.
PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
BIN := .venv/bin
READY := .venv/.ready

.PHONY: demo example test check lint types layers tests coverage bench lock clean

demo: $(READY)
	$(BIN)/tenancy demo

# An application with three companies, on a PostgreSQL of its own: examples/saas/README.md.
example: $(READY)
	cd examples/saas && ../../$(BIN)/python -m saas

test: check tests

check: lint types layers

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(READY)
	$(BIN)/mypy

layers: $(READY)
	$(BIN)/lint-imports

# Their servers are in memory where there is room: CREATE DATABASE takes a tenth of the time there.
# The package is compiled first, whatever the environment says: tests start Python some hundred times.
tests: $(READY)
	@$(BIN)/python -m compileall -q src
	@free=$$(df -Pk /dev/shm 2>/dev/null | awk 'NR == 2 {print $$4}'); \
	if [ "$${free:-0}" -gt 4000000 ] && [ -w /dev/shm ]; then export TMPDIR=/dev/shm; fi; \
	$(BIN)/pytest -n 3 --dist worksteal

# The example application's own tests, and the lines they did not come to.
coverage: $(READY)
	cd examples/saas && ../../$(BIN)/coverage run -m pytest -q -c pytest.ini tests && \
		../../$(BIN)/coverage report && ../../$(BIN)/coverage html

bench: $(READY)
	$(BIN)/python -m bench

# Writes the locked requirements anew; addresses of package indexes stay out of them.
lock: $(READY)
	$(BIN)/python -m pip install --quiet uv
	$(BIN)/uv pip compile pyproject.toml --group dev --universal --python-version 3.11 \
		--generate-hashes --no-emit-index-url \
		--custom-compile-command "make lock" --output-file requirements-dev.txt

$(READY): requirements-dev.txt pyproject.toml
	@test -n "$(PYTHON)" || { echo "fastapi-tenancy needs Python 3.11 or newer; found none. Set PYTHON=/path/to/python3."; exit 2; }
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv || { rm -rf .venv; \
		echo "Python could not create a virtual environment (on Debian: apt-get install python3-venv)."; exit 2; }
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $(READY)

clean:
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis
