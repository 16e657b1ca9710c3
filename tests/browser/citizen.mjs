// The public pages, and paying by the keyboard alone.
import { fail, look, need, open, url } from './window.mjs';
import { focusIsSeen, send, tabTo, type } from './keys.mjs';

const paths = JSON.parse(need('PAY_PATHS'));

/** Waits until a page shows something; it is loaded again meanwhile. */
async function until(page, selector, what) {
  for (let n = 0; n < 60; n += 1) {
    if (await page.$(selector)) return;
    await page.waitForTimeout(500);
    await page.reload();
  }
  throw new Error(`${what}: ${selector} does not come on ${page.url()}`);
}

/** Lands, chooses a wallet, pays there, comes back, and finds the receipt. Answers its path. */
export async function payByKeyboard() {
  const window = await open(1280);
  const { page } = window;
  await page.goto(url + paths.paid);
  await tabTo(page, '.govuk-skip-link');
  await focusIsSeen(page, 'skip link of the pay page');
  await tabTo(page, 'input[type=radio]');
  const chosen = () => page.evaluate(() => document.activeElement.value);
  for (let n = 0; n < 10 && (await chosen()) !== 'vnpay'; n += 1) await page.keyboard.press('ArrowDown');
  if ((await chosen()) !== 'vnpay') throw new Error('vnpay is not reached by the arrow keys');
  await focusIsSeen(page, 'choice of the pay page');
  await tabTo(page, 'form button[type=submit], form .govuk-button');
  await focusIsSeen(page, 'button of the pay page');
  await page.keyboard.press('Enter');
  await page.waitForURL((to) => !to.href.startsWith(url), { timeout: 20_000 });
  // The wallet's own page, which is not ours to look at.
  await tabTo(page, 'button[value=paid], button[type=submit]');
  await page.keyboard.press('Enter');
  await page.waitForURL((to) => to.href.startsWith(url), { timeout: 20_000 });
  window.told.splice(0);
  await until(page, '.govuk-panel--confirmation', 'paid');
  await look(window, 'public paid vi 1280');
  await until(page, 'a[href*="/receipts/"]', 'the receipt');
  const receipt = await page.getAttribute('a[href*="/receipts/"]', 'href');
  await window.context.close();
  return new URL(receipt, url).pathname.replace(/\/pdf$/, '');
}

/** The pages that anybody may open, in one window. */
export async function publicPages([width, lang], receipt) {
  const window = await open(width);
  const { page } = window;
  const pages = [
    ['choose', paths.open],
    ['transfer', `${paths.open}?way=samplebank`],
    ['cancelled', paths.cancelled],
    ['paid', paths.paid],
    ['lookup', '/lookup'],
    ['statistics', '/statistics'],
    ['statistics by channel', '/statistics?by=channel'],
    ['sign-in', '/desk/sign-in'],
    ['receipt', receipt],
    ['no such receipt', '/receipts/NOSUCHRECEIPT'],
    ['no such page', '/pay/nothing-here'],
  ];
  for (const [what, path] of pages) {
    const answer = await page.goto(`${url}${path}${path.includes('?') ? '&' : '?'}lang=${lang}`);
    const where = `public ${what} ${lang} ${width}`;
    if (answer.status() >= 500 || (answer.status() !== 200 && !what.startsWith('no such'))) {
      fail(where, `answers ${answer.status()}`);
    }
    if ((await page.getAttribute('html', 'lang')) !== lang) fail(where, 'is in another language');
    await look(window, where);
  }
  // Looking up: nothing given is told by field; a code is answered.
  await page.goto(`${url}/lookup?lang=${lang}`);
  await send(page, 'main form');
  if (!(await page.$('.govuk-error-summary a[href^="#"]'))) fail('look-up', 'an empty question is not told by field');
  await look(window, `public lookup refused ${lang} ${width}`);
  await type(page, '#code', paths.code);
  await send(page, 'main form');
  await page.waitForSelector('.pc-answer');
  await look(window, `public lookup answered ${lang} ${width}`);
  await window.context.close();
}

/** What the payer sees of money that goes back. */
export async function refundStatus([width, lang]) {
  const window = await open(width);
  await window.page.goto(`${url}${paths.paid}?lang=${lang}`);
  if (!(await window.page.$('#refunds'))) fail('refund status', 'the pay page does not tell of the refund');
  await look(window, `public refund status ${lang} ${width}`);
  await window.context.close();
}
