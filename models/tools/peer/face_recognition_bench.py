#!/usr/bin/env python3
"""Times what PyPI's face_recognition 1.3.0 does with frames, stage by stage, on one thread.

    face_recognition_bench.py [--repeat N] [--packages DIR] FRAME_OR_FOLDER …

These are the calls to dlib behind `face_recognition.face_locations(frame)`
and `face_recognition.face_encodings(frame, locations)` with their defaults:
HOG detector on the frame upsampled once, boxes trimmed to the frame, 5-point
landmarks, one embedding without jitter for every face. They are made one by
one here, so that each stage can be timed.

Prints one JSON object. Times are CPU time of the thread in milliseconds, per
frame (`detect`, `landmarks`, `embed`, `total`, over all faces of the frame);
decoding of the files and loading of the models are left out.

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

UPSAMPLE = 1
STAGES = ("detect", "landmarks", "embed", "total")


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

    def run(self, frame: np.ndarray) -> tuple[int, dict[str, float]]:
        """The number of faces found, and milliseconds by stage."""
        start = time.thread_time_ns()
        boxes = [trimmed(box, frame) for box in self.detector(frame, UPSAMPLE)]
        detected = time.thread_time_ns()
        shapes = [self.predictor(frame, box) for box in boxes]
        marked = time.thread_time_ns()
        for shape in shapes:
            np.array(self.network.compute_face_descriptor(frame, shape, 1))
        end = time.thread_time_ns()
        spans = (detected - start, marked - detected, end - marked, end - start)
        return len(boxes), {stage: span / 1e6 for stage, span in zip(STAGES, spans, strict=True)}


def frames(paths: list[Path]) -> list[tuple[str, np.ndarray]]:
    files = []
    for path in paths:
        inside = sorted(path.iterdir()) if path.is_dir() else [path]
        files += [f for f in inside if f.suffix.lower() in (".png", ".jpg", ".jpeg", ".bmp", ".webp")]
    if not files:
        sys.exit("no frame: give PNG, JPEG, BMP or WebP files, or folders of them")
    return [
        (str(file), np.array(ImageOps.exif_transpose(Image.open(file)).convert("RGB")))
        for file in files
    ]


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("frames", nargs="+", type=Path)
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
    given = frames(options.frames)
    pipeline = Pipeline(options.packages)
    pipeline.run(given[0][1])  # the first run allocates
    times = {stage: [] for stage in STAGES}
    faces = {}
    for _ in range(options.repeat):
        for name, frame in given:
            faces[name], spans = pipeline.run(frame)
            for stage, span in spans.items():
                times[stage].append(span)
    report = {
        "peer": "face_recognition 1.3.0",
        "dlib": peer,
        "frames": len(given),
        "repeat": options.repeat,
        "sizes": sorted({f"{frame.shape[1]}x{frame.shape[0]}" for _, frame in given}),
        "faces": sum(faces.values()),
        "frames_without_face": sum(count == 0 for count in faces.values()),
        "thread_cpu_ms": {
            stage: {
                "median": round(float(np.median(values)), 3),
                "p95": round(float(np.percentile(values, 95)), 3),
                "mean": round(float(np.mean(values)), 3),
            }
            for stage, values in times.items()
        },
        "peak_rss_mib": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1),
    }
    print(json.dumps(report, indent=1))


if __name__ == "__main__":
    main()
