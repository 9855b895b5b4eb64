import { attachTypeId } from '../abi/index.ts';
import { loadObject } from '../client/index.ts';
import type { Machine, MachineProgram } from '../machine/index.ts';
import type { MachineLink } from '../machine/objects/link.ts';
import { programInfo } from '../machine/bpf/program-info.ts';
import { pinObject } from '../machine/bpffs/pins.ts';
import type { CommandCall } from './command.ts';
import { usageError } from './exit.ts';
import { readBytes, readObject, writeBytes } from './files.ts';
import { parseGlobals } from './inputs.ts';
import type { CliIo } from './io.ts';
import { pinsOf, takeObject } from './machine-choice.ts';
import { onMachine, type Session, succeed } from './machine-file.ts';
import { showObjects } from './machine-show.ts';

/** `prog show --machine`. */
export function show(call: CommandCall, io: CliIo): Promise<number> {
  return showObjects(call, io, 'prog', programJson, textOf);
}

/** bpftool's keys and order (print_prog_json). */
function programJson(machine: Machine, program: MachineProgram) {
  const info = programInfo(machine, program);
  const pinned = pinsOf(machine, program);
  const { stats } = program;
  return {
    id: program.id,
    type: program.type.name,
    ...(program.kernelName !== '' && { name: program.kernelName }),
    tag: program.tag,
    gpl_compatible: info['gpl_compatible'] === 1,
    ...(stats.time > 0 && { run_time_ns: stats.time, run_cnt: stats.count }),
    ...(stats.misses > 0 && { recursion_misses: stats.misses }),
    ...(program.parts.loadTime > 0n && {
      loaded_at: Number(program.parts.loadTime / 1_000_000_000n),
      uid: program.parts.uid,
    }),
    orphaned: false,
    bytes_xlated: Number(info['xlated_prog_len']),
    jited: false,
    ...(program.maps.length > 0 && { map_ids: program.maps.map(({ id }) => id) }),
    ...(program.parts.btf && { btf_id: program.parts.btf.id }),
    ...(pinned.length > 0 && { pinned }),
  };
}

function textOf(one: ReturnType<typeof programJson>): string {
  const maps = one.map_ids ? `  map_ids ${one.map_ids.join(',')}` : '';
  const runs = one.run_cnt ? ` run_time_ns ${one.run_time_ns} run_cnt ${one.run_cnt}` : '';
  const gpl = one.gpl_compatible ? '  gpl' : '';
  const name = one.name === undefined ? '' : `  name ${one.name}`;
  const lines = [
    `${one.id}: ${one.type}${name}  tag ${one.tag}${gpl}${runs}`,
    `\txlated ${one.bytes_xlated}B  not jited${maps}`,
    ...(one.btf_id === undefined ? [] : [`\tbtf_id ${one.btf_id}`]),
    ...(one.pinned ?? []).map((path) => `\tpinned ${path}`),
  ];
  return `${lines.join('\n')}\n`;
}

/** `prog load`: one program of an object, pinned; `prog loadall`: all, pinned in a directory. */
export function load(call: CommandCall, io: CliIo): Promise<number> {
  const [file, path, ...words] = call.operands;
  const object = readObject(file!, io);
  const all = call.command.path[1] === 'loadall';
  return onMachine(call, io, {
    changes: true,
    asksItself: true,
    run({ machine, kernel, process }) {
      const pinmaps = words[0] === 'pinmaps' ? words.splice(0, 2)[1] : undefined;
      const attaches = words[0] === 'autoattach' && words.shift() !== undefined;
      if (words.length > 0) throw usageError(`'prog load' does not know '${words[0]}'`);
      const globals = parseGlobals(call.list('global'), object);
      const names = object.programs
        .filter(({ autoload }) => autoload !== false)
        .map(({ name }) => name);
      const programs = all ? names : names.slice(0, 1);
      if (programs.length === 0) throw usageError(`${file}: there is no program`);
      const loaded = loadObject(kernel, object, { globals, programs });
      for (const name of programs) {
        const program = loaded.programs.get(name) as MachineProgram;
        const place = all ? `${path}/${name}` : path!;
        if (all) machine.files.makeParents(place);
        const link = attaches ? autoattach(machine, program) : undefined;
        if (link) pinObject(machine.files, place, 'link', link, process.cwd, process.credentials);
        else pinObject(machine.files, place, 'prog', program, process.cwd, process.credentials);
        link?.[Symbol.dispose]();
      }
      for (const [name, map] of pinmaps === undefined ? [] : loaded.maps) {
        machine.files.makeParents(`${pinmaps}/.`);
        kernel.pinMap(`${pinmaps}/${name.replaceAll('.', '_')}`, map);
      }
      for (const program of loaded.programs.values()) program.close();
      for (const map of loaded.owned) map.close();
      return {};
    },
  });
}

/** Where the section says itself where it goes: the link, as libbpf's bpf_program__attach. */
function autoattach(machine: Machine, program: MachineProgram): MachineLink | undefined {
  const { place, hook } = machine.subsystemOf(program);
  if (place !== undefined && hook === undefined) return undefined;
  return machine.attach(program, {}) as MachineLink;
}

/** `prog pin` */
export function pin(call: CommandCall, io: CliIo): Promise<number> {
  return onMachine(call, io, {
    changes: true,
    run({ machine }) {
      const words = [...call.operands];
      const program = takeObject(machine, 'prog', words);
      pinObject(machine.files, words[0]!, 'prog', program);
      return {};
    },
  });
}

const RUN_WORDS = ['data_in', 'data_out', 'data_size_out', 'ctx_in', 'ctx_out', 'repeat'];

/** `prog run` */
export function run(call: CommandCall, io: CliIo): Promise<number> {
  return onMachine(call, io, {
    changes: true,
    run(session) {
      const words = [...call.operands];
      const program = takeObject(session.machine, 'prog', words);
      const options = new Map<string, string>();
      while (words.length > 0) {
        const [name, value] = words.splice(0, 2);
        if (!RUN_WORDS.includes(name!) || value === undefined) {
          throw usageError(`'prog run' takes ${RUN_WORDS.join(', ')}, each with a value`);
        }
        options.set(name!, value);
      }
      return testRun(session, program, options, io);
    },
  });
}

const MOST_DATA = 1 << 20;

function testRun(
  { bpf, machine, process }: Session,
  program: MachineProgram,
  options: ReadonlyMap<string, string>,
  io: CliIo,
) {
  const progFd = process.open({
    kind: 'prog',
    object: program.hold(),
    read: true,
    write: true,
    release: () => program.drop(),
  });
  const file = (name: string): Uint8Array | undefined =>
    options.has(name) ? readBytes(options.get(name)!, io) : undefined;
  const [dataIn, ctxIn] = [file('data_in'), file('ctx_in')];
  const repeat = Number(options.get('repeat') ?? 1);
  const dataOut = new Uint8Array(Number(options.get('data_size_out') ?? MOST_DATA));
  const ctxOut = options.has('ctx_out') ? new Uint8Array(192) : undefined;
  const attr = {
    progFd,
    repeat,
    dataOut,
    dataSizeOut: dataOut.length,
    ...(dataIn && { dataIn, dataSizeIn: dataIn.length }),
    ...(ctxIn && { ctxIn, ctxSizeIn: ctxIn.length }),
    ...(ctxOut && { ctxOut, ctxSizeOut: ctxOut.length }),
    retval: 0,
    duration: 0,
  };
  void machine;
  succeed(bpf.progTestRun(attr), 'the program was not run');
  const data = dataOut.subarray(0, attr.dataSizeOut);
  if (options.has('data_out')) writeBytes(options.get('data_out')!, data, io);
  if (ctxOut) writeBytes(options.get('ctx_out')!, ctxOut.subarray(0, attr.ctxSizeOut), io);
  const { retval, duration } = attr;
  return {
    json: { retval, duration },
    text: `Return value: ${retval}, duration (average): ${duration}ns\n`,
  };
}

/** `prog attach`, `prog detach`: PROG ATTACH_TYPE [MAP]. */
export function attach(call: CommandCall, io: CliIo): Promise<number> {
  const detaching = call.command.path[1] === 'detach';
  return onMachine(call, io, {
    changes: true,
    run({ machine, process, bpf }) {
      const words = [...call.operands];
      const program = takeObject(machine, 'prog', words);
      const word = words.shift() ?? '';
      const attachType = attachTypeNamed(word);
      if (attachType === undefined) throw usageError(`there is no attach type '${word}'`);
      const target = words.length > 0 ? takeObject(machine, 'map', words) : undefined;
      const open = (kind: 'prog' | 'map', object: MachineProgram | NonNullable<typeof target>) =>
        process.open({
          kind,
          object: object.hold(),
          read: true,
          write: true,
          release: () => object.drop(),
        });
      const attr = {
        attachType,
        attachBpfFd: open('prog', program),
        ...(target && { targetFd: open('map', target) }),
      };
      const result = detaching ? bpf.progDetach(attr) : bpf.progAttach(attr);
      succeed(result, `program ${program.id} cannot be ${detaching ? 'detached' : 'attached'}`);
      return {};
    },
  });
}

/** bpftool leaves out what all of a kind begin with: 'stream_parser' is sk_skb_stream_parser. */
function attachTypeNamed(word: string): number | undefined {
  const kinds = ['', 'sk_', 'sk_skb_'];
  return kinds.map((kind) => attachTypeId(kind + word)).find((id) => id !== undefined);
}
