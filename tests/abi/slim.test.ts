import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { type KernelProfile, loadKernelProfile } from '../../src/abi/index.ts';
import { createMachine } from '../../src/index.ts';
import { coreDecisions, parseObject } from '../../src/object/index.ts';
import { verify, verifierInput } from '../../src/verifier/index.ts';
import { fixture } from '../fixtures/read.ts';

const full = await loadKernelProfile();
const slim = await loadKernelProfile({ types: 'slim' });
const net = parseObject(new Uint8Array(readFileSync('tests/machine/programs/net.bpf.o')));

function log(kernel: KernelProfile, name: string): string {
  const program = net.programs.find((each) => each.name === name)!;
  return verify(verifierInput(net, program, kernel), kernel, { logLevel: 2 }).log;
}

describe('the slim types', () => {
  test('have what they have under the same ids', () => {
    for (const name of ['sk_buff', 'xdp_buff', 'bpf_map', 'ethhdr', 'task_struct', 'tcp_sock']) {
      const id = full.btf().find('struct', name)!;
      expect(slim.btf().find('struct', name), name).toBe(id);
      expect(slim.btf().type(id)).toEqual(full.btf().type(id));
    }
    expect(slim.btf().find('func', 'bpf_dynptr_slice')).toBe(
      full.btf().find('func', 'bpf_dynptr_slice'),
    );
    expect(slim.kconfig('CONFIG_HZ')).toBe(250n);
  });

  test.each(net.programs.map(({ name }) => name))('verify %s alike, to the word', (name) => {
    expect(log(slim, name)).toBe(log(full, name));
  });

  test('say so where they do not know, rather than that there is nothing', () => {
    const device = full.btf().find('struct', 'pci_dev')!;
    expect(() => slim.btf().type(device)).toThrow(/not among the slim types.* \(EOPNOTSUPP\)/);
    // Each time, not only the first.
    expect(() => slim.btf().sizeOf(device)).toThrow(/EOPNOTSUPP/);
    const core = parseObject(fixture('core.bpf.o'));
    const decide = () => core.programs.map((program) => coreDecisions(core, program, slim));
    expect(decide).toThrow(
      /do not tell whether the kernel has struct 'no_such_struct'.*\(EOPNOTSUPP\)/,
    );
  });

  test('are not enough for programs that look at the kernel', () => {
    const object = parseObject(fixture('externs.bpf.o'));
    expect(() => verifierInput(object, object.programs[0]!, slim)).toThrow(
      /the slim types are not enough for tracing programs/,
    );
  });

  test('a machine can go by them', async () => {
    using host = await createMachine({ kernel: slim });
    const { programs } = await host.load(net, { programs: ['sampled'] });
    expect(programs['sampled']!.run({ data: new Uint8Array(64) }).verdict).toBe('pass');
  });
});
