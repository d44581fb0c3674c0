# Two commands are all it takes on a fresh machine: `make demo` and `make test`.
PYTHON ?= python3
VENV := .venv
RUN := $(VENV)/bin/python
MANAGE := MUSICBRIDGE_ENV_FILE=tests/production.env $(RUN) manage.py
DEMO_FLAGS := $(if $(filter 0,$(SERVE)),--no-serve)
PORT ?= 8000
ON_ALL_CORES := --numprocesses auto --dist worksteal
LOCK := $(VENV)/bin/uv pip compile pyproject.toml --extra site --extra testing --generate-hashes --universal --python-version 3.11 --no-header -q -U

.PHONY: demo test check bench drill messages lock
.DELETE_ON_ERROR:

demo: $(VENV)/site.stamp  ## the whole product at work, against built-in simulators
	@MUSICBRIDGE_ENV_FILE=/dev/null SECRET_KEY=not-used-by-the-site $(RUN) manage.py demo --port $(PORT) $(DEMO_FLAGS)

test: $(VENV)/dev.stamp  ## every test; those that need Chromium, Redis or PostgreSQL say so where they are missing
	$(RUN) -m pytest $(ON_ALL_CORES)
	$(RUN) -m tests.on_postgres $(ON_ALL_CORES)

check: $(VENV)/dev.stamp  ## style, types, import contracts, Django's checks with production settings
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy
	$(VENV)/bin/lint-imports
	$(MANAGE) check --deploy --fail-level WARNING
	$(MANAGE) makemigrations --check --dry-run

bench: $(VENV)/dev.stamp  ## speed, as ratios within one run
	$(RUN) -m benchmarks

drill: $(VENV)/dev.stamp  ## kill and restart everything while listens come home, for a quarter of an hour, and compare the books
	$(RUN) -m tests.drills

messages: $(VENV)/dev.stamp  ## collect the texts to translate, and compile those that are (apt install gettext)
	$(MANAGE) makemessages --locale de --locale fr --add-location file --no-obsolete $(addprefix --ignore=,tests benchmarks docs)
	$(MANAGE) compilemessages --ignore .venv

lock: $(VENV)/dev.stamp  ## pin every requirement anew, with hashes
	$(LOCK) -o requirements.txt
	$(LOCK) --extra scale -o requirements-scale.txt
	$(LOCK) --extra scale --group dev -o requirements-dev.txt

$(VENV)/site.stamp: requirements.txt
	$(PYTHON) -m venv $(VENV)
	$(RUN) -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.txt
	@touch $@

$(VENV)/dev.stamp: requirements-dev.txt
	$(PYTHON) -m venv $(VENV)
	$(RUN) -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.txt
	@touch $@
