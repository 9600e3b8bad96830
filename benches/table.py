#!/usr/bin/env python3
"""Writes the README's figures, and its table of survivors, from the raw results of a run, each between two markers
there. What a run has no raw results of is left out, or left as it is.

    benches/table.py [--check] [benches/runs/RUN]

Without a run: those that the markers name. With --check nothing is written: a difference is shown, and is a failure.
"""
import csv
import difflib
import os
import re
import statistics
import sys

from raw import measured, number, raw, table
from table_embed import embed_of
from table_originals import originals_of
from table_survivors import survivors_of

README = "README.md"

PEERS = {
    "provisor": "provisor, with everything on (capture, logs, rules, durable rows)",
    "provisor, sweep": "the same without namespace and cgroups (`--containment sweep`)",
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


def spawn(run):
    """What a child costs beside others that live, at `sweep`. Its file has no commit: it is written by the bench itself."""
    path = os.path.join(run, "spawn.csv")
    if not os.path.exists(path):
        return
    with open(path, newline="") as file:
        values = {(row["what"], int(row["live"])): float(row["value"]) for row in csv.DictReader(file) if row["level"] == "sweep"}
    live = sorted({live for what, live in values if what == "rate"})
    of = lambda what: " / ".join(number(values[what, n]) for n in (live[0], live[len(live) // 2], live[-1]))
    beside = " / ".join(f"{n:,}" for n in (live[0], live[len(live) // 2], live[-1]))
    yield [f"children made by the guardian at `sweep`, of a loop of posix_spawn, beside {beside} that live", of("to_posix_spawn"), ">= 0.85"]
    yield [f"the same, of the guardian's own rate beside none, with {beside}", of("to_none_live"), "flat"]
    for (what, _), kib in values.items():
        if what.startswith("max_rss_kib_under_"):
            mib = what.removeprefix("max_rss_kib_under_").removesuffix("_mib")
            yield [f"memory that is seen of `/bin/true`, started from a program of {int(mib):,} MiB", f"{number(kib / 1024)} MiB", "its own"]


FILES = ("figures", "peers", "lines", "replay", "actors", "display")


def figures_of(run):
    files = {name: raw(run, name) for name in FILES}
    rows = [*own_cpu(files["peers"])]
    for part in (figures, lines, replay, actors, display):
        rows += part(files[part.__name__])
    rows += spawn(run)
    return [measured(run, files), peers(files["peers"]), table(["figure", "measured", "target"], rows) if rows else []]


# What order.csv calls an order of starts, and what the README calls it.
ORDERS = {
    "longest first": "longest first",
    "20 % unknown": "20 % unknown, first",
    "20 % as the mean": "20 % unknown, as the mean",
    "wrong by up to 2": "times wrong by up to 2",
    "spec": "`--order spec`",
}


def ratio_cell(rows):
    """The median over the seeds, and the worst where that is another one."""
    ratios = sorted(float(row["ratio"]) for row in rows)
    median, worst = (f"{value:.2f}" for value in (statistics.median(ratios), ratios[-1]))
    return median if median == worst else f"{median} ({worst})"


def order_of(run):
    rows = raw(run, "order")
    lines = []
    for name, queries, slots in dict.fromkeys((row["set"], row["queries"], row["slots"]) for row in rows):
        mine = [row for row in rows if (row["set"], row["queries"], row["slots"]) == (name, queries, slots)]
        least = max(float(mine[0]["longest_s"]), float(mine[0]["sum_s"]) / int(slots)) / 3600
        of = "" if name == "all" else f", {name}"
        cells = [ratio_cell([row for row in mine if row["order"] == order]) for order in ORDERS]
        lines.append([f"{int(queries):,}{of}, {slots} slots", f"{number(least)} h", *cells])
    seeds = {queries: max(int(row["seed"]) for row in rows if row["queries"] == queries) for queries in
             dict.fromkeys(row["queries"] for row in rows)}
    shuffles = " and ".join(f"{n} of {int(queries):,}" for queries, n in seeds.items())
    note = [
        "Ratios to the least that there can be: the longest query, or the sum of all shared by the slots. The median, and the worst in",
        f"brackets, over so many shuffles of a set, which are the orders of the spec: {shuffles}. Simulated: the real roster in virtual time,",
        "on sets of durations with the quantiles of `benches/data/durations.csv`, of which the slowest tenth takes from 2.5 s to 48 h.",
        f"Raw results in `{run}/order.csv`, made by `cargo bench --bench order`. This part is written by `benches/table.py`.",
    ]
    return [table(["queries", "at least", *ORDERS.values()], lines), note]


# The README's parts by the name in their markers: the files of which each needs one at least, and what writes it.
PARTS = {
    "figures": (FILES, figures_of),
    "embed": (("embed",), embed_of),
    "order": (("order",), order_of),
    "originals": (("originals",), originals_of),
    "survivors": (("survivors",), survivors_of),
}


def written(readme, name, run):
    """The README with this part made from this run, or from the one that its marker names."""
    files, make = PARTS[name]
    marked = re.search(rf"<!-- {name}: (\S+) -->\n(.*?)<!-- end of {name} -->", readme, re.DOTALL)
    if not marked:
        sys.exit(f"{README} has no `<!-- {name}: benches/runs/RUN -->` with an `<!-- end of {name} -->` after it")
    if run is None or not any(raw(run, file) for file in files):
        run = marked[1]
    text = "\n".join("\n".join([*part, ""]) for part in make(run) if part)
    return f"{readme[:marked.start()]}<!-- {name}: {run} -->\n{text}\n<!-- end of {name} -->{readme[marked.end():]}"


def main():
    runs = [os.path.abspath(argument) for argument in sys.argv[1:] if argument != "--check"]
    os.chdir(os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
    with open(README, encoding="utf-8") as file:
        old = file.read()
    new = old
    for name in PARTS:
        new = written(new, name, os.path.relpath(runs[0]) if runs else None)
    if "--check" not in sys.argv:
        with open(README, "w", encoding="utf-8") as file:
            file.write(new)
    elif new != old:
        sys.stdout.writelines(difflib.unified_diff(old.splitlines(True), new.splitlines(True), README, "from the raw results"))
        sys.exit(f"the figures in {README} are not those of the raw results: run benches/table.py, or keep the raw results")


if __name__ == "__main__":
    main()
