/** The kernel's test cases of compile-once relocation, from its own table (core-cases.c). */
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { compiledSelftests } from '../corpus/compile.mjs';
import { kernelTree } from '../corpus/tree.mjs';
import { root } from '../lib.mjs';
import { buildWithLibbpf } from './libbpf.mjs';

const SOURCE = join(root, 'scripts/relocations/core-cases.c');

/**
 * `{ folder, cases }`: the folder of the objects, and of each case
 * `{ name, object, types, program, fails, input, output }`: files, and what the program reads and must
 * write (bytes). `types` is '' where the kernel's own types are meant.
 */
export async function coreCases() {
  const folder = await compiledSelftests();
  const selftests = join(kernelTree(), 'tools/testing/selftests/bpf');
  const cases = join(selftests, 'prog_tests/core_reloc.c');
  const program = buildWithLibbpf('core-cases', SOURCE, [`-I${selftests}`, `-DCASES="${cases}"`]);
  const text = execFileSync(program, {
    cwd: folder,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
    maxBuffer: 1 << 26,
  });
  const bytes = (hex) => new Uint8Array(Buffer.from(hex, 'hex'));
  const rows = JSON.parse(text).map((row) => ({
    ...row,
    input: bytes(row.input),
    output: bytes(row.output),
  }));
  return { folder, cases: rows };
}
