/** What Linux says of hostile packets now, beside the machine: a part of `npm run test:vm`. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { load } from '../corpus/source.mjs';
import { root } from '../lib.mjs';
import { answersTo } from './machine.mjs';
import { answersOf, askAllPackets } from './packet-session.mjs';
import { Plan } from './plan.mjs';

const ENGINES = ['wasm', 'interpreter'];
const hex = (bytes) => bytes?.toString('hex');

/** `{ programs, troubles }`: how many were compared, what differs in lines. */
export async function checkPackets(beeyard, accelerator) {
  const { replay, differences, unlisted, knownDifferences } = await load(
    'tests/machine/packet-replay.ts',
  );
  const plan = new Plan();
  const session = askAllPackets(plan, beeyard);
  const cases = answersOf(session, await answersTo(plan, accelerator));
  const packets = session.packets.map(({ data, xdp, skb }) => ({
    data: hex(data),
    xdp: { ...xdp, input: hex(xdp.input) },
    skb: { ...skb, input: hex(skb.input) },
  }));
  const known = knownDifferences();
  const troubles = [];
  for (const one of cases) {
    const object = readFileSync(join(one.selftest ? session.selftests : root, one.file));
    for (const engine of ENGINES) {
      const found = differences(await replay(one, object, packets, engine), one.answers);
      const lines = unlisted(one.name, found, known);
      troubles.push(...lines.map((line) => `${one.name} (${engine}): ${line}`));
    }
  }
  return { programs: cases.length, packets: packets.length, troubles };
}
