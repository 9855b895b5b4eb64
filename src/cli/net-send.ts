/** `net send`: packets of a capture at a device of a machine. */
import type { Network } from '../machine/index.ts';
import type { Device } from '../machine/net/device.ts';
import type { PacketBatch } from '../tools/pcap/index.ts';
import { CaptureFile } from './capture.ts';
import type { CommandCall } from './command.ts';
import { usageError } from './exit.ts';
import { accessFile } from './files.ts';
import { frameOf } from './frames.ts';
import { timeOption } from './timer-report.ts';
import type { CliIo } from './io.ts';
import { onMachine, type Output, type Session } from './machine-file.ts';
import { saveCapture } from './net-trace.ts';

const TWO_32 = 0x1_0000_0000;

/** `net send --pcap FILE --dev NAME [--netns NAME] [--transmit] [--tap DEVICE --out FILE]` */
export async function run(call: CommandCall, io: CliIo): Promise<number> {
  const [pcap, dev] = [call.text('pcap'), call.text('dev')];
  if (pcap === undefined || dev === undefined) {
    throw usageError("'beeyard net send' needs --pcap FILE and --dev NAME");
  }
  if (pcap !== '-') accessFile(pcap, io);
  const wait = timeOption(call);
  return onMachine(call, io, {
    changes: true,
    async run(session) {
      const { network } = session;
      const device = network.namespace(call.text('netns') ?? '').device(dev);
      const out = call.text('out');
      using capture = out === undefined ? undefined : tap(network, call.text('tap'));
      const verdicts = await play(session, device, new CaptureFile(pcap, io), call);
      session.machine.advance(wait);
      if (out !== undefined && capture) saveCapture(out, capture, io);
      return outputOf(verdicts, capture?.packets.length);
    },
  });
}

function tap(network: Network, device: string | undefined) {
  if (device !== undefined) network.device(device);
  return network.capture(
    device === undefined ? { direction: 'out' } : { device, direction: 'both' },
  );
}

/** Time passes as it did in the capture. */
async function play(
  { machine }: Session,
  device: Device,
  reading: CaptureFile,
  call: CommandCall,
): Promise<ReadonlyMap<string, number>> {
  const verdicts = new Map<string, number>();
  const addressee = call.flag('to-device') ? device.address : undefined;
  let last: number | undefined;
  let left = call.count('limit', Number.POSITIVE_INFINITY, 1, 1e12);
  for await (const batch of reading.batches()) {
    for (let i = 0; i < batch.count && left > 0; i++, left--) {
      const time = timeOf(batch, i);
      if (last !== undefined && time > last) machine.advance(time - last);
      last = Math.max(last ?? time, time);
      const data = frameOf(batch, i, reading, addressee);
      const { verdict } = call.flag('transmit') ? device.transmit(data) : device.receive(data);
      verdicts.set(verdict, (verdicts.get(verdict) ?? 0) + 1);
    }
    if (left === 0) break;
  }
  if (reading.problem) throw reading.problem;
  return verdicts;
}

const timeOf = ({ time }: PacketBatch, i: number): number =>
  time[2 * i + 1]! * TWO_32 + time[2 * i]!;

function outputOf(verdicts: ReadonlyMap<string, number>, captured: number | undefined): Output {
  const packets = [...verdicts.values()].reduce((sum, count) => sum + count, 0);
  const words = [...verdicts].map(([name, count]) => `${count} ${name}`);
  const written = captured === undefined ? '' : `, ${captured} written`;
  return {
    json: {
      packets,
      verdicts: Object.fromEntries(verdicts),
      ...(captured !== undefined && { captured }),
    },
    text: `${packets} packets: ${words.join(', ') || 'none'}${written}\n`,
  };
}
