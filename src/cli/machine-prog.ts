import { succeed } from '../abi/index.ts';
import { loadObject } from '../client/index.ts';
import type { Machine, MachineProgram } from '../machine/index.ts';
import type { MachineLink } from '../machine/objects/link.ts';
import { programInfo } from '../machine/bpf/program-info.ts';
import { pinObject } from '../machine/bpffs/pins.ts';
import type { CommandCall } from './command.ts';
import { readObject } from './files.ts';
import { parseGlobals } from './inputs.ts';
import type { CliIo } from './io.ts';
import { pinsOf, takeObject } from './machine-choice.ts';
import { onMachine, type Session } from './machine-file.ts';
import { showObjects } from './machine-show.ts';
import {
  attachTypeNamed,
  programText,
  type ShownProgram,
  programsToLoad,
  takeLoadWords,
  takeRunWords,
  testRun,
} from './prog-words.ts';

/** `prog show --machine`. */
export function show(call: CommandCall, io: CliIo): Promise<number> {
  return showObjects(call, io, 'prog', programJson, programText);
}

/** bpftool's keys and order (print_prog_json). */
function programJson(machine: Machine, program: MachineProgram): ShownProgram {
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

/** `prog load`: one program of an object, pinned; `prog loadall`: all, pinned in a directory. */
export function load(call: CommandCall, io: CliIo): Promise<number> {
  const [file, path, ...words] = call.operands;
  const object = readObject(file!, io);
  const all = call.command.path[1] === 'loadall';
  return onMachine(call, io, {
    changes: true,
    asksItself: true,
    run({ machine, kernel, process }) {
      const { pinmaps, attaches } = takeLoadWords(words);
      const globals = parseGlobals(call.list('global'), object);
      const programs = programsToLoad(object, all, file!);
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

/** `prog run` */
export function run(call: CommandCall, io: CliIo): Promise<number> {
  return onMachine(call, io, {
    changes: true,
    run(session) {
      const words = [...call.operands];
      const program = takeObject(session.machine, 'prog', words);
      return runAsProcess(session, program, takeRunWords(words), io);
    },
  });
}

function runAsProcess(
  { bpf, process }: Session,
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
  return testRun(bpf, progFd, options, io);
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
