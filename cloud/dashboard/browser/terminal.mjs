// A real terminal: the program limen-daemon, with photographs in the place of a camera.

import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { copyFile, mkdir, mkdtemp, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { PATIENCE_MS, root } from "./cloud.mjs";

/** The program, where it was named. */
export const program = process.env.LIMEN_DAEMON;

export class Terminal {
  #running = null;
  #heard = "";

  /** A terminal that nobody claimed yet. */
  static async fresh(values) {
    const terminal = new Terminal();
    terminal.folder = await mkdtemp(join(tmpdir(), "limen-terminal-"));
    terminal.camera = join(terminal.folder, "camera");
    await mkdir(terminal.camera);
    terminal.config = join(terminal.folder, "terminal.toml");
    await terminal.configure(values);
    return terminal;
  }

  /** Writes its configuration, for the next start: these keys of `[gate]` and `[kiosk]`, the rest is its default. */
  async configure({ gate = {}, kiosk = {} }) {
    const keys = (section) => Object.entries(section).map(([key, value]) => `${key} = ${JSON.stringify(value)}`);
    await writeFile(
      this.config,
      `models = ${JSON.stringify(join(root, "models"))}
       [camera]
       source = "folder:camera"
       [gate]
       ${keys(gate).join("\n")}
       [clock]
       trust = "system"
       [cloud]
       status_s = 5.0
       [kiosk]
       ${keys({ listen: "127.0.0.1:0", ...kiosk }).join("\n")}
      `,
    );
  }

  /** The same, before which stands whoever is on `photo`. */
  static async before(photo) {
    // A photograph on end is no camera's frame: its face is small beside its height.
    const terminal = await Terminal.fresh({ gate: { min_face_px: 60 } });
    await copyFile(photo, join(terminal.camera, basename(photo)));
    return terminal;
  }

  /** The camera is unplugged. */
  async unplug() {
    await rm(join(this.camera, "now.png"));
  }

  /** Lets the camera see this picture from now on. */
  async see(picture) {
    const next = join(this.folder, "next");
    await writeFile(next, picture);
    await rename(next, join(this.camera, "now.png"));
  }

  /** Claims it, as a technician does who types the words. */
  claim(cloud, words) {
    const line = ["claim", "--config", this.config, "--cloud", cloud, "--words", "-"];
    const said = spawnSync(program, line, { input: words, encoding: "utf8" });
    if (said.status !== 0) throw new Error(`limen-daemon claim: ${said.error ?? said.stderr}`);
  }

  start() {
    const child = spawn(program, ["run", "--config", this.config], { stdio: ["ignore", "ignore", "pipe"] });
    child.stderr.setEncoding("utf8").on("data", (text) => (this.#heard += text));
    this.#running = child;
  }

  /** Waits until it has logged that, after the first `from` characters of its log; gives what matched. */
  async says(words, from = 0) {
    const signal = AbortSignal.timeout(PATIENCE_MS);
    for (;;) {
      const said = this.#heard.slice(from).match(words);
      if (said) return said;
      await once(this.#running.stderr, "data", { signal });
    }
  }

  /** What it logged so far: for when something does not come. */
  get heard() {
    return this.#heard;
  }

  /** Ends it. */
  async end() {
    const child = this.#running;
    if (child && child.exitCode === null && child.signalCode === null) {
      const gone = once(child, "exit");
      child.kill("SIGTERM");
      await gone;
    }
  }

  /** Ends it and leaves nothing behind. */
  async forget() {
    await this.end();
    await rm(this.folder, { recursive: true, force: true });
  }
}
