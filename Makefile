SHELL = /bin/bash
.DEFAULT_GOAL = help

# Go repeats no test of a package whose inputs are the same as last time; CI
# sets -count=1, which runs every one.
TEST = go test -timeout 20m

# What the agent says it is: the last commit that changed what it is made of.
AGENT_VERSION = $(shell git log -1 --format=%h -- cmd/spotwatch internal/rescue internal/imds go.mod 2> /dev/null || echo unknown)

.PHONY: help
help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "%-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: synth
synth: versions ## Write the Terraform of tandem.yaml into cdktf.out
	@go build -o bin/app . && bin/app

.PHONY: build
build: versions agents ## Build the tandem command line, and the agent for instances, into bin
	go build -o bin/ ./cmd/tandem

# Static, stripped and without paths: the same source makes the same program,
# so that publishing it again changes nothing.
.PHONY: agents
agents:
	@for arch in amd64 arm64; do \
		CGO_ENABLED=0 GOOS=linux GOARCH=$$arch go build -trimpath -buildvcs=false -ldflags "-s -w -X main.version=$(AGENT_VERSION)" \
			-o bin/spotwatch-linux-$$arch ./cmd/spotwatch || exit 1; \
	done

.PHONY: drill
drill: build bin/ec2-metadata-mock ## Interrupt spot instances on this machine, without AWS; DRILL='--chaos …'
	@[ "$$(go env GOOS)" = linux ] || go build -o bin/spotwatch ./cmd/spotwatch
	bin/tandem drill --local $(DRILL)

bin/ec2-metadata-mock: tools/go.mod tools/go.sum
	go build -modfile=tools/go.mod -o $@ github.com/aws/amazon-ec2-metadata-mock/cmd/ec2-metadata-mock

.PHONY: try
try: build ## Start an environment to try the releases in, without AWS
	@./scripts/need.sh aws awscli
	@if [ "$$(id -u)" = 0 ]; then ./scripts/need.sh ansible-playbook ansible-core python3-apt && ./scripts/need.sh apache2 apache2 && ./scripts/need.sh nagios4 nagios4-core; fi
	@go build -o bin/try ./internal/try && bin/try

.PHONY: test
test: versions node_modules tools ## Run every test
	$(TEST) ./...

.PHONY: test-pure
test-pure: ## Run the tests that need nothing but Go
	$(TEST) ./spec/... ./simulate/... ./cmd/tandem ./internal/imds ./internal/check ./internal/iam ./internal/tfgraph ./internal/awsregion ./internal/price ./internal/cost ./internal/review/...

.PHONY: golden
golden: node_modules ## Write what tests compare with anew; review the diff
	UPDATE_GOLDEN=1 go test -count=1 . ./constructs ./spec ./simulate/terraform ./simulate/report ./internal/cli ./internal/dashboard ./internal/fis ./internal/review/...

.PHONY: generate
generate: ## Write the JSON Schema, docs/spec.md and docs/rules.md anew
	go generate ./...

.PHONY: fuzz
fuzz: ## Look for input that breaks a parser, for a minute each
	go test -run '^$$' -fuzz FuzzParse -fuzztime 1m ./spec
	go test -run '^$$' -fuzz FuzzParse -fuzztime 1m -fuzzminimizetime 10x ./simulate/terraform
	go test -run '^$$' -fuzz FuzzParse -fuzztime 1m -fuzzminimizetime 10x ./simulate/load
	go test -run '^$$' -fuzz FuzzReadCSV -fuzztime 1m -fuzzminimizetime 10x ./simulate/load
	go test -run '^$$' -fuzz FuzzRead -fuzztime 1m -fuzzminimizetime 10x ./simulate/market
	go test -run '^$$' -fuzz FuzzRun -fuzztime 1m ./simulate
	go test -run '^$$' -fuzz FuzzReview -fuzztime 1m -fuzzminimizetime 10x ./internal/review/render

.PHONY: lint
lint: ## Run the linters of .golangci.yml and shellcheck
	go tool -modfile=tools/go.mod golangci-lint run ./...
	./scripts/need.sh shellcheck shellcheck
	shellcheck -x instance/setup.sh instance/logging/*.sh instance/indexer/*.sh pipelines/review/*.sh scripts/*.sh # user data is a template: its test renders and checks it

.PHONY: bench
bench: versions ## Measure synth with 1, 10 and 50 clusters: time and memory
	go run ./internal/bench/synth -growth

.PHONY: bench-synth
bench-synth: versions ## Measure synth against stock jsii and against JavaScript
	go run ./internal/bench/synth

.PHONY: bench-release
bench-release: ## Measure building and publishing 1 GiB against tar, gzip and aws s3 cp; BENCH='-mib 64 …'
	go run ./internal/bench/release $(BENCH)

.PHONY: bench-simulate
bench-simulate: ## Measure the simulator: speed, memory, growth, what limits it
	go run ./internal/bench/simulate
	go test -run '^$$' -bench . ./simulate
	go test -run '^$$' -bench Tune -benchtime 3x ./simulate/tune

.PHONY: check-simulate
check-simulate: ## Compare the simulator with its slow reference on 10,000 random scenarios
	SCENARIOS=10000 go test -count=1 -run TestAgreesWithReference -v ./simulate

.PHONY: mutate
mutate: ## Break the simulator rule by rule: its tests have to notice
	go run ./internal/mutate

.PHONY: bench-rescue
bench-rescue: versions ## Measure the agent: notice to rescue, memory, CPU, size; and against a shell loop; BENCH='-idle 1m …'
	go run ./internal/bench/rescue $(BENCH)

.PHONY: bench-review
bench-review: ## Measure reviewing a plan of 5,000 resources and 60 MB: time and memory
	go run ./internal/bench/review

.PHONY: bench-nagios
bench-nagios: ## Measure a Nagios sync of 2,000 hosts besides AWS: time, memory, nagios4's part
	@./scripts/need.sh nagios4 nagios4-core
	go run ./internal/bench/nagios

.PHONY: bench-logs
bench-logs: logs-tools ## Measure log lines a second through Kafka into the index, and memory; BENCH='-runs 5 …'
	go run ./internal/bench/logs $(BENCH)

.PHONY: try-logs
try-logs: logs-tools ## Start the way of a log line to try out, without AWS
	@mkdir -p bin && go build -o bin/try-logs ./internal/trylogs && bin/try-logs

.PHONY: versions
versions:
	@./scripts/versions.sh

.PHONY: tools
tools:
	@./scripts/need.sh shellcheck shellcheck
	@./scripts/need.sh curl curl ca-certificates
	@./scripts/need.sh jq jq
	@./scripts/need.sh aws awscli
	@./scripts/need.sh ansible-playbook ansible-core python3-apt
	@./scripts/need.sh ansible-community ansible python3-boto3
	@./scripts/need.sh apache2 apache2
	@./scripts/need.sh chromium chromium
	@./scripts/need.sh cmark-gfm cmark-gfm
	@./scripts/need.sh systemd-analyze systemd
	@./scripts/need.sh systemd-nspawn systemd-container
	@./scripts/need.sh nagios4 nagios4-core
	@./scripts/need.sh dnf dnf dnf-plugins-core
	@./scripts/need.sh createrepo_c createrepo-c
	@./scripts/need.sh rpmkeys rpm
	@./scripts/need.sh apt-ftparchive apt-utils
	@$(MAKE) --no-print-directory logs-tools

# rsyslogd may be there without its modules.
.PHONY: logs-tools
logs-tools:
	@ls /usr/lib/*/rsyslog/imkafka.so > /dev/null 2>&1 && ls /usr/lib/*/rsyslog/omelasticsearch.so > /dev/null 2>&1 || \
		./scripts/need.sh rsyslog-modules rsyslog rsyslog-kafka rsyslog-elasticsearch
	@./scripts/need.sh nginx nginx-light

# npm ci replaces the directory; the stamp says that it came to its end.
.PHONY: node_modules
node_modules: node_modules/.stamp
node_modules/.stamp: package.json package-lock.json
	npm ci --ignore-scripts --no-audit --no-fund
	@touch $@
