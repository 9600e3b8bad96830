#!/usr/bin/env bash
# How fast a stopping line becomes a signal, how exactly limits hold, what output costs, and what memory is used. Raw
# results go to benches/runs/DATE-HOST/figures.csv.
set -euo pipefail
cd "$(dirname "$0")/.."
cargo build --release --locked
exec python3 benches/figures.py "$@"
