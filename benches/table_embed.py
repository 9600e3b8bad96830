"""The README's table of what a runtime costs inside a program."""
import statistics

from raw import measured, number, of, raw, table


def value(rows, what, n, figure):
    """The median over the rounds."""
    return statistics.median(float(row["value"]) for row in of(rows, what=what, n=str(n), figure=figure))


def counts(rows, what):
    return sorted(dict.fromkeys(int(row["n"]) for row in of(rows, what=what)))


def several(values, unit):
    return f"{' / '.join(map(number, values))} {unit}".rstrip()


def idle(rows):
    _, one, more = counts(rows, "idle")
    own, guardians = ({n: value(rows, "idle", n, figure) for n in (0, one, more)} for figure in ("own_kib", "guardians_kib"))
    first = [own[one] - own[0], guardians[one]]
    further = [(kib[more] - kib[one]) / (more - one) for kib in (own, guardians)]
    yield ["memory (PSS) of a runtime with nothing to do, and of its guardian", several([kib / 1024 for kib in first], "MiB")]
    yield [f"the same of each further one, up to {more}", several([kib / 1024 for kib in further], "MiB")]


def queued(rows):
    sizes = counts(rows, "queued")
    words = " / ".join(f"{size:,}" for size in sizes)
    yield [f"memory of a query that waits, with its ticket, of {words}", several([value(rows, "queued", n, "bytes_each") for n in sizes], "B")]
    for what, who in (("taken-in", "by one who awaits each"), ("taken-in-by-64", "by 64 at a time")):
        rates = [value(rows, what, n, "per_s") for n in counts(rows, what)]
        yield [f"queries taken in a second, {words} that wait, {who}", several(rates, "")]


def heard(rows):
    each = [value(rows, what, n, "cpu_us_each") for what in ("rows", "heard-by-1", "heard-by-8") for n in counts(rows, what)]
    yield ["CPU from submission to row, a query whose child costs nothing, with 0 / 1 / 8 who hear its events", several(each, "µs")]
    for n in counts(rows, "deaf"):
        yield ["memory of somebody who asked to hear and does not listen, with room for 1,000 events", several([value(rows, "deaf", n, "bytes_each") / 1024], "KiB")]


def embed_of(run):
    rows = raw(run, "embed")
    rounds = 1 + max(int(row["round"]) for row in rows)
    note = [
        f"Medians of {rounds} rounds, each measurement in a process of its own (`benches/embed.sh`). The queries have a command each and all the",
        "rest in common; their children are played by a launcher that starts nothing.",
    ]
    lines = [*idle(rows), *queued(rows), *heard(rows)]
    return [measured(run, {"embed": rows}), table(["inside a larger program", "measured"], lines), note]
