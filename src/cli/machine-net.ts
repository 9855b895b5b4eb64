import type { ChainOptions } from '../kernel/index.ts';
import { placeWord } from '../machine/index.ts';
import type { Attachment } from '../machine/objects/attachments.ts';
import type { CommandCall } from './command.ts';
import { usageError } from './exit.ts';
import type { CliIo } from './io.ts';
import { newMachine, onMachine } from './machine-file.ts';
import { dissectorRows, netfilterRows } from './net-hooks.ts';
import { netOutput, type TcRow, type XdpRow } from './net-report.ts';

/** `net show [dev NAME]` */
export function show(call: CommandCall, io: CliIo): Promise<number> {
  return onMachine(call, io, {
    changes: false,
    run({ machine }) {
      const [word, name] = call.operands;
      if (word !== undefined && (word !== 'dev' || !name))
        throw usageError("'dev NAME' is expected");
      const all = [...machine.attachments].filter(({ place }) => !name || place.device === name);
      const revisions = call.flag('revisions');
      const xdp = all.flatMap((one) => (one.place.mode ? [xdpRow(one, revisions)] : []));
      const tc = all.flatMap((one) => (one.place.mode ? [] : [tcRow(one, revisions)]));
      const flow_dissector = dissectorRows(machine);
      const netfilter = netfilterRows(machine);
      return netOutput({ xdp, tc, flow_dissector, netfilter });
    },
  });
}

/** bpftool's keys; with `revisions` one more, which it has not. */
function xdpRow({ place, program, link, options }: Attachment, revisions: boolean): XdpRow {
  const { device, ifindex, mode, point } = place;
  const chained = options.chain as ChainOptions | undefined;
  return {
    devname: device,
    ifindex,
    mode: mode === 'native' ? 'driver' : 'generic',
    id: program.id,
    ...(link && revisions && { link_id: link.id }),
    ...(chained && { chain: chained.continueOn }),
    ...(chained && revisions && { revision: Number(point.revision) }),
  };
}

function tcRow({ place, program, link, options }: Attachment, revisions: boolean): TcRow {
  const { device, ifindex, point } = place;
  const filter = typeof options.classic === 'object' ? options.classic : undefined;
  return {
    devname: device,
    ifindex,
    kind: placeWord(place),
    name: program.kernelName,
    prog_id: program.id,
    prog_flags: [],
    link_id: link?.id ?? 0,
    link_flags: [],
    ...(filter && { priority: filter.priority, handle: filter.handle }),
    ...(revisions && !filter && { revision: Number(point.revision) }),
  };
}

/** `machine create FILE`: a new machine, with devices. */
export async function create(call: CommandCall, io: CliIo): Promise<number> {
  const cpus = call.count('cpus', 1, 1, 64);
  const seed = call.count('seed', 0, 0, Number.MAX_SAFE_INTEGER);
  const devices = Object.fromEntries(call.list('device').map((name) => [name, {}]));
  await newMachine(call.operands[0]!, { cpus, seed, devices }, io);
  if (call.json) io.out('null\n');
  return 0;
}
