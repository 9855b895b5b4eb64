/** Every vector of tests/filetests/rfc9669 on every engine. BLESS=1 writes the generated files anew. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { BareFault, runBare } from '../../src/engine/index.ts';
import type { Engine } from '../../src/engine/index.ts';
import { assemble, encodeCode, INSN_TABLE, insnInfo } from '../../src/isa/index.ts';
import { type EngineName, engineNamed } from '../../src/machine/create.ts';
import { createRuntime, type Runtime } from '../../src/runtime/index.ts';
import { generateFiles } from './generate.ts';
import { folder, readVectors, type Vector, vectorFiles } from './vectors.ts';

const HELPERS: Readonly<Record<string, number>> = { bpf_get_smp_processor_id: 8, bpf_loop: 181 };

const assembleVector = ({ source }: Vector) =>
  assemble(source, { helper: (name) => HELPERS[name] });

/** What a run gave, as the file format writes it. */
function outcome(vector: Vector, engine: Engine, runtime: Runtime, checks: boolean): string {
  const { code, labels } = assembleVector(vector);
  const functions = [...labels].map(([name, start]) => ({ name, start }));
  const program = {
    insns: encodeCode(code),
    functions: [{ name: 'main', start: 0 }, ...localFunctions(code, functions)],
    memory: vector.memory,
    checks,
    ...(vector.fuel === undefined ? {} : { fuel: vector.fuel }),
  };
  try {
    const { r0, memory } = runBare(engine, runtime, program);
    const after = vector.after ? ` after ${Buffer.from(memory).toString('hex')}` : '';
    return `result 0x${r0.toString(16)}${after}`;
  } catch (error) {
    if (!(error instanceof BareFault)) return `${error}`;
    return `fault ${error.kind}${vector.fault?.insn === undefined ? '' : ` at ${error.insn}`}`;
  }
}

/** Labels that calls and callback loads name. */
function localFunctions(
  code: ReturnType<typeof assembleVector>['code'],
  labels: { name: string; start: number }[],
) {
  const targets = new Set<number>();
  for (let i = 0; i < code.length; i++) {
    const info = insnInfo(code.op[i]!, code.off[i], code.src[i], code.imm[i]);
    if (info?.name === 'call_local' || info?.name === 'ld_func') targets.add(i + 1 + code.imm[i]!);
  }
  return labels.filter(({ start }) => start !== 0 && targets.has(start));
}

function expected({ result, after, fault }: Vector): string {
  if (fault) return `fault ${fault.kind}${fault.insn === undefined ? '' : ` at ${fault.insn}`}`;
  const memory = after ? ` after ${Buffer.from(after).toString('hex')}` : '';
  return `result 0x${result!.toString(16)}${memory}`;
}

const engines: readonly EngineName[] = ['interpreter', 'wasm'];

describe.each(engines)('%s', (name) => {
  for (const checks of [true, false]) {
    describe(checks ? 'checked' : 'unchecked', () => {
      test.each(vectorFiles())('%s', async (file) => {
        const engine = await engineNamed(name);
        const runtime = createRuntime({ cpus: 1 });
        const vectors = readVectors(file).filter(({ fault }) => checks || !fault);
        const wrong = vectors
          .map((vector) => {
            const found = outcome(vector, engine, runtime, checks);
            const wanted = expected(vector);
            return found === wanted
              ? ''
              : `${file}:${vector.line} ${vector.name}: ${found}, not ${wanted}`;
          })
          .filter((line) => line !== '');
        expect(wrong).toEqual([]);
        if (file !== 'faults.txt') expect(vectors.length).toBeGreaterThan(0);
      });
    });
  }
});

describe('the vectors', () => {
  const generated = Object.entries(generateFiles());

  test.each(generated)('%s holds what the model says', (file, body) => {
    const path = join(folder, file);
    if (process.env['BLESS'] === '1') writeFileSync(path, body);
    expect(readFileSync(path, 'utf8')).toBe(body);
  });

  test('have a result or a fault each', () => {
    for (const file of vectorFiles()) {
      for (const { result, fault, line } of readVectors(file)) {
        expect((result === undefined) !== (fault === undefined), `${file}:${line}`).toBe(true);
      }
    }
  });

  test('use every instruction a program may run', () => {
    const used = new Set<string>();
    for (const file of vectorFiles()) {
      for (const vector of readVectors(file)) {
        const { code } = assembleVector(vector);
        for (let i = 0; i < code.length; i += code.op[i] === 0x18 ? 2 : 1) {
          used.add(insnInfo(code.op[i]!, code.off[i], code.src[i], code.imm[i])?.name ?? '?');
        }
      }
    }
    // These need maps, a kernel or a packet: tests of the object and machine rooms run them.
    const elsewhere = /^(ld_(map|btf)|ldabs|ldind|call_kfunc|addr_space_cast)/;
    const missing = INSN_TABLE.filter(
      ({ name, kind }) => kind !== 'internal' && !elsewhere.test(name) && !used.has(name),
    );
    expect(missing.map(({ name }) => name)).toEqual([]);
  });
});
