import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { loadObject } from '../../src/client/index.ts';
import { bootMachine, type MachineMap, type MachineProgram } from '../../src/machine/index.ts';
import { parseObject } from '../../src/object/index.ts';
import { mapHashes } from '../../src/runtime/index.ts';
import { packetsOf } from '../examples/firewall-model.ts';
import { gunzipSync } from 'node:zlib';

const keys = parseObject(readFileSync('bench/programs/map_keys.bpf.o'));
const firewall = parseObject(readFileSync('examples/hash-collisions/flows.bpf.o'));
const packets = packetsOf(gunzipSync(readFileSync('examples/firewall/capture.pcap.gz')));
const PASS = 2;
const DROP = 1;

describe.each(mapHashes)('programs find keys hashed by %s', (mapHash) => {
  it.each(['wasm', 'interpreter'] as const)('on %s, keys of many sizes', async (engine) => {
    const { machine } = await bootMachine({ mapHash, engine, seed: 5 });
    const { maps, programs } = loadObject(machine, keys);
    for (const [name, program] of programs) {
      const size = Number(name.split('_')[1]);
      const map = (maps.get(`keys_${size}`) as MachineMap).runtimeMap;
      for (let i = 0; i < 50; i++) {
        const key = new Uint8Array(128).fill(i);
        const verdict = () => (program as MachineProgram).run({ data: key }).returnValue;
        expect(verdict()).toBe(DROP);
        expect(map.update(key.subarray(0, size), new Uint8Array(8))).toBe(0);
        expect(verdict()).toBe(PASS);
        if (i % 2 === 0) expect(map.delete(key.subarray(0, size))).toBe(0);
      }
    }
  });
});

it('a map holds the same, whatever hash it has', async () => {
  const contents = async (mapHash: (typeof mapHashes)[number]) => {
    const { machine } = await bootMachine({ mapHash });
    const { maps, programs } = loadObject(machine, firewall, { programs: ['count_flows'] });
    const program = programs.get('count_flows') as MachineProgram;
    for (const { bytes } of packets.slice(0, 2000)) program.run({ data: bytes });
    const { runtimeMap } = maps.get('flows') as MachineMap;
    const found: string[] = [];
    const [next, value] = [new Uint8Array(16), new Uint8Array(16)];
    for (let key: Uint8Array | undefined; runtimeMap.nextKey(key, next) === 0; ) {
      key = next.slice();
      runtimeMap.lookup(key, value);
      found.push(`${Buffer.from(key).toString('hex')} ${Buffer.from(value).toString('hex')}`);
    }
    return found;
  };
  const usual = await contents('jhash');
  expect(usual.length).toBeGreaterThan(100);
  for (const hash of mapHashes.slice(1)) {
    const other = await contents(hash);
    expect(other).not.toEqual(usual);
    expect(other.toSorted()).toEqual(usual.toSorted());
  }
});
