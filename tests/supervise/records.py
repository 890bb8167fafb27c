# records.py write DIR RECORDS | records.py read DIR: records of one page each through a pipe, so that whoever is
# killed between them loses none but the one that it holds.
import mmap
import os
import struct
import sys

PAGE = 4096
LIVES = 1000


# DIR/counts: for each life of the writer how many of its records are in the pipe. A mapping: what is counted there
# stays so, however the writer ends.
def counts(directory):
    fd = os.open(directory + "/counts", os.O_RDWR | os.O_CREAT, 0o644)
    os.ftruncate(fd, 8 * LIVES)
    return memoryview(mmap.mmap(fd, 8 * LIVES)).cast("Q")


def write(directory, wanted):
    written = counts(directory)
    with open(directory + "/lives", "a+") as lives:
        lives.write("x")
        lives.flush()
        life = lives.tell() - 1
    before = sum(written)
    number = 0
    while before + number < wanted:
        os.write(1, struct.pack("<QQ", life, number) * (PAGE // 16))
        number += 1
        written[life] = number
    print("all is written", file=sys.stderr, flush=True)
    while True:
        os.read(os.eventfd(0), 8)


def read(directory):
    out = os.open(directory + "/read", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    while True:
        record = os.read(0, PAGE)
        if not record:
            break
        os.write(out, record)
    print("the input has ended", file=sys.stderr, flush=True)


if sys.argv[1] == "write":
    write(sys.argv[2], int(sys.argv[3]))
else:
    read(sys.argv[2])
