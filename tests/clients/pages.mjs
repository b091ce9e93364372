// Opens pages of the admin port in a browser: `node pages.mjs <chromium> <http://host:port> <path>...`.
//
// Each page in light, in dark, and as wide as a phone; prints `ok <path>`, or what is wrong with it. With
// TEST_SCREENSHOTS, the name of a directory, it leaves a picture of each there. Needs `playwright-core`, from the
// node_modules directory that TEST_NODE_MODULES names, else from where node looks.

import { createRequire } from "node:module";
import { join, resolve } from "node:path";

const modules = process.env.TEST_NODE_MODULES;
const require = createRequire(modules ? join(resolve(modules), "..", "index.js") : import.meta.url);
const { chromium } = require("playwright-core");

const [executablePath, base, ...paths] = process.argv.slice(2);
const LOOKS = [
  { name: "light", colorScheme: "light", viewport: { width: 1280, height: 800 } },
  { name: "dark", colorScheme: "dark", viewport: { width: 1280, height: 800 } },
  { name: "phone", colorScheme: "light", viewport: { width: 390, height: 844 } },
];

// Runs in the page: what is wrong with it, in words.
function faults(scheme) {
  const wrong = [];
  for (const part of document.querySelectorAll("html, main, td")) {
    const { scrollWidth, clientWidth } = part;
    if (scrollWidth > clientWidth) wrong.push(`<${part.localName}> is ${scrollWidth} wide in ${clientWidth}`);
  }
  if (document.querySelectorAll("h1").length !== 1) wrong.push("it has not one heading");
  const active = document.querySelectorAll("script, iframe, object, embed, [onclick], [onerror], [onload], a[href^='javascript:']");
  if (active.length > 0) wrong.push(`it has ${active[0].outerHTML}`);
  const mute = document.querySelectorAll("svg:not([role=img][aria-label])");
  if (mute.length > 0) wrong.push("a picture says nothing to who cannot see it");
  const [red, green, blue] = getComputedStyle(document.body).backgroundColor.match(/\d+/g).map(Number);
  const light = (red + green + blue) / 3 / 255;
  if (scheme === "dark" ? light > 0.2 : light < 0.8) wrong.push(`its back is ${light} in ${scheme}`);
  return wrong;
}

async function look(page, path, { name, colorScheme }) {
  const wrong = [];
  const listen = (event, told) => page.on(event, (what) => wrong.push(`${event}: ${told(what)}`));
  listen("pageerror", (error) => error.message);
  page.on("console", (message) => message.type() === "error" && wrong.push(`console: ${message.text()}`));
  page.on("dialog", (dialog) => (wrong.push(`dialog: ${dialog.message()}`), dialog.dismiss()));
  page.on("request", (request) => request.url().startsWith(base) || wrong.push(`asks ${request.url()}`));
  const response = await page.goto(base + path);
  if (response.status() !== 200) wrong.push(`status ${response.status()}`);
  wrong.push(...(await page.evaluate(faults, colorScheme)));
  await page.keyboard.press("Tab");
  const focused = await page.evaluate(() => document.activeElement.tagName);
  if (focused !== "A") wrong.push(`the first key leads to ${focused}`);
  if (process.env.TEST_SCREENSHOTS) {
    const file = `${path.replace(/[^a-z]+/gi, "_")}.${name}.png`;
    await page.screenshot({ path: join(process.env.TEST_SCREENSHOTS, file), fullPage: true });
  }
  return wrong.map((what) => `${path} (${name}): ${what}`);
}

// Chromium's own sandbox does not run as root, as CI does; the pages are our own.
const browser = await chromium.launch({ executablePath, args: ["--no-sandbox"] });
let failed = false;
for (const path of paths) {
  const wrong = [];
  for (const how of LOOKS) {
    const context = await browser.newContext(how);
    wrong.push(...(await look(await context.newPage(), path, how)));
    await context.close();
  }
  failed ||= wrong.length > 0;
  console.log(wrong.length > 0 ? wrong.join("\n") : `ok ${path}`);
}
await browser.close();
process.exitCode = failed ? 1 : 0;
