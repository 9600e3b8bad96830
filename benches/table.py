#!/usr/bin/env python3
"""Writes the README's figures from the raw results of one run, between the two markers there. What a run has no raw
results of is left out.

    benches/table.py [--check] [benches/runs/RUN]

Without a run: the one that the marker names. With --check nothing is written: a difference is shown, and is a failure.
"""
import csv
import difflib
import os
import re
import statistics
import sys

README = "README.md"
BLOCK = re.compile(r"<!-- figures: (\S+) -->\n(.*?)<!-- end of figures -->", re.DOTALL)

PEERS = {
    "provisor": "provisor, with everything on (capture, logs, rules, durable rows)",
    "xargs -P": "`xargs -P`",
    "multiprocessing.Pool": "Python's `multiprocessing.Pool` with `os.system`",
    "GNU parallel": "GNU parallel with `--results --joblog`",
}

# What figures.csv calls a figure, and what the README calls it.
FIGURES = {
    "stopping line to the signal's arrival in the child, p99":
        "from a stopping line to the signal's arrival in the child, p99 of {n}",
    "stopping line to a small child's death, p99": "from a stopping line to a small child's death, p99 of {n}",
    "lateness of a wall limit of 300 ms, dead children, p99": "lateness of a wall limit, p99 of {n}",
    "output through log and rules, logs: Keep": "a child's output through log and rules",
    "PSS of provisor and its guardian with 378 children": "memory of provisor and its guardian (PSS) with 378 children",
    "PSS with 100,000 queries planned and queued": "the same with 100,000 queries planned and queued",
}


def raw(run, name):
    """The rows of the newest commit in one file of raw results."""
    path = os.path.join(run, f"{name}.csv")
    if not os.path.exists(path):
        return []
    with open(path, newline="") as file:
        rows = list(csv.DictReader(file))
    return [row for row in rows if row["commit"] == rows[-1]["commit"]]


def number(value):
    """Two digits that mean something, three from ten on."""
    if value >= 1000:
        return f"{float(f'{value:.3g}'):,.0f}"
    return f"{value:.3g}" if value >= 10 else f"{value:.2g}"


def table(head, rows):
    return [f"| {' | '.join(head)} |", "| --- |" + " ---: |" * (len(head) - 1), *(f"| {' | '.join(row)} |" for row in rows)]


def rounds(rows):
    """The wall seconds of each tool, by round: one ends where a tool comes again."""
    found = []
    for row in rows:
        if not found or row["tool"] in found[-1]:
            found.append({})
        found[-1][row["tool"]] = float(row["wall_s"])
    return found


def peers(rows):
    if not rows:
        return []
    queries, slots, found = int(rows[0]["queries"]), rows[0]["slots"], rounds(rows)
    lines = []
    for tool, words in PEERS.items():
        walls = [walls[tool] for walls in found if tool in walls]
        # Ratios within one round, then the median: a slow minute of the machine hits all tools of a round.
        ratios = [walls["xargs -P"] / walls[tool] for walls in found if tool in walls and "xargs -P" in walls]
        if walls:
            ratio = f"{statistics.median(ratios):.2f}" if ratios else ""
            lines.append([words, f"{queries / statistics.median(walls):.0f}", ratio])
    head = f"{queries} x `/bin/true`, {slots} slots, medians of {len(found)} interleaved rounds"
    note = "The ratio is the median over the rounds, the rates are medians by themselves."
    return [*table([head, "queries/s", "of `xargs -P`"], lines), "", note]


def own_cpu(rows):
    cpu = [float(row["own_cpu_s"]) / int(row["queries"]) * 1000 for row in rows if row["own_cpu_s"]]
    if cpu:
        yield ["CPU of provisor and its guardian, a query", f"{number(statistics.median(cpu))} ms", "< 0.4 ms"]


def figures(rows):
    for name, words in FIGURES.items():
        same = [row for row in rows if row["figure"] == name]
        if same:
            values, unit = [float(row["value"]) for row in same], same[0]["unit"]
            spread = f" ({number(min(values))} to {number(max(values))} in {len(values)} runs)" if values[1:] else ""
            target = same[0]["target"] and f"{same[0]['target']} {unit}"
            yield [words.format(n=same[0]["n"]) + spread, f"{number(statistics.median(values))} {unit}", target]


def ns_each(rows, what):
    """By size, the median over the samples of the nanoseconds that one byte, event or query takes."""
    sizes = {}
    for row in rows:
        if row["what"] == what:
            each = float(row["ns"]) / int(row["iterations"]) / int(row["per_iteration"])
            sizes.setdefault(int(row["size"]), []).append(each)
    return {size: statistics.median(values) for size, values in sorted(sizes.items())}


def by_size(words, sizes, measured, unit):
    """One row for all sizes; none where nothing was measured."""
    if measured:
        yield [words.format(" / ".join(sizes)), f"{' / '.join(map(number, measured))} {unit}", ""]


def lines(rows):
    for what, reading in (("preset", "the ProVerif preset"), ("rules", "twelve rules")):
        each = ns_each(rows, what)
        sizes = [f"{size >> 10} KiB" if size >= 1024 else f"{size} B" for size in each]
        yield from by_size(f"lines by {reading}, in chunks of {{}}", sizes, [1 / ns for ns in each.values()], "GB/s")


def replay(rows):
    for size, ns in ns_each(rows, "fleet").items():
        yield [f"a recorded fleet of {size} queries, replayed", f"{number(1e3 / ns)} million events/s", ""]


def actors(rows):
    each = ns_each(rows, "null")
    sizes = [f"{size:,}" for size in each]
    yield from by_size("CPU of the actors alone, a query, with {} at once", sizes, [ns / 1e3 for ns in each.values()], "µs")


def display(rows):
    whats = dict.fromkeys(row["what"] for row in rows)
    for what in whats:
        bar = [row for row in rows if row["what"] == what and row["progress"] == "bar"]
        share = statistics.median(100 * float(row["screen_cpu_s"]) / float(row["wall_s"]) for row in bar)
        yield [f"the bar's thread, of one core, with {what}", f"{number(share)} %", "<= 2 %"]


def measured(run, files):
    """Where, when and with what."""
    rows = [row for rows in files.values() for row in rows]
    if not rows:
        sys.exit(f"{run} holds no raw results")
    commits = list(dict.fromkeys(row["commit"] for row in rows))
    at = f"commit{'s' * (len(commits) > 1)} {', '.join(commits)}"
    first = rows[0]
    return [
        f"Measured on {first['date']} on a machine with {first['cpus']} CPUs ({first['cpu']}) at {at}; raw results, and",
        f"what varied, in `{run}/`. This part is written by `benches/table.py`.",
    ]


def block(run):
    names = ("figures", "peers", "lines", "replay", "actors", "display")
    files = {name: raw(run, name) for name in names}
    rows = [*own_cpu(files["peers"])]
    for part in (figures, lines, replay, actors, display):
        rows += part(files[part.__name__])
    parts = [measured(run, files), peers(files["peers"]), table(["figure", "measured", "target"], rows) if rows else []]
    return "\n".join("\n".join([*part, ""]) for part in parts if part)


def main():
    runs = [os.path.abspath(argument) for argument in sys.argv[1:] if argument != "--check"]
    os.chdir(os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
    with open(README, encoding="utf-8") as file:
        old = file.read()
    marked = BLOCK.search(old)
    if not marked:
        sys.exit(f"{README} has no `<!-- figures: benches/runs/RUN -->` with an `<!-- end of figures -->` after it")
    run = os.path.relpath(runs[0]) if runs else marked[1]
    new = f"{old[:marked.start()]}<!-- figures: {run} -->\n{block(run)}\n<!-- end of figures -->{old[marked.end():]}"
    if "--check" not in sys.argv:
        with open(README, "w", encoding="utf-8") as file:
            file.write(new)
    elif new != old:
        sys.stdout.writelines(difflib.unified_diff(old.splitlines(True), new.splitlines(True), README, f"from {run}"))
        sys.exit(f"the figures in {README} are not those of {run}: run benches/table.py, or keep the raw results")


if __name__ == "__main__":
    main()
