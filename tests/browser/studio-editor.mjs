/** The editor of the studio, with the clang of this computer: compiled, verified, fixed, shared. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { accessible, copied, onPage, openCard, picture } from './studio.mjs';

const root = join(import.meta.dirname, '..', '..');
const SOURCE = readFileSync(join(root, 'examples/studio/unchecked.bpf.c'));
const compile = { env: process.env, cwd: '/', timeout: 60_000 };
const given = (text) => [{ name: 'x.bpf.c', bytes: async () => Buffer.from(text) }];
const object = [
  {
    name: 'unchecked.bpf.o',
    bytes: async () => readFileSync(join(root, 'examples/studio/unchecked.bpf.o')),
  },
];
const withClang = (scheme, run, files = []) => onPage(scheme, run, files, compile);

export const editorCases = [
  { name: 'Editor: errors, then a program, by keyboard', run: withClang('dark', writing) },
  { name: 'Editor: a fix by one key, and back', run: withClang('light', fixing) },
  { name: 'Editor: a fix where the source is not open', run: withClang('dark', noSource, object) },
  { name: 'Editor: a source by itself', run: withClang('dark', alone, given(SOURCE)) },
  {
    name: 'Editor: a source that does not compile',
    run: withClang('light', broken, given('int(')),
  },
  { name: 'Editor: what was edited is shared and downloaded', run: withClang('dark', sharing) },
  { name: 'Editor: without a compiler', run: onPage('dark', withoutServer) },
  {
    name: 'Editor: no clang',
    run: withoutPath(onPage('light', withoutClang, given(SOURCE), { ...compile, env: {} })),
  },
  { name: 'the core is small, the editor is not in it', run: onPage('dark', bundle) },
];

const text = (page) => page.getByRole('textbox', { name: /^C source of/ });
const said = (page, words) => page.getByRole('status').getByText(words).waitFor();
const verdict = (page, words) => page.locator('.bar .verdict').getByText(words).waitFor();

/** To the end of the line that has this, by the keyboard alone: `Ctrl+Home`, then down. */
async function toLine(page, words) {
  const number = SOURCE.toString()
    .split('\n')
    .findIndex((line) => line.includes(words));
  await page.keyboard.press('Control+Home');
  for (let i = 0; i < number; i++) await page.keyboard.press('ArrowDown');
  await page.keyboard.press('End');
}

async function writing(page, _, scheme) {
  await openCard(page, 'A check that is missing');
  await verdict(page, '✕ rejected');
  await page.keyboard.press('e');
  await text(page).waitFor();
  await page.waitForFunction(() => document.activeElement?.classList.contains('editor-text'));
  await text(page).locator('.cm-rejected').getByText('*count += 1').waitFor();
  await picture(page, `editor-rejected-${scheme}`);
  await accessible(page);
  await toLine(page, '__u64 *count');
  await page.keyboard.press('Enter');
  await page.keyboard.type('if (!cuont) return XDP_PASS;');
  await page.keyboard.press('Control+Enter');
  await said(page, /does not compile: 1 error/);
  const problems = page.getByRole('list', { name: 'Problems' });
  await problems.getByText(/^line 23, column 8: error: .*undeclared identifier 'cuont'/).waitFor();
  await text(page).locator('.cm-lintRange-error').getByText('cuont').waitFor();
  await picture(page, `editor-error-${scheme}`);
  await accessible(page);
  // What is shown beside it is still the program as it was.
  await verdict(page, '✕ rejected');
  await page.getByText('edited since').waitFor();
  await problems.getByRole('button').first().focus();
  await page.keyboard.press('Enter');
  for (let i = 0; i < 5; i++) await page.keyboard.press('Delete');
  await page.keyboard.type('count');
  await page.keyboard.press('Control+s');
  await verdict(page, '✓ accepted');
  await said(page, /^compiled, unchecked is accepted/);
  assert.equal(await text(page).locator('.cm-rejected').count(), 0);
  await picture(page, `editor-accepted-${scheme}`);
  await accessible(page);
  // Escape leaves; then the keys are those of the screen again.
  await page.keyboard.press('Escape');
  assert.equal(await page.evaluate(() => document.activeElement?.textContent), 'Compile');
  await page.keyboard.press('E');
  const lines = page.getByRole('listbox', { name: 'Source lines' });
  await lines.getByText('if (!count) return XDP_PASS;').waitFor();
  await page.keyboard.press('4');
  await page.getByRole('button', { name: 'Record it' }).click();
  await page.getByText(/^→ pass/).waitFor();
}

async function fixing(page, _, scheme) {
  await openCard(page, 'A check that is missing');
  await page.getByRole('list', { name: /^Fixes/ }).waitFor();
  await page.getByRole('button', { name: 'Copy patch' }).first().click();
  assert.match(await copied(page), /^--- a\/\S+unchecked\.bpf\.c\n/);
  await page.keyboard.press('f');
  await verdict(page, '✓ accepted');
  await said(page, /before it is used: compiled, unchecked is accepted/);
  await text(page).getByText('if (!count)').waitFor();
  await text(page).locator('.cm-at').getByText('if (!count)').waitFor();
  await picture(page, `editor-fixed-${scheme}`);
  await accessible(page);
  await page.keyboard.press('u');
  await verdict(page, '✕ rejected');
  assert.equal(await text(page).getByText('if (!count)').count(), 0);
  // The same in the editor: once more the fix, and Ctrl+Z.
  await page.getByRole('list', { name: /^Fixes/ }).waitFor();
  await page.keyboard.press('f');
  await verdict(page, '✓ accepted');
  await page.keyboard.press('e');
  await page.keyboard.press('Control+z');
  assert.equal(await text(page).getByText('if (!count)').count(), 0);
  await page.getByText('not compiled', { exact: true }).waitFor();
  await page.keyboard.press('Control+Enter');
  await verdict(page, '✕ rejected');
}

async function noSource(page) {
  await page.getByRole('list', { name: /^Fixes/ }).waitFor();
  await page.keyboard.press('f');
  await said(page, /^fix copied: .*\(not put in: the source is not open/);
  assert.match(await copied(page), /if \(!count\)/);
  await page.getByRole('listbox', { name: 'Source lines' }).locator('.row.added').first().waitFor();
  await page.keyboard.press('e');
  await page.getByText(/^The source is not open/).waitFor();
}

async function alone(page, { url }) {
  await verdict(page, '✕ rejected');
  assert.match(page.url(), /#\/code\/x\.bpf\.o\/unchecked/);
  await page.keyboard.press('f');
  await verdict(page, '✓ accepted');
  // What the compiler warns of is said although there is an object.
  await page.keyboard.press('e');
  await toLine(page, 'void *data');
  await page.keyboard.press('Enter');
  await page.keyboard.type('int unused;');
  await page.keyboard.press('Control+Enter');
  const problems = page.getByRole('list', { name: 'Problems' });
  await problems.getByText(/warning: unused variable 'unused'/).waitFor();
  await verdict(page, '✓ accepted');
  // The file on disk was never written: a fresh window begins with it.
  const fresh = await page.context().newPage();
  await fresh.goto(url);
  await verdict(fresh, '✕ rejected');
}

async function broken(page, _, scheme) {
  await page
    .getByRole('list', { name: 'Problems' })
    .getByText(/^line 1, column 5: error/)
    .first()
    .waitFor();
  assert.match(page.url(), /#\/code\/x\.bpf\.c\//);
  await picture(page, `editor-broken-${scheme}`);
  await accessible(page);
  await page.keyboard.press('e');
  await page.keyboard.press('Control+a');
  await page.evaluate((it) => navigator.clipboard.writeText(it), SOURCE.toString());
  await page.keyboard.press('Control+v');
  await page.keyboard.press('Control+Enter');
  await verdict(page, '✕ rejected');
  assert.match(page.url(), /#\/code\/x\.bpf\.o\/unchecked/);
}

async function sharing(page, { url }) {
  await openCard(page, 'A check that is missing');
  await page.getByRole('list', { name: /^Fixes/ }).waitFor();
  await page.keyboard.press('f');
  await verdict(page, '✓ accepted');
  await page.keyboard.press('e');
  await page.keyboard.press('Control+Home');
  await page.keyboard.type('// a note');
  const [download] = await Promise.all([
    page.waitForEvent('download'),
    page.getByRole('button', { name: 'Download C' }).click(),
  ]);
  assert.equal(download.suggestedFilename(), 'studio-unchecked.bpf.c');
  const saved = readFileSync(await download.path(), 'utf8');
  assert.match(saved, /^\/\/ a note[^]*if \(!count\)/);
  await page.keyboard.press('l');
  const copy = page.getByRole('button', { name: 'Copy link' });
  await copy.focus();
  await page.keyboard.press('Enter');
  await said(page, 'Copy link: copied');
  const fresh = await page.context().newPage();
  await fresh.goto(`${url}${await copied(page)}`);
  // The object with the fix, and the text as it was written since.
  await verdict(fresh, '✓ accepted');
  await text(fresh).getByText('// a note').waitFor();
  await fresh.getByText('not compiled', { exact: true }).waitFor();
}

async function withoutServer(page, _, scheme) {
  await openCard(page, 'Firewall');
  await verdict(page, '✓ accepted');
  await page.keyboard.press('e');
  await text(page).waitFor();
  await page.getByText(/^Compiling needs a compiler/).waitFor();
  // It begins where the code beside it does, far below.
  await text(page).locator('.cm-at').waitFor();
  const buttons = page.locator('.problems').getByRole('button', { name: 'Copy as CLI' });
  await buttons.click();
  assert.equal(await copied(page), 'beeyard studio firewall-firewall.bpf.c');
  await picture(page, `editor-static-${scheme}`);
  await accessible(page);
}

/** Compilers are looked for where the shell would. */
function withoutPath(run) {
  return async (browser) => {
    const { PATH } = process.env;
    process.env.PATH = '/nowhere';
    try {
      await run(browser);
    } finally {
      process.env.PATH = PATH;
    }
  };
}

async function withoutClang(page, _, scheme) {
  await page
    .getByText(/^no clang with a bpf target found/)
    .first()
    .waitFor();
  await page.getByText(/install clang/).waitFor();
  await picture(page, `editor-no-clang-${scheme}`);
}

/** Kilobytes after gzip: Home, a program and its verdict, its worker included. */
const CORE = 250;

async function bundle(page) {
  const loaded = new Map();
  page.on('response', async (response) => {
    const { pathname } = new URL(response.url());
    if (!/\.(js|css|html)$|\/$/.test(pathname) || loaded.has(pathname)) return;
    loaded.set(pathname, gzipSync(await response.body()).length);
  });
  await page.reload();
  await openCard(page, 'Firewall');
  await verdict(page, '✓ accepted');
  // The kernel's types are data, and of their own bar.
  const core = [...loaded].filter(([path]) => !/\/embedded/.test(path));
  const size = core.reduce((sum, [, bytes]) => sum + bytes, 0) / 1024;
  process.stdout.write(`     core ${size.toFixed(1)} KB (bar: ${CORE} KB)\n`);
  assert.ok(
    size < CORE,
    `${size} KB: ${core.map(([path, bytes]) => `${path} ${bytes}`).join(', ')}`,
  );
  const before = loaded.size;
  assert.ok(core.every(([path]) => !/edit/.test(path)));
  await page.keyboard.press('e');
  await text(page).waitFor();
  assert.ok(loaded.size > before);
}
