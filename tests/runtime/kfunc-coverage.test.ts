import { describe, expect, it } from 'vitest';
import { kfuncAccess, kfuncById, loadKernelProfile, programTypeId } from '../../src/abi/index.ts';
import { createRuntime, missingKfuncs } from '../../src/runtime/index.ts';

const kernel = await loadKernelProfile();
const runtime = createRuntime({ cpus: 1 });
const rows = ['xdp', 'sched_cls']
  .flatMap((name) =>
    kfuncAccess(kernel, { type: programTypeId(name)!, attachType: 0, sleepable: 'no' }),
  )
  .filter(({ obstacle }) => obstacle !== 'hook' && obstacle !== 'filter');
const callable = new Map(rows.map((row) => [row.kfunc.name, row]));

describe('kernel functions of XDP and tc programs', () => {
  it('have a body or a written reason, never both', () => {
    for (const name of callable.keys()) {
      const body = runtime.kfuncFunction(name) !== undefined;
      const reason = missingKfuncs.has(name);
      expect(body !== reason, `${name}: body ${body}, reason ${reason}`).toBe(true);
    }
  });

  it('have bodies with the number of parameters of the prototype', () => {
    for (const [name, { kfunc, module }] of callable) {
      if (runtime.kfuncFunction(name) === undefined) continue;
      const contract = kfuncById(kernel, kfunc.id, module)!;
      expect(runtime.kfuncArity(name), name).toBe(contract.args.length);
    }
  });

  it('have no reason when nobody may call them', () => {
    expect([...missingKfuncs.keys()].filter((name) => !callable.has(name))).toEqual([]);
  });

  it('are not found under names of other functions of the runtime', () => {
    expect(runtime.exports['map_new']).toBeDefined();
    expect(runtime.kfuncFunction('map_new')).toBeUndefined();
    expect(runtime.kfuncFunction('bpf_map_lookup_elem')).toBeUndefined();
  });
});
