import { dissect } from '../packet/index.ts';
import { type RdmaFlow, RdmaFlows } from '../tools/rdma/flows.ts';
import { CaptureFile } from './capture.ts';
import type { CommandCall } from './command.ts';
import { EXIT, usageError } from './exit.ts';
import { accessFile } from './files.ts';
import { frameOf } from './frames.ts';
import { type CliIo, styleFor } from './io.ts';
import { byteSize, grouped } from './table.ts';
import { toJson } from './values.ts';

/** `beeyard rdma show`. */
export async function run(call: CommandCall, io: CliIo): Promise<number> {
  const path = call.text('pcap');
  if (path === undefined) throw usageError("'beeyard rdma show' needs a capture: --pcap FILE");
  const limit = call.count('limit', Number.POSITIVE_INFINITY, 1, 1e12);
  if (path !== '-') accessFile(path, io);
  const capture = new CaptureFile(path, io);
  const flows = new RdmaFlows();
  let seen = 0;
  for await (const batch of capture.batches()) {
    for (let i = 0; i < batch.count && seen < limit; i++, seen++) {
      flows.add(dissect(frameOf(batch, i, capture)));
    }
    if (io.interrupt?.aborted || seen >= limit) break;
  }
  const { all, others, beyond } = flows;
  if (call.json) {
    const found = { queue_pairs: all, packets: seen, others, beyond };
    io.out(`${toJson(found, call.flag('pretty'))}\n`);
  } else report(flows, seen, io);
  if (capture.problem) {
    io.err(`${styleFor(io.errorColor).warn('note:')} ${path}: ${capture.problem.message}\n`);
  }
  return io.interrupt?.aborted ? EXIT.interrupted : EXIT.ok;
}

function report({ all, others, beyond }: RdmaFlows, seen: number, io: CliIo): void {
  for (const flow of all) io.out(flowText(flow, io));
  const rest = others > 0 ? `, ${grouped(others)} packets are no RoCE` : '';
  const left = beyond > 0 ? `, ${grouped(beyond)} of more queue pairs than are followed` : '';
  io.out(`${grouped(all.length)} queue pairs in ${grouped(seen)} packets${rest}${left}\n`);
}

function flowText(flow: RdmaFlow, io: CliIo): string {
  const style = styleFor(io.color);
  const { from, to, queuePair, packets, bytes } = flow;
  const head = `${style.bold(`queue pair ${queuePair}`)} of ${to}, from ${from}`;
  const lines = [
    `${head}: ${grouped(packets)} packets, ${byteSize(bytes)}`,
    ...Object.entries(flow.operations).map(
      ([operation, count]) => `  ${operation.padEnd(34)} ${grouped(count).padStart(8)}`,
    ),
  ];
  const trouble = [
    ...(flow.gaps > 0 ? [`${flow.gaps} PSN gaps (${flow.missing} packets missing)`] : []),
    ...(flow.retransmissions > 0 ? [`${flow.retransmissions} retransmissions`] : []),
    ...Object.entries(flow.naks).map(([reason, count]) => `${count} NAK: ${reason}`),
    ...(flow.notReady > 0 ? [`${flow.notReady} receiver not ready`] : []),
    ...(flow.damaged > 0 ? [`${flow.damaged} damaged`] : []),
  ];
  for (const one of trouble) lines.push(`  ${style.warn(`! ${one}`)}`);
  return `${lines.join('\n')}\n`;
}
