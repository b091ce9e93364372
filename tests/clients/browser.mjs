// Looks at pages with Chromium, as people do: `node browser.mjs <chromium> <http://host:port> <path>...`.
//
// Each page is looked at in light, in dark and on a phone. It must run nothing, load nothing of others, ask for nothing
// that its policy forbids, and fit into the width of each. Prints `ok <path> <look>`, or what is wrong, and exits with 1
// where something is. With `cancel` in place of the paths, cancels the first call of /debug/calls with the keyboard alone.
//
// Needs `playwright-core`, from the node_modules directory that TEST_NODE_MODULES names, else from where node looks for
// it. Pictures of the pages go into the directory that TEST_SCREENSHOTS names, if it is set.

import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { join, resolve } from "node:path";

const modules = process.env.TEST_NODE_MODULES;
const require = createRequire(modules ? join(resolve(modules), "..", "index.js") : import.meta.url);
const { chromium } = require("playwright-core");

const [executablePath, base, ...paths] = process.argv.slice(2);
if (!paths.length) {
  console.error("usage: node browser.mjs <chromium> <http://host:port> <path>... | cancel");
  process.exit(2);
}

const desktop = { width: 1280, height: 900 };
const looks = {
  light: { viewport: desktop, colorScheme: "light" },
  dark: { viewport: desktop, colorScheme: "dark" },
  phone: {
    viewport: { width: 390, height: 844 },
    colorScheme: "light",
    deviceScaleFactor: 2,
    isMobile: true,
    hasTouch: true,
  },
};

/** A page, and what it did or said that it should not have. */
async function open(browser, options) {
  const context = await browser.newContext({ ...options, baseURL: base });
  const page = await context.newPage();
  const wrong = [];
  page.on("console", (message) => wrong.push(`console: ${message.text()}`));
  page.on("pageerror", (error) => wrong.push(`error: ${error}`));
  page.on("dialog", (dialog) => {
    wrong.push(`dialog: ${dialog.message()}`);
    dialog.dismiss();
  });
  page.on("request", (request) => new URL(request.url()).origin === base || wrong.push(`asks ${request.url()}`));
  return { context, page, wrong };
}

/** Runs in the page: whatever a caller wrote gets its chance to run. */
function provoke() {
  for (const element of document.querySelectorAll("main *")) {
    element.dispatchEvent(new MouseEvent("mouseover", { bubbles: true }));
    if (!element.closest("button, a")) {
      element.dispatchEvent(new MouseEvent("click", { bubbles: true }));
    }
  }
}

/** Runs in the page: what is wrong with it, in words. */
function faults({ colorScheme, isMobile, viewport }) {
  const all = (selector) => [...document.querySelectorAll(selector)];
  const wrong = [];
  // Not as wide as the window, which a phone makes as wide as the page.
  const wide = document.documentElement.scrollWidth - viewport.width;
  if (wide > 0) wrong.push(`it is too wide by ${wide} pixels`);
  const parts = [...all("main, td").map((part) => [part, 0]), ...(isMobile ? all("td > *") : []).map((part) => [part, 1])];
  for (const [{ localName, scrollWidth, clientWidth }, spare] of parts) {
    if (scrollWidth > clientWidth + spare) wrong.push(`<${localName}> is ${scrollWidth} wide in ${clientWidth}`);
  }
  if (all("h1").length !== 1) wrong.push("it has not one heading");
  const active = all("script, iframe, object, embed, a[href^='javascript:']");
  if (active.length > 0) wrong.push(`it has ${active[0].outerHTML}`);
  const handlers = all("*").flatMap((part) => part.getAttributeNames()).filter((name) => name.startsWith("on"));
  if (handlers.length > 0) wrong.push(`it has handlers of events: ${handlers}`);
  if (all("svg:not([role=img][aria-label])").length > 0) wrong.push("a picture says nothing to who cannot see it");
  const [red, green, blue] = getComputedStyle(document.body).backgroundColor.match(/\d+/g).map(Number);
  const light = (red + green + blue) / 3 / 255;
  if (colorScheme === "dark" ? light > 0.2 : light < 0.8) wrong.push(`its back is ${light} in ${colorScheme}`);
  return wrong;
}

async function look(browser, path, name) {
  const { context, page, wrong } = await open(browser, looks[name]);
  const response = await page.goto(path);
  if (response.status() !== 200) wrong.push(`status ${response.status()}`);
  await page.keyboard.press("Tab");
  const focused = await page.evaluate(() => document.activeElement.tagName);
  if (focused !== "A") wrong.push(`the first key leads to ${focused}`);
  // As people see it: what is opened by a click is open from there on.
  if (process.env.TEST_SCREENSHOTS) {
    const file = `${path.replace(/\W+/g, "-")}-${name}.png`;
    await page.screenshot({ path: join(process.env.TEST_SCREENSHOTS, file), fullPage: true });
  }
  await page.evaluate(provoke);
  wrong.push(...(await page.evaluate(faults, looks[name])));
  await context.close();
  console.log(wrong.length ? wrong.map((what) => `${path} ${name}: ${what}`).join("\n") : `ok ${path} ${name}`);
  return wrong.length === 0;
}

async function cancel(browser) {
  const { context, page, wrong } = await open(browser, looks.light);
  await page.goto("/debug/calls");
  const before = await page.locator("tbody tr").count();
  const isButton = () => document.activeElement?.name === "id";
  for (let tabs = 0; !(await page.evaluate(isButton)); tabs++) {
    assert.ok(tabs < 50, "the button is not reached");
    await page.keyboard.press("Tab");
  }
  const id = await page.evaluate(() => document.activeElement.value);
  await Promise.all([page.waitForNavigation(), page.keyboard.press("Enter")]);
  assert.equal(new URL(page.url()).pathname, "/debug/calls", "back at the list");
  while ((await page.locator("tbody tr").count()) >= before) {
    await page.reload();
  }
  assert.ok(!(await page.content()).includes(`value="${id}"`), `${id} is gone`);
  assert.deepEqual(wrong, []);
  await context.close();
  console.log(`ok cancelled ${id}`);
}

// Chromium's own sandbox does not run as root, as CI does; the pages are our own.
const browser = await chromium.launch({ executablePath, args: ["--no-sandbox"] });
try {
  if (paths[0] === "cancel") {
    await cancel(browser);
  } else {
    for (const path of paths) {
      for (const name of Object.keys(looks)) {
        if (!(await look(browser, path, name))) process.exitCode = 1;
      }
    }
  }
} catch (error) {
  console.log(`not ok ${error}`);
  process.exitCode = 1;
} finally {
  await browser.close();
}
