#!/usr/bin/env python3
"""Finds the two nearest of a gallery with numpy or faiss, on one thread: one side of `limen-face search --peer`.

    gallery_search.py WAY QUERIES TEMPLATES

WAY is how:

- numpy-argmax: a matrix-vector product, the largest, and the largest without it
- numpy-argpartition: the same product and a partition
- faiss-ip, faiss-l2: IndexFlatIP, IndexFlatL2

numpy is spared the grouping by person: every person has one template.

On stdin come QUERIES and then TEMPLATES vectors of 128 float32, which are scaled to unit length here; then lines of
two numbers: the first query and how many. Printed is one line of JSON when the gallery is ready, and one for each
such line: CPU time of the thread in ns for all of these queries together, the numbers of the two nearest templates
to each, and memory in RAM.
"""

import os

# Before numpy brings in its BLAS.
for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[name] = "1"

import json  # noqa: E402
import sys  # noqa: E402
import time  # noqa: E402
from pathlib import Path  # noqa: E402

import numpy as np  # noqa: E402

DIMENSION = 128


def memory(field: str) -> float:
    """A field of this process's status, in MiB: VmRSS is now, VmHWM the most so far."""
    lines = Path("/proc/self/status").read_text().splitlines()
    (line,) = (line for line in lines if line.startswith(f"{field}:"))
    return int(line.split()[1]) / 1024


def unit_vectors(count: int) -> np.ndarray:
    vectors = np.empty((count, DIMENSION), np.float32)
    rest = memoryview(vectors).cast("B")
    while rest:
        got = sys.stdin.buffer.readinto(rest)
        if not got:
            sys.exit("vectors are missing")
        rest = rest[got:]
    for one in vectors:
        one /= np.sqrt(one @ one)
    return vectors


def numpy_argmax(gallery: np.ndarray):
    scores = np.empty(len(gallery), np.float32)

    def find(query):
        np.matmul(gallery, query, out=scores)
        first = scores.argmax()
        scores[first] = -2
        return first, scores.argmax()

    return f"numpy {np.__version__}, argmax twice", find


def numpy_argpartition(gallery: np.ndarray):
    scores = np.empty(len(gallery), np.float32)

    def find(query):
        np.matmul(gallery, query, out=scores)
        second, first = np.argpartition(scores, -2)[-2:]
        return first, second

    return f"numpy {np.__version__}, argpartition", find


def faiss_flat(kind: str, gallery: np.ndarray):
    import faiss

    faiss.omp_set_num_threads(1)
    index = getattr(faiss, kind)(DIMENSION)
    index.add(gallery)

    def find(query):
        return index.search(query[np.newaxis], 2)[1][0]

    return f"faiss {faiss.__version__}, {kind}", find


WAYS = {
    "numpy-argmax": numpy_argmax,
    "numpy-argpartition": numpy_argpartition,
    "faiss-ip": lambda gallery: faiss_flat("IndexFlatIP", gallery),
    "faiss-l2": lambda gallery: faiss_flat("IndexFlatL2", gallery),
}


def main() -> None:
    way, queries, templates = sys.argv[1:]
    if way.startswith("faiss"):
        import faiss  # noqa: F401  its own memory is no gallery's
    before = memory("VmRSS")
    queries = unit_vectors(int(queries))
    gallery = unit_vectors(int(templates))
    start = time.thread_time_ns()
    side, find = WAYS[way](gallery)
    ready = time.thread_time_ns() - start
    # What the index copied is needed no longer.
    del gallery
    print(json.dumps({"side": side, "ready_ms": ready / 1e6, "before_mib": before}), flush=True)
    for line in sys.stdin.buffer:
        first, count = map(int, line.split())
        asked = list(queries[first : first + count])
        found = []
        start = time.thread_time_ns()
        for query in asked:
            found.append(find(query))
        took = time.thread_time_ns() - start
        answer = {
            "ns": took,
            "people": [[int(number) for number in two] for two in found],
            "rss_mib": memory("VmRSS"),
            "peak_rss_mib": memory("VmHWM"),
        }
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
