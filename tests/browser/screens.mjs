// Every screen of the desk, for each kind of person, at two widths and in two languages.
import { count, fail, look, signedIn, url } from './window.mjs';

const QUERIES = {
  '/desk/approvals': '?status=any', '/desk/breaks': '?state=any', '/desk/refunds': '', '/desk/days': '',
};

/** The screens of a person: what the navigation names, and one of each kind that its lists lead to. */
export async function screensOf(person, more = []) {
  const { context, page } = await signedIn(person, 1280);
  await page.goto(`${url}/desk`);
  const sections = await page.$$eval('.pd-side .pd-nav__item', (links) => links.map((a) => a.getAttribute('href')));
  const found = new Set([...sections, '/desk/me', ...more]);
  const below = async (path) => {
    await page.goto(url + path);
    const links = await page.$$eval('main .pd-table a.pd-link', (all) => all.map((a) => a.getAttribute('href')));
    const first = new Map();
    for (const href of links) {
      const parts = href.split('?')[0].split('/');
      const kind = `${parts.slice(0, 3).join('/')}${parts.length > 4 ? parts[3] : ''}`;
      // What a whole list or an export is, is looked at as a section.
      if (!first.has(kind) && href.startsWith('/desk/') && parts.length > 3) first.set(kind, href);
    }
    for (const href of first.values()) found.add(href);
  };
  for (const path of sections) {
    const query = QUERIES[path] ?? '';
    if (query) found.add(path + query);
    await below(path + query);
  }
  for (const href of [...found].filter((path) => path.includes('/ledger/accounts/'))) await below(href);
  await context.close();
  return [...found];
}

/** Looks at all of them in one window. Pictures are kept of what the others see less of. */
export async function lookAtAll(who, person, paths, [width, lang]) {
  const shot = !['approver', 'auditor', 'province'].includes(who);
  const window = await signedIn(person, width);
  for (const path of paths) {
    const address = `${path}${path.includes('?') ? '&' : '?'}lang=${lang}`;
    const answer = await window.page.goto(url + address);
    const short = path.replace(/[0-9a-f]{8}-[0-9a-f-]{27}/g, 'ID').replace(/accounts\/\d+|entries\/\d+/g, (of) => of.replace(/\d+/, 'N'));
    const where = `${who} ${short} ${lang} ${width}`;
    if (answer.status() !== 200) fail(where, `answers ${answer.status()}`);
    if ((await window.page.getAttribute('html', 'lang')) !== lang) fail(where, 'is in another language');
    await look(window, where, { shot });
  }
  await window.context.close();
}

/** The same screens with scripts switched off: they answer and say the same. */
export async function withoutScripts(person, paths) {
  const { context, page } = await signedIn(person, 1280, { javaScriptEnabled: false });
  for (const path of paths) {
    const answer = await page.goto(url + path);
    const heading = await page.textContent('h1');
    if (answer.status() !== 200 || !heading?.trim()) fail(`without scripts ${path}`, `answers ${answer.status()}`);
    count.looked += 1;
  }
  await context.close();
}
