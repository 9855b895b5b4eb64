/** The Graph screen in a browser: on real objects, by keyboard, with axe-core. */
import assert from 'node:assert/strict';
import {
  accessible,
  copied,
  largeObject,
  measured,
  objectOf,
  onPage,
  openCard,
  picture,
} from './studio.mjs';

export const graphCases = [
  { name: 'Graph: blocks, by keyboard', run: onPage('dark', blocks) },
  { name: 'Graph: replay of the verification', run: onPage('light', replay) },
  { name: 'Graph: where a program is rejected', run: onPage('dark', rejected) },
  { name: 'Graph: calls', run: onPage('light', calls) },
  { name: 'Graph: the table', run: onPage('dark', table) },
  { name: 'Graph: an address brings a step back', run: onPage('dark', address) },
  { name: 'Graph: 10,000 instructions, no jump', run: onPage('dark', straight) },
  { name: 'Graph: 10,000 instructions, 2,500 checks', run: onPage('dark', checks) },
];

/** Opening the graph of 10,000 instructions, in milliseconds. */
const OPENING = 2000;

const canvas = (page) => page.getByRole('application');
const slider = (page) => page.getByRole('slider', { name: 'Step of the walk' });
const words = (page) => slider(page).getAttribute('aria-valuetext');

async function openGraph(page, title) {
  await openCard(page, title);
  await page.locator('.bar .verdict').waitFor();
  await page.keyboard.press('g');
  await canvas(page).waitFor();
}

async function blocks(page) {
  await openGraph(page, 'A limit for each source');
  await canvas(page).focus();
  const said = page.locator('#graph-selected');
  assert.match(await said.textContent(), /^block 0, instructions 0 to \d+: walked once/);
  for (let i = 0; i < 4; i++) await page.keyboard.press('ArrowDown');
  assert.match(page.url(), /#\/graph\/\S+\?i=\d+/);
  assert.doesNotMatch(await said.textContent(), /^block 0,/);
  const insn = new URL(page.url()).hash.match(/i=(\d+)/)[1];
  await page.getByRole('button', { name: 'Copy as CLI' }).click();
  assert.match(await copied(page), /^beeyard prog dump xlated \S+ ratelimit visual$/);
  await page.waitForTimeout(400);
  await picture(page, 'graph-dark');
  await accessible(page);
  await canvas(page).focus();
  await page.keyboard.press('Enter');
  await page.getByRole('listbox', { name: 'Instructions' }).waitFor();
  assert.match(page.url(), new RegExp(`#/code/\\S+i=${insn}$`));
}

async function replay(page) {
  await openGraph(page, 'A limit for each source');
  assert.equal(await words(page), 'the whole walk');
  await page.keyboard.press('j');
  assert.match(await words(page), /^step 0 of \d+, path 1 of \d+$/);
  for (let i = 0; i < 5; i++) await page.keyboard.press('j');
  await page.keyboard.press('k');
  assert.match(await words(page), /^step 4 of/);
  const pruned = page.getByText('Pruned.');
  for (let i = 0; i < 20 && (await pruned.count()) === 0; i++) {
    await page.keyboard.press('n');
    await page.getByText(/^Before instruction/).waitFor();
    await page.waitForTimeout(60);
  }
  await pruned.waitFor();
  await page.getByRole('columnheader', { name: /^Kept at step \d+/ }).waitFor();
  await page.getByRole('rowheader', { name: /^R10/ }).waitFor();
  await page.waitForTimeout(400);
  await picture(page, 'graph-replay');
  await accessible(page);
  const before = await words(page);
  await page
    .getByRole('button', { name: /^step \d+/ })
    .last()
    .click();
  assert.notEqual(await words(page), before);
  await page.keyboard.press('Escape');
  assert.equal(await words(page), 'the whole walk');
}

async function rejected(page) {
  await openGraph(page, 'A check that is missing');
  await slider(page).focus();
  await page.keyboard.press('ArrowLeft');
  await page.getByText('Here the program is rejected.').waitFor();
  await page.waitForTimeout(400);
  await picture(page, 'graph-rejected');
  await accessible(page);
}

async function calls(page) {
  await openGraph(page, 'Idle flows');
  await page.getByRole('button', { name: 'Calls' }).click();
  await page.getByRole('application', { name: /^Call graph: \d+ functions/ }).waitFor();
  await picture(page, 'graph-calls');
  await accessible(page);
  await canvas(page).focus();
  await page.keyboard.press('End');
  await page.keyboard.press('Enter');
  await page.getByRole('application', { name: /^Control flow of / }).waitFor();
}

async function table(page) {
  await openGraph(page, 'Firewall');
  await page.waitForTimeout(300);
  await picture(page, 'graph-firewall');
  await page.keyboard.press('t');
  const rows = page.getByRole('table', { name: /^Blocks of firewall/ }).getByRole('row');
  assert.ok((await rows.count()) > 10);
  await page.getByRole('button', { name: '3', exact: true }).press('Enter');
  assert.match(page.url(), /i=\d+&view=table/);
  await picture(page, 'graph-table');
  await accessible(page);
}

async function address(page, { url }) {
  await page.goto(`${url}#/graph/typed-import-ratelimit.bpf.o/ratelimit?i=20&t=7`);
  await page.reload();
  await canvas(page).waitFor();
  assert.match(await words(page), /^step 7 of/);
  await page.getByText(/^Before instruction \d+, block \d+$/).waitFor();
}

async function opened(page, name, buffer) {
  await page.getByRole('heading', { name: 'See why.' }).waitFor();
  await page.locator('input[type=file]').setInputFiles({ name, mimeType: '', buffer });
  await page.getByText('✓ accepted').waitFor();
  const start = Date.now();
  await page.keyboard.press('g');
  await canvas(page).waitFor();
  await page.locator('.scene .node').first().waitFor();
  measured('the graph of 10,000 instructions', Date.now() - start, OPENING);
  await canvas(page).focus();
}

async function straight(page) {
  await opened(page, 'large.bpf.o', largeObject());
  assert.equal(await page.locator('.scene .node').count(), 1);
  await accessible(page);
}

async function checks(page) {
  await opened(page, 'checks.bpf.o', checksObject(2500));
  await page.getByRole('checkbox', { name: /^fold/ }).uncheck();
  await page.getByRole('application', { name: /3,?7\d\d boxes/ }).waitFor();
  // What is out of sight is not drawn.
  assert.ok((await page.locator('.scene .node').count()) < 60);
  await canvas(page).focus();
  const start = Date.now();
  for (let i = 0; i < 50; i++) await page.keyboard.press('ArrowDown');
  measured('50 boxes further', Date.now() - start, OPENING);
  await page.keyboard.press('End');
  await page.waitForTimeout(300);
  await picture(page, 'graph-checks');
  await page.keyboard.press('0');
  await picture(page, 'graph-checks-all');
  await page.getByRole('checkbox', { name: /^fold/ }).check();
  await page.waitForTimeout(300);
  await picture(page, 'graph-checks-folded');
  assert.ok((await page.locator('.scene .node').count()) < 10);
}

/** `r0 = *(u32 *)(r1 + 0)`, then checks of it: one in two leaves, the others go around a line. */
function checksObject(count) {
  const lines = [[0x61, 0x10, 0, 0]];
  const end = 4 * count + 1;
  for (let i = 0; i < count; i++) {
    const at = lines.length;
    const leaves = i % 2 === 0;
    // if r0 > i goto the end, or over the next
    lines.push([0x25, 0, leaves ? end - at - 1 : 1, i], [0x07, 2, 0, 1]);
    lines[at + 1] = [0xb7, 2, 0, i];
    lines.push([0xb7, 3, 0, i], [0xb7, 4, 0, i]);
  }
  lines.push([0xb7, 0, 0, 2], [0x95, 0, 0, 0]);
  const insns = Buffer.alloc(lines.length * 8);
  lines.forEach(([op, regs, off, imm], i) => {
    insns[i * 8] = op;
    insns[i * 8 + 1] = regs;
    insns.writeInt16LE(off, i * 8 + 2);
    insns.writeInt32LE(imm, i * 8 + 4);
  });
  return objectOf(insns);
}
