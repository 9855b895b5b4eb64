/** The screen Machine: programs at devices, their order, the way of a packet. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { accessible, copied, onPage, openCard, picture } from './studio.mjs';

export const machineCases = [
  { name: 'Machine: attach, reorder, a packet’s way, by keyboard', run: onPage('dark', machine) },
  { name: 'Machine: in light colours, dragged', run: onPage('light', dragged) },
];

const object = readFileSync(
  join(import.meta.dirname, '..', '..', 'examples', 'typed-import', 'ratelimit.bpf.o'),
);
const said = (page, text) => page.getByRole('status').getByText(text).waitFor();
const choose = (page, label, option) =>
  page.getByRole('combobox', { name: label }).last().selectOption(option);

/** Two tc programs at eth0, of two objects, and one of XDP. */
async function attached(page) {
  await openCard(page, 'A limit for each source');
  await page.getByText('✓ accepted').waitFor();
  await page.keyboard.press('1');
  const other = { name: 'other.bpf.o', mimeType: '', buffer: object };
  await page.locator('input[type=file]').setInputFiles(other);
  await page.getByText('✓ accepted').waitFor();
  await page.keyboard.press('5');
  const form = page.getByRole('form', { name: 'Attach a program' });
  await form.waitFor();
  const put = async (program) => {
    await form.getByRole('combobox', { name: 'Program' }).selectOption(program);
    await form.getByRole('button', { name: 'Attach' }).focus();
    await page.keyboard.press('Enter');
  };
  await put('outgoing — typed-import-ratelimit.bpf.o');
  await said(page, 'outgoing attached to eth0');
  await put('ratelimit — typed-import-ratelimit.bpf.o');
  await said(page, 'ratelimit attached to eth0');
  await put('outgoing — other.bpf.o');
  await page.waitForFunction(() => document.querySelectorAll('.placed').length === 3);
  return { form, put };
}

const order = (page) =>
  page
    .getByRole('list', { name: /^ingress programs of eth0/ })
    .locator('li')
    .allInnerTexts();

async function machine(page) {
  const { put } = await attached(page);
  // Linux does not take one twice: said, and nothing changes.
  await put('outgoing — other.bpf.o');
  await said(page, /EEXIST|already|exist/i);
  assert.match((await order(page)).join(), /ratelimit\.bpf\.o.*other\.bpf\.o/s);
  await page.getByRole('button', { name: /^outgoing.*, 2 of 2/ }).focus();
  await page.keyboard.press('Alt+ArrowUp');
  await said(page, /outgoing is number 1 at eth0 ingress/);
  assert.match((await order(page)).join(), /other\.bpf\.o.*ratelimit\.bpf\.o/s);
  await page.getByRole('textbox', { name: 'From' }).fill('10.0.0.2');
  await page.getByRole('textbox', { name: 'To' }).fill('10.1.0.2');
  await page.getByRole('button', { name: 'Receive at eth0' }).focus();
  await page.keyboard.press('Enter');
  const way = page.getByRole('table', { name: /^Packet 1/ });
  await way.getByText(/xdp ratelimit.*pass/).waitFor();
  // The one that is first now says pass, which ends the chain (TCX_PASS).
  const first = /outgoing\s*id (\d+)/.exec((await order(page))[0])[1];
  const ran = await way.getByText(/tcx\/ingress outgoing/).allInnerTexts();
  assert.deepEqual(ran, [`tcx/ingress outgoing [${first}]: pass`]);
  await way.getByRole('rowheader', { name: 'pod / eth0' }).first().waitFor();
  const copy = (label) => page.getByRole('button', { name: label }).click();
  await copy('Copy as CLI');
  assert.match(await copied(page), /beeyard net trace \S+ \S+ --topology net\.mjs/);
  await copy('Copy as test');
  assert.match(await copied(page), /direction: 'ingress', link: false.*toMatchObject/s);
  await picture(page, 'machine-dark');
  await accessible(page);
  // The address has the machine, in its new order.
  const on = new URLSearchParams(new URL(page.url()).hash.split('?')[1]).getAll('on');
  assert.deepEqual([...on].sort(), [
    'other.bpf.o:outgoing@eth0:ingress',
    'typed-import-ratelimit.bpf.o:outgoing@eth0:ingress',
    'typed-import-ratelimit.bpf.o:ratelimit@eth0:xdp',
  ]);
  const names = on.filter((one) => one.includes('outgoing'));
  assert.ok(names[0].startsWith('other'));
}

async function dragged(page) {
  await attached(page);
  const rows = page.getByRole('list', { name: /^ingress programs of eth0/ }).locator('li');
  await rows.nth(1).dragTo(rows.nth(0));
  await said(page, /outgoing is number 1 at eth0 ingress/);
  assert.match((await order(page)).join(), /other\.bpf\.o.*ratelimit\.bpf\.o/s);
  await choose(page, 'at', 'pod/eth0');
  await page.getByRole('button', { name: 'Receive at pod/eth0' }).click();
  await page.getByRole('table', { name: /^Packet 1/ }).waitFor();
  await picture(page, 'machine-light');
  await accessible(page);
}
