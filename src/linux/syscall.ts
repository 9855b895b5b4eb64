/** bpf(2): the commands of the contract, each put into union bpf_attr. */
import { type AttrMember, attrSize, bpfCommands, type CommandDef, errnos } from '../abi/index.ts';
import type { BpfSyscall } from '../kernel/index.ts';
import { type Libc, SYSCALL } from './libc.ts';

type Values = Record<string, unknown>;

const AGAIN = -errnos['EAGAIN']!;
/** Times a command is given again that a signal has stopped (libbpf's PROG_LOAD_ATTEMPTS). */
const ATTEMPTS = 5;

/**
 * The system call of the kernel this process runs on. Members that the kernel writes are written to
 * the attr that was given.
 */
export function linuxBpf(libc: Libc): BpfSyscall {
  const methods = Array.from(bpfCommands.values(), (def) => {
    const method = (values: Values): number => invoke(libc, def, values);
    return [def.method, method] as const;
  });
  return Object.fromEntries(methods) as unknown as BpfSyscall;
}

function invoke(libc: Libc, def: CommandDef, values: Values): number {
  const attr = new Uint8Array(attrSize);
  const view = new DataView(attr.buffer);
  // Memory the kernel is told of must be there until it answers.
  const held: Uint8Array[] = [attr];
  for (const member of def.members) {
    const from = member.group === undefined ? values : (values[member.group] as Values);
    const value = from?.[member.key];
    if (value !== undefined) put(libc, member, view, value, held);
  }
  let result = AGAIN;
  for (let tries = 0; result === AGAIN && tries < ATTEMPTS; tries++) {
    result = libc.call(SYSCALL.bpf, def.id, libc.address(attr), attrSize);
  }
  for (const { key, out, offset, size } of def.members) {
    if (!out || !(key in values)) continue;
    values[key] = size === 8 ? view.getBigUint64(offset, true) : view.getUint32(offset, true);
  }
  held.length = 0;
  return result;
}

function put(
  libc: Libc,
  { kind, offset, size }: AttrMember,
  view: DataView,
  value: unknown,
  held: Uint8Array[],
): void {
  if (kind === 'name') {
    const text = new TextEncoder().encode(value as string).subarray(0, size - 1);
    return new Uint8Array(view.buffer).set(text, offset);
  }
  if (kind === 'bytes' || kind === 'text') {
    const isText = kind === 'text';
    const bytes = isText ? new TextEncoder().encode(`${value as string}\0`) : (value as Uint8Array);
    held.push(bytes);
    // Bytes of no length have no place, and stand for an empty buffer, not for none.
    return view.setBigUint64(offset, bytes.length === 0 ? 0n : libc.address(bytes), true);
  }
  if (size === 8) view.setBigUint64(offset, BigInt.asUintN(64, BigInt(value as bigint)), true);
  else view.setUint32(offset, Number(value) >>> 0, true);
}
