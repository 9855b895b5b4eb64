/**
 * Writes tests/fixtures/kernel/modules: BTF and registrations of the modules that the kernel's
 * selftests need, which the recorded kernel had loaded. They are no part of Debian's image, so they
 * are test data, not product.
 *
 *   node scripts/corpus/record-modules.mjs FOLDER [--tree DIR]
 *
 * FOLDER holds the built modules (NAME.ko, with BTF over that of the image).
 */
import { mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { parseArgs } from 'node:util';
import { gunzipSync, gzipSync } from 'node:zlib';
import { scanBtf } from '../abi/btf-scan.mjs';
import { moduleFacts, structOps } from '../abi/modules.mjs';
import { OUTPUT } from '../generate-abi.mjs';
import { root } from '../lib.mjs';
import { kernelTree } from './tree.mjs';

/** In the order they are loaded. */
const NAMES = ['bpf_test_modorder_x', 'bpf_test_modorder_y', 'bpf_test_no_cfi', 'bpf_testmod'];

const { values, positionals } = parseArgs({
  options: { tree: { type: 'string' } },
  allowPositionals: true,
});
const selftests = join(values.tree ?? kernelTree(), 'tools/testing/selftests/bpf');
const out = join(root, 'tests/fixtures/kernel/modules');
mkdirSync(out, { recursive: true });
const base = scanBtf(gunzipSync(readFileSync(join(OUTPUT, 'vmlinux.btf.gz'))));

const facts = NAMES.map((name) => {
  const elf = readFileSync(join(positionals[0], `${name}.ko`));
  const folder = join(selftests, name);
  const files = readdirSync(folder)
    .filter((file) => file.endsWith('.c'))
    .map((file) => [basename(file), readFileSync(join(folder, file), 'utf8')]);
  const { btf, ...rest } = moduleFacts({ name, elf }, base, files);
  writeFileSync(join(out, `${name}.btf.gz`), gzipSync(btf, { level: 9 }));
  return { ...rest, structOps: structOps(files) };
});
writeFileSync(join(out, 'modules.json'), `${JSON.stringify(facts, undefined, 1)}\n`);
