// The page in a real browser, from the set-up link to a punch that shows by itself.
//
//   npm run browser
//
// LIMEN_CLOUD     the program limen-cloud; without it, the one that `cargo build` made
// LIMEN_DAEMON    the program limen-daemon; without it, no terminal is claimed
// CHROMIUM        the browser; without it, Debian's
// LIMEN_PICTURE   where to write the picture of the live page; without it, into the temporary folder

import assert from "node:assert/strict";
import { openAsBlob } from "node:fs";
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { accessible as noBarriers, launch, take, watched } from "./browser.mjs";
import { Cloud, root } from "./cloud.mjs";
import { types } from "./description.mjs";
import { Terminal, program as daemon } from "./terminal.mjs";

const OWNER = { name: "Threshold Ltd", email: "owner@example.com", password: "a long way to the door" };
const EMPLOYEE = { name: "Grace Example", email: "grace@example.com", password: "photographs of other days" };
const SECOND = { name: "Edgar Sample", email: "edgar@example.com", password: "only one photograph here" };

const photo = (name) => join(root, "models/pictures", name);
/** No barrier, light or dark. */
async function accessible(page, where) {
  for (const colorScheme of ["dark", "light"]) {
    await page.emulateMedia({ colorScheme });
    await noBarriers(page, `${where}, ${colorScheme}`);
  }
}

/** The browser itself logs every answer that is no success; the page shows those in words. */
const isRefusal = (text, path) => text.includes("status of 401") && ["/api/v1/live", "/api/v1/session"].includes(path);

/** Asks the cloud as the existing dashboard does: forms in, JSON out. */
async function asked(url, fields, token) {
  const body = new FormData();
  for (const [name, value] of Object.entries(fields)) body.append(name, value);
  const headers = token ? { authorization: `Bearer ${token}` } : {};
  const answer = await fetch(url, { method: "POST", body, headers });
  const said = await answer.json();
  assert.equal(answer.status, 200, `POST ${new URL(url).pathname}: ${JSON.stringify(said)}`);
  return said;
}

async function checkIn(cloud, person, file) {
  const { access_token } = await asked(`${cloud.url}/login/password`, {
    email: person.email,
    password: person.password,
  });
  return asked(`${cloud.url}/attendance/checkin`, { image: await openAsBlob(photo(file)) }, access_token);
}

/** Says that somebody signed, in the form that is open. */
async function signed(page) {
  await page.getByLabel("They have signed the consent text").check();
  await page.getByLabel("They read it in").selectOption({ label: "German" });
}

async function addPerson(page, person, files) {
  await page.getByRole("button", { name: "Add a person" }).click();
  await page.getByLabel("Name").fill(person.name);
  await page.getByLabel("E-mail").fill(person.email);
  await page.getByLabel("First password").fill(person.password);
  await page.getByLabel("Pay per hour").fill("21.50");
  await page.getByLabel("Photos").setInputFiles(files.map(photo));
  await signed(page);
  await page.getByRole("button", { name: "Add", exact: true }).click();
  await page.getByRole("row", { name: person.name }).waitFor();
}

/** Each is one thing that must hold. They follow one another on the same page. */
/** Without a fault for a screen reader, and no wider than a telephone. */
async function readable(page, view) {
  await accessible(page, view);
  await page.setViewportSize({ width: 360, height: 740 });
  const [scroll, width] = await page.evaluate(() => [document.documentElement.scrollWidth, innerWidth]);
  assert.ok(scroll <= width, `${view} is ${scroll} px wide on a screen of ${width}`);
  await accessible(page, `${view}, narrow`);
  await page.setViewportSize({ width: 1280, height: 800 });
}

const steps = {
  async "the page comes under a strict policy"({ cloud }) {
    const answer = await fetch(cloud.url, { headers: { accept: "text/html" } });
    assert.equal(answer.status, 200);
    const policy = answer.headers.get("content-security-policy") ?? "";
    assert.match(policy, /default-src 'none'/);
    assert.doesNotMatch(policy, /unsafe|data:|\*/);
  },

  async "the program carries the page that its sources make"({ cloud }) {
    for (const file of ["index.html", "assets/index.js", "assets/index.css"]) {
      const held = await readFile(new URL(`../dist/${file}`, import.meta.url), "utf8");
      const served = await (await fetch(`${cloud.url}/${file}`)).text();
      assert.ok(served === held, `limen-cloud was built with another ${file}: cargo build -p limen-cloud`);
    }
  },

  async "the page's types are what the cloud describes"({ cloud }) {
    const held = await readFile(new URL("../src/openapi.d.ts", import.meta.url), "utf8");
    assert.equal(await types(cloud.url), held, "src/openapi.d.ts is stale: npm run types, then npm run build");
  },

  async "the set-up link makes the owner, once"({ page, cloud }) {
    const link = await cloud.setUpLink();
    await page.goto(link);
    await page.getByLabel("Name").fill(OWNER.name);
    await page.getByLabel("E-mail").fill(OWNER.email);
    await page.getByLabel("Password").fill(OWNER.password);
    await accessible(page, "set-up");
    await page.getByRole("button", { name: "Set up" }).click();
    await page.getByText("Nobody is enrolled yet.").waitFor();
    assert.equal(new URL(page.url()).pathname + new URL(page.url()).search, "/");
    const body = JSON.stringify({ token: new URL(link).searchParams.get("token"), username: "Another", email: "another@example.com", password: "a second owner by the link" });
    const again = await fetch(`${cloud.url}/api/v1/setup`, { method: "POST", body, headers: { "content-type": "application/json" } });
    assert.equal(again.status, 403);
    await assert.rejects(cloud.setUpLink(), { code: "ENOENT" });
  },

  async "no script reads the session"({ page }) {
    assert.equal(await page.evaluate(() => document.cookie), "");
    const [cookie] = await page.context().cookies();
    assert.ok(cookie?.httpOnly);
    assert.equal(cookie.sameSite, "Strict");
  },

  async "a wrong password is told in words, the right one opens"({ page }) {
    await page.getByRole("button", { name: "Log out" }).click();
    await page.getByLabel("E-mail").fill(OWNER.email);
    await page.getByLabel("Password").fill("not the way to the door");
    await accessible(page, "log-in");
    await page.getByRole("button", { name: "Log in" }).click();
    await page.getByRole("alert").getByText("Invalid email or password").waitFor();
    await page.getByLabel("Password").fill(OWNER.password);
    await page.getByRole("button", { name: "Log in" }).click();
    await page.getByRole("heading", { name: "Who is in" }).waitFor();
  },

  async "people are added with their photos"({ page }) {
    await page.getByRole("button", { name: "Add a person" }).click();
    await accessible(page, "add a person");
    await page.getByRole("button", { name: "Cancel" }).click();
    await addPerson(page, EMPLOYEE, ["obama.jpg", "obama3.jpg"]);
    await addPerson(page, SECOND, ["biden.jpg"]);
    await page.getByRole("row", { name: EMPLOYEE.name }).getByText("○ out").waitFor();
  },

  async "a photo without a face is refused in words"({ page, complaints }) {
    await page.getByRole("button", { name: "Add a person" }).click();
    await page.getByLabel("Name").fill("Nobody");
    await page.getByLabel("E-mail").fill("nobody@example.com");
    await page.getByLabel("First password").fill("a picture without a face");
    await page.getByLabel("Pay per hour").fill("1");
    const blank = await page.evaluate(() => {
      const canvas = document.createElement("canvas");
      [canvas.width, canvas.height] = [640, 480];
      canvas.getContext("2d").fillRect(0, 0, 640, 480);
      return canvas.toDataURL("image/png").split(",")[1];
    });
    const file = { name: "blank.png", mimeType: "image/png", buffer: Buffer.from(blank, "base64") };
    await page.getByLabel("Photos").setInputFiles([file]);
    await signed(page);
    // The browser logs the refusal; it is what this step is about.
    const before = complaints.length;
    await page.getByRole("button", { name: "Add", exact: true }).click();
    await page.getByRole("alert").getByText(/face/i).waitFor();
    complaints.splice(before, complaints.length, ...complaints.slice(before).filter((said) => !said.includes("status of 400")));
    await page.getByRole("button", { name: "Cancel" }).click();
  },

  async "somebody enrols themselves by a link, or says no"({ page, cloud, picture, complaints }) {
    const open = () => page.getByRole("button", { name: `Face, PIN, badges: ${SECOND.name}` }).click();
    await open();
    await page.getByRole("heading", { name: `The face of ${SECOND.name}` }).waitFor();
    await page.getByText("on paper, text 2 in German").waitFor();
    page.once("dialog", (dialog) => dialog.accept());
    await page.getByRole("button", { name: "They withdraw" }).click();
    await page.getByText("No face is kept.").waitFor();
    await page.getByText("deleted everywhere").waitFor();
    const link = async () => {
      const before = await page.locator("[data-link]").allInnerTexts();
      await page.getByRole("button", { name: "Make a link" }).click();
      await page.waitForFunction((old) => document.querySelector("[data-link]") && document.querySelector("[data-link]").textContent !== old, before[0]);
      return page.locator("[data-link]").innerText();
    };
    const first = await link();
    await page.screenshot({ path: picture.replace(".png", "-person.png"), fullPage: true });
    await readable(page, "a person");
    const other = await page.context().newPage();
    await other.goto(first);
    await other.getByLabel("Language").selectOption("de");
    await other.getByText("Sie haben die Wahl.").waitFor();
    await other.screenshot({ path: picture.replace(".png", "-consent.png"), fullPage: true });
    await readable(other, "a consent text");
    await other.getByLabel("Sprache").selectOption("ar");
    await other.getByText("القرار لك").waitFor();
    await readable(other, "a consent text in Arabic");
    await other.getByRole("combobox").selectOption("en");
    await other.getByRole("button", { name: "I'd rather not" }).click();
    await other.getByText("does the same and counts the same").waitFor();
    await other.goto(await link());
    await other.getByRole("button", { name: "Yes, I agree" }).click();
    const blank = await other.evaluate(() => {
      const canvas = document.createElement("canvas");
      [canvas.width, canvas.height] = [640, 480];
      canvas.getContext("2d").fillRect(0, 0, 640, 480);
      return canvas.toDataURL("image/png").split(",")[1];
    });
    const file = { name: "blank.png", mimeType: "image/png", buffer: Buffer.from(blank, "base64") };
    await other.getByLabel("Or choose photos").setInputFiles([file]);
    await other.getByText("There is no face in it.").waitFor();
    await other.getByRole("button", { name: "Remove 1" }).click();
    for (let n = 1; n <= 3; n += 1) {
      await other.getByLabel("Or choose photos").setInputFiles([photo("biden.jpg")]);
      await other.getByText("Good", { exact: true }).nth(n - 1).waitFor();
    }
    await other.screenshot({ path: picture.replace(".png", "-photos.png"), fullPage: true });
    await readable(other, "photos of oneself");
    await other.getByRole("button", { name: "Enrol me with these" }).click();
    await other.getByText("The doors know you from now on.").waitFor();
    await other.close();
    await page.getByRole("button", { name: "Done" }).click();
    await open();
    await page.getByText("Enrolled with 3 photos").waitFor();
    await page.getByText("by their link, text 2").waitFor();
    await page.getByRole("button", { name: "Done" }).click();
  },

  async "a claim code has twelve words"(story) {
    const { page } = story;
    await page.getByRole("button", { name: "Add a terminal" }).click();
    await page.getByLabel("What is this door called?").fill("Front door");
    await accessible(page, "add a terminal");
    await page.getByRole("button", { name: "Make a claim code" }).click();
    const line = await page.locator("pre").innerText();
    const [, words] = line.match(/--words "((?:[a-z]+ ){11}[a-z]+)"/) ?? assert.fail(line);
    await accessible(page, "a claim code");
    await page.getByRole("button", { name: "Done" }).click();
    story.words = words;
  },

  async "a terminal is claimed by them, and its punch shows by itself"(story) {
    if (!daemon) return "NOT SHOWN: LIMEN_DAEMON names no program";
    const { page, cloud } = story;
    story.terminal = await Terminal.before(photo("biden.jpg"));
    story.terminal.claim(cloud.url, story.words);
    story.terminal.start();
    const terminals = page.getByRole("region", { name: "Terminals" });
    await terminals.getByText("● online").waitFor();
    await page.getByRole("row", { name: SECOND.name }).getByText("● in").waitFor();
    const punches = page.getByRole("region", { name: "Last punches" });
    await punches.getByRole("listitem").filter({ hasText: SECOND.name }).getByText("Front door, face").waitFor();
  },

  async "a punch shows by itself"({ page, cloud }) {
    await page.evaluate(() => (window.neverReloaded = true));
    await checkIn(cloud, EMPLOYEE, "obama2.jpg");
    await page.getByRole("row", { name: EMPLOYEE.name }).getByText("● in").waitFor();
    await page.getByRole("listitem").filter({ hasText: EMPLOYEE.name }).getByText("the cloud, upload").waitFor();
    await page.getByText(`${daemon ? 2 : 1} of 2 people`).waitFor();
    assert.equal(await page.evaluate(() => window.neverReloaded), true);
  },

  async "it is readable, wide and narrow"({ page, picture }) {
    await page.screenshot({ path: picture });
    await readable(page, "live");
  },

  async "what doors do is decided on the page"({ page, picture, complaints }) {
    const open = () => page.getByRole("button", { name: "Doors" }).click();
    const done = () => page.getByRole("button", { name: "Done" }).click();
    const save = () => page.getByRole("button", { name: "Save" }).click();
    const saved = () => page.getByRole("status").getByText(/^Saved/).waitFor();
    const faces = (word) => page.getByRole("group", { name: "Faces" }).getByRole("radio", { name: word });
    await open();
    await faces(/^Optional/).check();
    await page.getByLabel("A stranger is taken").selectOption({ label: "1 visit in 10,000" });
    await page.getByLabel("Languages of the screen").fill("de, en_US");
    // The browser logs the refusal; what was typed stays.
    const before = complaints.length;
    await save();
    await page.getByRole("alert").getByText(/^languages: should be language tags/).waitFor();
    complaints.splice(before, complaints.length, ...complaints.slice(before).filter((said) => !said.includes("status of 422")));
    await page.getByLabel("Languages of the screen").fill("de, en");
    await save();
    await saved();
    await page.screenshot({ path: picture.replace(".png", "-doors.png"), fullPage: true });
    await readable(page, "doors");
    await done();
    await open();
    assert.ok(await faces(/^Optional/).isChecked());
    assert.equal(await page.getByLabel("Languages of the screen").inputValue(), "de, en");
    await faces(/^On/).check();
    await save();
    await saved();
    await done();
  },

  async "a day is a bar, and says why it has that many hours"({ page, picture }) {
    await page.getByRole("button", { name: "Timesheets" }).click();
    await page.getByLabel("Whose").selectOption({ label: EMPLOYEE.name });
    const sheet = page.getByRole("region", { name: "Timesheet" });
    await sheet.getByRole("img").first().waitFor();
    await sheet.getByRole("button", { name: /^Why/ }).first().click();
    await sheet.getByText(/^Between the punches/).waitFor();
    await page.screenshot({ path: picture.replace(".png", "-timesheet.png"), fullPage: true });
    await readable(page, "timesheet");
    await sheet.getByRole("button", { name: "Done" }).click();
  },

  async "a pay run is begun and reviewed, and not locked before its time"({ page, picture, complaints }) {
    await page.getByRole("button", { name: "Pay", exact: true }).click();
    const pay = page.getByRole("region", { name: "Pay" });
    await pay.getByRole("button", { name: /^Begin/ }).nth(3).click();
    await pay.getByText("draft", { exact: true }).waitFor();
    await pay.getByRole("button", { name: "I have looked at it" }).click();
    await pay.getByText("reviewed", { exact: true }).waitFor();
    await page.screenshot({ path: picture.replace(".png", "-pay.png"), fullPage: true });
    await readable(page, "pay");
    // The browser logs the refusal: the month isn't over.
    const before = complaints.length;
    page.once("dialog", (dialog) => dialog.accept());
    await pay.getByRole("button", { name: "Lock", exact: true }).click();
    await pay.getByRole("alert").getByText(/lock it when that day is over/).waitFor();
    complaints.splice(before, complaints.length, ...complaints.slice(before).filter((said) => !said.includes("status of 409")));
    await pay.getByRole("button", { name: "Done" }).click();
  },

  // An old dashboard is a page of another origin: `elsewhere` is one that the configuration names, and the same
  // server under another name is not.
  async "an existing dashboard elsewhere may call, a stranger's page may not"({ page, cloud }) {
    const call = async (origin) => {
      const other = await page.context().newPage();
      await other.goto(origin);
      return other
        .evaluate(async ([url, email, password]) => {
          const body = new URLSearchParams({ email, password });
          const { access_token } = await (await fetch(`${url}/login/password`, { method: "POST", body })).json();
          // A header of one's own makes the browser ask for leave first.
          const headers = { authorization: `Bearer ${access_token}` };
          return (await (await fetch(`${url}/employer/employees`, { headers })).json()).length;
        }, [cloud.url, OWNER.email, OWNER.password])
        .finally(() => other.close());
    };
    assert.equal(await call(elsewhere.origin), 2);
    await assert.rejects(call(elsewhere.origin.replace("127.0.0.1", "localhost")), /Failed to fetch/);
  },

  async "a second site is added, and people come in out of a table"({ page }) {
    await page.getByRole("button", { name: "Doors" }).click();
    await page.getByRole("button", { name: "Add a site" }).click();
    await page.getByRole("status").getByText(/^Added/).waitFor();
    await page.getByLabel("What this site is called").fill("Harbour");
    await page.getByLabel("Its time zone").fill("Asia/Tokyo");
    await page.getByRole("button", { name: "Save" }).click();
    await page.getByRole("status").getByText(/^Saved/).waitFor();
    await page.getByRole("option", { name: "Harbour" }).waitFor({ state: "attached" });
    await page.getByRole("button", { name: "Done" }).click();
    await page.getByRole("button", { name: "Add many people" }).click();
    const table = "name;email;hourly_rate;site\nEva Bulk;bulk@example.org;21,50;Harbour\nNobody;;1;\n";
    await page.getByLabel("Table").setInputFiles({ name: "people.csv", mimeType: "text/csv", buffer: Buffer.from(table) });
    await page.getByRole("row", { name: /Nobody not taken it has no e-mail/ }).waitFor();
    await readable(page, "add many people");
    await page.getByRole("button", { name: "Do it" }).click();
    await page.getByRole("status").getByText(/^Written: 1 person is new/).waitFor();
    await page.getByRole("button", { name: "Done" }).click();
    await page.getByRole("row", { name: /Eva Bulk/ }).waitFor();
  },

  async "nothing was complained of"({ complaints }) {
    assert.deepEqual(complaints, []);
  },

  async "a cloud that is killed is missed, and found again"({ page, cloud }) {
    await cloud.end("SIGKILL");
    await page.getByText("the line to the cloud is cut").waitFor();
    await cloud.start();
    await page.getByRole("status").getByText(/^live/).waitFor();
    await page.getByRole("row", { name: EMPLOYEE.name }).getByText("● in").waitFor();
    assert.equal(await page.evaluate(() => window.neverReloaded), true);
  },

  async "a terminal that is revoked is cut off"({ page, terminal }) {
    if (!terminal) return "NOT SHOWN: LIMEN_DAEMON names no program";
    const terminals = page.getByRole("region", { name: "Terminals" });
    await terminals.getByText("● online").waitFor();
    const before = terminal.heard.length;
    page.once("dialog", (dialog) => dialog.accept());
    await page.getByRole("button", { name: "Revoke Front door" }).click();
    await terminals.getByText("No terminal yet.").waitFor();
    await terminal.says(/the line to the cloud is gone/, before);
  },

  async "a log-out elsewhere closes the page"({ page }) {
    const other = await page.context().newPage();
    await other.goto(page.url());
    await other.getByRole("button", { name: "Log out" }).click();
    await page.getByRole("heading", { name: "Log in" }).waitFor();
  },

  async "an employee is told that the page is the employer's"({ page }) {
    await page.getByLabel("E-mail").fill(EMPLOYEE.email);
    await page.getByLabel("Password").fill(EMPLOYEE.password);
    await page.getByRole("button", { name: "Log in" }).click();
    await page.getByRole("alert").getByText("This page is for the employer.").waitFor();
    assert.deepEqual(await page.context().cookies(), []);
  },
};

const picture = process.env.LIMEN_PICTURE ?? join(tmpdir(), "limen-live.png");
const story = { picture };
const elsewhere = createServer((_, answer) => answer.setHeader("content-type", "text/html").end("<title>elsewhere</title>"));
await new Promise((ready) => elsewhere.listen(0, "127.0.0.1", ready));
elsewhere.origin = `http://127.0.0.1:${elsewhere.address().port}`;
const cloud = await Cloud.fresh({
  registration: "open",
  bcrypt_cost: 4,
  currency: "EUR",
  zone: "Europe/Berlin",
  cors_origins: [elsewhere.origin],
});
let browser;

/** Nothing is left behind, also where the test is ended from outside. */
async function tidy() {
  await browser?.close();
  elsewhere.close();
  await story.terminal?.forget();
  await cloud.forget();
}
for (const signal of ["SIGINT", "SIGTERM"]) process.once(signal, () => void tidy().finally(() => process.exit(1)));

try {
  await cloud.start();
  browser = await launch();
  const watching = await watched(browser, { viewport: { width: 1280, height: 800 }, colorScheme: "light" }, isRefusal);
  Object.assign(story, watching, { cloud });
  await take(steps, story, join(tmpdir(), "limen-browser-failed.png"));
  if (!process.exitCode) console.error(`picture: ${picture}`);
} finally {
  await tidy();
}
