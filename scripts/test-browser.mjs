/**
 * `npm run test:browser`: the same objects on the same packets in headless Chromium and in Node, both
 * engines; verdicts, maps and faults must be equal. Chromium is Debian's (`chromium`), never downloaded.
 */
import { createServer } from 'node:http';
import { existsSync, readFileSync } from 'node:fs';
import { extname, join, normalize } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { fail, install, root, run } from './lib.mjs';

const CHROMIUM = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'];
const executablePath = process.env.CHROMIUM ?? CHROMIUM.find((path) => existsSync(path));
if (!executablePath) fail('missing: apt-get install chromium (or set CHROMIUM to one)', 4);

install();
run(process.execPath, [join(root, 'scripts', 'build.mjs')]);
const { chromium } = await import('playwright-core');

const TYPES = {
  '.js': 'text/javascript',
  '.mjs': 'text/javascript',
  '.html': 'text/html',
  '.json': 'application/json',
};
const server = createServer((request, response) => {
  const path = normalize(decodeURIComponent(new URL(request.url, 'http://x').pathname));
  const file = join(root, path);
  if (path === '/') return response.setHeader('content-type', 'text/html').end('<!doctype html>');
  if (!file.startsWith(root) || !existsSync(file)) return response.writeHead(404).end();
  const body = file.endsWith('.pcap.gz') ? gunzipSync(readFileSync(file)) : readFileSync(file);
  response.setHeader('content-type', TYPES[extname(file)] ?? 'application/octet-stream').end(body);
});
await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
const base = `http://127.0.0.1:${server.address().port}`;

const browser = await chromium.launch({
  executablePath,
  args: [
    '--no-sandbox',
    '--disable-gpu',
    '--disable-quic',
    '--no-first-run',
    '--disable-background-networking',
    '--disable-component-update',
    '--disable-sync',
  ],
});
let failed = 0;
let passed = 0;
try {
  const page = await browser.newPage();
  page.on('pageerror', (error) => process.stderr.write(`page: ${error.stack ?? error}\n`));
  await page.goto(base);
  const { cases, runCase } = await import('../tests/browser/cases.mjs');
  for (const one of cases) {
    const inNode = await runCase(one, (path) => import(join(root, path)), readNode);
    const inBrowser = await page.evaluate(
      async ([name, at]) => {
        const suite = await import(`${at}/tests/browser/cases.mjs`);
        const found = suite.cases.find((entry) => entry.name === name);
        const read = async (path) =>
          new Uint8Array(await (await fetch(`${at}/${path}`)).arrayBuffer());
        return suite.runCase(found, (path) => import(`${at}/${path}`), read);
      },
      [one.name, base],
    );
    const same = JSON.stringify(inNode) === JSON.stringify(inBrowser);
    const looks = Object.keys(inNode).length > 0;
    if (same && looks) passed++;
    else failed++;
    process.stdout.write(`${same && looks ? 'ok  ' : 'FAIL'} ${one.name}\n`);
    if (!same) {
      process.stdout.write(`  node    ${JSON.stringify(inNode).slice(0, 600)}\n`);
      process.stdout.write(`  browser ${JSON.stringify(inBrowser).slice(0, 600)}\n`);
    }
  }
  const screens = ['', '-code', '-editor', '-graph', '-run', '-machine', '-matrix', '-share'];
  const files = screens.map((name) => import(`../tests/browser/studio${name}.mjs`));
  const lists = (await Promise.all(files)).flatMap((file) => Object.values(file));
  for (const { name, run: runStudio } of lists.filter(Array.isArray).flat()) {
    try {
      await runStudio(browser);
      passed++;
      process.stdout.write(`ok   studio: ${name}\n`);
    } catch (error) {
      failed++;
      process.stdout.write(`FAIL studio: ${name}\n  ${error.message}\n`);
    }
  }
} finally {
  await browser.close();
  server.close();
}
process.stdout.write(`${passed} passed, ${failed} failed\n`);
process.exit(failed === 0 && passed > 0 ? 0 : 1);

async function readNode(path) {
  const bytes = readFileSync(join(root, path));
  return new Uint8Array(path.endsWith('.gz') ? gunzipSync(bytes) : bytes);
}
