"""What the guest gets from outside: the programs as built, the models, the unit, a configuration, scenes."""

import pathlib
import shutil

import scenes
from house import ROOT

# Floating point is emulated: a look at a frame takes seconds, and must be no hang. Out of sight for longer than
# a few looks ends a visit.
AWAY_S = 30.0
VISION_S = 60.0

TERMINAL = f"""data = "/var/lib/limen-terminal"
models = "/etc/limen/models"
[camera]
source = "v4l2:/dev/video0"
retry_max_s = 5.0
[gate]
# One frame decides, and the same person may punch again as soon as the visit has ended.
frames = 1
hold_s = 0.0
reverse_s = 0.0
away_s = {AWAY_S}
repunch_s = 1.0
[cloud]
status_s = 5.0
[clock]
# No time server is in the guest; its clock is the host's.
trust = "system"
[watchdog]
vision_s = {VISION_S}
[log]
format = "json"
"""


def fill(folder: pathlib.Path, programs: dict[str, pathlib.Path]) -> None:
    """Fills the folder, with the programs by name."""
    for name, program in programs.items():
        (folder / "bin").mkdir(parents=True, exist_ok=True)
        shutil.copy(program, folder / "bin" / name)
    models = folder / "models"
    models.mkdir()
    for part in ("onnx", "pictures"):
        shutil.copytree(ROOT / "models" / part, models / part)
    for file in [ROOT / "models" / "zoo.toml", *(ROOT / "models").glob("calibration*.csv")]:
        shutil.copy(file, models)
    shutil.copytree(ROOT / "demo.d", folder / "demo.d", ignore=shutil.ignore_patterns("__pycache__"))
    (folder / "terminal.toml").write_text(TERMINAL)
    shutil.copy(ROOT / "deploy" / "systemd" / "limen-daemon.service", folder)
    scenes.write(folder / "scenes")
