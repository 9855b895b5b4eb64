/**
 * A router between three namespaces on veth, XDP and tc programs on the way: what packet sockets at every
 * device of Linux 6.12.117 saw, and its counters (scripts/record-veth.mjs).
 */
import { describe, expect, it } from 'vitest';
import { comparable, recorded, replay } from './veth-replay.ts';

const TAG = 'a packet socket of Linux gives the VLAN tag apart from the frame';
const SHARED = 'the tap of Linux shares its bytes with the packet, whose addresses are new by then';

/** Scenario, frame → why it differs. One that is the same fails. */
const KNOWN: Readonly<Record<string, string>> = {
  'routed, VLAN 5': TAG,
  'routed without forwarding, VLAN 5': TAG,
  'XDP passes, VLAN 5': TAG,
  'tc redirects to a neighbour, to b': SHARED,
  'tc redirects to a neighbour, TCP to b': SHARED,
  'tc redirects to a neighbour, IPv6 to b': SHARED,
};

it('lists only what was asked', () => {
  const asked = recorded.scenarios.flatMap(({ name, frames }) =>
    frames.map((frame) => `${name}, ${frame.name}`),
  );
  expect(asked.length).toBeGreaterThan(200);
  expect(Object.keys(KNOWN).filter((name) => !asked.includes(name))).toEqual([]);
});

describe('veth and XDP as in Linux 6.12.117', () => {
  it.each(recorded.scenarios.map((one) => [one.name, one] as const))('%s', async (name, one) => {
    const ours = await replay(one);
    const lines = (seen: readonly string[]) => seen.map(comparable).sort();
    for (const [i, frame] of one.frames.entries()) {
      const [mine, linux] = [lines(ours.seen[i]!), lines(one.answers.seen[i]!)];
      const known = KNOWN[`${name}, ${frame.name}`];
      if (known) expect(mine, `${frame.name}, listed as different`).not.toEqual(linux);
      else expect(mine, frame.name).toEqual(linux);
    }
    expect(ours.statistics).toEqual(one.answers.statistics);
    expect(ours.marks).toEqual(one.answers.marks);
  });
});
