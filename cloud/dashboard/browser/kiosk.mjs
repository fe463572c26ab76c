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
import { tmpdir } from "node:os";
import { join } from "node:path";
import { accessible, launch, take, watched } from "./browser.mjs";
import { Cloud, PATIENCE_MS, root } from "./cloud.mjs";
import { Terminal } from "./terminal.mjs";

const OWNER = { name: "Threshold Ltd", email: "owner@example.com", password: "a long way to the door" };
const PEOPLE = [
  { name: "Grace Example", email: "grace@example.com", password: "photographs of other days", photos: ["obama2.jpg", "obama3.jpg"] },
  { name: "Edgar Sample", email: "edgar@example.com", password: "only one photograph here", photos: ["biden.jpg"] },
];

/** Nobody's face, until they are enrolled. */
const THIRD = { name: "أمل مثال", email: "amal@example.com", password: "a suit for another world", photos: ["astronaut.png"] };

/** Head and shoulders in a photograph: left, top, width in its pixels; the height is three quarters of it. */
const HEADS = {
  grace: ["obama.jpg", 104, 30, 765],
  edgar: ["biden.jpg", 205, 95, 730],
  stranger: ["astronaut.png", 30, 6, 400],
};

/** The panels that are usual: 7 inches, 10 inches, and the first on end. */
const SIZES = [[800, 480], [1024, 600], [480, 800]];

/** The first terminal's door. */
const GATE = { away_s: 4.0, hold_s: 0.5 };

const photo = (name) => join(root, "models/pictures", name);
const folder = process.env.LIMEN_PICTURES ?? join(tmpdir(), "limen-kiosk");

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

/** What a camera sees before which somebody holds this printed badge, an SVG. */
async function heldUp(browser, svg) {
  const page = await browser.newPage();
  const data = await page.evaluate(async (source) => {
    const canvas = Object.assign(document.createElement("canvas"), { width: 640, height: 480 });
    const brush = canvas.getContext("2d");
    brush.fillStyle = "#6b7378";
    brush.fillRect(0, 0, 640, 480);
    const image = new Image(360, 360);
    image.src = source;
    await image.decode();
    brush.drawImage(image, 140, 60, 360, 360);
    return canvas.toDataURL("image/png").split(",")[1];
  }, `data:image/svg+xml;base64,${Buffer.from(svg).toString("base64")}`);
  await page.close();
  return Buffer.from(data, "base64");
}

/** Nothing is cut off and nothing lies over another thing. */
async function fits(page, where) {
  const wrong = await page.evaluate(() => {
    const isText = (one) => ["P", "H2"].includes(one.tagName);
    const visible = [...document.querySelectorAll("p, h2, button, li, .icon, .left, .mirror")].filter(
      (one) => one.checkVisibility() && (!isText(one) || one.textContent.trim()),
    );
    const boxes = visible.map((one) => {
      const range = document.createRange();
      range.selectNodeContents(one);
      const box = (isText(one) ? range : one).getBoundingClientRect();
      return { text: one.textContent.trim() || one.getAttribute("class"), box, one };
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

  async "a number that is nobody's is refused"(story) {
    const { page } = story;
    await rest(story);
    await page.getByRole("button", { name: "PIN" }).click();
    await page.getByText("Your number, then your PIN").waitFor();
    for (const digit of "12345678") await page.getByRole("button", { name: digit }).click();
    await page.getByRole("button", { name: "Delete" }).click();
    await page.getByRole("button", { name: "9" }).click();
    await page.getByText("●".repeat(8)).waitFor();
    await seen(story, "pin");
    await page.getByRole("button", { name: "OK" }).click();
    await page.getByText("That PIN is not known").waitFor();
    await seen(story, "pin-unknown");
  },

  async "it is right to left in Arabic, from the choice to the punch"(story) {
    const { page, terminal, pictures } = story;
    await rest(story);
    await page.getByRole("button", { name: "DE", exact: true }).click();
    await page.getByText("Bitte in die Kamera schauen").waitFor();
    await seen(story, "german");
    await page.getByRole("button", { name: "ES", exact: true }).click();
    await page.getByText("Mire a la cámara").waitFor();
    await seen(story, "spanish");
    await page.getByRole("button", { name: "عربي" }).click();
    await page.locator('html[dir="rtl"][lang="ar"]').waitFor();
    await seen(story, "arabic");
    await page.getByRole("button", { name: "الرقم السري" }).click();
    await seen(story, "arabic-pin");
    await page.getByRole("button", { name: "إلغاء" }).click();
    story.third = await enrol(THIRD);
    await terminal.says(/the gallery is exchanged people=3/);
    await page.getByRole("button", { name: "عربي" }).click();
    await terminal.see(pictures.stranger);
    await page.getByText("دخول", { exact: true }).waitFor();
    await page.getByText("أمل", { exact: true }).waitFor();
    await seen(story, "arabic-in");
  },

  async "nothing was complained of"({ complaints }) {
    assert.deepEqual(complaints, []);
  },

  // The clock of the machine that this runs on is not to be set: the terminal's words are changed on their way.
  async "a clock that nobody vouches for is told"(story) {
    const { page, url } = story;
    await rest(story);
    const other = await page.context().newPage();
    await other.addInitScript(() => {
      const unsure = ({ data }) => ({ data: JSON.stringify({ ...JSON.parse(data), is_clock_unsure: true, is_offline: true }) });
      window.EventSource = class extends window.EventSource {
        addEventListener(type, listener) {
          super.addEventListener(type, type === "message" ? (event) => listener(unsure(event)) : listener);
        }
      };
    });
    await other.goto(url);
    await other.getByText("The time may be wrong").waitFor();
    // What is longest in each language, at its narrowest.
    for (const name of ["EN", "DE", "ES", "عربي"]) {
      await other.getByRole("button", { name, exact: true }).click();
      await seen({ page: other }, `clock-${name}`);
    }
    await other.close();
  },

  async "a camera that is unplugged is told, and comes back"(story) {
    const { page, terminal, pictures } = story;
    await terminal.unplug();
    await page.getByText("Use your PIN or badge").waitFor();
    await seen(story, "no-camera");
    await terminal.see(pictures.wall);
    await page.getByText("Look at the camera").waitFor();
  },

  async "a terminal that is away says so"(story) {
    await story.terminal.end();
    await story.page.getByText("One moment, please").waitFor();
    await seen(story, "away");
  },

  async "it comes back by itself, and with another configuration looks after a touch only, and shows no picture"(story) {
    const { page, terminal, pictures, url } = story;
    await terminal.configure({ gate: { ...GATE, looks: "touched", reverse_s: 0 }, kiosk: { listen: new URL(url).host, preview: false } });
    await terminal.see(pictures.far);
    terminal.start();
    await page.getByText("Touch the screen").waitFor();
    await seen(story, "touch");
    await page.getByText("Touch the screen").click();
    await page.getByText("Come closer").waitFor();
    await seen(story, "outline");
    const [pixels] = await page.evaluate(async () => {
      const answer = await fetch("frame?after=0");
      return [(await answer.arrayBuffer()).byteLength];
    });
    assert.equal(pixels, 0, "bytes of a picture that nobody is to see");
    await page.getByText("Touch the screen").waitFor();
  },

  async "somebody goes by a PIN and comes by a badge, without a face"(story) {
    const { page, terminal, third, browser } = story;
    const from = terminal.heard.length;
    const badge = await (await askedJson(`/api/v1/people/${third}/badges`, {})).json();
    await terminal.says(/the gallery is exchanged/, from);
    const then = terminal.heard.length;
    const { typed } = await (await askedJson(`/api/v1/people/${third}/pin`, {})).json();
    await terminal.says(/the gallery is exchanged/, then);
    await page.getByRole("button", { name: "PIN" }).click();
    await page.keyboard.type(typed);
    await page.keyboard.press("Enter");
    await page.locator('body[data-view="punched"][data-tone="out"]').waitFor();
    await page.getByText("أمل", { exact: true }).waitFor();
    await shows(page, "idle");
    const code = await fetch(`${cloud.url}/api/v1/people/${third}/badges/${badge.id}`, { headers: { cookie: cloud.cookie } });
    await terminal.see(await heldUp(browser, await code.text()));
    await page.locator('body[data-view="punched"][data-tone="in"]').waitFor();
    await seen(story, "badge");
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

async function enrol({ name, email, password, photos }) {
  const form = new FormData();
  const fields = { username: name, email, password, hourly_rate: "21.50", consent: "paper" };
  for (const [field, value] of Object.entries(fields)) form.append(field, value);
  for (const file of photos) form.append("image", new Blob([await readFile(photo(file))]), file);
  return (await (await asked("/api/v1/employees", form)).json()).id;
}

/** An owner, people with photographs, and a terminal of theirs. */
async function setUp() {
  await cloud.start();
  const token = new URL(await cloud.setUpLink()).searchParams.get("token");
  await askedJson("/api/v1/setup", { token, username: OWNER.name, email: OWNER.email, password: OWNER.password });
  const session = await askedJson("/api/v1/session", { email: OWNER.email, password: OWNER.password });
  cloud.cookie = session.headers.get("set-cookie").split(";")[0];
  for (const person of PEOPLE) await enrol(person);
  const { words } = await (await askedJson("/api/v1/claims", { name: "Front door" })).json();
  story.terminal = await Terminal.fresh({ gate: GATE });
  await story.terminal.see(story.pictures.wall);
  story.terminal.claim(cloud.url, words);
  story.terminal.start();
  [, story.url] = await story.terminal.says(/the screen is at (http:\/\/[\d.:]+)/);
  story.url += "/";
}

try {
  browser = await launch("--autoplay-policy=no-user-gesture-required");
  story.pictures = await pictures(browser);
  await setUp();
  const [width, height] = SIZES[0];
  Object.assign(story, await watched(browser, { viewport: { width, height } }), { browser, cloud });
  await take(steps, story, join(folder, "failed.png"));
  if (!process.exitCode) console.error(`pictures: ${folder}`);
} finally {
  await tidy();
}
