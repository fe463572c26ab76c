"""Writes what stands before the guest's camera, with ffmpeg, from the bundled photographs: frames for the feeder."""

import pathlib
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent.parent / "demo.d"))

import clip  # noqa: E402

# Scenes by name, and whom of the demo's cast each shows; nobody is an empty wall.
SCENES = {"barack": "obama", "joe": "biden", "stranger": "stranger", "empty": None}

# The layouts of a V4L2 camera: ffmpeg's encoder and format for each. YUYV has ITU-R BT.601's limited range, as
# USB cameras give it; JPEG has the full range.
LAYOUTS = {
    "YUYV": ["-vf", "scale=out_color_matrix=bt601:out_range=tv,format=yuyv422", "-c:v", "rawvideo"],
    "MJPG": ["-c:v", "mjpeg", "-q:v", "3"],
}

# Bytes of a frame in YUYV.
FRAME = 2 * clip.WIDTH * clip.HEIGHT

# The feeder begins again at the end.
SECONDS = 1.0


def write(folder: pathlib.Path) -> None:
    """Writes each scene in each layout as NAME.LAYOUT: frames, each after its length in four bytes."""
    folder.mkdir(parents=True, exist_ok=True)
    people = {person.key: person for person in clip.CAST}
    for name, key in SCENES.items():
        source, chain = clip.visit(people[key], SECONDS) if key else clip.empty(SECONDS)
        drawn = _ffmpeg([*source, "-vf", chain, "-c:v", "ffv1", "-f", "matroska"])
        for layout, options in LAYOUTS.items():
            stream = _ffmpeg(["-f", "matroska", "-i", "-", *options, "-f", "image2pipe"], drawn)
            frames = _pictures(stream) if layout == "MJPG" else _equal(stream, FRAME)
            with (folder / f"{name}.{layout}").open("wb") as file:
                for frame in frames:
                    file.write(len(frame).to_bytes(4, "little") + frame)


def frames(path: pathlib.Path) -> list[bytes]:
    """The frames of a scene that `write` wrote."""
    stream, found, at = path.read_bytes(), [], 0
    while at < len(stream):
        length = int.from_bytes(stream[at : at + 4], "little")
        found.append(stream[at + 4 : at + 4 + length])
        at += 4 + length
    return found


def _ffmpeg(options: list[str], given: bytes = b"") -> bytes:
    line = ["ffmpeg", "-nostdin", "-loglevel", "error", *options, "-"]
    return subprocess.run(line, input=given, stdout=subprocess.PIPE, check=True).stdout


def _equal(stream: bytes, size: int) -> list[bytes]:
    return [stream[at : at + size] for at in range(0, len(stream), size)]


def _pictures(stream: bytes) -> list[bytes]:
    """JPEGs one after the other; the mark of the end stands nowhere within one (ffmpeg writes no thumbnail)."""
    end = b"\xff\xd9"
    return [picture + end for picture in stream.split(end) if picture]


if __name__ == "__main__":
    write(pathlib.Path(sys.argv[1]))
