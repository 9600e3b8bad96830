"""What provisor replaces, written small: an interpreter a slot, a shared counter behind a lock, a callback that appends
to one file. Usage: pool.py QUERIES SLOTS FILE COMMAND"""
import multiprocessing
import os
import sys
import time

left = None


def start(counter):
    global left
    left = counter


def run(command):
    begin = time.time()
    os.system(command)
    with left.get_lock():
        left.value -= 1
    return "%s %.3f\n" % (command, time.time() - begin)


if __name__ == "__main__":
    queries, slots, path, command = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3], sys.argv[4]

    def append(line):
        with open(path, "a") as file:
            file.write(line)

    with multiprocessing.Pool(slots, start, (multiprocessing.Value("i", queries),)) as pool:
        for result in [pool.apply_async(run, (command,), callback=append) for _ in range(queries)]:
            result.get()
