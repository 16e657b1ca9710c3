// Every screen in a real browser: at two widths, in two languages, with axe-core, without a script
// of our own, by the keyboard alone. Prints one line for each part; exits with 1 when anything failed.
import { atOnce, browser, count, need, step } from './window.mjs';
import { payByKeyboard, publicPages, refundStatus } from './citizen.mjs';
import {
  closeByKeyboard, day, dayIsOpen, filesByKeyboard, partnerByKeyboard, refundByKeyboard,
} from './officer.mjs';
import { lookAtAll, screensOf, withoutScripts } from './screens.mjs';

const people = JSON.parse(need('PEOPLE'));
const WINDOWS = [1280, 360].flatMap((width) => ['vi', 'en'].map((lang) => [width, lang]));
// More would only wait for the processors.
const AT_ONCE = 3;

const receipt = await step('paying by the keyboard', payByKeyboard);
await step('a refund by the keyboard', refundByKeyboard);
await step('files by the keyboard', filesByKeyboard);
await step('a day that has not ended', dayIsOpen);
await step('asking and answering by the keyboard', partnerByKeyboard);
await step('public pages', async () => {
  await atOnce(AT_ONCE, WINDOWS, (window) => publicPages(window, receipt));
  await atOnce(AT_ONCE, WINDOWS, refundStatus);
});
for (const who of Object.keys(people)) {
  const person = people[who];
  const paths = await step(`finding the screens of the ${who}`, () => screensOf(person));
  if (!paths) continue;
  await step(`${paths.length} screens of the ${who}`, () =>
    atOnce(AT_ONCE, WINDOWS, (window) => lookAtAll(who, person, paths, window)));
  if (who === 'auditor') await step('without scripts', () => withoutScripts(person, paths));
}
await step('closing a day by the keyboard', closeByKeyboard);
await step('screens of the closed day', () => atOnce(AT_ONCE, WINDOWS, (window) =>
  lookAtAll('closed', people.officer, ['/desk', '/desk/days', `/desk/days/${day}`, '/desk/breaks', '/desk/receipts', '/desk/payovers'], window)));
await browser.close();
const told = `${count.looked} looks at pages`;
console.log(count.failed === 0 ? `test-browser: all is well, ${told}` : `test-browser: ${count.failed} failures, ${told}`);
process.exitCode = count.failed === 0 ? 0 : 1;
