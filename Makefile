# make help tells what there is.
.DEFAULT_GOAL := help
.PHONY: help run test race lint fuzz certify bench profile docs build image

GOLANGCI := github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.5.0
FUZZTIME := 30s
PROFILES := $(CURDIR)/dist/profiles
TOOLS := $(CURDIR)/test/testdata/node/node_modules

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  %-7s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: ## start the sample catalogue in memory
	go run .

test: $(TOOLS) ## what CI runs: formatting, vet, every test over real servers with nothing skipped, and a static build
	@test -z "$$(gofmt -l .)" || { echo "these files are not formatted:"; gofmt -l .; exit 1; }
	go vet ./...
	test/servers/install
	PORTOLAN_TEST_ALL=1 PORTOLAN_TEST_NODE=$(TOOLS) go test ./...
	CGO_ENABLED=0 go build -trimpath -o /dev/null .

# The tools that check the OpenAPI document, as the lock file pins them.
$(TOOLS): test/testdata/node/package-lock.json
	cd $(dir $<) && npm ci --no-audit --no-fund --ignore-scripts
	touch $@

race: ## every test with the race detector, which needs a C compiler
	go test -race ./...

lint: ## golangci-lint as .golangci.yml says
	go run $(GOLANGCI) run

fuzz: ## each fuzz target for FUZZTIME
	@go list -f '{{.Dir}}' ./... | while read -r dir; do \
	  grep -ho '^func Fuzz[A-Za-z0-9]*' "$$dir"/*_test.go 2>/dev/null | sed 's/^func //' | while read -r target; do \
	    echo "$$dir $$target"; (cd "$$dir" && go test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) .) || exit 1; \
	  done || exit 1; \
	done

certify: ## the long forms, which take long, into docs/certification.md; CERTIFY=migrate,sqlmap runs these alone
	test/servers/install
	go run ./test/certify -only '$(CERTIFY)'

bench: ## the table of docs/performance.md, in some minutes; BENCH="-write docs/performance.md" keeps it
	go run ./test/load/bench $(BENCH)

profile: ## a CPU profile of each measured path, in PROFILES, for go tool pprof
	go run ./test/load/bench -profile $(PROFILES) $(BENCH)

docs: ## write again what is generated: the JSON Schema of configurations, and docs/adapters.md
	go test ./bootstrap -run TestSchemaFile -update
	PORTOLAN_TEST_SERVERS=1 go test ./test -run TestAdaptersPage -update

build: ## the static program, in dist/
	CGO_ENABLED=0 go build -trimpath -ldflags="-s -w" -o dist/portolan .

image: ## the container image portolan:dev
	docker build -t portolan:dev .
