// A window of a browser whose pages tell what goes wrong on them, and how a page is looked at.
import { mkdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { chromium } from 'playwright-core';

const require = createRequire(import.meta.url);
const axe = readFileSync(require.resolve('axe-core/axe.min.js'), 'utf8');

export const need = (name) => {
  const value = process.env[name];
  if (!value) throw new Error(`${name} is not set`);
  return value;
};
export const url = need('PAYCLEAR_URL');
const shots = need('SHOTS');
mkdirSync(shots, { recursive: true });

export const count = { looked: 0, failed: 0 };
export function fail(where, what) {
  count.failed += 1;
  console.log(`FAILED ${where}: ${what}`);
}

/** Does one part; what it throws is a failure, and the rest goes on. */
export async function step(what, doing) {
  const began = Date.now();
  try {
    const done = await doing();
    console.log(`ok     ${what} (${((Date.now() - began) / 1000).toFixed(0)} s)`);
    return done;
  } catch (error) {
    fail(what, error.message.split('\n').slice(0, 2).join(' '));
    return undefined;
  }
}

export const browser = await chromium.launch({
  executablePath: need('CHROMIUM'),
  args: ['--disable-dev-shm-usage', ...(process.getuid?.() === 0 ? ['--no-sandbox'] : [])],
});

/** A window of its own; it notes refused loads, errors of scripts and what the policy forbids. */
export async function open(width, more = {}) {
  const context = await browser.newContext({
    viewport: { width, height: width < 500 ? 740 : 900 },
    locale: 'vi-VN',
    timezoneId: 'Asia/Ho_Chi_Minh',
    reducedMotion: 'reduce',
    ...more,
  });
  const page = await context.newPage();
  const told = [];
  page.on('console', (message) => {
    const text = message.text();
    // A refusal that a check asks for shows up as a failed load of the page itself.
    if (message.type() === 'error' && !/Failed to load resource/.test(text)) told.push(`console: ${text}`);
    else if (/Content Security Policy|securitypolicyviolation/i.test(text)) told.push(`CSP: ${text}`);
  });
  page.on('pageerror', (error) => told.push(`script: ${error.message}`));
  page.on('response', (answer) => {
    const kind = answer.request().resourceType();
    if (kind !== 'document' && answer.status() >= 400 && answer.url().startsWith(url)) {
      told.push(`${kind} ${new URL(answer.url()).pathname} answers ${answer.status()}`);
    }
  });
  await page.addInitScript(() => {
    document.addEventListener('securitypolicyviolation', (event) =>
      console.error(`securitypolicyviolation ${event.violatedDirective} ${event.blockedURI}`));
  });
  return { context, page, told };
}

const kept = new Map();

/** A window in which somebody is signed in; whoever was signed in before stays so. */
export async function signedIn(person, width, more = {}) {
  const known = kept.get(person.email);
  if (known) return open(width, { ...more, storageState: known });
  const first = await open(width, more);
  const { page } = first;
  await page.goto(`${url}/desk/sign-in`);
  await page.fill('#sign-in-email', person.email);
  await page.fill('#sign-in-password', person.password);
  await Promise.all([page.waitForEvent('load', { timeout: 15_000 }), page.press('#sign-in-password', 'Enter')]);
  if (page.url().includes('/sign-in')) {
    throw new Error(`${person.email} is not signed in: ${await page.textContent('main')}`);
  }
  kept.set(person.email, await first.context.storageState());
  return first;
}

const name = (path) => path.replace(/[^a-z0-9]+/gi, '-').replace(/^-|-$/g, '').slice(0, 90) || 'root';

/** Looks at the page that is open: accessible, as wide as the window, nothing refused. */
export async function look({ page, told }, where, { shot = true } = {}) {
  for (const text of told.splice(0)) fail(where, text);
  for (const violation of await violations(page)) fail(where, `axe ${violation}`);
  const [inner, whole, untold] = await page.evaluate(() => {
    // What machines said is quoted as it was; all else is for people.
    const told = document.querySelector('main')?.cloneNode(true);
    for (const quoted of told?.querySelectorAll('.pd-code, pre, script') ?? []) quoted.remove();
    const untold = told?.textContent.match(/undefined|\bnull\b|\bNaN\b|\[object|\{\}/)?.[0] ?? '';
    return [window.innerWidth, document.documentElement.scrollWidth, untold];
  });
  if (whole > inner + 1) fail(where, `the page is ${whole} px wide in a window of ${inner} px`);
  if (untold) fail(where, `shows "${untold}"`);
  if (!(await page.title()).trim()) fail(where, 'has no title');
  if (shot) await page.screenshot({ path: join(shots, `${name(where)}.png`), fullPage: true });
  count.looked += 1;
}

/** Runs axe by the debugging protocol, which no policy of the page holds. */
async function violations(page) {
  const session = await page.context().newCDPSession(page);
  const run = async (expression) => {
    const { result, exceptionDetails } = await session.send('Runtime.evaluate', { expression, awaitPromise: true, returnByValue: true });
    if (exceptionDetails) throw new Error(exceptionDetails.exception?.description ?? exceptionDetails.text);
    return result.value;
  };
  await run(axe);
  const list = await run(`axe.run(document, { resultTypes: ['violations'] }).then((r) => JSON.stringify(r.violations.map((v) => v.id + ' (' + v.impact + '): ' + v.nodes.slice(0, 3).map((n) => n.target.join(' ')).join(', '))))`);
  await session.detach();
  return JSON.parse(list);
}

/** Does all of a list, so many at a time. */
export async function atOnce(most, list, doing) {
  const left = [...list];
  const worker = async () => {
    for (let next = left.shift(); next !== undefined; next = left.shift()) await doing(next);
  };
  await Promise.all(Array.from({ length: most }, worker));
}
