#!/usr/bin/env bash
# The same N x /bin/true with the same slots by provisor, xargs -P, GNU parallel and Python's multiprocessing.Pool, in
# interleaved rounds, so that ratios mean something on a busy machine. Raw results go to benches/runs/DATE-HOST/.
#
#   benches/peers.sh [QUERIES [SLOTS [ROUNDS]]]
set -euo pipefail
cd "$(dirname "$0")/.."
for tool in xargs parallel python3; do
    command -v "$tool" >/dev/null || echo "without $tool: it is not installed" >&2
done
cargo build --release --locked
exec python3 benches/peers.py "${1:-2000}" "${2:-$(nproc)}" "${3:-5}"
