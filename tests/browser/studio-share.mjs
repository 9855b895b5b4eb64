/** Views that are shared: as a link, as a file, and what becomes of bad ones. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { accessible, copied, onPage, openCard, picture, selected } from './studio.mjs';

export const shareCases = [
  { name: 'Share: a link brings all of it to a fresh window', run: onPage('dark', link) },
  {
    name: 'Share: a file, dropped on a studio with another of its name',
    run: onPage('light', file),
  },
  { name: 'Share: bad links and files lose nothing', run: onPage('dark', bad) },
];

const said = (page, text) => page.getByRole('status').getByText(text).waitFor();

async function built(page) {
  await openCard(page, 'New connections only');
  await page.getByText('✓ accepted').waitFor();
  await page.keyboard.press('4');
  await page.getByRole('button', { name: 'Record it' }).click();
  await page.getByText(/^→ pass/).waitFor();
  await page.getByRole('slider', { name: 'Step' }).focus();
  for (let i = 0; i < 20; i++) await page.keyboard.press('j');
  await page.keyboard.press('b');
  await page.keyboard.press('m');
}

/** The link of what is shown, by keyboard. */
async function shared(page) {
  await page.keyboard.press('l');
  const copy = page.getByRole('button', { name: 'Copy link' });
  await copy.focus();
  await page.keyboard.press('Enter');
  await said(page, 'Copy link: copied');
  return copied(page);
}

async function link(page, { url }) {
  await built(page);
  const place = new URL(page.url()).hash;
  const before = await selected(page, 'Instructions');
  await page.keyboard.press('l');
  await page.getByRole('button', { name: 'Copy link' }).waitFor();
  await picture(page, 'share');
  await accessible(page);
  await page.keyboard.press('Escape');
  const fragment = await shared(page);
  // On this computer's own server the link has no address, and so no token.
  assert.match(fragment, /^#\/share\/[\w-]{500,30000}$/);
  const fresh = await page.context().newPage();
  await fresh.goto(`${url}${fragment}`);
  await fresh.getByText(/^→ pass/).waitFor();
  assert.equal(new URL(fresh.url()).hash, place);
  assert.equal(await selected(fresh, 'Instructions'), before);
  await fresh.getByRole('table', { name: /^sources/ }).waitFor();
  // The source came along.
  assert.match(await fresh.getByRole('listbox', { name: 'Source lines' }).innerText(), /struct/);
}

async function file(page) {
  await built(page);
  await page.keyboard.press('l');
  const [download] = await Promise.all([
    page.waitForEvent('download'),
    page.getByRole('button', { name: 'Download .beeyard' }).click(),
  ]);
  const bytes = readFileSync(await download.path());
  assert.equal(bytes.subarray(0, 8).toString(), 'beeyard1');
  await page.keyboard.press('Escape');
  const place = new URL(page.url()).hash;
  // Another file of the same name is open: it stays.
  await page.keyboard.press('1');
  const input = page.locator('input[type=file]');
  const other = { name: 'vitest-synlimit.bpf.c', mimeType: '', buffer: Buffer.from('int other;') };
  await input.setInputFiles(other);
  await said(page, /synlimit\.bpf\.c opened/);
  await input.setInputFiles({ name: 'p.beeyard', mimeType: '', buffer: bytes });
  await page.getByText(/^→ pass/).waitFor();
  assert.equal(
    new URL(page.url()).hash,
    place.replace('vitest-synlimit', 'shared1-vitest-synlimit'),
  );
  await page.keyboard.press('1');
  await page.getByText('shared1-vitest-synlimit.bpf.c', { exact: true }).waitFor();
  await page.getByText('vitest-synlimit.bpf.c', { exact: true }).waitFor();
  // The same by the command line: `beeyard studio p.beeyard`.
  const files = [{ name: 'p.beeyard', bytes: async () => bytes }];
  await onPage(
    'dark',
    async (fresh) => {
      await fresh.getByText(/^→ pass/).waitFor();
      assert.equal(new URL(fresh.url()).hash, place);
    },
    files,
  )(page.context().browser());
}

async function bad(page) {
  await openCard(page, 'Firewall');
  await page.getByText('✓ accepted').waitFor();
  const place = page.url();
  const tries = [
    ['#/share/!!!', /the link is damaged/],
    ['#/share/AAAA', /no shared view/],
    [`#/share/${Buffer.from('beeyard1 and no more').toString('base64url')}`, /damaged/],
  ];
  for (const [hash, words] of tries) {
    await page.evaluate((to) => (location.hash = to), hash);
    await said(page, words);
    assert.equal(page.url(), place);
  }
  await page.keyboard.press('1');
  const junk = { name: 'x.beeyard', mimeType: '', buffer: Buffer.from('beeyard1\u0001\u0002') };
  await page.locator('input[type=file]').setInputFiles(junk);
  await said(page, /x\.beeyard: .*damaged/);
  await page.getByText('firewall-firewall.bpf.o').first().waitFor();
}
