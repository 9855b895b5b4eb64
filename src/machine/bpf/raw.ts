/** bpf(2) with bytes, as the system call gets them: union bpf_attr in, union bpf_attr out. */
import {
  type AttrMember,
  attrSize,
  bpfCommands,
  type CommandDef,
  enums,
  errnos,
} from '../../abi/index.ts';
import type { BpfSyscall, UserMemory } from '../../kernel/index.ts';
import { answer } from '../errno.ts';
import type { Process } from './process.ts';
import { checkTail } from './structs.ts';
import { userBytes } from './values.ts';

type Values = Record<string, unknown>;
const EINVAL = -errnos['EINVAL']!;
const EPERM = -errnos['EPERM']!;
const { BPF_PROG_QUERY } = enums.bpf_cmd;

/**
 * The system call: 0 or more, or a negative errno. `attr` is the memory behind the pointer, of
 * which `size` bytes are handed over; addresses in it are looked up in `memory`. What the kernel
 * writes back is written to `attr`.
 *
 * @example
 * bpfRaw(process, bpfSyscall(process), 0, attr, 152, memory); // a file descriptor, or -22
 */
export function bpfRaw(
  process: Process,
  bpf: BpfSyscall,
  command: number,
  attr: Uint8Array,
  size: number,
  memory: UserMemory,
): number {
  return answer(() => {
    checkTail(attr, attrSize, size);
    const bytes = new Uint8Array(attrSize);
    bytes.set(userBytes(attr, Math.min(size, attrSize)));
    const def = bpfCommands.get(command >>> 0);
    if (!def) return EINVAL;
    // The one command that asks for rights before anything else.
    const asksFirst = command === BPF_PROG_QUERY && !process.bpfCapable('CAP_NET_ADMIN');
    if (asksFirst) return EPERM;
    if (bytes.subarray(def.end).some((byte) => byte !== 0)) return EINVAL;
    const values = decode(def, bytes, memory);
    const call = bpf[def.method as keyof BpfSyscall] as (values: Values) => number;
    const result = call(values);
    encode(def, values, attr);
    return result;
  });
}

function decode(def: CommandDef, bytes: Uint8Array, memory: UserMemory): Values {
  const values: Values = { memory };
  const view = new DataView(bytes.buffer);
  for (const member of def.members) {
    const value = read(member, view, bytes, memory);
    if (member.group === undefined) values[member.key] = value;
    else ((values[member.group] ??= {}) as Values)[member.key] = value;
  }
  return values;
}

function read(
  { kind, offset, size }: AttrMember,
  view: DataView,
  bytes: Uint8Array,
  memory: UserMemory,
): unknown {
  switch (kind) {
    case 'name':
      return textOf(bytes.subarray(offset, offset + size)) ?? '\0'.repeat(size);
    case 'bytes':
    case 'text': {
      const address = view.getBigUint64(offset, true);
      if (address === 0n) return undefined;
      const block = memory.at(address);
      return kind === 'text' ? block && textOf(block) : (block ?? new Uint8Array(0));
    }
    default:
      return size === 8 ? view.getBigUint64(offset, true) : view.getUint32(offset, true);
  }
}

/** Bytes up to a NUL, each as a character; undefined if there is none. */
function textOf(bytes: Uint8Array): string | undefined {
  const end = bytes.indexOf(0);
  return end < 0 ? undefined : String.fromCharCode(...bytes.subarray(0, end));
}

/** Members the kernel writes, where the caller's memory has them. */
function encode(def: CommandDef, values: Values, attr: Uint8Array): void {
  const view = new DataView(attr.buffer, attr.byteOffset, attr.byteLength);
  for (const { key, out, offset, size } of def.members) {
    const value = values[key];
    if (!out || value === undefined || offset + size > attr.length) continue;
    if (size === 8) view.setBigUint64(offset, BigInt(value as bigint), true);
    else view.setUint32(offset, Number(value) >>> 0, true);
  }
}
