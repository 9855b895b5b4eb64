/**
 * The kernel's tree as the corpus needs it: unpacked from Debian's source package, with the headers
 * its build would generate. Nothing of it is committed.
 */
import { spawnSync } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  renameSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { fail, root } from '../lib.mjs';
import { KERNEL, cacheFolder, keyOf, sourceArchive, treeFolder } from './paths.mjs';
import { load } from './source.mjs';

/** What of the tree is unpacked. */
const PARTS = [
  'tools/testing/selftests/bpf',
  'tools/lib',
  'tools/include',
  'tools/arch/x86/include',
  'tools/scripts',
  'scripts/bpf_doc.py',
  'include/uapi',
];

/** The tree's folder; unpacks it first when it is not there. */
export function kernelTree(kernel = KERNEL) {
  const tree = treeFolder(kernel);
  if (existsSync(join(tree, 'tools/testing/selftests/bpf/progs'))) return tree;
  const archive = sourceArchive(kernel);
  if (!existsSync(archive)) fail(`missing: apt-get install linux-source-${kernel}`, 4);
  process.stderr.write(`Unpacking ${archive} …\n`);
  const partial = `${tree}.${process.pid}`;
  mkdirSync(partial, { recursive: true });
  const members = PARTS.map((part) => `linux-source-${kernel}/${part}`);
  const { status, stderr } = spawnSync(
    'tar',
    ['-xf', archive, '-C', partial, '--strip-components=1', ...members],
    { encoding: 'utf8' },
  );
  if (status !== 0) fail(`cannot unpack ${archive}: ${stderr}`, 4);
  renameSync(partial, tree);
  return tree;
}

/**
 * A folder with what the kernel's build generates: vmlinux.h from the profile's types, and libbpf's
 * headers with the helpers' declarations.
 */
export async function generatedHeaders(tree) {
  const btf = readFileSync(join(root, 'src/abi/generated/6.12/vmlinux.btf.gz'));
  const helpers = readFileSync(join(tree, 'tools/include/uapi/linux/bpf.h'));
  const folder = cacheFolder(`include-${keyOf(btf, helpers)}`);
  if (existsSync(join(folder, 'done'))) return folder;
  process.stderr.write('Generating vmlinux.h and bpf_helper_defs.h …\n');
  const { parseBtf, printC } = await load('src/btf/index.ts');
  writeFileSync(join(folder, 'vmlinux.h'), printC(parseBtf(gunzipSync(btf))));
  const headers = join(folder, 'bpf');
  mkdirSync(headers, { recursive: true });
  const library = join(tree, 'tools/lib/bpf');
  for (const name of readdirSync(library)) {
    if (name.endsWith('.h')) cpSync(join(library, name), join(headers, name));
  }
  writeFileSync(join(headers, 'bpf_helper_defs.h'), helperDeclarations(tree));
  writeFileSync(join(folder, 'done'), '');
  return folder;
}

/** By the kernel's own script, from the comments of its user header. */
function helperDeclarations(tree) {
  const { status, stdout, stderr } = spawnSync(
    'python3',
    [
      join(tree, 'scripts/bpf_doc.py'),
      '--header',
      '--file',
      join(tree, 'tools/include/uapi/linux/bpf.h'),
    ],
    { encoding: 'utf8', maxBuffer: 1 << 26 },
  );
  if (status === null) fail('missing: apt-get install python3', 4);
  if (status !== 0) fail(`bpf_doc.py: ${stderr}`, 4);
  return stdout;
}
