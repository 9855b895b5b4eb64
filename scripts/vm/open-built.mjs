/** What the scripts about a virtual machine use of the built package. */
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { root } from '../lib.mjs';

/** Functions of several rooms, the kernel of the profile. */
export async function openBuilt() {
  const open = (path) => import(pathToFileURL(join(root, 'dist', path)).href);
  const [
    { createMachine, parseObject },
    { relocateProgram },
    { verify, verifierInput },
    abi,
    isa,
    table,
  ] = await Promise.all(
    'index object/index verifier/index abi/index isa/index cli/table'
      .split(' ')
      .map((path) => open(`${path}.js`)),
  );
  const profile = await abi.loadKernelProfile();
  const { assemble, decodeCode, encodeCode } = isa;
  const { contextRules, enums } = abi;
  const built = { createMachine, parseObject, relocateProgram, verify, verifierInput };
  const code = { assemble, decodeCode, encodeCode };
  return { ...built, ...code, contextRules, enums, profile, ...table };
}
