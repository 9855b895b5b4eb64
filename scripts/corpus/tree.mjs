/**
 * The kernel's tree as the corpus needs it: unpacked from Debian's source package, with the headers
 * its build would generate. Nothing of it is committed.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { fail, root } from '../lib.mjs';
import { KERNEL } from './paths.mjs';
import { load } from './source.mjs';

const trees = await load('src/cli/selftests/tree.ts');

export const { sourceArchive } = trees;

/** Ends this process where a command would. */
function orFail(act) {
  try {
    return act();
  } catch (error) {
    if (error.name !== 'CliError') throw error;
    return fail(`${error.message}: ${error.hint ?? ''}`, error.code);
  }
}

/** The tree's folder; unpacks it first when it is not there. */
export const kernelTree = (kernel = KERNEL) =>
  orFail(() => trees.debianTree(kernel, process.env, (text) => process.stderr.write(text)));

/** A folder with vmlinux.h, from the profile's types, and libbpf's headers with the helpers. */
export async function generatedHeaders(tree) {
  const packed = readFileSync(join(root, 'src/abi/generated/6.12/vmlinux.btf.gz'));
  const { parseBtf } = await load('src/btf/index.ts');
  const types = () => parseBtf(gunzipSync(packed));
  return orFail(() => trees.generatedHeaders(tree, types, packed, process.env));
}
