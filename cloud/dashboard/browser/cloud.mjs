// Starts the real cloud with a fresh data folder, and ends it.

import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

export const root = resolve(dirname(fileURLToPath(import.meta.url)), "../../..");

/** How long anything may take. */
export const PATIENCE_MS = 60_000;

/** The program: LIMEN_CLOUD says which, else the one that `cargo build` made. */
function program() {
  const target = process.env.CARGO_TARGET_DIR ?? join(root, "target");
  return process.env.LIMEN_CLOUD ?? join(target, "debug", "limen-cloud");
}

/** The commented defaults, with other values for some keys of the first section or of `[section]`. */
function configured(defaults, values) {
  let text = defaults;
  for (const [key, value] of Object.entries(values)) {
    const [section, name] = key.includes(".") ? key.split(".") : ["", key];
    const from = section ? text.indexOf(`\n[${section}]`) : 0;
    const before = text.slice(0, from);
    const line = new RegExp(`^${name} = .*$`, "m");
    const after = text.slice(from).replace(line, `${name} = ${JSON.stringify(value)}`);
    if (from < 0 || !line.test(text.slice(from))) throw new Error(`the default configuration has no ${key}`);
    text = before + after;
  }
  return text;
}

export class Cloud {
  #running = null;

  /** A cloud that has never run. `values` are keys of its configuration. */
  static async fresh(values) {
    const cloud = new Cloud();
    const said = spawnSync(program(), ["default-config"], { encoding: "utf8" });
    if (said.status !== 0) throw new Error(`${program()} default-config: ${said.error ?? said.stderr}`);
    cloud.folder = await mkdtemp(join(tmpdir(), "limen-browser-"));
    cloud.defaults = said.stdout;
    cloud.values = {
      zoo: join(root, "models"),
      "http.listen": "127.0.0.1:0",
      "mqtt.listen": "127.0.0.1:0",
      "metrics.listen": "127.0.0.1:0",
      ...values,
    };
    return cloud;
  }

  get data() {
    return join(this.folder, "data");
  }

  /** Starts it and waits until everything is bound. It comes back under the address that it had. */
  async start() {
    const config = join(this.folder, "cloud.toml");
    await writeFile(config, configured(this.defaults, this.values));
    const child = spawn(program(), ["run", "--config", config, "--data", this.data], {
      stdio: ["ignore", "ignore", "pipe"],
    });
    this.#running = child;
    const heard = [];
    const ready = deferred();
    createInterface({ input: child.stderr }).on("line", (line) => {
      heard.push(line);
      if (line.includes("limen-cloud is ready")) ready.resolve();
    });
    const gone = (why) => ready.reject(new Error(`limen-cloud ended before it was ready (${why}):\n${heard.join("\n")}`));
    child.once("error", gone);
    child.once("exit", (status, signal) => gone(signal ?? `status ${status}`));
    const late = setTimeout(() => gone(`nothing heard of it for ${PATIENCE_MS / 1000} s`), PATIENCE_MS);
    await ready.promise.finally(() => clearTimeout(late));
    this.addresses = JSON.parse(await readFile(join(this.data, "addresses.json"), "utf8"));
    this.url = this.addresses.http;
    this.values["http.listen"] = new URL(this.url).host;
    this.values["mqtt.listen"] = this.addresses.mqtt;
  }

  /** The link that the first start makes. */
  async setUpLink() {
    return (await readFile(join(this.data, "setup-link"), "utf8")).trim();
  }

  /** Ends it, by any signal, and waits until it is gone. */
  async end(signal) {
    const child = this.#running;
    this.#running = null;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const gone = once(child, "exit");
    child.kill(signal);
    await gone;
  }

  /** Ends it and leaves nothing behind. */
  async forget() {
    await this.end("SIGKILL");
    await rm(this.folder, { recursive: true, force: true });
  }
}

function deferred() {
  const parts = {};
  parts.promise = new Promise((resolve, reject) => Object.assign(parts, { resolve, reject }));
  return parts;
}
