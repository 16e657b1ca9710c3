// An officer's day by the keyboard alone: a refund, the files, the cases, and the day itself, which one
// prepares and another approves.
import { fail, look, need, signedIn, url } from './window.mjs';
import { focusIsSeen, follow, press, section, send, tabTo, type } from './keys.mjs';

const people = JSON.parse(need('PEOPLE'));
const simulators = need('SIMULATORS_URL');
export const day = need('DAY');
const paths = JSON.parse(need('PAY_PATHS'));

/** The statements and reports of the day, each as its sender writes it. */
const FILES = [
  ['samplebank', 'camt053', 'xml'], ['sepay', 'mt940', 'sta'], ['directbank', 'camt053', 'xml'],
  ['vnpay', 'csv', 'csv'], ['momo', 'csv', 'csv'], ['zalopay', 'csv', 'csv'],
];

/** What the desk's own door says of the day, for the checks of this test. */
async function told(page) {
  const answer = await page.request.get(`${url}/v1/days/${day}`);
  if (!answer.ok()) throw new Error(`/v1/days/${day} answers ${answer.status()}`);
  return answer.json();
}

/** Decides on the newest proposal as the approver. */
async function approve(where, kind) {
  const other = await signedIn(people.approver, 1280);
  const { page } = other;
  await page.goto(`${url}/desk`);
  await section(page, '/desk/approvals');
  await follow(page, '.pd-table a.pd-link[href*="/desk/approvals/"]');
  if (!(await page.textContent('h1')).includes(kind)) throw new Error(`the newest approval is ${await page.textContent('h1')}`);
  // Nothing chosen: told under the field, and above.
  await send(page, '#form-decide');
  await page.waitForSelector('.govuk-error-summary a[href="#decide-verdict-1"]');
  await look(other, `${where} approval refused vi 1280`);
  await tabTo(page, '#form-decide input[type=radio]');
  await focusIsSeen(page, 'decision');
  await page.keyboard.press('Space');
  await send(page, '#form-decide', { seen: 'button of a decision' });
  if (!page.url().includes('told=approved')) throw new Error(`not approved: ${await page.textContent('main')}`);
  await look(other, `${where} approved vi 1280`);
  await other.context.close();
}

/** Finds the fee that was paid, asks for a part of it back, and another approves. */
export async function refundByKeyboard() {
  const one = await signedIn(people.officer, 1280);
  const { page } = one;
  await page.goto(`${url}/desk`);
  await section(page, '/desk/invoices');
  await type(page, '#filter-q', paths.code);
  await page.keyboard.press('Enter');
  await page.waitForURL(/q=/);
  await follow(page, '.pd-table a.pd-link[href*="/desk/invoices/"]');
  // Nothing filled in: the form comes back and says what is wrong, under the field and above.
  await send(page, '#form-ask');
  for (const field of ['ask-amount', 'ask-reason']) {
    if (!(await page.$(`.govuk-error-summary a[href="#${field}"]`))) fail('asking for a refund', `${field} is not named`);
  }
  await look(one, 'refund refused vi 1280');
  await type(page, '#ask-amount', '10.000');
  await type(page, '#ask-reason', 'Nộp nhầm');
  await send(page, '#form-ask', { seen: 'asking for a refund' });
  if (!page.url().includes('told=waits')) throw new Error(`not asked: ${await page.textContent('main')}`);
  await look(one, 'refund asked vi 1280');
  await one.context.close();
  await approve('refund', 'Hoàn tiền cho người nộp');
}

/** Brings every file of the day, and waits until its lines are placed. */
export async function filesByKeyboard() {
  const one = await signedIn(people.officer, 1280);
  const { page } = one;
  await page.goto(`${url}/desk`);
  for (const [partner, format, ending] of FILES) {
    const file = await page.request.get(`${simulators}/control/statement`, { params: { partner, day, format } });
    if (!file.ok()) throw new Error(`the simulators say ${file.status()} to a statement of ${partner}`);
    await section(page, '/desk/files');
    await tabTo(page, '#bring-file');
    await focusIsSeen(page, 'choosing a file');
    await page.setInputFiles('#bring-file', {
      name: `${partner}-${day}.${ending}`, mimeType: 'application/octet-stream', buffer: await file.body(),
    });
    await send(page, '#form-bring');
    if (!page.url().includes('told=received')) throw new Error(`the file of ${partner}: ${await page.textContent('main')}`);
    await look(one, `file of ${partner} vi 1280`);
  }
  for (let n = 0; ; n += 1) {
    const files = (await told(page)).files;
    const open = files.filter((file) => file.state !== 'booked');
    if (open.length === 0) break;
    if (n > 120) throw new Error(`not booked: ${JSON.stringify(open)}`);
    await page.waitForTimeout(500);
  }
  await one.context.close();
}

/** An officer asks a partner about a break; the partner's own person sees that and nothing else, and
 * answers. Then that person makes a key, whose secret is shown once. */
export async function partnerByKeyboard() {
  const one = await signedIn(people.officer, 1280);
  const { page } = one;
  await page.goto(`${url}/desk`);
  await section(page, '/desk/breaks');
  await type(page, '#filter-partner', 'samplebank');
  await press(page);
  await follow(page, '.pd-table a.pd-link[href*="/desk/breaks/"]');
  // Fields of days are the browser's own; what is typed into them differs by its language.
  await page.fill('#wait-until', new Date(Date.parse(day) + 2 * 86_400_000).toISOString().slice(0, 10));
  await type(page, '#wait-reason', 'Khoản này của ai?');
  await tabTo(page, '#wait-ask');
  await page.keyboard.press('Space');
  await send(page, '#form-wait', { seen: 'asking a partner' });
  if (!page.url().includes('told=done')) throw new Error(`not asked: ${await page.textContent('main')}`);
  await look(one, 'case asked vi 1280');
  await one.context.close();

  const other = await signedIn(people.partner, 1280);
  await other.page.goto(`${url}/desk`);
  if (new URL(other.page.url()).pathname !== '/desk/partner') fail('a partner', `begins at ${other.page.url()}`);
  await section(other.page, '/desk/partner/breaks');
  await follow(other.page, '.pd-table a.pd-link[href*="/desk/partner/breaks/"]');
  await send(other.page, '#form-answer');
  if (!(await other.page.$('.govuk-error-summary a[href="#answer-text"]'))) fail('answering', 'the field is not named');
  await look(other, 'partner answer refused vi 1280');
  await type(other.page, '#answer-text', 'Của bà Nguyễn Thị Minh An, theo giấy báo có');
  await tabTo(other.page, '#answer-file');
  await other.page.setInputFiles('#answer-file', {
    name: 'giay-bao-co.txt', mimeType: 'text/plain', buffer: Buffer.from('Giấy báo có', 'utf8'),
  });
  await send(other.page, '#form-answer', { seen: 'answering' });
  if (!other.page.url().includes('told=done')) throw new Error(`not answered: ${await other.page.textContent('main')}`);
  await look(other, 'partner answered vi 1280');
  await section(other.page, '/desk/partner/keys');
  await send(other.page, '#form-make', { seen: 'making a key' });
  if (!(await other.page.textContent('main')).includes('Bí mật')) fail('making a key', 'the secret is not shown');
  await look(other, 'partner key vi 1280');
  // What is ours is not there for them.
  for (const path of ['/desk/breaks', '/desk/files', `/desk/days/${day}`, '/desk/ledger']) {
    const answer = await other.page.request.get(url + path);
    if (answer.status() !== 403) fail('a partner', `${path} answers ${answer.status()}`);
  }
  await other.context.close();
}

/** The day as an officer opens it: by the navigation, then by its link. */
async function openDay(page) {
  await section(page, '/desk/days');
  await follow(page, `a[href="/desk/days/${day}"]`);
}

/** Before the day ends it cannot be signed: the button is dim, and what stands against it is told. */
export async function dayIsOpen() {
  const one = await signedIn(people.officer, 1280);
  await one.page.goto(`${url}/desk/days/${day}`);
  const shut = await one.page.$('#form-prepare .pd-button--shut');
  if (!shut || (await one.page.$$('.pd-notice')).length === 0) fail('the open day', 'it could be signed too early');
  await look(one, 'day open vi 1280');
  await one.context.close();
}

/** Gives every case an owner and a reason, prepares the day; another approves it. */
export async function closeByKeyboard() {
  const one = await signedIn(people.officer, 1280);
  const { page } = one;
  await page.goto(`${url}/desk`);
  const ends = (await told(page)).against.map((text) => text.match(/^the day ends at (.+)$/)?.[1]).find(Boolean);
  if (ends) await page.waitForTimeout(Math.max(0, Date.parse(ends) - Date.now()) + 1500);
  for (let n = 0; ; n += 1) {
    const open = (await told(page)).cases.filter((of) => !of.owned);
    if (open.length === 0) break;
    if (n > 60) throw new Error(`${open.length} cases have no owner yet`);
    await openDay(page);
    await follow(page, '#cases tr:has(.pd-tag--alarm) a.pd-link');
    if (n === 0) {
      // Without an owner: told by field.
      await type(page, '#assign-owner', '');
      await page.keyboard.press('Backspace');
      await send(page, '#form-assign');
      if (!(await page.$('.govuk-error-summary a[href="#assign-owner"]'))) fail('giving a case', 'the field is not named');
      await look(one, 'case without an owner vi 1280');
    }
    await type(page, '#assign-owner', people.officer.email);
    await type(page, '#assign-reason', 'Đang tra soát với đối tác');
    await send(page, '#form-assign');
    if (!page.url().includes('told=done')) throw new Error(`not given: ${await page.textContent('main')}`);
  }
  await openDay(page);
  await look(one, 'day ready vi 1280');
  await send(page, '#form-prepare', { seen: 'preparing a day' });
  if (!page.url().includes('told=waits')) throw new Error(`not prepared: ${await page.textContent('main')}`);
  await look(one, 'day prepared vi 1280');
  // Whoever prepared it cannot approve it.
  if (await page.$('#form-decide button[type=submit]')) fail('closing a day', 'who prepared it may approve it');
  await one.context.close();

  await approve('day', 'Ký ngày');

  const after = await signedIn(people.officer, 1280);
  const closed = await told(after.page);
  if (closed.day.status !== 'closed') throw new Error(`the day is ${closed.day.status}`);
  await after.page.goto(`${url}/desk`);
  await openDay(after.page);
  for (const part of ['snapshot', 'sheet']) {
    const answer = await after.page.request.get(`${url}/desk/days/${day}/${part}`);
    if (!answer.ok()) fail('the closed day', `${part} answers ${answer.status()}`);
  }
  await tabTo(after.page, '#reopen-reason');
  await after.context.close();
}
