#!/usr/bin/env python3
"""Times what PyPI's face_recognition 1.3.0 does with frames, stage by stage, on one thread.

    face_recognition_bench.py [--repeat N] [--packages DIR] FRAME_OR_FOLDER …
    face_recognition_bench.py --serve [--packages DIR]

These are the calls to dlib behind `face_recognition.face_locations(frame)`
and `face_recognition.face_encodings(frame, locations)` with their defaults:
HOG detector on the frame upsampled once, boxes trimmed to the frame, 5-point
landmarks, one embedding without jitter for every face. They are made one by
one here, so that each stage can be timed.

Prints one JSON object. Times are CPU time of the thread in milliseconds, per
frame (`decode`, `detect`, `landmarks`, `embed`, `total`, over all faces of
the frame); reading of the files and loading of the models are left out.

With `--serve` it is one side of `limen-face bench --peer`, which asks for one
frame after the other and looks at each itself in between, so that both see
the same state of the machine. It prints one line of JSON about itself; then,
for every line on stdin, which is a file, one line: the number of faces, the
times, and the width and embedding of the widest face.

Which dlib runs matters most: the wheel `dlib-bin` is a generic build without
a BLAS and several times slower in the embedding than dlib built from source
on the machine itself, which is the fair peer:

    python3 -m pip install --no-binary dlib dlib==20.0.1     (needs cmake, a compiler, OpenBLAS)
"""

import os

# Before dlib brings in its BLAS: one thread, like the other side of the comparison.
for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[name] = "1"

import argparse  # noqa: E402
import dataclasses  # noqa: E402
import io  # noqa: E402
import json  # noqa: E402
import resource  # noqa: E402
import sys  # noqa: E402
import tempfile  # noqa: E402
import time  # noqa: E402
from importlib import metadata  # noqa: E402
from pathlib import Path  # noqa: E402

import dlib  # noqa: E402
import numpy as np  # noqa: E402
from PIL import Image, ImageOps  # noqa: E402

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "onnx"))

from convert import LANDMARKS, RESNET, source  # noqa: E402

NAME = "face_recognition 1.3.0"
UPSAMPLE = 1
STAGES = ("decode", "detect", "landmarks", "embed", "total")


def build() -> dict:
    """Which dlib this is, and whether it is a generic build."""
    installed = [
        f"{name} {metadata.version(name)}"
        for name in ("dlib", "dlib-bin")
        if any(d.metadata["Name"] == name for d in metadata.distributions())
    ]
    flags = {
        "avx": bool(getattr(dlib, "USE_AVX_INSTRUCTIONS", False)),
        "neon": bool(getattr(dlib, "USE_NEON_INSTRUCTIONS", False)),
        "blas": bool(getattr(dlib, "DLIB_USE_BLAS", False)),
        "cuda": bool(getattr(dlib, "DLIB_USE_CUDA", False)),
    }
    generic = not flags["blas"] or not (flags["avx"] or flags["neon"])
    return {
        "version": dlib.__version__,
        "installed_as": installed,
        "file": dlib.__file__,
        **flags,
        "generic_build": generic,
    }


def load(kind, file: str, packages: Path):
    with tempfile.NamedTemporaryFile(suffix=".dat") as copy:
        copy.write(source(file, packages))
        copy.flush()
        return kind(copy.name)


def trimmed(box: dlib.rectangle, frame: np.ndarray) -> dlib.rectangle:
    """face_recognition hands boxes on that do not reach over the frame."""
    height, width = frame.shape[:2]
    return dlib.rectangle(
        max(box.left(), 0), max(box.top(), 0), min(box.right(), width), min(box.bottom(), height)
    )


class Pipeline:
    def __init__(self, packages: Path):
        self.detector = dlib.get_frontal_face_detector()
        self.predictor = load(dlib.shape_predictor, LANDMARKS, packages)
        self.network = load(dlib.face_recognition_model_v1, RESNET, packages)

    def run(self, data: bytes) -> "Look":
        """What is found in a file's bytes, and how long it took."""
        start = time.thread_time_ns()
        frame = np.array(ImageOps.exif_transpose(Image.open(io.BytesIO(data))).convert("RGB"))
        decoded = time.thread_time_ns()
        boxes = [trimmed(box, frame) for box in self.detector(frame, UPSAMPLE)]
        detected = time.thread_time_ns()
        shapes = [self.predictor(frame, box) for box in boxes]
        marked = time.thread_time_ns()
        values = [
            np.array(self.network.compute_face_descriptor(frame, shape, 1)) for shape in shapes
        ]
        end = time.thread_time_ns()
        spans = (decoded - start, detected - decoded, marked - detected, end - marked, end - start)
        height, width = frame.shape[:2]
        widest = max(range(len(boxes)), key=lambda i: boxes[i].width(), default=None)
        return Look(
            faces=len(boxes),
            size=f"{width}x{height}",
            ms={stage: span / 1e6 for stage, span in zip(STAGES, spans, strict=True)},
            width=0 if widest is None else boxes[widest].width(),
            embedding=[] if widest is None else values[widest].tolist(),
        )


@dataclasses.dataclass
class Look:
    """One frame looked at."""

    faces: int
    size: str
    ms: dict[str, float]
    width: int
    embedding: list[float]


def files(paths: list[Path]) -> list[Path]:
    found = []
    for path in paths:
        inside = sorted(path.iterdir()) if path.is_dir() else [path]
        found += [f for f in inside if f.suffix.lower() in (".png", ".jpg", ".jpeg", ".bmp", ".webp")]
    if not found:
        sys.exit("no frame: give PNG, JPEG, BMP or WebP files, or folders of them")
    return found


def peak_rss_mib() -> float:
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1)


def serve(pipeline: Pipeline, peer: dict) -> None:
    print(json.dumps({"peer": NAME, "dlib": peer}), flush=True)
    for line in sys.stdin:
        look = pipeline.run(Path(line.rstrip("\n")).read_bytes())
        print(json.dumps(dataclasses.asdict(look) | {"peak_rss_mib": peak_rss_mib()}), flush=True)


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("frames", nargs="*", type=Path)
    arguments.add_argument("--serve", action="store_true", help="frames are named on stdin")
    arguments.add_argument("--repeat", type=int, default=3, help="rounds over all frames")
    arguments.add_argument(
        "--packages", type=Path, default=Path(tempfile.gettempdir()) / "limen-packages"
    )
    options = arguments.parse_args()
    if options.repeat < 1:
        arguments.error("--repeat must be at least 1")

    peer = build()
    if peer["generic_build"]:
        print(
            "*** THIS dlib IS A GENERIC BUILD "
            f"(blas: {peer['blas']}, avx: {peer['avx']}, {', '.join(peer['installed_as'])}).\n"
            "*** Its times are NOT a fair comparison. Build it from source with a BLAS:\n"
            "***   python3 -m pip install --no-binary dlib dlib==20.0.1",
            file=sys.stderr,
        )
    pipeline = Pipeline(options.packages)
    if options.serve:
        serve(pipeline, peer)
        return
    given = [file.read_bytes() for file in files(options.frames)]
    pipeline.run(given[0])  # the first run allocates
    rounds = [[pipeline.run(data) for data in given] for _ in range(options.repeat)]
    looks = [look for one in rounds for look in one]
    report = {
        "peer": NAME,
        "dlib": peer,
        "frames": len(given),
        "repeat": options.repeat,
        "sizes": sorted({look.size for look in looks}),
        "faces": sum(look.faces for look in rounds[0]),
        "frames_without_face": sum(look.faces == 0 for look in rounds[0]),
        "thread_cpu_ms": {stage: summary([look.ms[stage] for look in looks]) for stage in STAGES},
        "peak_rss_mib": peak_rss_mib(),
    }
    print(json.dumps(report, indent=1))


def summary(values: list[float]) -> dict[str, float]:
    return {
        "median": round(float(np.median(values)), 3),
        "p95": round(float(np.percentile(values, 95)), 3),
        "mean": round(float(np.mean(values)), 3),
    }


if __name__ == "__main__":
    main()
