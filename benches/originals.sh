#!/usr/bin/env bash
# The small programs of Python's multiprocessing that provisor replaces, beside it: processes, memory and a limit of a batch,
# jobs that print in turn, large items. Where their scripts are not at hand (../shared/originals, or ORIGINALS), those sides
# are left out. About eight minutes. Raw results go to benches/runs/DATE-HOST/originals.csv.
#
#   benches/originals.sh [ROUNDS]
set -euo pipefail
cd "$(dirname "$0")/.."
cargo build --release --locked
exec python3 benches/originals.py "${1:-3}"
