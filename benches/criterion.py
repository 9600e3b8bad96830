"""Keeps what `cargo bench` measured, a row a sample, in lines.csv, replay.csv and actors.csv of the run. Its argument is
the folder that CRITERION_HOME named."""
import glob
import json
import os
import sys

from machine import keep

HEADER = ["what", "size", "sample", "iterations", "ns", "per_iteration", "unit"]


def samples(folder):
    """The bench's name and a row for each of its samples: all nanoseconds of so many iterations."""
    with open(os.path.join(folder, "benchmark.json")) as file:
        bench = json.load(file)
    with open(os.path.join(folder, "sample.json")) as file:
        sample = json.load(file)
    (unit, amount), = bench["throughput"].items()
    rows = [
        [bench["function_id"], bench["value_str"], number, f"{iterations:.0f}", f"{ns:.0f}", amount, unit.lower()]
        for number, (iterations, ns) in enumerate(zip(sample["iters"], sample["times"]))
    ]
    return bench["group_id"], int(bench["value_str"]), rows


def main():
    benches = {}
    folders = glob.glob(os.path.join(sys.argv[1], "**", "new"), recursive=True)
    for name, _, rows in sorted(map(samples, folders)):
        benches.setdefault(name, []).extend(rows)
    if not benches:
        sys.exit(f"{sys.argv[1]} holds no results: did `cargo bench` run with CRITERION_HOME set to it?")
    for name, rows in benches.items():
        print(keep(name, HEADER, rows))


main()
