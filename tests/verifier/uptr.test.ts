import { readFileSync } from 'node:fs';
import { beforeAll, expect, test } from 'vitest';
import {
  createMachine,
  type KernelProfile,
  loadKernelProfile,
  parseObject,
  withLater,
} from '../../src/index.ts';
import { verify, verifierInput } from '../../src/verifier/index.ts';

const object = parseObject(readFileSync(new URL('../fixtures/uptr.bpf.o', import.meta.url)));
let plain: KernelProfile;
let kernel: KernelProfile;
beforeAll(async () => {
  plain = await loadKernelProfile();
  kernel = withLater(plain, ['uptrs']);
});

function says(name: string, profile = kernel): string | undefined {
  const program = object.programs.find((one) => one.name === name)!;
  const { ok, reason } = verify(verifierInput(object, program, profile), profile);
  return ok ? undefined : reason?.text;
}

test.each([
  ['good', undefined],
  ['store', 'store to uptr disallowed'],
  ['store_nested', 'store to uptr disallowed'],
  ['no_null_check', "R1 invalid mem access 'mem_or_null'"],
  ['past_the_end', 'R1 min value is outside of the allowed memory range'],
  ['exchange', "off=0 doesn't point to kptr"],
  ['by_helper', 'uptr cannot be accessed indirectly by helper'],
  ['a_part', 'uptr access size must be BPF_DW'],
  ['off_the_start', 'uptr access misaligned expected=0 off=4'],
  ['allocated', "R1 invalid mem access 'scalar'"],
])('%s', (name, text) => {
  expect(says(name)).toBe(text);
});

test('6.12 knows no such member: what is in it is a number', () => {
  expect(says('good', plain)).toMatch(/^R\d invalid mem access 'scalar'$/);
  // And it forgets the other special fields of such a value.
  expect(says('exchange', plain)).toBe('R1 has no valid kptr');
});

test.each([
  ['tasks', ''],
  ['large', 'E2BIG'],
  ['empty', 'EINVAL'],
  ['kernel_struct', 'EINVAL'],
])('map %s: %s', async (name, errno) => {
  const host = await createMachine({ kernel });
  const spec = object.maps.find((one) => one.name === name)!;
  const make = () => host.kernel.createMap(spec, undefined, object.btf);
  if (errno === '') make().close();
  else expect(make).toThrow(expect.objectContaining({ code: errno }));
});
