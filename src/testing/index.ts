/**
 * BPF programs tested with vitest: `beeyard/testing`. Importing it adds the matchers.
 *
 * ```ts
 * import { ethernet, expect, ipv4, machine, packet, tcp, test } from 'beeyard/testing';
 * import limiter from './ratelimit.bpf.o';
 *
 * test('drops what is over the limit', async () => {
 *   using host = await machine({ devices: { eth0: {} } });
 *   const { programs } = await host.load(limiter, { globals: { limit: 1n } });
 *   using link = programs.ratelimit.attach({ device: 'eth0' });
 *   const syn = packet(ethernet(), ipv4({ source: '10.0.0.1' }), tcp({ flags: 'S' }));
 *   host.devices.eth0.receive(syn);
 *   expect(host.devices.eth0.receive(syn)).toHaveVerdict('drop');
 * });
 * ```
 */
import { afterAll, expect } from 'vitest';
import { noteAllCoverage } from './machine.ts';
import { leakMatchers } from './matchers/leaks.ts';
import { packetMatchers } from './matchers/packet.ts';
import { replayMatchers, type ReplayOptions } from './matchers/replay.ts';
import { verdictMatchers } from './matchers/verdict.ts';
import { verifyMatchers, type VerifyOptions } from './matchers/verify.ts';

export { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
export * from '../packet/index.ts';
export { machine } from './machine.ts';
export type { ReplayOptions, VerifyOptions };

expect.extend({
  ...verdictMatchers,
  ...packetMatchers,
  ...verifyMatchers,
  ...replayMatchers,
  ...leakMatchers,
});

// Hosts that a test did not dispose of count as well.
afterAll(noteAllCoverage);

/** Verdicts as results have them ('drop'), or the constants' names ('XDP_DROP', 'TC_ACT_SHOT'). */
type Verdict = string;

interface BeeyardMatchers<R> {
  /** The verdict of a run is this one, or one of these. */
  toHaveVerdict(verdict: Verdict | readonly Verdict[]): R;
  /** A list of results has so many of each verdict, and no others. */
  toHaveVerdicts(counts: Readonly<Record<Verdict, number>>): R;
  /** The packet, or that of a result, has these bytes: says which fields of which header differ. */
  toEqualPacket(packet: Uint8Array): R;
  /** These kernels ('6.1', '6.12') accept the programs of the object. */
  toVerifyOn(kernels: string | readonly string[], options?: VerifyOptions): Promise<R>;
  /** What comes of a capture that a host receives is as in the snapshot. */
  toReplay(capture: Uint8Array | string | URL, options?: ReplayOptions): R;
  /** No object made by programs outlives the maps. Ends what is loaded on the host. */
  toHaveNoLeakedReferences(): R;
}

declare module 'vitest' {
  interface Matchers<T> extends BeeyardMatchers<T> {}
}
