"""Makes the clip that the demo's camera replays, with ffmpeg, from the bundled photographs."""

import dataclasses
import pathlib
import subprocess

PICTURES = pathlib.Path(__file__).resolve().parent.parent / "models" / "pictures"
FPS = 10
WIDTH, HEIGHT = 640, 480


@dataclasses.dataclass(frozen=True)
class Person:
    """Who is enrolled from which photographs, and which one stands before the camera."""

    key: str
    name: str
    enrolled: tuple[str, ...]
    shown: str
    # Head and shoulders in the shown photograph: left, top, width, in its pixels. The height follows.
    crop: tuple[int, int, int]
    # How far the camera sways to each side, in the same pixels.
    sway: int
    # ffmpeg's filter for another light; empty leaves the light as it is.
    light: str = ""

    @property
    def origin(self) -> str:
        """What the clip is made of, in words."""
        if not self.enrolled:
            return f"{self.shown}; nobody enrolled"
        if self.shown in self.enrolled:
            return f"the enrolled {self.shown} again, moved, scaled and relit: there is no second photograph"
        return f"{self.shown}, a photograph that was not enrolled"


CAST = (
    Person("obama", "Barack Obama", ("obama2.jpg", "obama3.jpg"), "obama.jpg", (104, 30, 765), 25),
    Person("biden", "Joe Biden", ("biden.jpg",), "biden.jpg", (205, 95, 730), 25,
           "eq=gamma=0.82:contrast=1.08:saturation=0.85"),
    Person("stranger", "a stranger", (), "astronaut.png", (30, 6, 400), 6),
)


def visit(person: Person, seconds: float) -> tuple[list[str], str]:
    """ffmpeg's input and filter for one person standing, swaying a little, before the camera."""
    left, top, width = person.crop
    height = width * HEIGHT // WIDTH
    chain = [
        f"crop={width}:{height}:'{left}+{person.sway}*sin(1.9*t)':'{top}+{person.sway // 2}*sin(1.3*t)'",
        f"scale={WIDTH}:{HEIGHT}:flags=bicubic",
    ]
    if person.light:
        chain.append(person.light)
    chain += ["noise=alls=4:allf=t", "format=yuvj420p", "setsar=1"]
    source = ["-loop", "1", "-framerate", str(FPS), "-t", str(seconds), "-i", str(PICTURES / person.shown)]
    return source, ",".join(chain)


def empty(seconds: float) -> tuple[list[str], str]:
    """ffmpeg's input and filter for a wall with nobody before it."""
    source = ["-f", "lavfi", "-t", str(seconds), "-i", f"color=c=0x6b7378:s={WIDTH}x{HEIGHT}:r={FPS}"]
    return source, "noise=alls=4:allf=t,format=yuvj420p,setsar=1"


def make(target: pathlib.Path, order: list[str], stay: float, away: float) -> None:
    """Writes the clip: each of `order` stays so many seconds, with nobody there before and after."""
    people = {person.key: person for person in CAST}
    parts = [empty(away)]
    for key in order:
        parts += [visit(people[key], stay), empty(away)]
    line = ["ffmpeg", "-nostdin", "-loglevel", "error", "-y"]
    graph = []
    for number, (source, chain) in enumerate(parts):
        line += source
        graph.append(f"[{number}:v]{chain}[p{number}]")
    joined = "".join(f"[p{number}]" for number in range(len(parts)))
    graph.append(f"{joined}concat=n={len(parts)}:v=1:a=0[out]")
    line += ["-filter_complex", ";".join(graph), "-map", "[out]", "-r", str(FPS), "-c:v", "mjpeg", "-q:v", "3", str(target)]
    subprocess.run(line, check=True, stdin=subprocess.DEVNULL)
