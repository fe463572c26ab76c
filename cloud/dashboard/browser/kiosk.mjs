// The terminal's own screen in a real browser: a real cloud, a real terminal whose camera is a folder, and what is
// shown to whoever comes.
//
//   npm run kiosk
//
// LIMEN_CLOUD     the program limen-cloud; without it, the one that `cargo build` made
// LIMEN_DAEMON    the program limen-daemon, likewise
// CHROMIUM        the browser; without it, Debian's
// LIMEN_PICTURES  the folder where to write pictures of the screen; without it, one below the temporary folder

import assert from "node:assert/strict";
import { mkdir, readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { chromium } from "playwright-core";
import { Cloud, PATIENCE_MS, root } from "./cloud.mjs";
import { Terminal } from "./terminal.mjs";

const OWNER = { name: "Threshold Ltd", email: "owner@example.com", password: "a long way to the door" };
const PEOPLE = [
  { name: "Grace Example", email: "grace@example.com", password: "photographs of other days", photos: ["obama2.jpg", "obama3.jpg"] },
  { name: "Edgar Sample", email: "edgar@example.com", password: "only one photograph here", photos: ["biden.jpg"] },
];

/** Head and shoulders in a photograph: left, top, width in its pixels; the height is three quarters of it. */
const HEADS = {
  grace: ["obama.jpg", 104, 30, 765],
  edgar: ["biden.jpg", 205, 95, 730],
  stranger: ["astronaut.png", 30, 6, 400],
};

/** The panels that are usual: 7 inches, 10 inches, and the first on end. */
const SIZES = [[800, 480], [1024, 600], [480, 800]];

const photo = (name) => join(root, "models/pictures", name);
const axe = await readFile(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const folder = process.env.LIMEN_PICTURES ?? join(tmpdir(), "limen-kiosk");

/** What the browser complained of: errors in the console, exceptions, and whatever the policy stopped. */
const complaints = [];

async function watched(browser) {
  const [width, height] = SIZES[0];
  const context = await browser.newContext({ viewport: { width, height } });
  const page = await context.newPage();
  page.setDefaultTimeout(PATIENCE_MS);
  page.on("pageerror", (error) => complaints.push(`exception: ${error.message}`));
  page.on("console", (message) => {
    if (["error", "warning"].includes(message.type())) complaints.push(`console: ${message.text()} (${message.location().url})`);
  });
  await page.exposeFunction("stoppedByPolicy", (what) => complaints.push(`policy: ${what}`));
  await page.addInitScript(() => {
    document.addEventListener("securitypolicyviolation", (e) => window.stoppedByPolicy(`${e.violatedDirective} ${e.blockedURI}`));
  });
  return page;
}

/** Each picture that a camera of 640 by 480 would see, made by the browser. Each head has a share of the width, and
 *  where it begins, in pixels; without that it is in the middle. */
async function pictures(browser) {
  const page = await browser.newPage();
  const made = async (...heads) => {
    const parts = [];
    for (const [who, share, x = (640 - 640 * share) / 2] of heads) {
      const [file, left, top, width] = HEADS[who];
      const kind = file.endsWith(".png") ? "png" : "jpeg";
      const source = `data:image/${kind};base64,${(await readFile(photo(file))).toString("base64")}`;
      parts.push({ source, left, top, width, share, x });
    }
    const data = await page.evaluate(async (parts) => {
      const canvas = Object.assign(document.createElement("canvas"), { width: 640, height: 480 });
      const brush = canvas.getContext("2d");
      brush.fillStyle = "#6b7378";
      brush.fillRect(0, 0, 640, 480);
      for (const { source, left, top, width, share, x } of parts) {
        const image = new Image();
        image.src = source;
        await image.decode();
        const [w, h] = [640 * share, 480 * share];
        brush.drawImage(image, left, top, width, width * 0.75, x, 480 - h, w, h);
      }
      return canvas.toDataURL("image/png").split(",")[1];
    }, parts);
    return Buffer.from(data, "base64");
  };
  const all = {
    wall: await made(),
    grace: await made(["grace", 1]),
    edgar: await made(["edgar", 1]),
    stranger: await made(["stranger", 1]),
    far: await made(["edgar", 0.35]),
    two: await made(["grace", 0.7, -60], ["edgar", 0.7, 250]),
  };
  await page.close();
  return all;
}

/** No barrier that axe-core knows of. */
async function accessible(page, where) {
  await page.evaluate(axe);
  const { violations } = await page.evaluate(() => window.axe.run(document));
  const found = violations.map((v) => `${v.id}: ${v.help}\n  ${v.nodes.map((n) => n.html).join("\n  ")}`);
  assert.deepEqual(found, [], where);
}

/** Nothing is cut off and nothing lies over another thing. */
async function fits(page, where) {
  const wrong = await page.evaluate(() => {
    const visible = [...document.querySelectorAll("p, button, li, h2")].filter((one) => one.checkVisibility() && !one.closest(".unseen") && one.textContent.trim());
    const boxes = visible.map((one) => {
      const range = document.createRange();
      range.selectNodeContents(one);
      return { text: one.textContent.trim(), box: one.tagName === "BUTTON" ? one.getBoundingClientRect() : range.getBoundingClientRect(), one };
    });
    const found = [];
    for (const { text, box, one } of boxes) {
      if (box.left < -1 || box.top < -1 || box.right > innerWidth + 1 || box.bottom > innerHeight + 1) found.push(`"${text}" is cut off`);
      if (one.tagName === "BUTTON" && one.scrollWidth > one.clientWidth + 1) found.push(`"${text}" is wider than its button`);
    }
    for (const [n, a] of boxes.entries()) {
      for (const b of boxes.slice(n + 1)) {
        if (a.one.contains(b.one) || b.one.contains(a.one)) continue;
        const wide = Math.min(a.box.right, b.box.right) - Math.max(a.box.left, b.box.left);
        const high = Math.min(a.box.bottom, b.box.bottom) - Math.max(a.box.top, b.box.top);
        if (wide > 2 && high > 2) found.push(`"${a.text}" and "${b.text}" lie over each other`);
      }
    }
    return found;
  });
  assert.deepEqual(wrong, [], where);
}

/** Pictures of what is shown, on every panel, each looked at for barriers and for what does not fit. */
async function seen({ page }, name) {
  for (const [width, height] of SIZES) {
    await page.setViewportSize({ width, height });
    const where = `${name}-${width}x${height}`;
    await page.screenshot({ path: join(folder, `${where}.png`) });
    await fits(page, where);
  }
  await page.setViewportSize({ width: SIZES[0][0], height: SIZES[0][1] });
  await accessible(page, name);
}

const shows = (page, view) => page.locator(`body[data-view="${view}"]`).waitFor();

/** Nobody is before the camera, and nothing is answered. */
async function rest({ page, terminal, pictures }) {
  await terminal.see(pictures.wall);
  await shows(page, "idle");
}

/** The last punch of somebody, as the cloud has it. */
async function punchOf({ cloud }, person) {
  const live = await (await fetch(`${cloud.url}/api/v1/live`, { headers: { cookie: cloud.cookie } })).json();
  return live.punches.find((punch) => punch.name === person.name);
}

async function until(what, ready) {
  const end = Date.now() + PATIENCE_MS;
  for (;;) {
    const found = await ready();
    if (found) return found;
    if (Date.now() > end) throw new Error(`waited in vain for ${what}`);
    await new Promise((done) => setTimeout(done, 200));
  }
}

/** Each is one thing that must hold. They follow one another. */
const steps = {
  async "the page is its own page's alone"({ url }) {
    const answer = await fetch(url);
    assert.equal(answer.status, 200);
    const policy = answer.headers.get("content-security-policy") ?? "";
    assert.match(policy, /default-src 'none'/);
    assert.doesNotMatch(policy, /unsafe|data:|\*/);
    assert.equal(answer.headers.get("cache-control"), "no-store");
    const post = (path, headers) =>
      fetch(new URL(path, url), { method: "POST", body: '{"seq":1,"change":"not_me"}', headers: { "content-type": "application/json", ...headers } });
    assert.equal((await post("amend", {})).status, 403, "without an origin");
    assert.equal((await post("amend", { origin: "http://example.com" })).status, 403, "from elsewhere");
    assert.equal((await post("amend", { origin: new URL(url).origin })).status, 409, "a punch that is not there");
  },

  async "a page of another origin in the same browser reads and presses nothing"({ page, cloud, url }) {
    const other = await page.context().newPage();
    await other.goto(cloud.url);
    const tried = await other.evaluate(async (url) => {
      const outcomes = [];
      for (const [path, method] of [["shown", "GET"], ["frame", "GET"], ["touch", "POST"], ["amend", "POST"]]) {
        const outcome = await fetch(url + path, { method, mode: "no-cors" }).then(() => "reached", () => "stopped");
        outcomes.push(outcome);
      }
      return outcomes;
    }, url);
    await other.close();
    // The other page's own policy stops it already; what the terminal answers is tried without a browser.
    assert.deepEqual(tried, ["stopped", "stopped", "stopped", "stopped"]);
    for (const site of ["cross-site", "same-site"]) {
      for (const path of ["shown", "frame", ""]) {
        const answer = await fetch(new URL(path, url), { headers: { "sec-fetch-site": site } });
        assert.equal(answer.status, 403, `${path} from ${site}`);
      }
    }
  },

  async "whoever stands too far away is asked to come closer"(story) {
    const { page, terminal, pictures } = story;
    await page.goto(story.url);
    await shows(page, "idle");
    await page.getByText("Look at the camera").waitFor();
    await page.getByText("A camera recognises faces here").waitFor();
    await seen(story, "idle");
    await terminal.see(pictures.far);
    await shows(page, "guide");
    await page.getByText("Come closer").waitFor();
    await seen(story, "guidance");
  },

  async "two people are asked to come one at a time"(story) {
    await story.terminal.see(story.pictures.two);
    await story.page.getByText("One at a time, please").waitFor();
    await seen(story, "two");
  },

  async "a face that is known comes in"(story) {
    const { page, terminal, pictures } = story;
    await rest(story);
    await terminal.see(pictures.edgar);
    await page.locator('body[data-view="punched"][data-tone="in"]').waitFor();
    await page.getByText("IN", { exact: true }).waitFor();
    await page.getByText("Edgar", { exact: true }).waitFor();
    await seen(story, "in");
  },

  async "it is changed to out by a button, and the cloud knows"(story) {
    const { page } = story;
    await page.getByRole("button", { name: "Change to OUT" }).click();
    await page.locator('body[data-view="punched"][data-tone="out"]').waitFor();
    await seen(story, "changed-to-out");
    await until("the change in the cloud", async () => (await punchOf(story, PEOPLE[1]))?.direction === "out");
  },

  async "whoever comes back at once is in already"(story) {
    const { page, terminal, pictures } = story;
    await rest(story);
    await terminal.see(pictures.grace);
    await page.locator('body[data-view="punched"][data-tone="in"]').waitFor();
    await page.getByText("Grace", { exact: true }).waitFor();
    // Out of sight for two seconds: a new visit, but not away.
    await terminal.see(pictures.wall);
    await page.waitForTimeout(2000);
    await terminal.see(pictures.grace);
    await page.getByText("Already in").waitFor();
    await page.getByText(/since \d\d:\d\d/).waitFor();
    await seen(story, "already-in");
  },

  async "a punch that would undo the last is asked for"(story) {
    const { page, terminal, pictures } = story;
    await rest(story);
    await terminal.see(pictures.grace);
    await shows(page, "reverses");
    await page.getByText("Leave already?").waitFor();
    await seen(story, "asked");
    await page.getByRole("button", { name: "OUT" }).click();
    await page.locator('body[data-view="punched"][data-tone="out"]').waitFor();
    await page.getByText(/0 h 0 min today/).waitFor();
    await seen(story, "out");
    await page.getByRole("button", { name: "Not me" }).click();
    await page.getByText("Taken back. Please try again.").waitFor();
    await seen(story, "taken-back");
  },

  async "a stranger is nobody"(story) {
    const { page, terminal, pictures } = story;
    await rest(story);
    await terminal.see(pictures.stranger);
    await page.getByText("Not recognised", { exact: true }).waitFor();
    await seen(story, "unknown");
  },

  async "a cut line is told, and punches are taken"(story) {
    const { page, cloud, terminal, pictures } = story;
    await cloud.end("SIGKILL");
    await page.getByText("No network: punches are kept").waitFor();
    await rest(story);
    await seen(story, "offline");
    await terminal.see(pictures.edgar);
    await page.getByText("Edgar", { exact: true }).waitFor();
    await seen(story, "offline-punch");
    await cloud.start();
    await page.getByText("No network: punches are kept").waitFor({ state: "detached" });
  },

  async "nothing was complained of"() {
    assert.deepEqual(complaints, []);
  },

  async "a terminal that is away says so"(story) {
    await story.terminal.end();
    await story.page.getByText("One moment, please").waitFor();
    await seen(story, "away");
  },
};

const story = { folder };
await mkdir(folder, { recursive: true });
const cloud = await Cloud.fresh({ registration: "open", bcrypt_cost: 4, currency: "EUR", zone: "Europe/Berlin", repunch_s: 1 });
let browser;

/** Nothing is left behind, also where the test is ended from outside. */
async function tidy() {
  await browser?.close();
  await story.terminal?.forget();
  await cloud.forget();
}
for (const signal of ["SIGINT", "SIGTERM"]) process.once(signal, () => void tidy().finally(() => process.exit(1)));

/** Asks the cloud as its page does; a refusal is a failure. */
async function asked(path, body, headers = {}) {
  const answer = await fetch(cloud.url + path, { method: "POST", body, headers: { origin: cloud.url, cookie: cloud.cookie ?? "", ...headers } });
  if (!answer.ok) throw new Error(`POST ${path}: ${answer.status} ${await answer.text()}`);
  return answer;
}
const askedJson = (path, value) => asked(path, JSON.stringify(value), { "content-type": "application/json" });

/** An owner, people with photographs, and a terminal of theirs. */
async function setUp() {
  await cloud.start();
  const token = new URL(await cloud.setUpLink()).searchParams.get("token");
  await askedJson("/api/v1/setup", { token, username: OWNER.name, email: OWNER.email, password: OWNER.password });
  const session = await askedJson("/api/v1/session", { email: OWNER.email, password: OWNER.password });
  cloud.cookie = session.headers.get("set-cookie").split(";")[0];
  for (const person of PEOPLE) {
    const form = new FormData();
    const fields = { username: person.name, email: person.email, password: person.password, hourly_rate: "21.50" };
    for (const [name, value] of Object.entries(fields)) form.append(name, value);
    for (const file of person.photos) form.append("image", new Blob([await readFile(photo(file))]), file);
    await asked("/api/v1/employees", form);
  }
  const { words } = await (await askedJson("/api/v1/claims", { name: "Front door" })).json();
  story.terminal = await Terminal.fresh({ away_s: 4.0, hold_s: 0.5 });
  await story.terminal.see(story.pictures.wall);
  story.terminal.claim(cloud.url, words);
  story.terminal.start();
  [, story.url] = await story.terminal.says(/the screen is at (http:\/\/[\d.:]+)/);
  story.url += "/";
}

try {
  browser = await chromium.launch({
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    args: ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update", "--disable-sync", "--no-first-run", "--autoplay-policy=no-user-gesture-required"],
  });
  story.pictures = await pictures(browser);
  await setUp();
  Object.assign(story, { page: await watched(browser), cloud });
  for (const [name, step] of Object.entries(steps)) {
    try {
      await step(story);
    } catch (error) {
      const failed = join(folder, "failed.png");
      await story.page.screenshot({ path: failed }).catch(() => {});
      const said = [...new Set(complaints)].slice(0, 20).map((complaint) => `  ${complaint}`);
      console.error([`✗ ${name}`, error.stack, "the browser complained of:", ...said, story.terminal.heard, `picture: ${failed}`].join("\n"));
      process.exitCode = 1;
      break;
    }
    console.error(`✓ ${name}`);
  }
  if (!process.exitCode) console.error(`pictures: ${folder}`);
} finally {
  await tidy();
}
