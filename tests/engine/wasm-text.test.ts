/** Our text of compiled modules against wabt's. */
import { readFileSync } from 'node:fs';
import wabtInit from 'wabt';
import { describe, expect, it } from 'vitest';
import { FormatError } from '../../src/base/index.ts';
import type { Engine } from '../../src/engine/index.ts';
import {
  collectFacts,
  compileToWasm,
  functionText,
  instantiate,
  wasmFunctions,
} from '../../src/engine/wasm/index.ts';
import { createMachine } from '../../src/index.ts';

const wabt = await wabtInit();

/** Every module that loading an object compiles. */
async function modulesOf(path: string, verify: boolean): Promise<Uint8Array[]> {
  const modules: Uint8Array[] = [];
  const engine: Engine = {
    name: 'wasm',
    load(image, runtime, options) {
      const module = compileToWasm(image, options, collectFacts(image, runtime));
      modules.push(module.bytes);
      return instantiate(image, runtime, module);
    },
  };
  using host = await createMachine({ engine, verify });
  await host.load(readFileSync(path));
  return modules;
}

/** Instructions without names and comments: wabt has other names for imports. */
const plain = (text: string): string[] =>
  text
    .replace(/\(;[^)]*;\)|;;.*$/gm, '')
    .split('\n')
    .map((line) => line.trim().replace(/\)+$/, ''))
    .map((line) => line.replace(/^((?:return_)?call) .*/, '$1'))
    .filter((line) => line !== '' && !line.startsWith('('));

/** wabt's text of the functions a module defines. */
function expected(bytes: Uint8Array): string[] {
  const features = { tail_call: true, threads: true };
  const module = wabt.readWasm(bytes, { readDebugNames: true, ...features });
  const text = module.toText({ foldExprs: false, inlineExport: false });
  module.destroy();
  return text
    .split(/^ {2}\(func /m)
    .slice(1)
    .map((body) => body.slice(body.indexOf('\n')));
}

describe.each([
  'tests/machine/programs/net.bpf.o',
  'examples/firewall/firewall.bpf.o',
  'bench/programs/calls.bpf.o',
  'tests/fixtures/functions.bpf.o',
  'tests/machine/programs/throws.bpf.o',
])('the text of %s', (path) => {
  // Without a verifier there are no kernel functions, so nothing throws.
  it.each(path.includes('throws') ? [true] : [true, false])(
    'is that of wabt (verified: %s)',
    async (verify) => {
      const modules = await modulesOf(path, verify);
      expect(modules.length).toBeGreaterThan(0);
      for (const bytes of modules) {
        const own = wasmFunctions(bytes);
        const theirs = expected(bytes);
        expect(own).toHaveLength(theirs.length);
        own.forEach((fn, i) => {
          expect(plain(functionText(fn)), fn.name).toEqual(plain(theirs[i]!));
        });
      }
    },
  );
});

it('bytes that are no module of ours are a FormatError', async () => {
  const [bytes] = await modulesOf('bench/programs/calls.bpf.o', true);
  let refused = 0;
  for (let at = 8; at < bytes!.length; at += 3) {
    const broken = bytes!.slice();
    broken[at]! ^= 0x55;
    try {
      wasmFunctions(broken);
    } catch (error) {
      if (!(error instanceof FormatError)) throw error;
      refused++;
    }
  }
  expect(refused).toBeGreaterThan(10);
});
