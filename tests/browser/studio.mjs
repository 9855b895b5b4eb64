/**
 * The studio in a browser, served by `beeyard studio`: every screen on real objects, by keyboard,
 * with axe-core. Pictures of the screens go to $STUDIO_PICTURES, if that is set.
 */
import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { serveStudio } from '../../dist/cli/studio-server.js';
import { StringTable, writeElf } from '../../dist/elf/index.js';

const root = join(import.meta.dirname, '..', '..');
const axeSource = readFileSync(
  createRequire(import.meta.url).resolve('axe-core/axe.min.js'),
  'utf8',
);
const app = join(root, 'dist', 'studio');
/**
 * The bars, in milliseconds: opening an object of 10,000 instructions, first paint from loopback.
 * What was measured is printed; a case fails at five times the bar, which a loaded machine keeps.
 */
const OPENING = 2000;
const FIRST_PAINT = 1000;
const FAILS_AT = 5;

export const studioCases = [
  { name: 'Home: the gallery, first paint', run: onPage('dark', home) },
  { name: 'Home in light colours', run: onPage('light', home) },
  { name: 'Code: a rejected program says why', run: onPage('dark', rejected) },
  { name: 'Code: an accepted program, by keyboard', run: onPage('light', accepted) },
  { name: 'Code: the log of the verifier', run: onPage('dark', log) },
  { name: 'Run: a packet of a capture, step by step and back', run: onPage('dark', running) },
  { name: 'Run: a packet built by hand', run: onPage('light', building) },
  { name: 'an address brings back what was seen', run: onPage('dark', address) },
  { name: 'Code: 10,000 instructions', run: onPage('dark', large) },
  { name: 'Code: a log of a million lines', run: onPage('dark', longLog) },
  { name: 'a file that is none says so', run: onPage('dark', broken) },
];

/** A page of its own on a server of its own; errors of the page fail the case. */
export function onPage(colorScheme, run, files = [], compile = undefined) {
  return async (browser) => {
    const server = await serveStudio({ app, files, port: 0, compile });
    const context = await browser.newContext({
      colorScheme,
      viewport: { width: 1440, height: 900 },
      permissions: ['clipboard-read', 'clipboard-write'],
    });
    try {
      const page = await context.newPage();
      page.setDefaultTimeout(15_000);
      const errors = [];
      page.on('pageerror', (error) => errors.push(error.message));
      page.on('console', (message) => {
        if (message.type() === 'error') errors.push(message.text());
      });
      await page.goto(server.url);
      await run(page, server, colorScheme);
      assert.deepEqual(errors, []);
    } finally {
      await context.close();
      await server.close();
    }
  };
}

export async function picture(page, name) {
  const folder = process.env.STUDIO_PICTURES;
  if (folder) await page.screenshot({ path: join(folder, `${name}.png`) });
}

export function measured(what, took, bar) {
  process.stdout.write(`     ${what} after ${Math.round(took)} ms (bar: ${bar} ms)\n`);
  assert.ok(took < bar * FAILS_AT, `${what} after ${took} ms`);
}

/** No serious or critical findings. */
export async function accessible(page) {
  await page.evaluate(axeSource);
  const found = await page.evaluate(async () => {
    const { violations } = await globalThis.axe.run(document);
    return violations
      .filter(({ impact }) => impact === 'serious' || impact === 'critical')
      .map(({ id, nodes }) => `${id}: ${nodes.slice(0, 3).map(({ html }) => html.slice(0, 160))}`);
  });
  assert.deepEqual(found, []);
}

export const openCard = (page, title) => page.getByRole('button', { name: title }).click();
export const copied = (page) => page.evaluate(() => navigator.clipboard.readText());
export const selected = (page, list) =>
  page.getByRole('listbox', { name: list }).locator('[aria-selected=true]').innerText();

/** Milliseconds to it. What is in the document may not be painted yet: the entry is waited for. */
const firstPaint = (page) =>
  page.evaluate(
    () =>
      new Promise((resolve) => {
        new PerformanceObserver((list, observer) => {
          const [entry] = list.getEntriesByName('first-contentful-paint');
          if (!entry) return;
          observer.disconnect();
          resolve(entry.startTime);
        }).observe({ type: 'paint', buffered: true });
      }),
  );

async function home(page, _, scheme) {
  await page.getByRole('heading', { name: 'See why.' }).waitFor();
  await page.getByRole('button', { name: 'Firewall' }).waitFor();
  const paint = await firstPaint(page);
  measured('first paint', paint, FIRST_PAINT);
  await picture(page, `home-${scheme}`);
  await accessible(page);
}

async function rejected(page) {
  await openCard(page, 'A check that is missing');
  const banner = page.getByRole('region', { name: 'Why it was rejected' });
  await banner.waitFor();
  assert.match(await banner.innerText(), /R\d invalid mem access 'map_value_or_null'/);
  await page.keyboard.press('x');
  assert.match(await selected(page, 'Instructions'), /rejected here/);
  assert.match(await selected(page, 'Source lines'), /\*count \+= 1;/);
  await page.getByText('map_value_or_null').last().waitFor();
  await page.getByRole('button', { name: 'Copy as test' }).click();
  assert.match(await copied(page), /rejects\.toThrow\('R\d invalid mem access/);
  await picture(page, 'code-rejected');
  await accessible(page);
}

async function accepted(page) {
  await openCard(page, 'A limit for each source');
  await page.getByText('✓ accepted').waitFor();
  for (let i = 0; i < 12; i++) await page.keyboard.press('j');
  assert.match(page.url(), /i=\d+/);
  const before = await selected(page, 'Source lines');
  await page.keyboard.press('n');
  assert.notEqual(await selected(page, 'Source lines'), before);
  await page.keyboard.press('?');
  await page.getByRole('dialog').waitFor();
  await page.keyboard.press('Escape');
  await page.getByRole('dialog').waitFor({ state: 'detached' });
  await page.getByRole('button', { name: 'Copy as CLI' }).click();
  assert.match(await copied(page), /^beeyard verify \S+ratelimit\.bpf\.o --explain$/);
  await picture(page, 'code-accepted');
  await accessible(page);
}

async function log(page) {
  await openCard(page, 'Firewall');
  await page.getByText('✓ accepted').waitFor();
  await page.getByRole('button', { name: 'Log' }).click();
  const list = page.getByRole('listbox', { name: /^Log/ });
  await list
    .getByText(/R1=ctx\(\)/)
    .first()
    .waitFor();
  await list.evaluate((element) => (element.scrollTop = element.scrollHeight));
  await list.getByText(/^processed \d+ insns/).waitFor();
  await picture(page, 'code-log');
  await accessible(page);
}

async function running(page) {
  await openCard(page, 'A limit for each source');
  await page.getByText('✓ accepted').waitFor();
  await page.keyboard.press('4');
  await page.getByRole('listbox', { name: /^Packets/ }).focus();
  await page.keyboard.press('Home');
  await page.getByText(/^→ pass/).waitFor();
  await page.keyboard.press('ArrowDown');
  await page.getByText(/^→ pass/).waitFor();
  await page.getByRole('slider', { name: 'Step' }).focus();
  await page.keyboard.press('End');
  const last = page.url();
  await page.keyboard.press('Shift+F10');
  assert.notEqual(page.url(), last);
  await page.keyboard.press('F10');
  await page.getByRole('row', { name: /^r1 / }).waitFor();
  await page.keyboard.press('m');
  await page.getByRole('table', { name: /^seen/ }).waitFor();
  await page.keyboard.press('s');
  await page.getByRole('button', { name: 'Copy as CLI' }).click();
  assert.match(await copied(page), /^beeyard debug \S+ --prog ratelimit --pcap \S+ --packet 2 /);
  await picture(page, 'run');
  await accessible(page);
}

async function building(page) {
  await openCard(page, 'New connections only');
  await page.getByText('✓ accepted').waitFor();
  await page.keyboard.press('4');
  await page.getByRole('button', { name: 'Record it' }).click();
  await page.getByText(/^→ pass/).waitFor();
  await page.getByRole('slider', { name: 'Step' }).focus();
  await page.keyboard.press('End');
  await page.keyboard.press('m');
  const sources = page.getByRole('table', { name: /^sources/ });
  await sources.getByRole('columnheader', { name: 'opened' }).waitFor();
  await sources.getByRole('rowheader', { name: /^\d+/ }).waitFor();
  await page.getByRole('button', { name: 'Copy as test' }).first().click();
  assert.match(await copied(page), /toHaveVerdict\('pass'\)/);
  await picture(page, 'run-built');
  await accessible(page);
}

async function address(page, { url }) {
  await page.goto(`${url}#/code/typed-import-ratelimit.bpf.o/ratelimit?i=20`);
  await page.reload();
  await page.getByText('✓ accepted').waitFor();
  assert.match(await selected(page, 'Instructions'), /^\D*\d*\s*20\s/);
}

async function broken(page) {
  await page.getByRole('heading', { name: 'See why.' }).waitFor();
  const bytes = Buffer.from([0x7f, 0x45, 0x4c, 0x46, 1, 2, 3]);
  const file = { name: 'x.bpf.o', mimeType: 'application/octet-stream', buffer: bytes };
  await page.locator('input[type=file]').setInputFiles(file);
  await page
    .getByRole('status')
    .getByText(/x\.bpf\.o: /)
    .waitFor();
}

async function large(page) {
  await page.getByRole('heading', { name: 'See why.' }).waitFor();
  const file = { name: 'large.bpf.o', mimeType: '', buffer: largeObject() };
  const start = Date.now();
  await page.locator('input[type=file]').setInputFiles(file);
  await page.getByText('✓ accepted').waitFor();
  const took = Date.now() - start;
  measured('10,000 instructions open', took, OPENING);
  const list = page.getByRole('listbox', { name: 'Instructions' });
  await list.focus();
  await page.keyboard.press('End');
  assert.match(await selected(page, 'Instructions'), /exit/);
  assert.ok((await list.getByRole('option').count()) < 100);
}

async function longLog(page) {
  await page.getByRole('heading', { name: 'See why.' }).waitFor();
  // r1 = 0; do r1 += 1 while (r1 < 250,000); r0 = 0
  const insns = Buffer.alloc(5 * 8);
  insns.set([0xb7, 1], 0);
  insns.set([0x07, 1, 0, 0, 1], 8);
  insns.set([0xa5, 1, 0xfe, 0xff], 16);
  insns.writeInt32LE(250_000, 20);
  insns.set([0xb7], 24);
  insns.set([0x95], 32);
  const file = { name: 'long.bpf.o', mimeType: '', buffer: objectOf(insns) };
  await page.locator('input[type=file]').setInputFiles(file);
  await page.getByText('✓ accepted').waitFor({ timeout: 60_000 });
  await page.getByRole('button', { name: 'Log' }).click();
  const list = page.getByRole('listbox', { name: /^Log, [\d,]+ lines/ });
  const lines = Number((await list.getAttribute('aria-label')).replace(/\D/g, ''));
  if (process.env.STUDIO_PICTURES) process.stdout.write(`     ${lines} lines\n`);
  assert.ok(lines > 1_000_000, `${lines} lines`);
  await list.evaluate((element) => (element.scrollTop = element.scrollHeight / 2));
  await list
    .getByText(/r1 \+= 1/)
    .first()
    .waitFor();
  await list.evaluate((element) => (element.scrollTop = element.scrollHeight));
  await list.getByText(/^processed \d+ insns/).waitFor();
}

/** `r0 = 0; r0 += 1; … r0 += 1; r0 = 0; exit` */
export function largeObject() {
  const insns = Buffer.alloc(10_002 * 8);
  insns.set([0xb7], 0);
  for (let i = 1; i < 10_000; i++) insns.set([0x07, 0, 0, 0, 1], i * 8);
  insns.set([0xb7], 10_000 * 8);
  insns.set([0x95], 10_001 * 8);
  return objectOf(insns);
}

/** An object file with these instructions as its XDP program. */
export function objectOf(insns) {
  const names = new StringTable();
  const section = (name, type, data, rest = {}) => ({
    nameOffset: names.add(name),
    type,
    data,
    flags: 0,
    link: 0,
    info: 0,
    align: 8,
    entrySize: 0,
    ...rest,
  });
  const symbols = Buffer.alloc(48);
  symbols.writeUInt32LE(names.add('program'), 24);
  symbols.set([0x12, 0, 2], 28);
  symbols.writeUInt32LE(insns.length, 40);
  const own = section('.strtab', 3, new Uint8Array());
  const sections = [
    section('xdp', 1, insns, { flags: 6 }),
    section('license', 1, Buffer.from('GPL\0'), { flags: 3 }),
    section('.symtab', 2, symbols, { link: 1, info: 1, entrySize: 24 }),
  ];
  const table = { ...own, align: 1, data: names.toBytes() };
  const elf = { littleEndian: true, machine: 247, sections: [table, ...sections], names: 1 };
  return Buffer.from(writeElf(elf));
}
