import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { createMachine } from '../../src/index.ts';

const object = new Uint8Array(readFileSync(join(import.meta.dirname, 'programs', 'owned.bpf.o')));

function command(what: number, slot: number, number: bigint): Uint8Array {
  const data = new Uint8Array(64);
  const view = new DataView(data.buffer);
  view.setUint32(0, what, true);
  view.setUint32(4, slot, true);
  view.setBigUint64(8, number, true);
  return data;
}

describe.each(['wasm', 'interpreter'] as const)('owned objects on %s', (engine) => {
  it('loads', async () => {
    using host = await createMachine({ engine });
    const loaded = await host.load(object);
    for (const [name, error] of (loaded as any).refused ?? []) console.log(name, error.message, error.log);
    const { programs } = loaded;
    console.log(Object.keys(programs), Object.keys(loaded.maps));
    for (const n of [5n, 3n, 9n]) expect(programs['add_item']!.run({ data: command(0, 0, n) }).verdict).toBe('pass');
    console.log((host as any).machine?.runtime.objects.live());
    expect(programs['take_least']!.run({ data: command(0, 0, 0n) }).verdict).toBe('pass');
    console.log(loaded.maps['results']!.get(0));
    expect(programs['take_end']!.run({ data: command(1, 0, 0n) }).verdict).toBe('pass');
    console.log(loaded.maps['results']!.get(0), loaded.maps['results']!.get(1));
  });
});
