#!/usr/bin/env python3
"""Writes what dlib and onnxruntime make of pictures, for the tests of `limen-face` to compare with.

    make_golden.py                         the bundled pictures, beside this script
    make_golden.py --data DIR --out CACHE  24 or more faces of a test collection; CACHE must lie
                                           outside the repository, since nothing of DIR may enter it

Decoders of JPEG differ by a few grey levels, so every picture is written as
PNG and the tests read that. `golden.json` in the output folder:

    format     "limen-golden-1"
    made_by    versions of dlib, onnxruntime and Pillow
    pictures   a list of
      file         PNG, relative to golden.json: 8-bit RGB
      source       where it came from and what was done to it
      width, height, rgb_sha256   of the decoded RGB bytes, row by row
      faces        by dlib, a list (may be empty) of
        box          left, top, right, bottom, **inclusive** (width = right − left + 1)
        box_from     "hog" (dlib's frontal detector, upsampled once) or "hand" (chosen to be awkward)
        score        of the HOG detector, null for "hand"
        points       5 × [x, y] in whole pixels, dlib's order
        chip         PNG of 150×150, padding 0.25: to be met pixel by pixel
        chip_sha256  of its RGB bytes
        embedding    128 floats, raw, no jitter: to be met within 1e-5
      detector     by onnxruntime from onnx/blazeface_back.onnx
        input        PNG of 256×256, the letterboxed picture
        input_sha256 of its RGB bytes
        scale        [sx, sy] and offset [ox, oy]: x in the input = x in the picture · sx + ox
        candidates   every anchor with score ≥ 0.5, by anchor, in pixels of the input:
                     {anchor, score, box [left, top, right, bottom], points 6 × [x, y]}
        faces        after greedy suppression (highest score first, IoU > 0.3 dropped), in pixels
                     of the picture: {anchor, score, box, points}
                     To be met within 1e-3 given `input`.

How `input` is made: with s = 256 / max(width, height), the picture is resized
to round(width·s) × round(height·s), halves up, at least 1 (triangle filter,
widened by 1/s where the picture shrinks: Pillow's BILINEAR), and pasted on
black at ((256 − w) div 2, (256 − h) div 2). The network gets value / 127.5 − 1.
Coordinates of both pictures are those of pixel edges: 0 is the left edge of
the first pixel.
"""

import argparse
import hashlib
import json
import sys
import tempfile
from pathlib import Path

import dlib
import numpy as np
import onnxruntime
import PIL
from PIL import Image, ImageOps

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "onnx"))

from convert import LANDMARKS, RESNET, source  # noqa: E402

SIDE = 256
CHIP = 150
PADDING = 0.25


class Peer:
    """dlib's own pipeline and BlazeFace on onnxruntime."""

    def __init__(self, packages: Path):
        self.detector = dlib.get_frontal_face_detector()
        self.predictor = _load(dlib.shape_predictor, source(LANDMARKS, packages))
        self.network = _load(dlib.face_recognition_model_v1, source(RESNET, packages))
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self.blazeface = onnxruntime.InferenceSession(
            HERE.parent / "onnx" / "blazeface_back.onnx",
            options,
            providers=["CPUExecutionProvider"],
        )
        self.anchors = anchors()

    def boxes(self, rgb: np.ndarray) -> list[tuple[dlib.rectangle, float]]:
        found, scores, _ = self.detector.run(rgb, 1, 0.0)
        return sorted(zip(found, scores, strict=True), key=lambda one: -one[0].area())

    def face(self, rgb: np.ndarray, box: dlib.rectangle, score: float | None):
        """A face's entry and its chip."""
        shape = self.predictor(rgb, box)
        chip = dlib.get_face_chip(rgb, shape, CHIP, PADDING)
        values = np.array(self.network.compute_face_descriptor(chip, 0))
        whole = np.array(self.network.compute_face_descriptor(rgb, shape, 0, PADDING))
        if not np.array_equal(values, whole):
            sys.exit("dlib gives another embedding from the chip than from the picture")
        entry = {
            "box": [box.left(), box.top(), box.right(), box.bottom()],
            "box_from": "hand" if score is None else "hog",
            "score": score,
            "points": [[point.x, point.y] for point in shape.parts()],
            "chip_sha256": digest(chip),
            # float32 values: nine digits bring each back exactly.
            "embedding": [float(f"{value:.9g}") for value in values],
        }
        return entry, chip

    def look(self, rgb: np.ndarray):
        """The detector's entry and its input."""
        image, scale, offset = letterbox(rgb)
        value = (image.astype(np.float32) / 127.5 - 1).transpose(2, 0, 1)[None]
        boxes, scores = self.blazeface.run(["boxes", "scores"], {"image": value})
        found = candidates(boxes[0].astype(np.float64), scores[0, :, 0], self.anchors)
        entry = {
            "input_sha256": digest(image),
            "scale": scale,
            "offset": offset,
            "candidates": [rounded(one) for one in found],
            "faces": [rounded(in_picture(one, scale, offset)) for one in suppress(found)],
        }
        return entry, image


def _load(kind, data: bytes):
    with tempfile.NamedTemporaryFile(suffix=".dat") as file:
        file.write(data)
        file.flush()
        return kind(file.name)


def digest(rgb: np.ndarray) -> str:
    return hashlib.sha256(np.ascontiguousarray(rgb).tobytes()).hexdigest()


def letterbox(rgb: np.ndarray):
    height, width = rgb.shape[:2]
    shrink = SIDE / max(width, height)
    new = [max(1, int(size * shrink + 0.5)) for size in (width, height)]
    offset = [(SIDE - size) // 2 for size in new]
    image = Image.new("RGB", (SIDE, SIDE))
    image.paste(Image.fromarray(rgb).resize(new, Image.Resampling.BILINEAR), tuple(offset))
    return np.array(image), [new[0] / width, new[1] / height], offset


def anchors() -> np.ndarray:
    """Centres of the 896 anchors in pixels of the input."""
    centres = []
    for stride, each in ((16, 2), (32, 6)):
        cells = SIDE // stride
        for y in range(cells):
            for x in range(cells):
                centres += [((x + 0.5) * stride, (y + 0.5) * stride)] * each
    return np.array(centres)


def candidates(boxes: np.ndarray, raw: np.ndarray, centres: np.ndarray) -> list[dict]:
    scores = 1 / (1 + np.exp(-np.clip(raw.astype(np.float64), -100, 100)))
    found = []
    for anchor in np.flatnonzero(scores >= 0.5):
        values = boxes[anchor].reshape(8, 2)
        centre, half = centres[anchor] + values[0], values[1] / 2
        found.append(
            {
                "anchor": int(anchor),
                "score": float(scores[anchor]),
                "box": [*(centre - half), *(centre + half)],
                "points": (centres[anchor] + values[2:]).tolist(),
            }
        )
    return found


def suppress(found: list[dict]) -> list[dict]:
    kept = []
    for one in sorted(found, key=lambda one: -one["score"]):
        if all(overlap(one["box"], other["box"]) <= 0.3 for other in kept):
            kept.append(one)
    return kept


def overlap(a: list[float], b: list[float]) -> float:
    """Intersection over union."""
    width = min(a[2], b[2]) - max(a[0], b[0])
    height = min(a[3], b[3]) - max(a[1], b[1])
    shared = max(0.0, width) * max(0.0, height)
    both = sum((box[2] - box[0]) * (box[3] - box[1]) for box in (a, b))
    return shared / (both - shared)


def in_picture(one: dict, scale: list[float], offset: list[int]) -> dict:
    def back(point):
        return [(value - o) / s for value, o, s in zip(point, offset, scale, strict=True)]

    box = [*back(one["box"][:2]), *back(one["box"][2:])]
    return {**one, "box": box, "points": [back(point) for point in one["points"]]}


def rounded(one: dict) -> dict:
    return {
        "anchor": one["anchor"],
        "score": round(one["score"], 6),
        "box": [round(float(value), 4) for value in one["box"]],
        "points": [[round(float(value), 4) for value in point] for point in one["points"]],
    }


def bundled(peer: Peer):
    """(name, what it is, pixels, boxes or None for HOG's) of the pictures in ../pictures."""
    folder = HERE.parent / "pictures"
    picture = {path.stem: read(path) for path in sorted(folder.glob("*.*g"))}
    for name, rgb in picture.items():
        if name == "astronaut":
            yield "../pictures/astronaut.png", "as it is", rgb, None
        else:
            image = Image.fromarray(rgb)
            image.thumbnail((480, 480), Image.Resampling.LANCZOS)
            yield f"{name}.png", f"../pictures/{name}.jpg, 480 px at most", np.array(image), None
    # Close to the camera: the chip is taken from a halved picture.
    near = picture["obama"][90:490, 300:700]
    yield "near.png", "../pictures/obama.jpg, x 300..700, y 90..490", near, None
    # Half outside the picture: points and chip reach over its border.
    edge = picture["astronaut"][60:180, 205:325]
    yield "edge.png", "../pictures/astronaut.png, x 205..325, y 60..180", edge, [
        dlib.rectangle(-30, 16, 60, 106)
    ]
    # Leaning head: the chip is turned.
    image = Image.fromarray(picture["obama2"]).crop((60, 160, 560, 660))
    leaning = np.array(image.rotate(25, Image.Resampling.BICUBIC).crop((90, 90, 410, 410)))
    yield "leaning.png", "../pictures/obama2.jpg, turned by 25°, cut", leaning, [
        dlib.rectangle(40, 60, 240, 260)
    ]


def collection(peer: Peer, folder: Path):
    """The first picture with a face of 20 + 4 + 4 people; two of them again, enlarged."""
    for group, people in (("lfw", 20), ("azure", 4), ("face_recognition", 4)):
        taken = 0
        for person in sorted((folder / "faces" / group).iterdir()):
            path = min(person.glob("*.*g"), default=None)
            if taken == people or path is None:
                continue
            rgb, origin = read(path), str(path.relative_to(folder))
            found = peer.boxes(rgb)
            if not found:
                continue
            taken += 1
            yield f"{path.stem}.png", origin, rgb, None
            if group == "lfw" and taken <= 2:
                # As if close to the camera: the chip is taken from a picture halved more than once.
                large = np.array(ImageOps.scale(Image.fromarray(rgb), 4))
                sides = ("left", "top", "right", "bottom")
                boxes = [dlib.rectangle(*(4 * getattr(box, s)() for s in sides)) for box, _ in found]
                yield f"{path.stem}-large.png", f"{origin}, ×4", large, boxes


def read(path: Path) -> np.ndarray:
    return np.array(ImageOps.exif_transpose(Image.open(path)).convert("RGB"))


def write(pictures, peer: Peer, out: Path) -> None:
    out.mkdir(parents=True, exist_ok=True)

    def save(name: str, rgb: np.ndarray) -> str:
        Image.fromarray(rgb).save(out / name, optimize=True)
        return name

    entries = []
    for file, origin, rgb, boxes in pictures:
        rgb = np.ascontiguousarray(rgb)
        stem = Path(file).stem
        if "/" not in file:
            save(file, rgb)
        given = peer.boxes(rgb) if boxes is None else [(box, None) for box in boxes]
        faces = []
        for number, (box, score) in enumerate(given):
            face, chip = peer.face(rgb, box, score)
            faces.append({**face, "chip": save(f"{stem}.chip{number}.png", chip)})
        detector, image = peer.look(rgb)
        detector["input"] = save(f"{stem}.input.png", image)
        entries.append(
            {
                "file": file,
                "source": origin,
                "width": rgb.shape[1],
                "height": rgb.shape[0],
                "rgb_sha256": digest(rgb),
                "faces": faces,
                "detector": detector,
            }
        )
        print(f"{file}: {len(faces)} by dlib, {len(detector['faces'])} by BlazeFace")
    golden = {
        "format": "limen-golden-1",
        "made_by": {
            "dlib": dlib.__version__,
            "onnxruntime": onnxruntime.__version__,
            "pillow": PIL.__version__,
        },
        "pictures": entries,
    }
    text = json.dumps(golden, indent=1, ensure_ascii=False)
    (out / "golden.json").write_text(text + "\n")


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--data", type=Path, help="folder of a test collection")
    arguments.add_argument("--out", type=Path, help="where to write (with --data: required)")
    arguments.add_argument(
        "--packages", type=Path, default=Path(tempfile.gettempdir()) / "limen-packages"
    )
    options = arguments.parse_args()
    peer = Peer(options.packages)
    if options.data is None:
        write(bundled(peer), peer, options.out or HERE)
        return
    if options.out is None:
        arguments.error("--data needs --out, a folder outside the repository")
    if options.out.resolve().is_relative_to(HERE.parents[1]):
        arguments.error(f"{options.out} lies inside the repository, where test faces may not go")
    write(collection(peer, options.data), peer, options.out)


if __name__ == "__main__":
    main()
