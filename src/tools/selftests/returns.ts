/** Selftests that say what they return (`__retval`), run as the kernel's test loader does. */
import type { Host, LoadedObject } from '../../client/index.ts';
import type { SelftestUnit } from './load.ts';

/** What the loader of the kernel's tests hands to programs: zeros. */
const TEST_DATA_LENGTH = 64;

/** Long after the machine was started: some programs expect the clock not to say 0. */
const NOW = '1s';

const NAMED: Readonly<Record<string, number>> = {
  INT_MIN: -(2 ** 31),
  TEST_DATA_LEN: TEST_DATA_LENGTH,
};

/** What a test is to return, of its `__retval`; 'pointer' is every value. */
export const returnOf = (word: string): number | 'pointer' =>
  word === 'POINTER_VALUE' ? 'pointer' : (NAMED[word] ?? Number(word)) | 0;

/** struct test_val, and what prog_tests/verifier.c puts into it. */
const TEST_VALUE = new Uint8Array(48);
new DataView(TEST_VALUE.buffer).setUint32(0, 28, true);
new DataView(TEST_VALUE.buffer).setUint32(4 + 4 * 6, 0xabcdef12, true);
const FILLED: Readonly<Record<string, string>> = {
  verifier_array_access: 'map_array_ro',
  verifier_value_ptr_arith: 'map_array_48b',
};

/** What the tests of an object (its name without '.bpf.o') find in its maps. */
export function fillMaps(name: string, { maps }: LoadedObject): void {
  const map = FILLED[name] === undefined ? undefined : maps[FILLED[name]];
  map?.kernelMap.update(new Uint8Array(4), TEST_VALUE);
}

/** Runs a program of an object on a machine that is made for it. */
export async function returnedBy(
  { file, object, program }: Pick<SelftestUnit, 'file' | 'object' | 'program'>,
  host: Host,
): Promise<number> {
  host.advance(NOW);
  const loaded = await host.load(object, { programs: [program.name] });
  fillMaps(file.replace(/\.bpf\.o$/, ''), loaded);
  const found = loaded.programs[program.name]!;
  const data = new Uint8Array(TEST_DATA_LENGTH);
  return found.run(found.spec.type === 'syscall' ? {} : { data }).returnValue;
}
