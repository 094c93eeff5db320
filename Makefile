# Two commands are enough: make dev, make test. make help lists the others.

SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

GO ?= go
TOOL := $(GO) tool -modfile=tools/go.mod
FUZZTIME ?= 1m
BENCH ?= .
# SQLite itself is a translated C program that locks by its own means: watching
# each of its memory accesses finds nothing and doubles the time of the suite.
RACE := -race -gcflags=github.com/ncruces/go-sqlite3-wasm/v6=-race=false
# Tests wait for disks, servers and children: on a small machine one package more
# than there are processors uses the time.
PARALLEL := -p $(shell expr 1 + $$(getconf _NPROCESSORS_ONLN))
SCHEDULES ?= 1000
SEED ?= 1
# Modules of their own, so that what they need stays out of the product.
# Two of them run at once: the longest stands first.
NESTED := e2e/browser e2e/clients testca/stepca testca/est testca/pebblecfssl testca/vault e2e/formats bench

.PHONY: help dev build test nested check lint fmt generate generated fuzz chaos bench cover clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-9s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

dev: build ## run the service with a simulated CA on this machine
	@bin/cloudpki dev

build: ## build bin/cloudpki
	CGO_ENABLED=0 $(GO) build -trimpath -o bin/cloudpki ./cmd/cloudpki

test: ## vet and run every test, with the race detector
	@.ci/setup
	$(GO) vet ./...
	CGO_ENABLED=1 $(GO) test $(RACE) $(PARALLEL) -timeout 8m ./...
	@$(MAKE) --no-print-directory --output-sync=target -j2 nested

nested: $(NESTED:%=nested/%) # the tests of the nested modules

nested/%: # -count=1, for go does not see that the program has changed
	@if [ -f "$*/package-lock.json" ]; then \
		echo "npm ci in $*"; npm --prefix "$*" ci --no-audit --no-fund --loglevel=error; \
	fi
	@echo "go test in $*"; $(GO) -C "$*" test -count=1 -timeout 8m ./...

check: lint generated test ## everything before a commit: linter, formatter, generated files, tests

lint: ## run the linters and look at the format
	$(TOOL) golangci-lint run
	@unformatted=$$($(TOOL) gofumpt -l .); \
		[ -z "$$unformatted" ] || { echo "not formatted; run make fmt:" $$unformatted; exit 1; }
	$(GO) mod tidy -diff

fmt: ## format the source
	$(TOOL) gofumpt -w .

generate: ## write the generated files
	$(GO) generate ./...

generated: # fail when the generated files are stale
	@state() { { git diff; git ls-files --others --exclude-standard; } | git hash-object --stdin; }; \
		before=$$(state); $(GO) generate ./...; \
		[ "$$before" = "$$(state)" ] || { echo "generated files were stale and are written now; commit them"; exit 1; }

chaos: ## let CAs misbehave by SCHEDULES seeded schedules, from SEED on
	$(GO) test ./e2e/chaos -run Chaos -seed $(SEED) -schedules $(SCHEDULES) -timeout 2h -v

fuzz: ## run each fuzz target for FUZZTIME
	@$(GO) test -list '^Fuzz' ./... \
		| awk '/^Fuzz/ {names[n++] = $$1} /^ok/ {for (i = 0; i < n; i++) print names[i], $$2; n = 0}' \
		| while read -r name package; do \
			echo "$$package $$name"; \
			$(GO) test -run '^$$' -fuzz "^$$name\$$" -fuzztime $(FUZZTIME) "$$package" </dev/null; \
		done

bench: ## measure against a floor, then run the benchmarks that match BENCH
	$(GO) -C bench test -run '^$$' -bench . -timeout 20m
	$(GO) test -run '^$$' -bench '$(BENCH)' -benchmem ./...

cover: ## write cover.html and print the total
	$(GO) test -coverprofile cover.out ./...
	$(GO) tool cover -html cover.out -o cover.html
	$(GO) tool cover -func cover.out | tail -n 1

clean: ## remove what the targets above have made
	rm -rf bin cover.out cover.html
