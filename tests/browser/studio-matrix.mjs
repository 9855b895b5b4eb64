/** The Matrix screen in a browser, and Code under the rules of another kernel. */
import assert from 'node:assert/strict';
import { accessible, copied, onPage, openCard, picture } from './studio.mjs';

export const matrixCases = [
  { name: 'Matrix: programs by kernel, by keyboard', run: onPage('dark', matrix) },
  { name: 'Matrix: a rejected program, in light colours', run: onPage('light', rejected) },
  { name: 'Matrix: what an older kernel has not got', run: onPage('dark', refused) },
  { name: 'Matrix: an address brings a cell back', run: onPage('dark', address) },
];

const PROFILES = { timeout: 60_000 };
const cell = (page, name) => page.getByRole('gridcell', { name });

async function openMatrix(page, title) {
  await openCard(page, title);
  await page.locator('.bar .verdict').waitFor();
  await page.keyboard.press('6');
  await page.getByRole('gridcell').first().waitFor(PROFILES);
}

async function matrix(page) {
  await openMatrix(page, 'A chain of programs');
  await page.getByRole('columnheader', { name: '6.12' }).waitFor(PROFILES);
  await cell(page, /accepted/)
    .nth(9)
    .waitFor(PROFILES);
  const here = page.locator('td[aria-selected=true]');
  assert.match(await here.innerText(), /accepted/);
  for (let i = 0; i < 3; i++) await page.keyboard.press('j');
  for (let i = 0; i < 2; i++) await page.keyboard.press('ArrowLeft');
  assert.match(page.url(), /\/police\?k=6\.1$/);
  assert.match(await here.innerText(), /accepted\s+\d+ walked/);
  await page.getByRole('region', { name: 'End of the log' }).waitFor(PROFILES);
  await picture(page, 'matrix-dark');
  await accessible(page);
  await page.getByRole('button', { name: 'Copy as test' }).click();
  assert.match(await copied(page), /object\)\.toVerifyOn\('6\.1', \{ programs: \['police'/);
  await page.getByRole('button', { name: 'Copy as Markdown' }).click();
  assert.match(await copied(page), /^\| program \| 5\.4 \|.*\n\| --- \|/);
  await page.keyboard.press('o');
  await page.getByText(/by the rules of Linux 6\.1\.192/).waitFor(PROFILES);
  assert.match(page.url(), /#\/code\/\S+\?k=6\.1$/);
  await page.getByRole('button', { name: 'Copy as CLI' }).click();
  assert.match(await copied(page), /^beeyard verify \S+ --kernel 6\.1 --explain$/);
}

async function refused(page) {
  await openMatrix(page, 'Fair queue');
  const bad = cell(page, /rejected not loaded/);
  await bad.waitFor(PROFILES);
  await bad.getByRole('button').focus();
  await page.keyboard.press('Enter');
  assert.match(page.url(), /k=6\.1$/);
  const pane = page.getByRole('region', { name: 'fair on Linux 6.1' });
  await pane.getByRole('region', { name: 'It has not got' }).waitFor();
  await picture(page, 'matrix-refused');
  await accessible(page);
}

async function rejected(page) {
  await openMatrix(page, 'A check that is missing');
  await page.getByRole('region', { name: 'End of the log' }).waitFor(PROFILES);
  await page.locator('pre', { hasText: "invalid mem access 'map_value_or_null'" }).waitFor();
  await cell(page, /probably not/)
    .first()
    .waitFor();
  await picture(page, 'matrix-light');
  await accessible(page);
}

async function address(page, { url }) {
  await page.goto(`${url}#/matrix/firewall-firewall.bpf.o/firewall?k=5.15`);
  await page.reload();
  await page.getByRole('heading', { name: 'firewall on Linux 5.15' }).waitFor(PROFILES);
  await page.locator('td[aria-selected=true]').waitFor(PROFILES);
}
