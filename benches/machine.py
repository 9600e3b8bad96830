"""What a figure is measured on, and where it is kept."""
import csv
import datetime
import glob
import os
import platform
import subprocess


def cpu_s(pid):
    """CPU seconds of all threads of a process so far, without its children; 0 when it is gone."""
    total = 0
    for path in glob.glob(f"/proc/{pid}/task/*/schedstat"):
        try:
            with open(path) as file:
                total += int(file.read().split()[0])
        except OSError:
            pass
    return total / 1e9


def guardian_of(pid):
    for path in glob.glob(f"/proc/{pid}/task/*/children"):
        try:
            with open(path) as file:
                for child in file.read().split():
                    with open(f"/proc/{child}/comm") as comm:
                        if comm.read().strip() == "pv-guardian":
                            return int(child)
        except OSError:
            pass
    return None


def keep(name, header, rows):
    """Appends rows to benches/runs/DATE-HOST/NAME.csv, each with the date, the machine and the commit."""
    with open("/proc/cpuinfo") as file:
        model = next((line.split(":")[1].strip() for line in file if line.startswith("model name")), platform.machine())
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True).stdout.strip()
    date = datetime.date.today().isoformat()
    folder = os.path.join("benches/runs", f"{date}-{platform.node()}")
    os.makedirs(folder, exist_ok=True)
    path = os.path.join(folder, f"{name}.csv")
    new = not os.path.exists(path)
    with open(path, "a", newline="") as file:
        writer = csv.writer(file)
        if new:
            writer.writerow(["date", "cpu", "cpus", "commit", *header])
        writer.writerows([date, model, os.cpu_count(), commit, *row] for row in rows)
    return path
