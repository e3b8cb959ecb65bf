# The commands of the project; `make` alone lists them.
# Python 3.11 to 3.13: `make PYTHON=python3.12 book` where python3 is another one.

PYTHON ?= python3
VENV ?= .venv
OUT ?= .
PORT ?= 8000
HTML = $(OUT)/_build/html
RUN = $(VENV)/bin/python
READY = $(VENV)/.ready
READY_JAX = $(VENV)/.ready-jax

# What is tested on the second backend as well. Not the account of keras.applications, nor options at random:
# both read the same graphs on either backend, and building them takes JAX minutes.
JAX_TESTS = $(addprefix tests/test_, $(addsuffix .py, layers lenet5 normalization models reduced options \
	initial_weights account account_properties training training_inputs resuming devices \
	compiled))
NOT_ON_JAX = --deselect tests/test_account.py::test_keras_applications \
	--deselect tests/test_options.py::test_a_network_is_as_its_options_say_or_they_are_named

export KERAS_BACKEND ?= tensorflow
export TF_CPP_MIN_LOG_LEVEL ?= 3
export PIP_DISABLE_PIP_VERSION_CHECK = 1
export JUPYTER_PLATFORM_DIRS = 1

# A test that hangs ends the run after this many seconds and says where it hung. At the end: where time went.
PYTEST = $(RUN) -m pytest --durations=15 -o faulthandler_timeout=900 -o faulthandler_exit_on_timeout=true
# What `make test` runs: all, or some files or folders.
TESTS ?= tests book
# How many files are tested at a time, each with its own memory. `make test JOBS=0`: all in one process.
JOBS ?= 2
AT_ONCE = -n $(JOBS) --dist loadfile

.PHONY: help book pdf epub serve check test test-jax pages lint notebooks address venv clean distclean

help:  ## list the commands
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1\t\2/p' Makefile | expand -t 20

book: $(READY)  ## build the HTML book from the notebooks as committed
	@rm -rf "$(HTML)" "$(OUT)/_build/.doctrees"
	$(VENV)/bin/jupyter-book build book --config _config.yml --toc "$(CURDIR)/_toc.yml" \
		--path-output "$(OUT)" --all -q -n -W --keep-going
	@test -s "$(HTML)/index.html" || { echo "The build made no $(HTML)/index.html." >&2; exit 1; }
	@! grep -q 'url: https://github.com/[^/]*--' _config.yml || \
		echo "The address of the repository is a placeholder yet, so Colab buttons lead nowhere: see make address."
	@echo "The book is built. Open file://$$(cd "$(HTML)" && pwd)/index.html or run: make serve"

pdf: book  ## the book as one PDF as well, linked from every page: needs Chromium
	$(RUN) tools/paper.py pdf "$(HTML)"

epub: book  ## the book as one EPUB as well, linked from every page: needs Chromium
	$(RUN) tools/paper.py epub "$(HTML)"

serve: book  ## build the book and serve it on this machine, PORT=8000
	@echo "The book is at http://localhost:$(PORT)/ until you press Ctrl-C."
	@$(RUN) -m http.server --bind 127.0.0.1 --directory "$(HTML)" $(PORT)

check: lint  ## lint and the unit tests that train nothing: three to four minutes, for everyday work
	$(PYTEST) $(AT_ONCE) tests --ignore=tests/pages -m "not slow"

test: lint  ## lint, unit tests, and every notebook of the book run and compared
	$(PYTEST) $(AT_ONCE) $(TESTS) --ignore=tests/pages \
		--nbval-lax --nbval-current-env --nbval-cell-timeout=600 --nbval-kernel-startup-timeout=120

test-jax: $(READY_JAX)  ## the tests of models, account and training on the JAX backend
	KERAS_BACKEND=jax $(PYTEST) $(AT_ONCE) $(JAX_TESTS) $(NOT_ON_JAX)

pages: $(READY)  ## look at every page of the built book in headless Chromium
	BOOK_BUILD="$(OUT)/_build" $(PYTEST) $(AT_ONCE) tests/pages

lint: $(READY)  ## ruff
	$(RUN) -m ruff check .

notebooks: $(READY)  ## refresh, execute and check notebooks in place: all, or NOTEBOOKS="book/..."
	$(RUN) tools/notebooks.py refresh $(NOTEBOOKS)
	$(RUN) tools/notebooks.py execute $(NOTEBOOKS)
	$(RUN) tools/notebooks.py check $(NOTEBOOKS)

address: $(READY)  ## make the repository's address that of git's remote `origin`, or URL=..., everywhere
	@$(RUN) tools/address.py $(URL)

venv: $(READY)  ## only make the virtual environment

clean:  ## remove what was built
	rm -rf _build .pytest_cache .ruff_cache .hypothesis

distclean: clean  ## remove the virtual environment as well
	rm -rf "$(VENV)" cnnlib.egg-info

$(READY): requirements.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' || { \
		echo "Python 3.11, 3.12 or 3.13 is needed, and $(PYTHON) is: $$($(PYTHON) --version 2>&1)." >&2; \
		echo "Name another one: make PYTHON=python3.12 $(MAKECMDGOALS)" >&2; exit 1; }
	@echo "Installing requirements.txt into $(VENV): once, a minute or two."
	@$(PYTHON) -m venv "$(VENV)"
	@$(RUN) -m pip install --quiet --requirement requirements.txt --editable .
	@touch $@

$(READY_JAX): requirements-jax.txt $(READY)
	@echo "Installing requirements-jax.txt into $(VENV)."
	@$(RUN) -m pip install --quiet --requirement requirements-jax.txt
	@touch $@
