/** `net attach` and `net detach`: programs at devices of a machine, in an order. */
import { KernelError } from '../base/index.ts';
import { loadObject } from '../client/index.ts';
import type { AttachOptions, OrderAnchor } from '../kernel/index.ts';
import type { Machine, MachineProgram } from '../machine/index.ts';
import { orderRules } from '../machine/objects/attach.ts';
import { pinObject } from '../machine/bpffs/pins.ts';
import type { MachineLink } from '../machine/objects/link.ts';
import type { CommandCall } from './command.ts';
import { usageError } from './exit.ts';
import {
  expectedRevision,
  type Hook,
  IF_NOEXIST,
  isProgramWord,
  needPortable,
  onlyProgram,
  takeDevice,
  takeHook,
  takeOverwrite,
} from './hook-words.ts';
import { readObject } from './files.ts';
import { parseGlobals } from './inputs.ts';
import type { CliIo } from './io.ts';
import { takeObject } from './machine-choice.ts';
import { onMachine } from './machine-file.ts';

/** `net attach HOOK {PROG|OBJ} dev NAME [overwrite]`: no link holds the program, unless --pin. */
export function attach(call: CommandCall, io: CliIo): Promise<number> {
  const words = [...call.operands];
  const hook = takeHook(words);
  if (call.flag('portable')) needPortable(hook);
  const isObject = !isProgramWord(words[0] ?? '');
  const object = isObject ? readObject(words.shift() ?? '', io) : undefined;
  return onMachine(call, io, {
    changes: true,
    run({ machine }) {
      if (!object) return attachAt(call, machine, hook, words, takeObject(machine, 'prog', words));
      const name = onlyProgram(object);
      const globals = parseGlobals(call.list('global'), object);
      const loaded = loadObject(machine, object, { globals, programs: [name] });
      const program = loaded.programs.get(name) as MachineProgram;
      const result = attachAt(call, machine, hook, words, program);
      program.close();
      for (const map of loaded.owned) map.close();
      return result;
    },
  });
}

function attachAt(
  call: CommandCall,
  machine: Machine,
  hook: Hook,
  words: string[],
  program: MachineProgram,
) {
  const device = takeDevice(words);
  const overwrite = takeOverwrite(words);
  checkType(program, hook);
  const options = { ...hook.options, device, ...orderOf(call, machine) };
  const place = machine.placeOf(program, options);
  const rules = orderRules(machine, options);
  const single = hook.type === 'xdp' && !hook.options.chain;
  const pin = call.text('pin');
  if (pin !== undefined) {
    const link = machine.attachLink(program, place, rules);
    pinObject(machine.files, pin, 'link', link);
    link[Symbol.dispose]();
  } else if (single) {
    machine.attachments.attach(program, place, { flags: overwrite ? 0 : IF_NOEXIST });
  } else {
    machine.attachments.attach(program, place, rules);
  }
  return {};
}

function checkType(program: MachineProgram, { type }: Hook): void {
  if (program.type.name !== type) {
    throw new KernelError('EINVAL', 22, `program ${program.id} is no ${type} program`);
  }
}

/** What the options say of the order. */
function orderOf(call: CommandCall, machine: Machine): AttachOptions {
  const [before, after, replace] = (['before', 'after', 'replace'] as const).map((name) =>
    anchorOf(machine, name, call.text(name)),
  );
  if (replace === true) throw usageError('--replace names a program');
  const revision = expectedRevision(call);
  return {
    ...(before && { before }),
    ...(after && { after }),
    ...(replace && { replace }),
    ...(revision !== undefined && { expectedRevision: revision }),
  };
}

/** 'id 12', 'name x', 'pinned PATH', 'link 3'; 'all' is before or after all. */
function anchorOf(
  machine: Machine,
  option: string,
  text: string | undefined,
): OrderAnchor | true | undefined {
  if (text === undefined) return undefined;
  if (text === 'all') return true;
  const [way, value] = text.split(' ');
  if (way === 'link' && value) {
    return takeObject(machine, 'link', ['id', value]) as MachineLink;
  }
  if (isProgramWord(way!)) return takeObject(machine, 'prog', [way!, value!]);
  throw usageError(`--${option} takes 'id N', 'name NAME', 'pinned PATH', 'link N' or 'all'`);
}

/** `net detach HOOK dev NAME [PROG]`: a program that no link holds there. */
export function detach(call: CommandCall, io: CliIo): Promise<number> {
  return onMachine(call, io, {
    changes: true,
    run({ machine }) {
      const words = [...call.operands];
      const { word, type, options } = takeHook(words);
      const device = takeDevice(words);
      const named = words.length > 0 ? takeObject(machine, 'prog', words) : undefined;
      const there = [...machine.attachments].filter(
        (one) =>
          one.place.device === device &&
          one.program.type.name === type &&
          one.options.direction === options.direction &&
          (one.options.classic !== undefined) === (options.classic !== undefined) &&
          (options.mode ?? one.options.mode) === one.options.mode,
      );
      if (there.length === 0) {
        throw new KernelError('ENOENT', 2, `no program is at ${word} of ${device}`);
      }
      const { replaces: _, ...rules } = orderRules(machine, orderOf(call, machine));
      const { point } = there[0]!.place;
      machine.attachments.detach(point, named ? { ...rules, program: named } : rules);
      return {};
    },
  });
}
