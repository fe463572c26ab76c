"""What the guest gets from outside: the programs as built, the models, the unit, a configuration, scenes."""

import json
import pathlib
import shutil

import scenes
from house import ROOT

HERE = pathlib.Path(__file__).resolve().parent

# Floating point is emulated: a look at a frame takes seconds, and must be no hang. Out of sight for longer than
# a few looks ends a visit.
AWAY_S = 30.0
VISION_S = 60.0

# The lines of the guest's GPIO chip, which of them are on at the low level, and for how long lamp and relay are on.
LINES = {"green": 0, "red": 1, "amber": 2, "buzzer": 3, "relay": 4, "button": 5}
ACTIVE_LOW = ["relay", "button"]
LAMP_S, RELAY_S = 2.0, 3.0

TERMINAL = f"""data = "/var/lib/limen-terminal"
models = "/etc/limen/models"
[camera]
source = "v4l2:/dev/video0"
retry_max_s = 5.0
[ways]
reader = "/dev/input/limen-reader"
[gpio]
chip = "limen-door"
green = {LINES["green"]}
red = {LINES["red"]}
amber = {LINES["amber"]}
buzzer = {LINES["buzzer"]}
relay = {LINES["relay"]}
button = {LINES["button"]}
active_low = {json.dumps(ACTIVE_LOW)}
lamp_s = {LAMP_S}
relay_s = {RELAY_S}
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
filter = "info,limen_daemon::gpio=debug"
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
    shutil.copytree(ROOT / "deploy", folder / "deploy")
    shutil.copy(HERE / "screen.py", folder)
    scenes.write(folder / "scenes")
