// Looks at pages with Chromium, as people do: `node browser.mjs <chromium> <http://host:port> <path>...`.
//
// Each page is looked at in light, in dark and on a phone. It must run nothing, ask for nothing that its policy forbids,
// and fit into the width of each. Prints one line per check and exits with 1 when one does not hold. With
// `cancel` in place of the paths, cancels the first call of /debug/calls with the keyboard alone.
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
  phone: { viewport: { width: 390, height: 844 }, deviceScaleFactor: 2, isMobile: true, hasTouch: true },
};

/** A page, and what it said that it should not have said. */
async function open(browser, options) {
  const context = await browser.newContext({ ...options, baseURL: base });
  const page = await context.newPage();
  const said = [];
  page.on("console", (message) => said.push(`console: ${message.text()}`));
  page.on("pageerror", (error) => said.push(`error: ${error}`));
  page.on("dialog", (dialog) => {
    said.push(`dialog: ${dialog.message()}`);
    dialog.dismiss();
  });
  return { context, page, said };
}

async function look(browser, path, name) {
  const { context, page, said } = await open(browser, looks[name]);
  const response = await page.goto(path);
  assert.equal(response.status(), 200, path);
  // Whatever a caller wrote gets its chance to run.
  await page.evaluate(() => {
    for (const element of document.querySelectorAll("main *")) {
      element.dispatchEvent(new MouseEvent("mouseover", { bubbles: true }));
      if (!element.closest("button, a")) {
        element.dispatchEvent(new MouseEvent("click", { bubbles: true }));
      }
    }
  });
  await page.keyboard.press("Tab");
  assert.equal(await page.evaluate(() => document.scripts.length), 0, "scripts");
  const handlers = () =>
    [...document.querySelectorAll("*")].flatMap((it) => it.getAttributeNames()).filter((it) => it.startsWith("on"));
  assert.deepEqual(await page.evaluate(handlers), [], "handlers of events");
  // Not that of the window, which a phone makes as wide as the page.
  const wide = (await page.evaluate(() => document.documentElement.scrollWidth)) - looks[name].viewport.width;
  assert.ok(wide <= 0, `${path} is too wide by ${wide} pixels: ${name}`);
  const parts = () => [...document.querySelectorAll("td > *")].filter((it) => it.scrollWidth > it.clientWidth + 1);
  assert.ok(name !== "phone" || (await page.evaluate(parts)).length === 0, `${path}: a cell is too narrow`);
  if (process.env.TEST_SCREENSHOTS) {
    const file = `${path.replace(/\W+/g, "-")}-${name}.png`;
    await page.screenshot({ path: join(process.env.TEST_SCREENSHOTS, file), fullPage: true });
  }
  assert.deepEqual(said, [], path);
  await context.close();
  console.log(`ok ${path} ${name}`);
}

async function cancel(browser) {
  const { context, page, said } = await open(browser, looks.light);
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
  assert.deepEqual(said, []);
  await context.close();
  console.log(`ok cancelled ${id}`);
}

const browser = await chromium.launch({ executablePath, args: ["--no-sandbox"] });
try {
  if (paths[0] === "cancel") {
    await cancel(browser);
  } else {
    for (const path of paths) {
      for (const name of Object.keys(looks)) {
        await look(browser, path, name);
      }
    }
  }
} catch (error) {
  console.log(`not ok ${error}`);
  process.exitCode = 1;
} finally {
  await browser.close();
}
