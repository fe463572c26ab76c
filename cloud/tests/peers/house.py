"""A cloud of its own for a client in Python: started, set up, and gone at the end."""

import contextlib
import json
import os
import pathlib
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[3]
sys.path.insert(0, str(ROOT / "demo.d"))

from cloud import Cloud  # noqa: E402
from programs import Program, until  # noqa: E402

PICTURES = ROOT / "models" / "pictures"
OWNER = ("Ada", "ada@limen.example", "a threshold of stone")


@contextlib.contextmanager
def house(more: str = ""):
    """Gives the owner's way in, and the program, whose log is shown where something fails."""
    with tempfile.TemporaryDirectory() as place:
        folder = pathlib.Path(place)
        config, data = folder / "cloud.toml", folder / "data"
        listen = "".join(f'[{part}]\nlisten = "127.0.0.1:0"\n' for part in ("http", "mqtt", "metrics"))
        config.write_text(f"zoo = {json.dumps(str(PICTURES.parent))}\nbcrypt_cost = 4\n{more}\n{listen}")
        line = [os.environ["LIMEN_CLOUD"], "run", "--config", str(config), "--data", str(data)]
        program = Program("the cloud", line, folder / "cloud.log")
        try:
            until("the cloud's addresses", (data / "addresses.json").exists, [program], 60)
            owner = Cloud(json.loads((data / "addresses.json").read_text())["http"])
            until("the set-up link", (data / "setup-link").exists, [program], 10)
            owner.set_up((data / "setup-link").read_text(), *OWNER)
            yield owner, program
        except BaseException:
            print(f"The cloud said last:\n{program.tail()}", file=sys.stderr)
            raise
        finally:
            program.stop()
