# `make demo` and `make test` set up all that they need: Docker where there is none (as root on Debian or Ubuntu), the
# base image where no container registry is reached, the development environment in .venv.
.DEFAULT_GOAL := help
.PHONY: help demo unit test test-full test-gpu lint image image-seed base environment lab clean lock schema reference cli-reference messages docs venv

PYTEST := .venv/bin/pytest -o cache_dir=.cache/pytest

help: ## Show this
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' Makefile | expand -t 15

demo: environment ## Two nodes on this machine train a tiny model together; no GPU needed
	.venv/bin/dsk demo

unit: venv lint ## Lint, and the unit and command-line tests: no Docker, no root, under 3 minutes
	$(PYTEST) tests/unit tests/cli -m "not long"

test: environment lint ## Lint, and all tests but those marked `full`
	scripts/engine.sh --lab
	$(PYTEST) -m "not full and not gpu"

test-full: venv lint image image-seed ## Lint, and all tests; those of the image on both stacks
	scripts/engine.sh --lab
	$(PYTEST)
	DSK_IMAGE=dsk:seed $(PYTEST) tests/image

test-gpu: venv image ## Steps on an NVIDIA GPU, inside the image (docs/gpu.md)
	$(PYTEST) tests/gpu

lint: venv ## ruff, mypy, import-linter, docs/reference, shellcheck, hadolint, actionlint, zizmor
	scripts/lint.sh

image: ## The worker's image, dsk:cu128
	scripts/engine.sh
	scripts/build-image.sh

image-seed: ## The worker's image of the second stack, dsk:seed
	scripts/engine.sh
	scripts/build-image.sh seed

base: ## The base image by debootstrap, for where no container registry is reached
	scripts/engine.sh
	scripts/base.sh

# The engine first, since both that are then made side by side may install packages of the system.
environment:
	scripts/engine.sh
	$(MAKE) --no-print-directory --jobs 2 venv image

lab: image ## Two hosts on this machine for trying dsk (docs/lab.md); end them with scripts/lab down
	scripts/engine.sh --lab
	scripts/lab up --image dsk:cu128

clean: ## Take away what make has made here: the lab, a kept demo, .venv, caches. Images and Docker stay
	if [ -e .venv/bin/dsk ] && docker info >/dev/null 2>&1; then .venv/bin/dsk demo --clean; fi
	if [ -e /run/dsk-lab/lab.json ]; then scripts/lab down; fi
	rm -rf .venv .cache dist site requirements/npm/node_modules
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

venv:
	@scripts/venv.sh

lock: venv ## Lock the development environment and that of the documentation site again
	cd requirements && ../.venv/bin/uv pip compile --quiet --universal --generate-hashes --python-version 3.10 \
	  --no-emit-index-url --no-annotate --custom-compile-command "make lock" build.in -o build.txt
	cd requirements && ../.venv/bin/uv pip compile --quiet --universal --generate-hashes --python-version 3.10 \
	  --no-emit-index-url --no-annotate --custom-compile-command "make lock" -c build.txt dev.in ../pyproject.toml \
	  -o dev.txt
	cd website && ../.venv/bin/uv pip compile --quiet --universal --generate-hashes --python-version 3.11 \
	  --no-emit-index-url --no-annotate --custom-compile-command "make lock" requirements.in -o requirements.txt

schema: venv ## Write schema/dsk.schema.json
	.venv/bin/python scripts/write-schema.py

reference: venv ## Write docs/reference from the commands' help texts, dsk.yaml's schema and the catalogue of causes
	for page in scripts/write-*-reference.py scripts/write-causes.py; do .venv/bin/python $$page || exit; done

cli-reference: venv ## Write docs/reference/cli.md alone
	.venv/bin/python scripts/write-cli-reference.py

docs: venv ## Build the documentation site into site/, and test it
	scripts/docs.sh
	DSK_SITE=site $(PYTEST) tests/website

messages: venv ## Bring dsk.po, the Chinese messages, up to date with the code, and name what it lacks
	.venv/bin/python scripts/messages.py
