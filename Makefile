# Logferry's tasks. `make` lists them. Only Go, git and make are needed for
# demo, test and build; the other targets say what they need.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

services := poller lookup fetcher parser writer
modules  := pkg proto tests $(services:%=services/%) services/logferry
packages := $(modules:%=./%/...)

# The version that the binaries tell.
version := $(shell git describe --tags --always --dirty 2>/dev/null || echo devel)
commit  := $(shell git rev-parse HEAD 2>/dev/null || echo unknown)
date    := $(shell git log -1 --format=%cI 2>/dev/null || echo unknown)
stamp    = -X github.com/logferry/logferry/pkg/app.$(1)=$($(1))
ldflags := $(call stamp,version) $(call stamp,commit) $(call stamp,date)

tools    := $(CURDIR)/bin/tools
FUZZTIME ?= 10s
COUNT    ?= 1

.PHONY: help
help: ## list the targets
	@awk -F':.*## ' '/^[a-z-]+:.*## / { printf "  %-16s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: demo
demo: ## run everything in one process with sample logs and local stand-ins of both clouds
	go run -ldflags '$(ldflags)' ./services/logferry demo

.PHONY: test
test: ## all tests that need nothing but Go: units, stories, house rules
	go test -shuffle=on $(packages)

.PHONY: build
build: ## the binaries, to bin/
	go build -ldflags '$(ldflags)' -o bin/logferry ./services/logferry
	for s in $(services); do \
		go build -ldflags '$(ldflags)' -o bin/logferry-$$s ./services/$$s/cmd/logferry-$$s; \
	done

.PHONY: race
race: ## all tests under the race detector
	LOGFERRY_RACE=1 go test -race -shuffle=on $(packages)

.PHONY: lint
lint: $(tools)/.built ## gofmt, go vet, staticcheck and buf's rules for protobuf
	@unformatted=$$(git ls-files -z '*.go' | xargs -0 gofmt -l); \
	if [ -n "$$unformatted" ]; then echo "run gofmt -w on:"; echo "$$unformatted"; exit 1; fi
	go vet $(packages)
	go vet -tags 'chaos conformance guard large moto soak wire' ./tests/...
	go vet -tags failpoint ./pkg/failpoint/...
	go vet -tags soak ./services/lookup/...
	cd proto && $(tools)/buf lint
	$(tools)/staticcheck -tags 'chaos,conformance,failpoint,guard,large,moto,soak,wire' $(packages)

.PHONY: generate
generate: $(tools)/.built ## rewrite what is generated: protobuf code, tables in documents
	cd proto && PATH="$(tools):$$PATH" buf generate
	go generate $(packages)

.PHONY: check-generated
check-generated: ## fail if generating changes anything
	@state() { git status --porcelain; git diff | sha256sum; }; \
	before=$$(state); $(MAKE) --no-print-directory generate; \
	if [ "$$before" != "$$(state)" ]; then \
		echo "generated files are out of date: run make generate and commit"; git status --short; exit 1; \
	fi

.PHONY: modules
modules: ## build every module by itself, without the workspace
	for m in $(modules); do echo "$$m"; (cd $$m && GOWORK=off go build -mod=readonly ./...); done

.PHONY: fuzz
fuzz: ## fuzz every fuzz target for FUZZTIME (10s)
	@grep -rlE '^func Fuzz' --include='*_test.go' $(modules) | sort | while read -r file; do \
		for target in $$(sed -nE 's/^func (Fuzz[A-Za-z0-9_]*)\(.*/\1/p' "$$file"); do \
			echo "== $$(dirname $$file) $$target"; \
			go test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) "./$$(dirname $$file)"; \
		done; \
	done

.PHONY: bench
bench: $(tools)/.built ## benchmarks, COUNT (1) runs each, summed up by benchstat
	go test -run '^$$' -bench . -benchmem -count $(COUNT) ./pkg/... ./services/... > bin/bench.txt || { cat bin/bench.txt; exit 1; }
	$(tools)/benchstat bin/bench.txt

.PHONY: guard
guard: ## fail if a step of the hot path has become slower than its yardstick says; RECORD=1 on an idle machine records what it is now
	go test -tags guard -count 1 -v -timeout 5m -run Ratios ./tests/guard $(if $(RECORD),-record $(shell git rev-parse --short HEAD))

.PHONY: conformance
conformance: ## real samples against expectations; needs LOGFERRY_SAMPLES, the folder of the samples
	go test -tags conformance -count 1 ./tests/conformance/...

.PHONY: moto
moto: ## the pipeline against moto, an AWS stand-in of others; needs moto_server (pip install 'moto[server]')
	go test -tags moto -count 1 -run Moto ./tests/e2e/...

.PHONY: large
large: ## an object of 2 GB in little memory
	go test -tags large -count 1 -run Large ./tests/e2e/...

# Most of what chaos does is waiting until something comes again, so several
# tests run at a time, also on few processors.
.PHONY: chaos
chaos: ## processes and the bus are killed, and both clouds misbehave, while objects pass; CHAOS_OUTAGE=10m for a long outage
	mkdir -p bin
	LOGFERRY_CHAOS_TABLE=$(CURDIR)/bin/chaos.txt go test -tags chaos -count 1 -parallel 6 -timeout 60m ./tests/chaos/...
	cat bin/chaos.txt

.PHONY: soak
soak: ## random faults for DURATION (2m) under a steady load of RATE (3000) rows a second; SEED=… replays, BUS=cluster on three nodes
	SOAK_DURATION=$(or $(DURATION),2m) SOAK_SEED=$(SEED) SOAK_RATE=$(RATE) SOAK_BUS=$(BUS) \
		go test -tags soak -count 1 -v -timeout 0 -run TestSoak ./tests/chaos/...
	go test -tags soak -count 1 -v -timeout 0 -run TestSoak ./services/lookup

# What is not given is the scenario's own.
.PHONY: load
load: SCENARIO ?= steady
load: flag = $(if $($(1)),-$(2) '$($(1))')
load: ## SCENARIO (steady) at full load between stand-ins of both clouds, with a report; RATE=… DURATION=… LAYOUT=… REPLICAS=… OUT=… and more: tests/load/README.md
	go run ./tests/load run -scenario '$(SCENARIO)' $(call flag,RATE,rate) $(call flag,DURATION,duration) \
		$(call flag,LAYOUT,layout) $(call flag,REPLICAS,replicas) $(call flag,STAGE,stage) $(call flag,SHAPE,shape) \
		$(call flag,FORMAT,format) $(call flag,STORE_LATENCY,store-latency) $(call flag,POST_LATENCY,post-latency) \
		$(call flag,REAL,real) $(call flag,OUT,out)

# What is not given is the calculator's own.
.PHONY: scale
scale: flag = $(if $($(1)),-$(2) '$($(1))')
scale: ## what TB (10) of log a day need, and where the first wall is; FORMAT=… EVENTS=… (in an object) PEAK=… LEDGER=… (hours): tests/load/SCALE.md
	@go run ./tests/load/scale $(call flag,TB,tb) $(call flag,FORMAT,format) $(call flag,EVENTS,object-events) \
		$(call flag,PEAK,peak) $(call flag,LEDGER,ledger)

.PHONY: wire
wire: ## the wire contract read from JavaScript; needs node and npm
	cd tests/wire && npm ci --no-audit --no-fund --silent
	go test -tags wire -count 1 ./tests/wire/...

templates := deploy/azure services/logferry/internal/setup/onazure/testdata

.PHONY: iac
iac: ## the syntax of the generated templates; needs cfn-lint (pip install cfn-lint), terraform, node and npm
	cfn-lint deploy/aws/cloudformation/*/template.yaml
	terraform fmt -check -recursive deploy/aws/terraform
	for dir in $(templates); do terraform fmt -check -recursive $$dir; done
	npm ci --prefix deploy/azure/check --ignore-scripts --no-audit --no-fund --silent
	node deploy/azure/check/check.mjs $$(find $(templates) -name '*.bicep' -not -path '*/node_modules/*')

.PHONY: clean
clean: ## remove what the targets made
	rm -rf bin data tests/wire/node_modules deploy/azure/check/node_modules

# The development tools are pinned in a module of their own, so that none of
# their dependencies is one of Logferry's.
$(tools)/.built: tests/tools/go.mod tests/tools/go.sum
	mkdir -p $(tools)
	GOWORK=off go -C tests/tools build -o $(tools)/ tool
	touch $@
