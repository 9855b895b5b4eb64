/** Code in a browser: what a program becomes when it is loaded, and fixes by one key. */
import assert from 'node:assert/strict';
import { accessible, copied, onPage, openCard, picture } from './studio.mjs';

export const codeCases = [
  { name: 'Code: xlated and wasm, linked with the source', run: onPage('dark', forms) },
  { name: 'Code: an address brings xlated back', run: onPage('light', address) },
  { name: 'Code: a fix without a compiler', run: onPage('light', fix) },
];

const TYPES = { timeout: 60_000 };
const linked = (page, name) => page.getByRole('listbox', { name }).locator('.row.linked');

async function forms(page) {
  await openCard(page, 'A limit for each source');
  await page.getByText('✓ accepted').waitFor();
  for (let i = 0; i < 9; i++) await page.keyboard.press('j');
  await page.keyboard.press('b');
  const xlated = page.getByRole('listbox', { name: 'Instructions as loaded' });
  await xlated.waitFor(TYPES);
  assert.match(page.url(), /as=xlated/);
  assert.ok((await linked(page, 'Instructions as loaded').count()) > 0);
  // The kernel's pointer is loaded in the place of the context's 32-bit field.
  await xlated.getByText('(79) r1 = *(u64 *)(r1 +0)').first().waitFor();
  await xlated.focus();
  const before = page.url();
  for (let i = 0; i < 12; i++) await page.keyboard.press('ArrowDown');
  assert.notEqual(page.url(), before);
  await page.getByRole('button', { name: 'Copy as CLI' }).click();
  assert.match(await copied(page), /^beeyard prog dump xlated \S+ratelimit\.bpf\.o ratelimit$/);
  await picture(page, 'code-xlated');
  await accessible(page);
  await page.keyboard.press('b');
  const wasm = page.getByRole('listbox', { name: 'WebAssembly' });
  await wasm.getByText('local.get 0').first().waitFor(TYPES);
  await picture(page, 'code-wasm');
  await accessible(page);
  await page.keyboard.press('b');
  await page.getByRole('listbox', { name: 'Instructions', exact: true }).waitFor();
}

async function address(page, { url }) {
  await page.goto(`${url}#/code/firewall-firewall.bpf.o/firewall?i=7&as=xlated`);
  await page.reload();
  await page.getByRole('listbox', { name: 'Instructions as loaded' }).waitFor(TYPES);
}

async function fix(page) {
  await openCard(page, 'A check that is missing');
  const fixes = page.getByRole('list', { name: /^Fixes/ });
  await fixes.waitFor();
  await page.keyboard.press('f');
  // It is in the text, which nobody here can compile: that is said, and the patch is copied.
  await page
    .getByRole('textbox', { name: /^C source of/ })
    .getByText('if (!count)')
    .waitFor();
  await page
    .getByRole('status')
    .getByText(/^patch copied: .*Compiling needs a compiler/)
    .waitFor();
  const patch = await copied(page);
  assert.match(patch, /^--- a\/\S+unchecked\.bpf\.c\n\+\+\+ b\/\S+\n@@ -\d+,\d+ \+\d+,\d+ @@\n/);
  assert.match(patch, /\n\+\s+if \(!count\)/);
  // The verdict is still that of the object.
  await page.locator('.bar .verdict').getByText('✕ rejected').waitFor();
  await page.getByText('edited since').waitFor();
  await picture(page, 'code-fix');
  await accessible(page);
}
