"""The README's table of what provisor replaces, beside it."""
import statistics

from raw import measured, number, of, raw, table

# What originals.csv measures of both sides, and what the README calls it: the divisor of its unit, and the unit.
BESIDE = {
    ("batch", "processes"): ("processes beside {queries} commands, {slots} at a time, at their most", 1, ""),
    ("batch", "pss_kib"): ("their memory (PSS)", 1024, " MiB"),
    ("limited", "over_s"): ("a limit of 5 s on {queries} commands that take 30 s, {slots} at a time: over after", 1, " s"),
    ("limited", "left"): ("commands that are then still at work", 1, ""),
    ("limited", "gone_s"): ("the last of them has ended after", 1, " s"),
    ("poll", "processes"): ("processes beside the `snmpget`s for {queries} hosts, of which 50 are dead", 1, ""),
    ("poll", "pss_kib"): ("their memory (PSS)", 1024, " MiB"),
    ("poll", "answered"): ("hosts that have answered", 1, ""),
    ("poll", "wall_s"): ("over after, where `snmpget` gives up a host after 6 s", 1, " s"),
    ("limited", "known"): ("answers that are kept, of the {slots} that were given", 1, ""),
}

TAKERS = {
    "polling": "workers that poll until it says that it is empty",
    "waiting": "workers that wait for a sentinel",
    "provisor": "provisor: in by standard input, and out again by standard output",
}


def beside(rows):
    """Medians of both sides, a row a figure and number of slots."""
    for what, slots in dict.fromkeys((row["what"], row["slots"]) for row in rows):
        for figure, (words, divisor, unit) in ((key[1], value) for key, value in BESIDE.items() if key[0] == what):
            mine = of(rows, what=what, slots=slots, figure=figure)
            values = [[float(row["value"]) / divisor for row in of(mine, who=who)] for who in ("pool", "provisor")]
            cells = [f"{number(statistics.median(side))}{unit}" if side else "-" for side in values]
            yield [words.format(**mine[0]), *cells]


def in_turn(rows):
    rows = of(rows, what="in turn")
    for who in sorted(dict.fromkeys(row["who"] for row in rows), key=lambda who: who != "provisor"):
        words = dict.fromkeys(row["value"] for row in of(rows, who=who, figure="values"))
        wall = statistics.median(float(row["value"]) for row in of(rows, who=who, figure="wall_s"))
        yield ["provisor, `--print grouped`" if who == "provisor" else who, ", ".join(words), f"{number(wall)} s"]


def large(rows):
    for who, words in TAKERS.items():
        drained, walls = (of(rows, what="large", who=who, figure=figure) for figure in ("drained", "wall_s"))
        if drained:
            rounds = "; ".join(f"{row['value']} of {row['queries']}" for row in drained)
            yield [words, rounds, "; ".join(f"{number(float(row['value']))} s" for row in walls)]


def originals_of(run):
    rows = raw(run, "originals", "what")
    rounds = 1 + max(int(row["round"]) for row in rows)
    note = [
        f"Medians of {rounds} interleaved rounds. The limit of the pool is `get(timeout=5)` and then `terminate()`, which ends its interpreters, not",
        "what these have started, and knows nothing of a command that has not ended. A failure is multiprocessing's own: such a lock may not be handed to a pool.",
    ]
    turn, taken = list(in_turn(rows)), list(large(rows))
    parts = [measured(run, {"originals": rows}), table(["a batch and a poll", "interpreters", "provisor"], beside(rows))]
    parts.append(table(["ten jobs that print some lines and return a value, three at a time", "values", "over after"], turn))
    if taken:
        parts.append(table(["eight items of 10 MB through a queue to four workers", "rounds in which all was taken", "over after"], taken))
    return [*parts, note]
