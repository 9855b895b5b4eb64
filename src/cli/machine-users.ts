/** User namespaces, mounts of bpffs and settings of a machine. */
import { mountBpffs } from '../machine/bpf/mounting.ts';
import { writeUnprivilegedBpfDisabled } from '../machine/bpf/sysctl.ts';
import { mountText } from '../machine/bpffs/mount-options.ts';
import type { CommandCall } from './command.ts';
import { usageError } from './exit.ts';
import type { CliIo } from './io.ts';
import { onMachine } from './machine-file.ts';

const MOST = 0xfffffffe;

/** `machine userns NAME` */
export function userns(call: CommandCall, io: CliIo): Promise<number> {
  return onMachine(call, io, {
    changes: true,
    run({ machine: { users } }) {
      const parent = users.get(call.text('parent') ?? '');
      const owner = call.count('owner', 1000, 0, MOST);
      const inside = call.count('inside', 0, 0, MOST);
      const count = call.count('count', 1, 1, MOST);
      users.create(call.operands[0]!, { parent, owner, ids: { inside, outside: owner, count } });
      return {};
    },
  });
}

/**
 * `machine mount PATH`: for another user namespace root does what a container manager does: it sets
 * up the bpffs that the container opened.
 */
export function mount(call: CommandCall, io: CliIo): Promise<number> {
  return onMachine(call, io, {
    changes: true,
    asksItself: true,
    run({ machine, process }) {
      const [path] = call.operands as [string];
      const text = call.text('options') ?? '';
      const name = call.text('userns');
      if (name === undefined) {
        mountBpffs(process, path, text);
        return {};
      }
      process.need('CAP_SYS_ADMIN');
      machine.mountBpffs(path, { userns: name, options: text });
      return {};
    },
  });
}

/** `machine sysctl kernel.unprivileged_bpf_disabled[=N]` */
export function sysctl(call: CommandCall, io: CliIo): Promise<number> {
  const [name, value] = call.operands[0]!.split('=', 2) as [string, string?];
  if (name !== 'kernel.unprivileged_bpf_disabled') throw usageError(`there is no sysctl '${name}'`);
  return onMachine(call, io, {
    changes: value !== undefined,
    asksItself: true,
    run({ machine, process }) {
      if (value !== undefined) writeUnprivilegedBpfDisabled(process, Number(value));
      const now = machine.sysctls.unprivilegedBpfDisabled;
      return { json: { [name]: now }, text: `${name} = ${now}\n` };
    },
  });
}

/** `machine mounts`: as /proc/mounts has them. */
export function mounts(call: CommandCall, io: CliIo): Promise<number> {
  return onMachine(call, io, {
    changes: false,
    asksItself: true,
    run({ machine }) {
      const all = [...machine.files.mounts()].map((one) => ({
        path: one.path,
        userns: one.userns.name,
        options: ['rw', 'relatime', mountText(one)].filter((word) => word !== '').join(','),
      }));
      const lines = all.map(({ path, userns: name, options }) => {
        return `bpf ${path} bpf ${options} 0 0${name === '' ? '' : `  # user namespace ${name}`}\n`;
      });
      return { json: all, text: lines.join('') };
    },
  });
}
