import { expect, test } from 'vitest';
import { Host } from '../../src/client/index.ts';
import {
  codeOf,
  type DebugSession as Session,
  DebugSession,
  lastAccesses,
  linesOf,
  packetBounds,
  pointed,
} from '../../src/debug/index.ts';
import { Stepper } from '../../src/engine/interpreter/recording.ts';
import { CALL } from '../../src/isa/index.ts';
import { bootMachine } from '../../src/machine/index.ts';
import { ethernet, ipv4, packet, tcp } from '../../src/packet/index.ts';

const OBJECT = new URL('../../examples/typed-import/ratelimit.bpf.o', import.meta.url);
const SYN = packet(ethernet(), ipv4({ source: '10.0.0.1' }), tcp({ flags: 'SYN' }));
/** Of the IPv4 source address in an Ethernet frame. */
const SOURCE = 26;

async function recorded() {
  const stepper = new Stepper();
  const { machine, network } = await bootMachine({ engine: stepper.engine });
  const host = new Host(machine, network.devices, network);
  const { programs } = await host.load(OBJECT);
  const recording = stepper.record(() => programs['ratelimit']!.run({ data: SYN }));
  return { recording, runtime: machine.runtime, session: new DebugSession(recording) };
}

const callOf = (session: Session, helper: string): number => {
  session.add({ kind: 'helper', helper });
  session.resume();
  return session.at;
};

test('who read bytes of the packet, and that nobody wrote them', async () => {
  const { recording, runtime } = await recorded();
  const last = recording.length - 1;
  const [frame] = recording.goTo(last);
  const { start } = packetBounds(runtime, frame!.image)!;
  const { read, written } = lastAccesses(
    recording,
    runtime,
    { address: start + SOURCE, size: 4 },
    last,
  );
  expect(written).toBeUndefined();
  expect(linesOf(read!.image).at(read!.insn)!.text).toMatch(/saddr/);
  // Before that step nobody had.
  const earlier = lastAccesses(
    recording,
    runtime,
    { address: start + SOURCE, size: 4 },
    read!.step,
  );
  expect(earlier.read).toBeUndefined();
  // A byte behind the packet is nobody's.
  const behind = { address: start + SYN.length, size: 1 };
  expect(lastAccesses(recording, runtime, behind, last)).toEqual({});
});

test('a key on the stack is read by the helper it is handed to', async () => {
  const { recording, runtime, session } = await recorded();
  const step = callOf(session, 'bpf_map_update_elem');
  const [frame] = recording.goTo(step);
  const key = pointed(runtime, frame!.image, frame!.registers[2]!)!;
  expect(key.to).toBe('stack');
  const range = { address: key.address, size: 4 };
  const { read, written } = lastAccesses(recording, runtime, range, step + 1);
  expect(read!.step).toBe(step);
  expect(codeOf(read!.image).op[read!.insn]).toBe(CALL);
  expect(written!.step).toBeLessThan(step);
});

test('what a helper changes is its doing', async () => {
  const { recording, runtime, session } = await recorded();
  const update = callOf(session, 'bpf_map_update_elem');
  // The lookup behind it finds the element; its key, of 4 bytes in 8, stands before the value.
  session.add({ kind: 'helper', helper: 'bpf_map_lookup_elem' });
  session.resume();
  const [frame] = recording.goTo(session.at + 1);
  const value = pointed(runtime, frame!.image, frame!.registers[0]!)!;
  expect(value.to).toBe('map value');
  const key = { address: value.address - 8, size: 8 };
  expect(lastAccesses(recording, runtime, key, recording.length - 1).written?.step).toBe(update);
});
