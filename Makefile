# Every target sets up by itself first; uv is used where it is installed.
PYTHON ?= python3
BIN := .venv/bin
STAMP := .venv/.ready

.PHONY: setup conformance demo test check format bench bench-gate bench-peers bench-plot bench-table \
	demo-s3 setup-train prove-browse prove-credentials prove-day \
	prove-drivers prove-exactness prove-exercise prove-head prove-hostile prove-hosts prove-kill prove-mutations \
	prove-precision prove-protocol prove-report prove-resume prove-simulation test-hosts lock clean
.DEFAULT_GOAL := test

setup: $(STAMP)

$(STAMP): requirements.lock pyproject.toml
	@if command -v uv >/dev/null 2>&1; then \
	  uv venv --quiet --allow-existing --python $(PYTHON) .venv && \
	  uv pip install --quiet --compile-bytecode --python $(BIN)/python --require-hashes -r requirements.lock && \
	  uv pip install --quiet --compile-bytecode --python $(BIN)/python --no-deps \
	    --no-build-isolation -e . ; \
	else \
	  $(PYTHON) -m venv .venv && \
	  $(BIN)/python -m pip install --quiet --require-hashes -r requirements.lock && \
	  $(BIN)/python -m pip install --quiet --no-deps --no-build-isolation -e . ; \
	fi
	@touch $(STAMP)

# A street archive, the detector, the job, its result: everything on this machine, into build/demo.
demo: setup
	$(BIN)/fleet demo

# Most of what tests do is wait for others, so that more of them run at a time than there are cores.
TESTS_AT_ONCE ?= 3
test: setup
	RAY_AUTH_MODE=disabled $(BIN)/python -m pytest -q -n $(TESTS_AT_ONCE) \
	  --dist loadfile --no-loadscope-reorder --max-worker-restart 0

check: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: setup
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# Fleet beside what a user would write instead, in turn, and its own parts: ARGS="--only dense,tiny
# --rounds 3 --small". It needs no files; what FLEET_TEST_DATA has is used where it is set.
BENCH := PYTHONPATH=.:tests/support RAY_AUTH_MODE=disabled $(BIN)/python tests/bench/bench.py
bench: setup
	$(BENCH) measure $(ARGS)

# The peers (Ray Data, Daft, decord, torchcodec) at pinned versions, in an environment of their own.
bench-peers: setup
	$(BIN)/python tests/bench/peers/setup_peers.py

# README's table, from the newest whole run in build/bench/history.jsonl; and all runs, drawn.
bench-table: setup
	$(BENCH) table $(ARGS)

bench-plot: setup
	$(BENCH) plot $(ARGS)

# This checkout and another revision in turn: fails where this one lost more than 5 % of speed.
bench-gate: setup
	$(BENCH) gate $(if $(OLD),--old $(OLD)) $(ARGS)

# Every rule of the chips on every chip that has it: enforced out of applicable, and what is left out.
conformance: setup
	PYTHONPATH=tests/support $(BIN)/python tests/device/conformance/prove_conformance.py

# The job detect over an archive in a real object store, on this machine.
demo-s3: setup
	PYTHONPATH=tests/support $(BIN)/python cluster/demo_s3.py

# Any cut of any generated video under any sampling, 20,000 times, other ones each time.
prove-exactness: setup
	$(BIN)/python -m pytest -q -n 2 --maxschedchunk=1 tests/video/test_exactness.py \
	  tests/video/test_exact_views.py tests/video/test_intra_refresh.py --hypothesis-profile=prove

# 300 damaged, absurd and lying videos, with a crash and a hang injected: nothing lost unsaid. Before,
# a folder of 200,000 names that means harm: listed in one pass, nothing outside it read.
prove-hostile: setup
	$(BIN)/python tests/faults/prove_listing.py
	RAY_AUTH_MODE=disabled $(BIN)/python tests/faults/prove_hostile.py

# 500 mutated videos of every codec and container: the pictures of a sequential decode, or a record.
prove-mutations: setup
	$(BIN)/python tests/faults/prove_mutations.py

# Workers and drivers killed at 30 random moments, a hang, storage that fails, late backups: the same
# rows. Before, compact and requeue killed and stopped at 20 moments each, beside a run.
prove-kill: setup
	RAY_AUTH_MODE=disabled $(BIN)/python tests/faults/prove_rewrites.py
	RAY_AUTH_MODE=disabled $(BIN)/python tests/faults/prove_kill.py

# A served output whose frames are asked for, a thousand of them: its memory stays what it was.
prove-browse: setup
	RAY_AUTH_MODE=disabled $(BIN)/python tests/cli/prove_browse.py

# A run of ten minutes over S3 with tokens of a minute, from a service that fails at times: nothing is
# refused, no more tokens are asked for than that takes, and the rows are those of local files.
prove-credentials: setup
	RAY_AUTH_MODE=disabled $(BIN)/python tests/storage/prove_credentials.py

# The commit protocol itself, over a simulated store on a simulated clock: 10,000 schedules in which
# stores fail, lag and lie, clocks are off, processes die and stand still. Then each mended fault is
# put back, to see that it is found.
prove-protocol: setup
	PYTHONPATH=tests/protocol:tests/support $(BIN)/python tests/protocol/prove_protocol.py

# A million done intervals read and subtracted; a video added to an archive of 10,000: in seconds.
prove-resume: setup
	RAY_AUTH_MODE=disabled $(BIN)/python tests/bench/resume.py

# The report of 3,000 videos and 2 million rows: made in a minute and 1 GB, below 8 MB, open in 2 s.
prove-report: setup
	$(BIN)/python tests/bench/report.py

# Hosts played by namespaces (root, iproute2): they join, vanish, hang, are slow, are taken away.
prove-hosts: setup
	RAY_AUTH_MODE=disabled $(BIN)/python -m pytest -q tests/hosts

# The head of a cluster killed five times under a submitted job, its memory in a Redis, and five times with
# its memory on its own disk (root, iproute2, redis-server): the job goes on by itself.
prove-head: setup
	RAY_AUTH_MODE=disabled PYTHONPATH=tests/support $(BIN)/python tests/hosts/prove_head.py

# A stranger's day at a cluster, typed from README.md and cluster/README.md as they stand, set-up included, in
# a copy of what git tracks: what is printed is what the pages show, and no block of theirs is left out
# unsaid. Then pages with one word altered, each of which is found out.
prove-day: setup
	PYTHONPATH=tests/support $(BIN)/python tests/cluster/prove_day.py
	PYTHONPATH=tests/support $(BIN)/python tests/cluster/prove_day.py --altered

# Drivers of submitted jobs killed at random moments, 20 times on cluster/local.py and 20 times on hosts
# played by namespaces (root, iproute2), with what was sent gone meanwhile: the same rows.
prove-drivers: setup
	RAY_AUTH_MODE=disabled PYTHONPATH=tests/support $(BIN)/python tests/ray/prove_drivers.py

# A sample of them: the bench itself, a host that vanishes, a submitted job whose driver dies.
test-hosts: setup
	RAY_AUTH_MODE=disabled $(BIN)/python -m pytest -q tests/hosts/test_bench_of_hosts.py \
	  tests/hosts/test_power.py tests/hosts/test_submitting.py

# The third exercise over the demo's whole archive: the street detector in Caffe's form through ATC's
# options and msame; the rows and the AP of the ONNX file.
prove-exercise: setup
	PYTHONPATH=tests/support $(BIN)/python tests/street/prove_exercise.py

# The ledger on paper: 10,000 devices, 1,000,000 leases, some slow, some failing.
prove-simulation: setup
	$(BIN)/python tests/pure/prove_simulation.py

# 300 steps in the simulated 910's mixed precision end where 300 in float32 do.
prove-precision: setup-train
	$(BIN)/python tests/train/prove_precision.py

# PyTorch, which only the training needs; pip's own release of it is not in requirements.lock.
setup-train: setup
	@$(BIN)/python -c "import torch" 2>/dev/null || \
	  if command -v uv >/dev/null 2>&1; then \
	    uv pip install --quiet --python $(BIN)/python torch==2.13.0 ; \
	  else \
	    $(BIN)/python -m ensurepip >/dev/null && \
	    $(BIN)/python -m pip install --quiet torch==2.13.0 ; \
	  fi

# Pins every package with its hashes; needs uv.
lock:
	uv pip compile --quiet --universal --python-version 3.11 --extra dev --generate-hashes \
	  --no-header --no-annotate --no-emit-index-url --no-emit-find-links \
	  --output-file requirements.lock pyproject.toml
	uv pip compile --quiet --universal --python-version 3.11 --extra nodes --generate-hashes \
	  --no-header --no-annotate --no-emit-index-url --no-emit-find-links --constraint requirements.lock \
	  --output-file cluster/requirements.lock pyproject.toml

clean:
	rm -rf .venv build
