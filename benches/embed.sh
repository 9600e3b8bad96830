#!/usr/bin/env bash
# What it costs to have provisor inside a program (benches/embed.rs). Raw results go to benches/runs/DATE-HOST/embed.csv.
set -euo pipefail
cd "$(dirname "$0")/.."
results=$(mktemp)
trap 'rm -f "$results"' EXIT
cargo bench --package provisor --bench embed --locked --quiet | tee "$results"
exec python3 benches/embed.py "$results"
