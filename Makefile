# Drydock. `make` alone lists the targets. Nothing here needs installing beyond Go 1.26 (and Python 3 and git
# for the demo): the tools are pinned in tools/go.mod and built on first use.
SHELL   := /bin/bash
GO      ?= go
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)
LDFLAGS := -s -w -X main.version=$(VERSION)
BUILD   := CGO_ENABLED=0 $(GO) build -trimpath -buildvcs=false -ldflags '$(LDFLAGS)'
BENCH   ?= .
FUZZTIME ?= 20s

.DEFAULT_GOAL := help
.PHONY: help demo build build-all run test uv wheels check fmt vet staticcheck lint drift bench bench-planner fuzz generate tidy standalone e2e osv-scanner clean

help:
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / {printf "  %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: build ## the demo application from an advisory to pushed branches (LIVE=1, KEEP=1, OUT=DIR; see deploy/demo/README.md)
	@$(GO) build -o .cache/demo ./scripts/demo && exec .cache/demo

build: ## bin/drydock for this machine
	@mkdir -p bin
	$(BUILD) -o bin/drydock ./cmd/drydock

build-all: ## bin/<os>-<arch>/drydock for linux and darwin on amd64 and arm64
	@set -e; for t in linux/amd64 linux/arm64 darwin/amd64 darwin/arm64; do \
		echo "build $$t"; mkdir -p "bin/$${t/\//-}"; \
		GOOS=$${t%/*} GOARCH=$${t#*/} $(BUILD) -o "bin/$${t/\//-}/drydock" ./cmd/drydock; done

run: build ## bin/drydock up with the data directory of this user
	bin/drydock up

test: ## all tests of all modules, with the race detector where there is a C compiler
	@$(MAKE) -s uv || echo "no uv: the tests that need it are skipped" >&2
	@$(MAKE) -s wheels || echo "no wheels: the test of the demo ends with the plan" >&2
	@GO='$(GO)' scripts/test.sh

uv: ## .cache/tools/uv-*/uv for the tests, from the package index (DRYDOCK_INDEX_URL)
	@[ -n "$$DRYDOCK_UV" ] || $(GO) run ./scripts/fetchuv -dir .cache/tools

wheels: ## .cache/demo-files, the wheels that the demo and its test install, from the package index (DRYDOCK_INDEX_URL)
	@$(GO) run ./scripts/demo -stock

check: fmt vet staticcheck drift standalone test ## what CI runs: all of these

fmt: ## gofmt, without changing anything
	@out=$$(gofmt -l $$(git ls-files --cached --others --exclude-standard '*.go' | while read -r f; do [ -e "$$f" ] && echo "$$f"; done)); \
	if [ -n "$$out" ]; then echo "not formatted (run gofmt -w):"; echo "$$out"; exit 1; fi

vet: ## go vet over all modules
	$(GO) vet work

staticcheck: ## staticcheck over all modules, at the version of tools/go.mod
	@GO='$(GO)' scripts/tool.sh staticcheck work

lint: fmt vet staticcheck ## fmt, vet and staticcheck; shellcheck where it is installed
	@if command -v shellcheck >/dev/null; then shellcheck .ci/run scripts/*.sh; \
	else echo "shellcheck is not installed: shell scripts not checked"; fi

drift: ## generated files are what their generators write
	@GO='$(GO)' scripts/generate.sh -check

generate: ## write the generated files: event catalogue, JSON Schemas, command line reference
	@GO='$(GO)' scripts/generate.sh

bench: build ## benchmarks with their baselines (BENCH=regexp), into out/bench.txt
	@GO='$(GO)' BENCH='$(BENCH)' scripts/bench.sh

bench-planner: build uv ## Drydock's planner and pip-audit --fix on the same situations, into docs/planner.md (Python 3.11, network once)
	@mkdir -p .cache && $(GO) build -o .cache/plannerbench-run ./scripts/plannerbench && .cache/plannerbench-run -doc docs/planner.md

fuzz: ## every fuzz target for FUZZTIME each (20s)
	@GO='$(GO)' FUZZTIME='$(FUZZTIME)' scripts/fuzz.sh

tidy: ## go mod tidy for each module, then go work sync
	@GO='$(GO)' scripts/modules.sh tidy

standalone: ## each module builds and vets alone, as a user of it would have it
	@GO='$(GO)' scripts/modules.sh standalone

e2e: build osv-scanner ## the long tests: osv-scanner beside ours, servers away for a minute, many kills
	DRYDOCK_E2E=1 DRYDOCK_KILLS=50 TIMEOUT=40m DRYDOCK_OSV_SCANNER=$(CURDIR)/bin/drydock-osv-scanner GO='$(GO)' scripts/test.sh

osv-scanner: ## bin/drydock-osv-scanner, the second opinion (1 GB of modules and 2.5 min the first time)
	@mkdir -p bin
	cd cmd/drydock-osv-scanner && GOWORK=off $(BUILD) -o ../../bin/drydock-osv-scanner .

clean: ## remove what these targets built
	rm -rf bin out .cache
