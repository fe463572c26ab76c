#!/usr/bin/env python3
"""Runs the shipped models beside the runtimes they came from and prints the largest differences.

    verify.py [--packages DIR] [--chips DIR]

`--chips` is a folder of 150×150 PNG face chips (default: ../golden). The
embedding is compared with dlib, BlazeFace with the TFLite runtime, the
landmark file with dlib's predictor by a reader written from the format alone.
Exits 1 where a bar is missed.
"""

import argparse
import struct
import sys
import tempfile
from pathlib import Path

import dlib
import numpy as np
import onnxruntime
from ai_edge_litert.interpreter import Interpreter
from PIL import Image

from convert import BLAZEFACE, BLAZEFACE_SHORT, LANDMARKS, RESNET, source

HERE = Path(__file__).resolve().parent


def session(name: str) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(HERE / name, options, providers=["CPUExecutionProvider"])


def embedding(dat: bytes, chips: list[np.ndarray]) -> float:
    """Largest difference of any of the 128 values to dlib's."""
    with tempfile.NamedTemporaryFile(suffix=".dat") as file:
        file.write(dat)
        file.flush()
        peer = dlib.face_recognition_model_v1(file.name)
    ours = session("resnet34.onnx")
    worst = 0.0
    for chip in chips:
        expected = np.array(peer.compute_face_descriptor(chip, 0))
        (found,) = ours.run(None, {"chip": chip.transpose(2, 0, 1)[None].astype(np.float32)})
        worst = max(worst, np.abs(found[0] - expected).max())
    return worst


def detector(name: str, data: bytes, images: list[np.ndarray]) -> tuple[float, float]:
    """Largest difference of the boxes (in pixels of the input) and of the scores after the sigmoid to TFLite's."""
    peer = Interpreter(model_content=data)
    peer.allocate_tensors()
    ours = session(name)
    index = {d["name"]: d["index"] for d in peer.get_output_details()}
    worst = [0.0, 0.0]
    for image in images:
        value = image.astype(np.float32) / 127.5 - 1
        peer.set_tensor(peer.get_input_details()[0]["index"], value[None])
        peer.invoke()
        found = ours.run(["boxes", "scores"], {"image": value.transpose(2, 0, 1)[None]})
        expected = [peer.get_tensor(index[name]) for name in ("regressors", "classificators")]
        worst[0] = max(worst[0], np.abs(found[0] - expected[0]).max())
        worst[1] = max(worst[1], np.abs(sigmoid(found[1]) - sigmoid(expected[1])).max())
    return worst[0], worst[1]


def sigmoid(values: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-np.clip(values.astype(np.float64), -100, 100)))


def landmarks(dat: bytes, pictures: list[np.ndarray]) -> int:
    """Largest difference of any landmark, in pixels, between dlib and `landmarks5.bin`."""
    with tempfile.NamedTemporaryFile(suffix=".dat") as file:
        file.write(dat)
        file.flush()
        peer = dlib.shape_predictor(file.name)
    ours = Landmarks((HERE / "landmarks5.bin").read_bytes())
    worst = 0
    for picture in pictures:
        height, width = picture.shape[:2]
        for share in (0.2, 0.35, 0.5):  # any box will do, the same for both
            side = int(min(width, height) * share)
            left, top = (width - side) // 2, (height - side) // 4
            box = dlib.rectangle(left, top, left + side, top + side)
            expected = [(p.x, p.y) for p in peer(picture, box).parts()]
            found = ours.points(picture, (left, top, left + side, top + side))
            worst = max(worst, int(np.abs(found - np.array(expected)).max()))
    return worst


class Landmarks:
    """Reads `landmarks5.bin` and runs it, plainly."""

    def __init__(self, data: bytes):
        if data[:4] != b"L5PT":
            sys.exit("landmarks5.bin does not begin with L5PT")
        version, cascades, trees, depth, points, marks = struct.unpack_from("<6I", data, 4)
        assert (version, depth, marks) == (1, 4, 5)
        at = 28
        self.initial = np.frombuffer(data, "<f4", 10, at).reshape(5, 2)
        at += 40
        point = np.dtype([("anchor", "u1"), ("delta", "<f4", 2)])
        split = [("idx1", "<u2"), ("idx2", "<u2"), ("threshold", "<f4")]
        tree = np.dtype([("splits", split, 15), ("leaves", "<f4", (16, 5, 2))])
        self.cascades = []
        for _ in range(cascades):
            sampling = np.frombuffer(data, point, points, at)
            at += sampling.nbytes
            forest = np.frombuffer(data, tree, trees, at)
            at += forest.nbytes
            self.cascades.append((sampling, forest))
        assert at == len(data), "bytes are left unread"

    def points(self, picture: np.ndarray, box: tuple[int, int, int, int]) -> np.ndarray:
        left, top, right, bottom = box
        size = np.array([right - left, bottom - top], np.float64)
        grey = picture.astype(np.int32).sum(axis=2) // 3
        shape = self.initial.astype(np.float32)
        for sampling, forest in self.cascades:
            turn = similarity(self.initial, shape)
            places = sampling["delta"] @ turn.T.astype(np.float32) + shape[sampling["anchor"]]
            pixels = np.floor(places * size + (left, top) + 0.5).astype(int)
            inside = (pixels >= 0).all(1) & (pixels < grey.shape[::-1]).all(1)
            x, y = np.where(inside[:, None], pixels, 0).T
            values = np.where(inside, grey[y, x], 0)
            for splits, leaves in forest:
                node = 0
                while node < 15:
                    idx1, idx2, threshold = splits[node]
                    right_turn = values[idx1] - values[idx2] <= threshold
                    node = 2 * node + 1 + int(right_turn)
                shape = shape + leaves[node - 15]
        return np.floor(shape * size + (left, top) + 0.5).astype(int)


def similarity(start: np.ndarray, end: np.ndarray) -> np.ndarray:
    """The 2×2 part of the least-squares similarity from one shape to another (Umeyama 1991)."""
    a, b = start - start.mean(0, dtype=np.float64), end - end.mean(0, dtype=np.float64)
    scale = (a * a).sum()
    cos = (a * b).sum() / scale
    sin = (a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0]).sum() / scale
    return np.array([[cos, -sin], [sin, cos]])


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument(
        "--packages", type=Path, default=Path(tempfile.gettempdir()) / "limen-packages"
    )
    arguments.add_argument("--chips", type=Path, default=HERE.parent / "golden")
    options = arguments.parse_args()

    def read(path: Path) -> np.ndarray:
        return np.array(Image.open(path).convert("RGB"))

    noise = np.random.default_rng(1)
    pictures = [read(path) for path in sorted((HERE.parent / "pictures").glob("*.*g"))]
    chips = [read(path) for path in sorted(options.chips.glob("**/*.png"))]
    chips = [chip for chip in chips if chip.shape == (150, 150, 3)]
    count = len(chips)
    chips += [np.array(Image.fromarray(p).resize((150, 150))) for p in pictures]
    chips.append(noise.integers(0, 256, (150, 150, 3), np.uint8))

    def detected(name: str, file: str, side: int) -> tuple[float, float]:
        frames = [np.array(Image.fromarray(p).resize((side, side))) for p in pictures]
        frames.append(noise.integers(0, 256, (side, side, 3), np.uint8))
        return detector(name, source(file, options.packages), frames)

    near = embedding(source(RESNET, options.packages), chips)
    far = detected("blazeface_back.onnx", BLAZEFACE, 256)
    short = detected("blazeface_short.onnx", BLAZEFACE_SHORT, 128)
    marks = landmarks(source(LANDMARKS, options.packages), pictures)
    print(f"embedding: {near:.2e} from dlib at most, {count} face chips and {len(chips) - count} other pictures")
    for name, (boxes, scores) in (("back", far), ("short", short)):
        print(f"detector, {name}: boxes {boxes:.2e} px, scores {scores:.2e} from TFLite at most, {len(pictures) + 1} pictures")
    print(f"landmarks: {marks} px from dlib at most, {3 * len(pictures)} boxes")
    good = all(boxes <= 1e-2 and scores <= 1e-5 for boxes, scores in (far, short))
    sys.exit(0 if near <= 1e-5 and good and marks == 0 else 1)


if __name__ == "__main__":
    main()
