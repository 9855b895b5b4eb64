import { attachTypeName, enums } from '../abi/index.ts';
import { KernelError } from '../base/index.ts';
import type { Machine, MachineProgram } from '../machine/index.ts';
import type { CommandCall } from './command.ts';
import { usageError } from './exit.ts';
import type { CliIo } from './io.ts';
import { takeObject } from './machine-choice.ts';
import { newMachine, onMachine } from './machine-file.ts';

/** bpftool's words for hooks of devices: program type and direction. */
const PLACES = {
  xdp: { type: 'xdp' },
  xdpgeneric: { type: 'xdp' },
  tcx_ingress: { type: 'sched_cls', direction: 'ingress' },
  tcx_egress: { type: 'sched_cls', direction: 'egress' },
} as const;

const { BPF_TCX_INGRESS, BPF_TCX_EGRESS } = enums.bpf_attach_type;
/** bpftool's words in listings. */
const KINDS: Readonly<Record<number, string>> = {
  [BPF_TCX_INGRESS]: 'tcx/ingress',
  [BPF_TCX_EGRESS]: 'tcx/egress',
};

/** `net show [dev NAME]` */
export function show(call: CommandCall, io: CliIo): Promise<number> {
  return onMachine(call, io, {
    changes: false,
    run({ machine }) {
      const [word, name] = call.operands;
      if (word !== undefined && (word !== 'dev' || !name))
        throw usageError("'dev NAME' is expected");
      const all = attachmentsOf(machine).filter(({ devname }) => !name || devname === name);
      const xdp = all.flatMap(({ kind, devname, ifindex, prog_id }) =>
        kind === 'xdp' ? [{ devname, ifindex, mode: 'generic', id: prog_id }] : [],
      );
      const tc = all.filter(({ kind }) => kind !== 'xdp');
      const lines = [
        'xdp:',
        ...xdp.map((one) => `${one.devname}(${one.ifindex}) generic id ${one.id}`),
        '\ntc:',
        ...tc.map((one) => {
          const link = one.link_id === 0 ? '' : ` link_id ${one.link_id}`;
          const { devname, ifindex, kind, name, prog_id } = one;
          return `${devname}(${ifindex}) ${kind} ${name} prog_id ${prog_id}${link}`;
        }),
        '\nflow_dissector:\n\nnetfilter:\n',
      ];
      return {
        json: [{ xdp, tc, flow_dissector: [], netfilter: [] }],
        text: `${lines.join('\n')}\n`,
      };
    },
  });
}

function attachmentsOf(machine: Machine) {
  return [...machine.attachments].map(({ program, place, options, link }) => ({
    devname: options.device!,
    ifindex: place.ifindex,
    kind:
      place.attachType === undefined
        ? 'xdp'
        : (KINDS[place.attachType] ?? attachTypeName(place.attachType)),
    name: program.kernelName,
    prog_id: program.id,
    prog_flags: [],
    link_id: link?.id ?? 0,
    link_flags: [],
  }));
}

/** The words behind `net attach`: the hook, a device. */
function placeOf(words: string[]) {
  const word = words.shift() ?? '';
  const place = PLACES[word as keyof typeof PLACES];
  if (!place) throw usageError(`'${word}' is none of: ${Object.keys(PLACES).join(', ')}`);
  return { word, ...place };
}

function takeDevice(words: string[]): string {
  const [dev, device] = words.splice(0, 2);
  if (dev !== 'dev' || device === undefined) throw usageError("'dev NAME' is missing");
  return device;
}

/** `net attach HOOK PROG dev NAME [overwrite]`: no link holds the program there. */
export function attach(call: CommandCall, io: CliIo): Promise<number> {
  return onMachine(call, io, {
    changes: true,
    run({ machine }) {
      const words = [...call.operands];
      const { type, ...rest } = placeOf(words);
      const program = takeObject(machine, 'prog', words);
      const options = {
        device: takeDevice(words),
        ...('direction' in rest && { direction: rest.direction }),
      };
      if (program.type.name !== type) throw wrongType(program, type);
      const subsystem = machine.subsystemOf(program);
      const place = subsystem.place!(program, options);
      if (words[0] === 'overwrite') {
        for (const one of machine.attachments.at(place))
          if (!one.link) machine.attachments.detach(one);
      }
      machine.attachments.attach(program, subsystem, options, place);
      return {};
    },
  });
}

function wrongType(program: MachineProgram, type: string): KernelError {
  return new KernelError('EINVAL', 22, `program ${program.id} is no ${type} program`);
}

/** `net detach HOOK dev NAME`: what no link holds there. */
export function detach(call: CommandCall, io: CliIo): Promise<number> {
  return onMachine(call, io, {
    changes: true,
    run({ machine }) {
      const words = [...call.operands];
      const { word } = placeOf(words);
      const device = takeDevice(words);
      const kind = word.startsWith('xdp') ? 'xdp' : word.replace('_', '/');
      const there = [...machine.attachments].filter(({ options, place, link }) => {
        const here = place.attachType === undefined ? 'xdp' : KINDS[place.attachType];
        return !link && options.device === device && here === kind;
      });
      const found = there.at(-1);
      if (!found) throw new KernelError('ENOENT', 2, `no program is at ${word} of ${device}`);
      machine.attachments.detach(found);
      return {};
    },
  });
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
