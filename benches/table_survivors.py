"""The README's table of what is left after each event, and of runs that were short of something."""
from raw import measured, raw, table

def limits(rows):
    for row in rows:
        yield [f"{int(row['queries']):,} queries, {row['slots']} slots, under {row['limit']}: ended well", f"{int(row['well']):,}", "all"]


def disk(rows):
    for row in rows:
        words = f"{int(row['queries']):,} queries on a results disk of 1 MiB: rows kept, exit code; then with more room"
        measured = f"{int(row['full_rows']):,}, {row['full_exit_code']}; {int(row['room_rows']):,}, {row['room_exit_code']}"
        yield [words, measured, "all, 4; all, 0"]


def kills(rows):
    for row in rows:
        total = sum(int(row[victim]) for victim in ("provisor", "guardian", "both"))
        words = f"{total:,} SIGKILLs at random moments of runs of {row['queries']} queries (provisor {row['provisor']}, guardian " \
                f"{row['guardian']}, both {row['both']}): rows lost or doubled, processes left"
        yield [words, f"{row['lost_rows']}, {row['survivors']}", "0, 0"]


# What survivors.csv calls an event, and what the README calls it.
EVENTS = {
    "timeout": "timeout",
    "early stop": "early stop",
    "Ctrl-C": "Ctrl-C",
    "Ctrl-C twice": "Ctrl-C, twice",
    "SIGTERM": "SIGTERM",
    "SIGHUP": "SIGHUP",
    "kill -9 of the tool": "`kill -9` of the tool itself",
    "kill -9 of the guardian": "`kill -9` of the guardian",
    "kill -9 of both": "`kill -9` of both at once",
}


def survivors_cell(rows):
    """The most that were left in any round, and how many the next start left of those."""
    rows = [row for row in rows if row["survivors"]]
    if not rows:
        return "-"
    most = max(int(row["survivors"]) for row in rows)
    later = [int(row["after_next_start"]) for row in rows if row["after_next_start"]]
    waits = "*" if any(row["note"] for row in rows) else ""
    return f"{most}{waits}" + (f", then {max(later)}" if later and most else "")


def survivors_head(tool, rows):
    versions = " ".join(dict.fromkeys(row["version"] for row in rows))
    level = next((row["containment"] for row in rows if row.get("containment")), None)
    return f"provisor, `{level}`" if level else f"{tool} {versions}"


def survivors_of(run):
    rows = raw(run, "survivors")
    tools = {tool: [row for row in rows if row["tool"] == tool] for tool in dict.fromkeys(row["tool"] for row in rows)}
    lines = []
    for event, words in EVENTS.items():
        cells = [survivors_cell([row for row in mine if row["event"] == event]) for mine in tools.values()]
        lines.append([words, *cells])
    before = max(int(row["before"]) for row in rows if row["before"])
    rounds = 1 + max(int(row["round"]) for row in rows)
    note = [
        f"Processes that were left two seconds after the event, the most in {rounds} rounds, out of a leader and five that it",
        f"has started ({before} in all): a plain child, one in a session of its own with its descriptors closed, one in such a",
        "session that holds the pipe, a double fork, and one that ignores TERM. `-`: the tool has no such thing. `*`: the tool",
        "was still waiting for its jobs. `, then`: what was left when the same job was started again. For GNU parallel an",
        "early stop is `--halt now,success=1`; `timeout` takes what it runs out of reach of the terminal's Ctrl-C.",
    ]
    promises = {row["containment"]: row["not_guaranteed"] for row in rows if row["containment"]}
    exceptions = [f"- `{level}`: {words}." for level, words in promises.items()]
    counted = [*limits(raw(run, "limits")), *disk(raw(run, "disk")), *kills(raw(run, "kills"))]
    others = table(["what was done", "measured", "to be"], counted) if counted else []
    head = ["event", *(survivors_head(tool, mine) for tool, mine in tools.items())]
    return [measured(run, {"survivors": rows}), table(head, lines), note, others, ["What each level of provisor cannot promise:", "", *exceptions]]
