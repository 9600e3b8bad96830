"""Drives a program on a pseudo-terminal, as a person at a keyboard would, and prints what came of it as JSON.

Usage: terminal.py DEED READY MARK SECONDS -- COMMAND...
DEED: ctrl-c, ctrl-c-twice, ctrl-z (stop for SECONDS, then continue), hang-up (close the terminal)
READY: a file that a child of the command makes when it is at work
MARK: a variable NAME=VALUE in the environment of the command's children, by which they are found
"""
import glob
import json
import os
import pty
import select
import signal
import sys
import threading
import time

deed, ready, mark, seconds = sys.argv[1:5]
command = sys.argv[sys.argv.index("--") + 1 :]


def marked():
    """State letters of the processes that carry the mark. D is a shell between vfork and the exec of its child: it stands
    as still as that child does."""
    states = []
    for path in glob.glob("/proc/[0-9]*/environ"):
        try:
            with open(path, "rb") as file:
                if mark.encode() not in file.read().split(b"\0"):
                    continue
            with open(path.replace("environ", "stat")) as file:
                states.append(file.read().rsplit(")", 1)[1].split()[0])
        except OSError:
            pass
    return states


def until(condition, what):
    end = time.monotonic() + 60
    while not condition():
        if time.monotonic() > end:
            sys.exit(f"not within a minute: {what}\n{output.decode(errors='replace')}")
        time.sleep(0.005)


pid, terminal = pty.fork()
if pid == 0:
    os.execv(command[0], command)

output = bytearray()
reading = True


def read():
    try:
        while reading:
            # Not a blocking read: it would keep the terminal open after its close.
            if select.select([terminal], [], [], 0.05)[0]:
                output.extend(os.read(terminal, 65536))
    except OSError:
        pass


reader = threading.Thread(target=read, daemon=True)
reader.start()
until(lambda: os.path.exists(ready), "the child is at work")
told = {"stopped": None, "while_stopped": []}
if deed.startswith("ctrl-c"):
    os.write(terminal, b"\x03")
    if deed == "ctrl-c-twice":
        until(lambda: b"once more kills" in output, "the first interruption is answered")
        os.write(terminal, b"\x03")
elif deed == "ctrl-z":
    os.write(terminal, b"\x1a")
    _, status = os.waitpid(pid, os.WUNTRACED)
    told["stopped"] = os.WIFSTOPPED(status)
    until(lambda: marked() and all(state in "TZD" for state in marked()), "the children are stopped")
    time.sleep(float(seconds))
    told["while_stopped"] = marked()
    os.kill(pid, signal.SIGCONT)
elif deed == "hang-up":
    reading = False
    reader.join()
    os.close(terminal)
_, status = os.waitpid(pid, 0)
told["code"] = os.waitstatus_to_exitcode(status)
until(lambda: not [state for state in marked() if state != "Z"], "no child survives")
told["output"] = output.decode(errors="replace")
print(json.dumps(told))
