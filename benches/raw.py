"""Raw results of a run, read; and what the README's parts are written with."""
import csv
import os
import sys


def raw(run, name, kind=None):
    """The rows of the newest commit in one file of raw results, of each kind that a column tells; all where it names none."""
    path = os.path.join(run, f"{name}.csv")
    if not os.path.exists(path):
        return []
    with open(path, newline="") as file:
        rows = list(csv.DictReader(file))
    newest = {row.get(kind): row.get("commit") for row in rows}
    return [row for row in rows if row.get("commit") == newest[row.get(kind)]]


def number(value):
    """Two digits that mean something, three from ten on."""
    if value >= 1000:
        return f"{float(f'{value:.3g}'):,.0f}"
    return f"{value:.3g}" if value >= 10 else f"{value:.2g}"


def table(head, rows):
    return [f"| {' | '.join(head)} |", "| --- |" + " ---: |" * (len(head) - 1), *(f"| {' | '.join(row)} |" for row in rows)]


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


def of(rows, **fields):
    """Those of which these columns say this."""
    return [row for row in rows if all(row[name] == value for name, value in fields.items())]
