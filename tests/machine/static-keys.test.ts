import { expect, test } from 'vitest';
import { createMachine, parseObject } from '../../src/index.ts';
import { fixture } from '../fixtures/read.ts';
test('smoke', async () => {
  const object = parseObject(fixture('static-keys.bpf.o'));
  console.log(JSON.stringify(object.programs.map((p) => [p.name, p.staticBranches])));
  using host = await createMachine({ devices: { eth0: {} } });
  const loaded = await host.load(object);
  console.log([...loaded.refused].map(String));
  const p = loaded.programs['one_key']!;
  console.log(p.run({data: new Uint8Array(64)}));
  loaded.key('key1').enable();
  console.log(p.run({data: new Uint8Array(64)}));
  expect(1).toBe(1);
});
