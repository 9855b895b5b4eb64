/** The screen Run in a browser: breakpoints, maps, the packet and who touched it, coverage. */
import assert from 'node:assert/strict';
import { accessible, copied, onPage, openCard, picture, selected } from './studio.mjs';

export const runCases = [
  { name: 'Run: breakpoints, on and back, by keyboard', run: onPage('dark', breakpoints) },
  { name: 'Run: maps, and what a packet changed', run: onPage('light', maps) },
  { name: 'Run: fields of the packet, and who touched them', run: onPage('dark', fields) },
  { name: 'Run: fields of the packet, in light colours', run: onPage('light', fields) },
  { name: 'Run: coverage of a capture', run: onPage('light', coverage) },
  { name: 'Run: a ring buffer, and an address with all of it', run: onPage('dark', ring) },
];

const stepOf = (page) => Number(/[?&]t=(\d+)/.exec(page.url())?.[1] ?? 0);
const said = (page, text) => page.getByRole('status').getByText(text).waitFor();

/** The packet of a capture whose number this is, recorded. */
async function recorded(page, card, number) {
  await openCard(page, card);
  await page.getByText('✓ accepted').waitFor();
  await page.keyboard.press('4');
  await page.getByRole('listbox', { name: /^Packets/ }).focus();
  await page.keyboard.press('Home');
  for (let i = 1; i < number; i++) await page.keyboard.press('ArrowDown');
  await page.getByText(/^→ /).waitFor();
  await page.getByRole('slider', { name: 'Step' }).focus();
}

async function breakpoints(page) {
  await recorded(page, 'A limit for each source', 6);
  for (let i = 0; i < 6; i++) await page.keyboard.press('j');
  await page.keyboard.press('b');
  await said(page, /breakpoint set: line ratelimit\.bpf\.c:\d+/);
  const line = await selected(page, 'Source lines');
  await page.getByRole('button', { name: /^Stops/ }).focus();
  await page.keyboard.press('Enter');
  const add = page.getByRole('combobox', { name: 'Stop at' });
  for (const stop of ['bpf_map_lookup_elem', 'watch:seen', '*0']) {
    await add.focus();
    await page.keyboard.type(stop);
    await page.keyboard.press('Enter');
  }
  await page.getByRole('slider', { name: 'Step' }).focus();
  await page.keyboard.press('Home');
  const stops = [];
  for (let i = 0; i < 20; i++) {
    const before = await page.getByRole('status').innerText();
    await page.keyboard.press('c');
    await page.waitForFunction(
      (old) => document.querySelector('[role=status]').innerText !== old,
      before,
    );
    const words = await page.getByRole('status').innerText();
    if (words.startsWith('no')) break;
    stops.push([stepOf(page), words]);
  }
  const steps = stops.map(([step]) => step);
  assert.deepEqual(
    steps,
    [...steps].sort((a, b) => a - b),
  );
  for (const kind of [/line ratelimit/, /calls of bpf_map_lookup/, /changes of map seen/]) {
    assert.ok(
      stops.some(([, words]) => kind.test(words)),
      `${kind} in ${stops}`,
    );
  }
  // Back: the same places.
  await page.keyboard.press('C');
  await said(page, new RegExp(`step ${steps.at(-1)}:`));
  await page.keyboard.press('C');
  await said(page, new RegExp(`step ${steps.at(-2)}:`));
  assert.ok(line.length > 0);
  await page.getByRole('button', { name: 'Copy as CLI' }).last().click();
  assert.match(await copied(page), /break bpf_map_lookup_elem; watch seen; break \*0; continue/);
  await picture(page, 'run-stops');
  await accessible(page);
  await add.focus();
  await page.keyboard.type('watch:nothing');
  await page.keyboard.press('Enter');
  await page.getByRole('button', { name: 'On to a stop' }).click();
  await said(page, /has no map 'nothing'/);
  await page.getByRole('button', { name: 'Remove write to map nothing' }).click();
  assert.equal(await page.getByRole('list', { name: 'Breakpoints' }).locator('li').count(), 4);
}

async function maps(page) {
  await recorded(page, 'A limit for each source', 6);
  await page.keyboard.press('End');
  await page.keyboard.press('m');
  const seen = page.getByRole('table', { name: /^seen/ });
  await seen.getByRole('columnheader', { name: 'packets' }).waitFor();
  await page.getByRole('button', { name: 'by this packet' }).click();
  assert.match(page.url(), /since=packet/);
  await page
    .getByText(/^\d+ changes?$/)
    .first()
    .waitFor();
  await page.getByRole('button', { name: 'Copy as CLI' }).last().click();
  assert.match(await copied(page), /'goto \d+; .*map seen/);
  await page.getByRole('button', { name: 'Copy as test' }).last().click();
  await said(page, 'Copy as test: copied');
  assert.match(await copied(page), /maps\['seen'\]\]\)\.toHaveLength\([12]\)/);
  await picture(page, 'run-maps');
  await accessible(page);
}

async function fields(page, _, scheme) {
  await recorded(page, 'A limit for each source', 6);
  await page.keyboard.press('End');
  await page.keyboard.press('h');
  const tree = page.getByRole('listbox', { name: 'Headers and fields' });
  await tree.focus();
  await page.keyboard.press('Home');
  for (let i = 0; i < 40 && !/^source\s+\d+\.\d+/.test(await picked(tree)); i++) {
    await page.keyboard.press('ArrowDown');
  }
  assert.match(page.url(), /at=26%2B4/);
  const reader = page.getByRole('button', { name: /^step \d+ insn \d+.*saddr/ });
  await reader.waitFor();
  await page.getByText('by nobody: as they came').waitFor();
  await picture(page, `run-packet-${scheme}`);
  await accessible(page);
  const last = stepOf(page);
  await reader.focus();
  await page.keyboard.press('Enter');
  assert.ok(stepOf(page) < last);
  assert.match(await selected(page, 'Source lines'), /saddr/);
}

const picked = (list) => list.locator('[aria-selected=true]').innerText();

async function coverage(page) {
  await recorded(page, 'A limit for each source', 6);
  await page.getByRole('button', { name: 'All packets' }).focus();
  await page.keyboard.press('Enter');
  await page.getByText(/^\d+ of \d+ lines$/).waitFor();
  const words = await page.getByText(/^500 packets: /).innerText();
  // As `beeyard run` counts them.
  assert.match(words, /pass 428, drop 72$/);
  assert.match(page.url(), /heat=all/);
  await page.getByRole('button', { name: 'Test', exact: true }).click();
  assert.match(await copied(page), /'pass': 428,\s+'drop': 72,/);
  await picture(page, 'run-coverage');
  await accessible(page);
}

async function ring(page, { url }) {
  const at = 'p=500&t=100000&pane=maps&since=packet&b=watch%3Aevents';
  await page.goto(`${url}#/run/typed-import-ratelimit.bpf.o/ratelimit?${at}`);
  await page.reload();
  await page.getByText(/^→ /).waitFor();
  const events = page.getByRole('table', { name: /^events ringbuf/ });
  await events.getByRole('columnheader', { name: 'reason' }).waitFor();
  await events.getByRole('row', { name: /^0 .*OVER_LIMIT/ }).waitFor();
  await picture(page, 'run-ring');
  await accessible(page);
}
