#!/usr/bin/env node
/**
 * Writes tests/fixtures/oracle/*-6.12.117.json: asks Debian's kernel in a virtual machine what it says
 * of some 250,000 tiny programs. Takes about ten minutes. Needs `npm run build`, qemu-system-x86_64,
 * gcc, cpio.
 *
 *   node scripts/probe-kernel.mjs [--out DIR] [RECORD…]
 */
import { existsSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { gzipSync } from 'node:zlib';
import { root } from './lib.mjs';
import { Cells, askKernel } from './probe/machine.mjs';
import { records } from './probe/records.mjs';
import { loadKernelProfile } from '../dist/abi/index.js';

const { values, positionals } = parseArgs({
  options: { out: { type: 'string' } },
  allowPositionals: true,
});
const out = values.out ?? join(root, 'tests/fixtures/oracle');
const btf = (await loadKernelProfile()).btf();

/** One row a line, so that changes can be read. */
function layOut(about, parts) {
  const lines = Object.entries(parts).map(([key, value]) =>
    Array.isArray(value)
      ? `${JSON.stringify(key)}:[\n${value.map((row) => JSON.stringify(row)).join(',\n')}\n]`
      : `${JSON.stringify(key)}:${JSON.stringify(value)}`,
  );
  return `{"about":${JSON.stringify(about)},\n${lines.join(',\n')}\n}\n`;
}

for (const record of records) {
  if (positionals.length > 0 && !positionals.includes(record.name)) continue;
  const cells = new Cells(record.maps);
  record.ask(cells, btf);
  process.stderr.write(`${record.name}: ${cells.keys.length} programs …\n`);
  const text = layOut(record.about, record.render(askKernel(cells)));
  const path = join(out, `${record.name}-6.12.117.json`);
  if (existsSync(path)) rmSync(path);
  if (record.compressed) writeFileSync(`${path}.gz`, gzipSync(text, { level: 9 }));
  else writeFileSync(path, text);
}
