import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { createMachine } from '../../../src/index.ts';
import {
  type BootCard,
  BUILT_IN,
  readScenario,
  REPORT_MODES,
  sriovReport,
} from '../../../src/tools/sriov/index.ts';
import { monitorObject } from '../../../src/tools/sriov/monitor.ts';

const boot: BootCard = (eth0, namespaces) =>
  createMachine({
    devices: { eth0 },
    namespaces: Object.fromEntries(namespaces.map((name) => [name, {}])),
  });

const HEADERS = { tcp: 14 + 20 + 20, udp: 14 + 20 + 8 };

/** Bytes each function sends and gets, of all flows or of those with rules (or without). */
function bytesOf(which: (offload: boolean) => boolean) {
  const sums = BUILT_IN.vfs.map(() => ({ tx: 0, rx: 0 }));
  for (const { from, to, protocol = 'udp', size = 64, packets = 10, offload } of BUILT_IN.flows) {
    if (!which(offload === true)) continue;
    const bytes = packets * (size + HEADERS[protocol]);
    if (from !== 'wire') sums[Number(from.slice(2))]!.tx += bytes;
    if (to !== 'wire') sums[Number(to.slice(2))]!.rx += bytes;
  }
  return sums;
}

/** 5-tuples each function takes part in. */
function flowsOf(which: (offload: boolean) => boolean): number[] {
  return BUILT_IN.vfs.map(
    (_, i) =>
      BUILT_IN.flows.filter(
        ({ from, to, offload }) =>
          which(offload === true) && (from === `vf${i}` || to === `vf${i}`),
      ).length,
  );
}

const every = () => true;
const offloaded = (offload: boolean) => offload;
const slow = (offload: boolean) => !offload;
const nothing = BUILT_IN.vfs.map(() => ({ tx: 0, rx: 0, flows: 0 }));

describe.each(REPORT_MODES)('what is seen of virtual functions in mode %s', (mode) => {
  const report = sriovReport(BUILT_IN, mode, boot);

  it('the truth is what the scenario sends', async () => {
    const { vfs } = await report;
    expect(vfs.map(({ truth: { tx, rx } }) => ({ tx, rx }))).toEqual(bytesOf(every));
    expect(vfs.map(({ truth }) => truth.flows)).toEqual(flowsOf(every));
  });

  it('polling the counters sees every byte and no 5-tuple', async () => {
    const { vfs, polls } = await report;
    const wanted = bytesOf(every).map((bytes) => ({ ...bytes, flows: 0 }));
    expect(vfs.map(({ poll }) => poll)).toEqual(wanted);
    expect(polls).toBeGreaterThan(10);
  });

  it('tcx at representors sees all of the slow path, nothing of what the card forwards', async () => {
    const { vfs, uplink } = await report;
    const seen = vfs.map(({ tcx: { tx, rx } }) => ({ tx, rx }));
    if (mode === 'legacy') expect(vfs.map(({ tcx }) => tcx)).toEqual(nothing);
    else if (mode === 'switchdev') expect(seen).toEqual(bytesOf(every));
    else {
      expect(seen).toEqual(bytesOf(slow));
      expect(vfs.map(({ tcx }) => tcx.flows)).toEqual(flowsOf(slow));
    }
    if (mode === 'legacy') expect(uplink).toEqual({ tx: 0, rx: 0, flows: 0 });
  });

  it('programs at drivers see what their own kernel drives: functions in namespaces wholly', async () => {
    const { vfs } = await report;
    const wanted = bytesOf(every).map((bytes, i) => ({ ...bytes, flows: flowsOf(every)[i] }));
    expect(vfs.map(({ ownDriver }) => ownDriver)).toEqual(wanted);
    // Of virtual machines' functions only what representors speak for: nothing without them.
    expect(vfs.map(({ driver }) => driver)).toEqual(vfs.map(({ tcx }) => tcx));
  });

  it('counters of rules see what they forward', async () => {
    const { vfs } = await report;
    if (mode !== 'offload') return expect(vfs.map(({ rules }) => rules)).toEqual(nothing);
    expect(vfs.map(({ rules: { tx, rx } }) => ({ tx, rx }))).toEqual(bytesOf(offloaded));
    expect(vfs.map(({ rules }) => rules.flows)).toEqual(flowsOf(offloaded));
  });

  it('every byte took one path', async () => {
    for (const { truth } of (await report).vfs) {
      expect(truth.embedded + truth.slow + truth.offload).toBe(truth.tx + truth.rx);
    }
  });
});

describe('the report', () => {
  it('carries the program of the example', () => {
    const example = readFileSync('examples/vf-monitor/monitor.bpf.o');
    expect(Buffer.compare(monitorObject(), example)).toBe(0);
  });

  it('plays scenarios of users: rates and VLANs too', async () => {
    const scenario = readScenario({
      vfs: [{ maxTxRate: 10, vlan: 4 }, { vlan: 4 }, { vlan: 5 }],
      flows: [
        { from: 'vf0', to: 'vf1', port: 1, size: 1000, packets: 50 },
        { from: 'vf0', to: 'vf2', port: 2, size: 1000, packets: 50 },
      ],
    });
    const { vfs } = await sriovReport(scenario, 'legacy', boot);
    expect(vfs.map(({ truth: { tx, rx } }) => [tx, rx])).toEqual([
      [104_200, 0],
      [0, 52_100],
      [0, 0],
    ]);
  });

  it.each([
    [{}, /'vfs'/],
    [[], /an object/],
    [{ vfs: [{}], flows: [{ from: 'vf0', to: 'vf1', port: 1 }] }, /vf1/],
    [{ vfs: [{}], flows: [{ from: 'vf0', to: 'vf0', port: 1 }] }, /ends where/],
    [{ vfs: [{}], flows: [{ from: 'vf0', to: 'wire' }] }, /port/],
    [{ vfs: [{}], flows: [{ from: 'vf0', to: 'wire', port: 1, protocol: 'x' }] }, /protocol/],
    [{ vfs: [{}], flows: [{ from: 'vf0', to: 'wire', port: 1, packets: 1e9 }] }, /packets/],
    [{ vfs: [{ address: 5 }], flows: [] }, /hardware address/],
    [{ vfs: [{ colour: 5 }], flows: [] }, /colour/],
    [{ vfs: [{}], flows: 3 }, /'flows'/],
  ])('refuses %j', (value, reason) => {
    expect(() => readScenario(value)).toThrow(reason);
  });
});
