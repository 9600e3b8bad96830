#!/usr/bin/env bash
# SIGKILLs of provisor, of its guardian and of both at random moments of a run of 200 queries that is taken up each time:
# the test of the suite with more kills, in some ten minutes. It ends at the first row that is lost or doubled and at the
# first process that is left. The count goes to benches/runs/DATE-HOST/.
#
#   benches/kills.sh [KILLS [SEED]]
set -euo pipefail
cd "$(dirname "$0")/.."
if ! command -v python3 >/dev/null; then
    echo "python3 is needed: it writes the raw results" >&2
    exit 1
fi
export PROVISOR_KILLS=${1:-1000} PROVISOR_SEED=${2:-$RANDOM$RANDOM}
said=$(cargo test --release --locked --test faults --example fakeproc -- --nocapture lose_no_row_and_leave_no_process | tee /dev/stderr)
exec python3 benches/kills.py "$PROVISOR_SEED" "$(grep -o 'kills: .*' <<<"$said")"
