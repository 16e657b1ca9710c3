// What a person without a pointer does: Tab, Shift, arrows, Space, Enter, typing. The only thing that is
// done for them is the choice of a file, which the browser leaves to the desktop.
import { fail } from './window.mjs';

/** Tab until something has the focus. */
export async function tabTo(page, selector, most = 600) {
  const reached = (s) => document.activeElement?.matches(s) ?? false;
  for (let n = 0; n < most; n += 1) {
    if (await page.evaluate(reached, selector)) return;
    await page.keyboard.press('Tab');
  }
  throw new Error(`${selector} is not reached by the keyboard on ${page.url()}`);
}

/** Is what has the focus seen to have it, and not hidden under something? */
export async function focusIsSeen(page, where) {
  const seen = await page.evaluate(() => {
    const style = getComputedStyle(document.activeElement);
    const box = document.activeElement.getBoundingClientRect();
    const drawn = style.outlineStyle !== 'none' || style.boxShadow !== 'none';
    const inside = box.bottom > 0 && box.top < window.innerHeight;
    return drawn && inside && box.width > 0 && box.height > 0;
  });
  if (!seen) fail(where, 'the focus is not seen');
}

/** Presses a key and waits for the page that it leads to. */
export async function press(page, key = 'Enter') {
  await Promise.all([page.waitForEvent('load', { timeout: 20_000 }), page.keyboard.press(key)]);
}

/** Goes to a link and follows it. */
export async function follow(page, selector) {
  await tabTo(page, selector);
  await press(page);
}

/** Goes to a field and types. What stood in it is replaced. */
export async function type(page, selector, text) {
  await tabTo(page, selector);
  await page.keyboard.press('Control+a');
  await page.keyboard.type(text);
}

/** Sends the form that stands on the page by its button. */
export async function send(page, form, { seen = '' } = {}) {
  await tabTo(page, `${form} button[type=submit]`);
  if (seen) await focusIsSeen(page, seen);
  await press(page);
}

/** A section of the desk, from its navigation. */
export async function section(page, path) {
  await follow(page, `.pd-side a[href="${path}"]`);
}
