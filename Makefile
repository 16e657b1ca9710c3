# Everything set up by itself: `make demo` and `make test` need a Rust toolchain and nothing running.
# ARGS reaches the command: `make bench ARGS=--json`, `make test ARGS='--test it settle'`.
.DEFAULT_GOAL := help
.PHONY: help demo test test-foreign test-browser up down reset bench lint doc sqlx

help: ## this list
	@sed -nE 's/^([a-z-]+):.*## (.*)/  make \1\t\2/p' Makefile | expand -t 16

demo: ## show fees being issued, paid and notified
	@scripts/stack demo $(ARGS)

test: ## every test, on a real PostgreSQL and RabbitMQ
	@scripts/stack test $(ARGS)

test-foreign: ## clients that others wrote meet what we sign, send and simulate (Node, Python)
	@scripts/test-foreign

test-browser: ## every page in a real browser: widths, languages, axe-core, the keyboard (Chromium, Node)
	@scripts/test-browser

up: ## start it all in the background; `. .run/env` sets up a client
	@scripts/stack up

down: ## stop it all, keep the data
	@scripts/stack down

reset: ## stop it all, remove the data
	@scripts/stack reset

bench: ## measure speed beside what PostgreSQL and RabbitMQ can do alone
	@scripts/stack bench $(ARGS)

lint: ## formatting and clippy, warnings denied
	cargo fmt --all --check
	cargo clippy --workspace --all-targets -- -D warnings

doc: ## the code's documentation, warnings denied
	RUSTDOCFLAGS="-D warnings" cargo doc --no-deps --workspace

sqlx: ## refresh .sqlx after a change of SQL or of the schema
	@scripts/stack with scripts/sqlx-prepare
