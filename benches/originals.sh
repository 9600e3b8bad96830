#!/usr/bin/env bash
# The small programs of Python's multiprocessing that provisor replaces, beside it: processes, memory and a limit of a batch,
# a poll, jobs that print in turn, large items. Where their scripts are not at hand (../shared/originals, or ORIGINALS), or no
# snmpd and snmpget, those sides are left out. About nine minutes. Raw results go to benches/runs/DATE-HOST/originals.csv.
#
#   benches/originals.sh [ROUNDS [batch|limited|in-turn|poll|large ...]]
set -euo pipefail
cd "$(dirname "$0")/.."
cargo build --release --locked
cargo build --release --locked --package provisor --example large_items
exec python3 benches/originals.py "${1:-3}" "${@:2}"
