import { describe, expect, it } from 'vitest';
import { helperName, helpersOf, programTypeId } from '../../src/abi/index.ts';
import { createRuntime, missingHelpers } from '../../src/runtime/index.ts';

const runtime = createRuntime({ cpus: 1 });
const types = ['xdp', 'sched_cls'].map((name) => programTypeId(name)!);

describe.each(types)('program type %i', (type) => {
  const rows = [...helpersOf(type)].map(([id, row]) => ({ id, ...row }));

  it('has a body or a written reason for every helper it may call', () => {
    for (const { id } of rows) {
      const body = runtime.helperFunction(id, type) !== undefined;
      const reason = missingHelpers[helperName(id)!] !== undefined;
      expect(body !== reason, `${helperName(id)}: body ${body}, reason ${reason}`).toBe(true);
    }
  });

  it('has bodies with the number of parameters of the prototype', () => {
    for (const { id, contract } of rows) {
      if (runtime.helperFunction(id, type) === undefined) continue;
      // The values bpf_trace_printk prints may be anything: its prototype does not mention them.
      const values = contract.name === 'bpf_trace_printk' ? 3 : 0;
      expect(runtime.helperArity(id, type), contract.name).toBe(contract.args.length + values);
    }
  });
});

it('has no reason for a helper nobody may call', () => {
  const callable = new Set(types.flatMap((type) => [...helpersOf(type).keys()]).map(helperName));
  expect(Object.keys(missingHelpers).filter((name) => !callable.has(name))).toEqual([]);
});
