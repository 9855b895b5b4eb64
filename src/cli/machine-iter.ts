/** `iter pin` and `perf show` of bpftool, and `iter read`, which is `cat` of a pinned iterator. */
import { enums } from '../abi/index.ts';
import { loadObject } from '../client/index.ts';
import type { MachineProgram } from '../machine/index.ts';
import { findPin, pinObject } from '../machine/bpffs/pins.ts';
import type { MachineLink } from '../machine/objects/link.ts';
import type { CommandCall } from './command.ts';
import { usageError } from './exit.ts';
import { readObject } from './files.ts';
import { parseGlobals } from './inputs.ts';
import type { CliIo } from './io.ts';
import { onMachine } from './machine-file.ts';

const { BPF_LINK_TYPE_PERF_EVENT } = enums.bpf_link_type;

/** `iter pin OBJ PATH`: the object's first program, as an iterator that is pinned. */
export function pin(call: CommandCall, io: CliIo): Promise<number> {
  const [file, path] = call.operands;
  const object = readObject(file!, io);
  return onMachine(call, io, {
    changes: true,
    run({ machine }) {
      const [first] = object.programs;
      if (!first) throw usageError(`${file}: there is no program`);
      const globals = parseGlobals(call.list('global'), object);
      const loaded = loadObject(machine, object, { globals, programs: [first.name] });
      const program = loaded.programs.get(first.name) as MachineProgram;
      const namespace = call.text('netns');
      const link = machine.attach(program, namespace === undefined ? {} : { namespace });
      machine.files.makeParents(path!);
      pinObject(machine.files, path!, 'link', link as MachineLink);
      link[Symbol.dispose]();
      program.close();
      for (const map of loaded.owned) map.close();
      return {};
    },
  });
}

/** `iter read PATH` */
export function read(call: CommandCall, io: CliIo): Promise<number> {
  return onMachine(call, io, {
    changes: true,
    run({ machine }) {
      const { kind, object } = findPin(machine.files, call.operands[0]!);
      if (kind !== 'link') throw usageError(`${call.operands[0]} is a pinned ${kind}, no iterator`);
      const text = new TextDecoder().decode((object as MachineLink).read());
      return { json: { text }, text };
    },
  });
}

/** `perf show`: programs at tracepoints and kprobes. Nothing here is a process with descriptors. */
export function perf(call: CommandCall, io: CliIo): Promise<number> {
  return onMachine(call, io, {
    changes: false,
    run({ machine }) {
      const links = [...machine.objects.links].filter(
        ({ type }) => type === BPF_LINK_TYPE_PERF_EVENT,
      );
      const rows = links.map(({ id, program }) => {
        const { type, spec } = program;
        const name = spec.attachTarget ?? '';
        const tracepoint = type.name === 'tracepoint';
        const at = tracepoint ? { tracepoint: name.split('/').at(-1)! } : { func: name, offset: 0 };
        return {
          link_id: id,
          prog_id: program.id,
          fd_type: tracepoint ? 'tracepoint' : 'kprobe',
          ...at,
        };
      });
      const text = rows.map((one) => {
        const what =
          'tracepoint' in one
            ? `tracepoint  ${one.tracepoint}`
            : `kprobe  func ${one.func}  offset 0`;
        return `link ${one.link_id}: prog_id ${one.prog_id}  ${what}\n`;
      });
      return { json: rows, text: text.join('') };
    },
  });
}
