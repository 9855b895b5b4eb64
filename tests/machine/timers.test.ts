import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { createMachine } from '../../src/index.ts';

const object = new Uint8Array(readFileSync(join(import.meta.dirname, 'programs', 'timers.bpf.o')));
const packet = new Uint8Array(64);

describe.each(['wasm', 'interpreter'] as const)('timers on %s', (engine) => {
  it.each(['misuse', 'in_hash', 'in_lru', 'work', 'callback'])('answers: %s', async (name) => {
    using host = await createMachine({ engine });
    const { programs, maps } = await host.load(object, { programs: [name] });
    console.log(name, programs[name]!.run({ data: packet }).returnValue);
    console.log(host.advance(2000));
    console.log([...maps['results']!.entries()].map(([k, v]) => `${k}:${v}`).join(' '));
  });
});
