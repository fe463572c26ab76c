// A real browser, what it complains of, and the steps that are tried in it.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { chromium } from "playwright-core";
import { PATIENCE_MS } from "./cloud.mjs";

const axe = await readFile(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

/** Debian's Chromium, or the one that CHROMIUM names, without anything that it does of itself. */
export function launch(...args) {
  return chromium.launch({
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    args: [
      "--no-sandbox",
      "--disable-gpu",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
      "--no-first-run",
      ...args,
    ],
  });
}

/**
 * A page, and what the browser complained of so far: errors in the console, exceptions, and whatever the policy
 * stopped. `isExpected(text, path)` says which lines of the console are none.
 */
export async function watched(browser, options, isExpected = () => false) {
  const complaints = [];
  const context = await browser.newContext(options);
  const page = await context.newPage();
  page.setDefaultTimeout(PATIENCE_MS);
  page.on("pageerror", (error) => complaints.push(`exception: ${error.message}`));
  page.on("console", (message) => {
    if (message.type() !== "error" && message.type() !== "warning") return;
    const path = new URL(message.location().url || "about:blank").pathname;
    if (!isExpected(message.text(), path)) complaints.push(`console: ${message.text()} (${path})`);
  });
  await page.exposeFunction("stoppedByPolicy", (what) => complaints.push(`policy: ${what}`));
  await page.addInitScript(() => {
    document.addEventListener("securitypolicyviolation", (e) =>
      window.stoppedByPolicy(`${e.violatedDirective} ${e.blockedURI} ${e.sourceFile}:${e.lineNumber}`),
    );
  });
  return { page, complaints };
}

/** No barrier that axe-core knows of. */
export async function accessible(page, where) {
  await page.evaluate(axe);
  const { violations } = await page.evaluate(() => window.axe.run(document));
  const found = violations.map((v) => `${v.id}: ${v.help}\n  ${v.nodes.map((n) => n.html).join("\n  ")}`);
  assert.deepEqual(found, [], where);
}

/**
 * Takes the steps, one after another, until one fails; then `failed` is where a picture of the page goes. A step
 * that returns words could not be tried, and they say why.
 */
export async function take(steps, story, failed) {
  for (const [name, step] of Object.entries(steps)) {
    let notShown;
    try {
      notShown = await step(story);
    } catch (error) {
      await story.page.screenshot({ path: failed }).catch(() => {});
      const said = [...new Set(story.complaints)].slice(0, 20).map((complaint) => `  ${complaint}`);
      console.error([`✗ ${name}`, error.stack, "the browser complained of:", ...said, story.terminal?.heard ?? "", `picture: ${failed}`].join("\n"));
      process.exitCode = 1;
      return;
    }
    console.error(notShown ? `– ${name}: ${notShown}` : `✓ ${name}`);
  }
}
