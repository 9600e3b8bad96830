#!/usr/bin/env bash
# What the bar costs: CPU time of provisor with a bar on a pseudo-terminal of 80x24, less that without any progress, as a
# share of one core over the run's time; in interleaved rounds, for 3000 x /bin/true (a thousand queries a second), for as
# many that fail, each of which gets a line, and for 400 queries that print. Raw results go to benches/runs/DATE-HOST/.
#
#   benches/display.sh [QUERIES [ROUNDS]]
set -euo pipefail
cd "$(dirname "$0")/.."
cargo build --release --locked
exec python3 benches/display.py "${1:-3000}" "${2:-7}"
