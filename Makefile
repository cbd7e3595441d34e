# Two commands on a fresh machine: `make demo` runs the main job, `make test` passes the tests.
# Both create .venv themselves; PYTHON names a Python 3.11.
PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
# A worker a core; the tests of a file share what is costly to make; the ten slowest are named.
WORKERS := -n auto --dist loadfile --durations 10

.PHONY: help demo demo-apps docs check test fuzz test-lab test-apps test-slow test-sources bench forms lab-runtimes format lock clean

help:
	@echo "make demo       convert the bundled model to int8 TFLite, check it, inspect it"
	@echo "make demo-apps  convert the bundled model for phones, and put it into both demo apps"
	@echo "make docs       the manual, as pages in build/docs"
	@echo "make test       lint, types, layers, and the tests; CI runs this, test-lab and test-apps"
	@echo "make check      lint, types, layers, and the tests that take seconds"
	@echo "make fuzz       thousands of hostile inputs for every command (half an hour; SEED=N for others)"
	@echo "make test-lab   instruction counts on an emulated phone's core (a minute, 200 MB)"
	@echo "make test-apps  the phone apps, with toolchains in build/apps (4 GB, some minutes)"
	@echo "make test-slow  full-size models (tens of minutes)"
	@echo "make test-sources  checkpoints of other libraries, with the libraries installed aside (minutes)"
	@echo "make lab-runtimes  run every .tflite on older TFLite runtimes"
	@echo "make forms      choose the graph form of each stage by measuring it here (an hour)"
	@echo "make bench      latency and memory of the deploy form beside the published graphs (hours)"

# torch first: where pip is pointed at PyTorch's CPU index, it is taken from there (README).
$(READY): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --upgrade pip
	$(BIN)/pip install --quiet --constraint constraints.txt torch
	$(BIN)/pip install --quiet --constraint constraints.txt --editable '.[all,dev]'
	touch $@

demo: $(READY)
	$(BIN)/slide-mobile convert --to tflite --int8 --force
	$(BIN)/slide-mobile inspect artifacts/slide_swin_demo-tflite-int8

# A folder that is there is kept: its manifest is the target.
FOR_IOS := coreml-fp16 executorch-int8
FOR_ANDROID := tflite-int8 tflite-fp32 executorch-int8
DEMO := artifacts/slide_swin_demo-

demo-apps: $(foreach kind,$(sort $(FOR_IOS) $(FOR_ANDROID)),$(DEMO)$(kind)/manifest.json)
	$(BIN)/slide-mobile embed $(addprefix $(DEMO),$(FOR_IOS)) --app apps/ios_demo
	$(BIN)/slide-mobile embed $(addprefix $(DEMO),$(FOR_ANDROID)) --app apps/android_demo

$(DEMO)%/manifest.json: | $(READY)
	$(BIN)/slide-mobile convert --to $(word 1,$(subst -, ,$*)) --precision $(word 2,$(subst -, ,$*)) --force

docs: $(READY)
	$(BIN)/mkdocs --quiet build --strict

check: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/pytest $(WORKERS) -m "not slow and not full_size and not apps and not counts and not sources"

test: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/pytest $(WORKERS) -m "not full_size and not apps and not counts and not sources"

test-slow: $(READY)
	$(BIN)/pytest -m "not apps and not counts and not sources"

# What timm, torchvision and OpenMMLab compute, beside what we make of their checkpoints.
test-sources: $(READY)
	$(BIN)/pytest tests/models/checkpoint/test_sources.py -v -rP

# SEED=1 makes other cases; `python tests/fuzz --help` says how to run one kind, or one case, again.
SEED ?= 0
fuzz: $(READY)
	$(BIN)/python tests/fuzz --cases 3200 --seed $(SEED)

# In the cache of the labs if they are set up there, else in build/lab.
test-lab: $(READY)
	$(BIN)/pytest tests/lab -m counts -n 2 --dist worksteal -v -rs --durations 5

# One process: the toolchains that it installs are shared. Needs root, for the root with Swift.
test-apps: $(READY)
	$(BIN)/pytest tests/apps -v -rs

bench: $(READY)
	$(BIN)/python -m benchmarks.targets --force
	rm -rf build/benchmarks
	$(BIN)/python -m benchmarks.whole --files build/benchmarks
	$(BIN)/python -m benchmarks.whole --files build/benchmarks --amx --out benchmarks/results/whole_amx.json
	$(BIN)/python -m benchmarks.families --files build/benchmarks
	$(BIN)/python -m benchmarks.memory --files build/benchmarks
	$(BIN)/python -m benchmarks.growth --files build/benchmarks
	$(BIN)/python -m benchmarks.attention
	$(BIN)/python -m benchmarks.islands
	$(BIN)/python -m benchmarks.sensitivity
	$(BIN)/python -m benchmarks.tables

forms: $(READY)
	$(BIN)/python -m benchmarks.choose

lab-runtimes: $(READY)
	$(BIN)/slide-mobile doctor --install tflite-runtime-2.14 tensorflow-2.17 tensorflow-2.18 tensorflow-2.19
	$(BIN)/python -m benchmarks.runtimes

format: $(READY)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# Pins of everything the tests were last run with.
lock: $(READY)
	$(BIN)/pip freeze --exclude-editable | sed 's/+cpu$$//' > constraints.txt

clean:
	rm -rf $(VENV) artifacts build dist
