// Every screen in a real browser: at two widths, in two languages, with axe-core, without a script
// of our own, by the keyboard alone. Prints one line for each check; exits with 1 when one fails.
import { mkdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { chromium } from 'playwright-core';

const require = createRequire(import.meta.url);
const axe = readFileSync(require.resolve('axe-core/axe.min.js'), 'utf8');
const need = (name) => {
  const value = process.env[name];
  if (!value) throw new Error(`${name} is not set`);
  return value;
};
const url = need('PAYCLEAR_URL');
const shots = need('SHOTS');
const payTokens = JSON.parse(need('PAY_PATHS'));
const people = JSON.parse(need('PEOPLE'));
mkdirSync(shots, { recursive: true });

let failed = 0;
const fail = (where, what) => {
  failed += 1;
  console.log(`FAILED ${where}: ${what}`);
};

const browser = await chromium.launch({
  executablePath: need('CHROMIUM'),
  args: ['--disable-dev-shm-usage', ...(process.getuid?.() === 0 ? ['--no-sandbox'] : [])],
});

/** A context whose pages tell what went wrong on them. */
async function open(width, more = {}) {
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
    // A refusal that a check asks for shows up as a failed load.
    if (message.type() === 'error' && !/Failed to load resource/.test(text)) told.push(`console: ${text}`);
    if (/Content Security Policy|securitypolicyviolation/i.test(text)) told.push(`CSP: ${text}`);
  });
  page.on('pageerror', (error) => told.push(`script: ${error.message}`));
  await page.addInitScript(() => {
    document.addEventListener('securitypolicyviolation', (event) =>
      console.error(`securitypolicyviolation ${event.violatedDirective} ${event.blockedURI}`));
  });
  return { context, page, told };
}

async function signIn(page, person, path = '/desk') {
  await page.goto(`${url}/desk/sign-in?next=${encodeURIComponent(path)}`);
  await page.fill('#sign-in-email', person.email);
  await page.fill('#sign-in-password', person.password);
  await Promise.all([page.waitForEvent('load', { timeout: 15_000 }), page.press('#sign-in-password', 'Enter')]);
  if (page.url().includes('/sign-in')) throw new Error(`${person.email} is not signed in: ${await page.textContent('main')}`);
}

const name = (path) => path.replace(/[^a-z0-9]+/gi, '-').replace(/^-|-$/g, '').slice(0, 60) || 'root';

/** Looks at the page that is open: accessible, as wide as the window, nothing refused. */
async function look({ page, told }, where, { shot = true } = {}) {
  for (const text of told.splice(0)) fail(where, text);
  const violations = await throughTheDoor(page);
  for (const violation of violations) fail(where, `axe ${violation}`);
  const [inner, whole] = await page.evaluate(() => [window.innerWidth, document.documentElement.scrollWidth]);
  if (whole > inner + 1) fail(where, `the page is ${whole} px wide in a window of ${inner} px`);
  if (shot) await page.screenshot({ path: join(shots, `${name(where)}.png`), fullPage: true });
  console.log(`ok     ${where}`);
}

/** Runs axe by the debugging protocol, which no policy holds. */
async function throughTheDoor(page) {
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

/** The screens of a person: what the navigation names, and the first of each list. */
async function screens(page) {
  await page.goto(`${url}/desk`);
  const sections = await page.$$eval('.pd-side .pd-nav__item', (links) => links.map((a) => a.getAttribute('href')));
  const found = new Set([...sections, '/desk/me']);
  for (const section of sections) {
    const query = { '/desk/approvals': '?status=any', '/desk/breaks': '?state=any' }[section] ?? '';
    await page.goto(url + section + query);
    const below = await page.$$eval('main .pd-table a.pd-link', (links) => links.map((a) => a.getAttribute('href')));
    const first = new Map();
    for (const href of below) {
      const kind = href.split('?')[0].split('/').slice(0, 3).join('/') + (href.split('/').length > 4 ? href.split('/')[3] : '');
      if (!first.has(kind) && !href.startsWith('/desk/audit')) first.set(kind, href);
    }
    for (const href of first.values()) found.add(href);
    if (query) found.add(section + query);
  }
  // One level deeper: entries of accounts, invoices of refunds.
  for (const href of [...found].filter((href) => /\/ledger\/accounts\//.test(href))) {
    await page.goto(url + href);
    const entry = await page.$('main .pd-table a[href*="/ledger/entries/"]');
    if (entry) found.add(await entry.getAttribute('href'));
  }
  return [...found];
}

async function everyScreen(who) {
  let paths;
  for (const width of [1280, 360]) {
    for (const lang of ['vi', 'en']) {
      const window = await open(width);
      await signIn(window.page, people[who]);
      paths ??= await screens(window.page);
      for (const path of paths) {
        const address = `${path}${path.includes('?') ? '&' : '?'}lang=${lang}`;
        const answer = await window.page.goto(url + address);
        const where = `${who} ${path.replace(/[0-9a-f]{8}-[0-9a-f-]{27}/g, 'ID')} ${lang} ${width}`;
        if (answer.status() !== 200) fail(where, `answers ${answer.status()}`);
        if (await window.page.getAttribute('html', 'lang') !== lang) fail(where, 'is in another language');
        await look(window, where);
      }
      await window.context.close();
    }
  }
  return paths;
}

/** The same screens with scripts switched off: they answer and say the same. */
async function withoutScripts(who, paths) {
  const { context, page } = await open(1280, { javaScriptEnabled: false });
  await signIn(page, people[who]);
  for (const path of paths) {
    const answer = await page.goto(url + path);
    const heading = await page.textContent('h1');
    if (answer.status() !== 200 || !heading?.trim()) fail(`without scripts ${path}`, `answers ${answer.status()}`);
  }
  console.log(`ok     ${paths.length} screens without scripts`);
  await context.close();
}

/** What only a keyboard does: Tab until something is reached. */
async function tabTo(page, selector, most = 80) {
  for (let n = 0; n < most; n += 1) {
    if (await page.evaluate((s) => document.activeElement?.matches(s) ?? false, selector)) return;
    await page.keyboard.press('Tab');
  }
  throw new Error(`${selector} is not reached by the keyboard on ${page.url()}`);
}

/** Presses a key and waits for the page that it leads to. */
async function press(page, key = 'Enter') {
  await Promise.all([page.waitForEvent('load', { timeout: 15_000 }), page.keyboard.press(key)]);
}

/** Is what has the focus seen to have it? */
async function focusIsSeen(page, where) {
  const seen = await page.evaluate(() => {
    const style = getComputedStyle(document.activeElement);
    const box = document.activeElement.getBoundingClientRect();
    const drawn = style.outlineStyle !== 'none' || style.boxShadow !== 'none';
    return drawn && box.width > 0 && box.height > 0;
  });
  if (!seen) fail(where, 'the focus is not seen');
}

async function payByKeyboard() {
  const window = await open(1280);
  const { page } = window;
  await page.goto(url + payTokens[0]);
  await look(window, 'pay page vi 1280');
  await tabTo(page, 'input[type=radio]');
  const chosen = () => page.evaluate(() => document.activeElement.value);
  for (let n = 0; n < 10 && (await chosen()) !== 'vnpay'; n += 1) await page.keyboard.press('ArrowDown');
  if ((await chosen()) !== 'vnpay') throw new Error('vnpay is not reached by the arrow keys');
  await tabTo(page, 'form button[type=submit], form .govuk-button');
  await focusIsSeen(page, 'pay page');
  await page.keyboard.press('Enter');
  await page.waitForURL((to) => !to.href.startsWith(url), { timeout: 15_000 });
  // The bank's own page, which is not ours to look at.
  await tabTo(page, 'button[value=paid], button[type=submit]');
  await page.keyboard.press('Enter');
  await page.waitForURL((to) => to.href.startsWith(url), { timeout: 15_000 });
  window.told.splice(0);
  for (let n = 0; n < 40 && !(await page.$('.govuk-panel--confirmation')); n += 1) {
    await page.waitForTimeout(500);
    await page.reload();
  }
  if (!(await page.$('.govuk-panel--confirmation'))) fail('paying by the keyboard', 'the page does not say that it is paid');
  await look(window, 'paid page vi 1280');
  await window.context.close();
}

async function counterPages() {
  for (const width of [1280, 360]) {
    for (const lang of ['vi', 'en']) {
      const window = await open(width);
      for (const [what, path] of [['choose', payTokens[1]], ['transfer', `${payTokens[1]}?way=samplebank`], ['lookup', '/lookup'], ['sign-in', '/desk/sign-in']]) {
        await window.page.goto(`${url}${path}${path.includes('?') ? '&' : '?'}lang=${lang}`);
        await look(window, `public ${what} ${lang} ${width}`);
      }
      await window.context.close();
    }
  }
}

/** Asking for a refund, and approving it, by the keyboard: two people, one after the other. */
async function refundByKeyboard() {
  const one = await open(1280);
  await signIn(one.page, people.officer, '/desk/invoices?status=paid');
  const { page } = one;
  // One of which something is left to give back.
  const paid = await page.$$eval('.pd-table a.pd-link[href*="/desk/invoices/"]', (links) => links.map((a) => a.getAttribute('href')));
  let chosen;
  for (const href of paid) {
    await page.goto(url + href);
    if (await page.$('#ask-amount')) {
      chosen = href;
      break;
    }
  }
  if (!chosen) throw new Error('no paid invoice has anything left to refund');
  await page.goto(`${url}/desk/invoices?status=paid`);
  await tabTo(page, `.pd-table a.pd-link[href="${chosen}"]`, 400);
  await press(page);
  // Nothing filled in: the form comes back and says what is wrong, under the field and above.
  await tabTo(page, '#form-ask button[type=submit]', 400);
  await page.keyboard.press('Enter');
  await page.waitForSelector('.govuk-error-summary');
  await look(one, 'refund refused vi 1280');
  await page.fill('#ask-amount', '10.000');
  await page.fill('#ask-reason', 'Nộp nhầm');
  await tabTo(page, '#form-ask button[type=submit]', 400);
  await focusIsSeen(page, 'asking for a refund');
  await page.keyboard.press('Enter');
  await page.waitForURL(/\/desk\/refunds\/.*told=waits/);
  await look(one, 'refund asked vi 1280');
  await one.context.close();

  const other = await open(360);
  await signIn(other.page, people.approver, '/desk/approvals');
  await tabTo(other.page, '.pd-table a.pd-link[href*="/desk/approvals/"]', 200);
  await press(other.page);
  await tabTo(other.page, '#form-decide input[type=radio]', 200);
  await other.page.keyboard.press('Space');
  await tabTo(other.page, '#form-decide button[type=submit]', 200);
  await other.page.keyboard.press('Enter');
  await other.page.waitForURL(/told=approved/);
  await look(other, 'refund approved vi 360');
  await other.context.close();
}

/** Closing a day by the keyboard: one prepares, another approves. A day that something stands against
 * says so, and its button is dim. */
async function closeByKeyboard() {
  const one = await open(1280);
  await signIn(one.page, people.officer, '/desk/days');
  const { page } = one;
  await tabTo(page, '.pd-table a.pd-link[href*="/desk/days/"]', 200);
  await press(page);
  const day = new URL(page.url()).pathname;
  if (await page.$('#form-prepare button[type=submit]')) {
    await tabTo(page, '#form-prepare button[type=submit]', 400);
    await page.keyboard.press('Enter');
    await page.waitForURL(/told=waits/);
    await look(one, 'day prepared vi 1280');
    const other = await open(1280);
    await signIn(other.page, people.approver, day);
    await tabTo(other.page, '#form-decide input[type=radio]', 400);
    await other.page.keyboard.press('Space');
    await tabTo(other.page, '#form-decide button[type=submit]', 100);
    await other.page.keyboard.press('Enter');
    await other.page.waitForURL(/told=approved/);
    await other.page.goto(url + day);
    await look(other, 'day closed vi 1280');
    await other.context.close();
  } else {
    const against = await page.$$('.pd-notice');
    if (against.length === 0) fail('closing a day', 'nothing stands against it, and it cannot be prepared');
    await look(one, 'day with something against it vi 1280');
  }
  await one.context.close();
}

async function step(what, doing) {
  try {
    return await doing();
  } catch (error) {
    fail(what, error.message.split('\n')[0]);
    return undefined;
  }
}

await step('public pages', counterPages);
await step('paying by the keyboard', payByKeyboard);
await step('a refund by the keyboard', refundByKeyboard);
await step('closing a day by the keyboard', closeByKeyboard);
for (const who of ['officer', 'approver', 'auditor', 'province']) {
  const paths = await step(`screens of the ${who}`, () => everyScreen(who));
  if (who === 'auditor' && paths) await step('without scripts', () => withoutScripts(who, paths));
}
await browser.close();
console.log(failed === 0 ? 'test-browser: all is well' : `test-browser: ${failed} failures`);
process.exitCode = failed === 0 ? 0 : 1;
