/** The steps of tests/fixtures/oracle/bpf-*.json.gz, asked of the machine. */
import { attrSize, bpfCommands, enums, errnos } from '../../src/abi/index.ts';
import { attrMembers } from '../../src/abi/generated/6.12/commands.ts';
import { KernelError } from '../../src/base/index.ts';
import type { KernelNetwork, UserMemory } from '../../src/kernel/index.ts';
import type { Machine } from '../../src/machine/index.ts';
import { type BpfSyscall, bpfRaw, bpfSyscall, Process } from '../../src/machine/bpf/index.ts';

export interface Value {
  readonly fd?: string;
  readonly id?: string;
  readonly hex?: string;
  readonly text?: string;
  readonly size?: number;
  readonly out?: boolean;
  readonly fds?: Readonly<Record<string, string>>;
  readonly points?: Readonly<Record<string, Value>>;
}

export interface Answer {
  readonly result: number | 'fd';
  readonly out?: Readonly<Record<string, number>>;
  readonly buffers?: readonly string[];
}

export interface Step {
  readonly group: string;
  readonly name: string;
  readonly as?: string;
  readonly path?:
    | 'mkdir'
    | 'rmdir'
    | 'unlink'
    | 'rename'
    | 'open'
    | 'symlink'
    | 'file'
    | 'unshare'
    | 'home';
  readonly args?: readonly string[];
  readonly command?: string | number;
  readonly attr?: Readonly<Record<string, number | Value>>;
  readonly size?: number;
  readonly raw?: readonly (readonly [number, number])[];
  readonly loose?: readonly string[];
  readonly same?: boolean | readonly number[];
  readonly hide?: readonly (readonly [number, number])[];
  readonly answer: Answer;
}

const GIVES = /create|load|get_fd_by_id|obj_get$|enable_stats|tracepoint_open/;
const OWN = new Set(['nextId', 'progId', 'duration']);
const byName = new Map([...bpfCommands.values()].map((command) => [command.name, command]));

/** One group: a process of its own. */
export class Replay implements UserMemory {
  readonly #process: Process;
  readonly #bpf: BpfSyscall;
  readonly #machine: Machine;
  readonly #fds = new Map<string, number>();
  readonly #ids = new Map<string, number>();
  #blocks = new Map<bigint, Uint8Array>();
  #next = 0x10000n;
  readonly #network: KernelNetwork | undefined;
  #namespaces = 0;

  /** `network`: for steps that go into other namespaces. */
  constructor(machine: Machine, network?: KernelNetwork) {
    this.#machine = machine;
    this.#network = network;
    this.#process = new Process(machine);
    this.#bpf = bpfSyscall(this.#process);
  }

  exit(): void {
    this.#process.exit();
    for (; this.#namespaces > 0; this.#namespaces--) {
      this.#network!.removeNamespace(`net${this.#namespaces}`);
    }
  }

  at(address: bigint): Uint8Array | undefined {
    return this.#blocks.get(address);
  }

  step(step: Step): Answer {
    const answer = step.path ? this.#onPath(step) : this.#command(step);
    return answer;
  }

  #onPath({ path, args, as }: Step): Answer {
    const { files } = this.#machine;
    try {
      if (path === 'file' || path === 'unshare' || path === 'home') {
        this.#fds.set(as!, this.#inNamespace(path));
        return { result: 'fd' };
      }
      if (path === 'open') {
        const object = files.find(args![0]!);
        if (object.kind !== 'dir') return { result: -errnos['ENOTDIR']! };
        const fd = this.#process.open({
          kind: 'dir',
          object,
          read: true,
          write: false,
          release() {},
        });
        if (as) this.#fds.set(as, fd);
        return { result: 'fd' };
      }
      if (path === 'rename' || path === 'symlink') files[path](args![0]!, args![1]!);
      else files[path!](args![0]!);
      return { result: 0 };
    } catch (error) {
      if (error instanceof KernelError) return { result: -error.errno };
      throw error;
    }
  }

  /** The only file is that of the namespace it is in. */
  #inNamespace(what: 'file' | 'unshare' | 'home'): number {
    const network = this.#network!;
    if (what === 'home') this.#process.namespace = '';
    if (what === 'unshare') {
      const name = `net${++this.#namespaces}`;
      network.addNamespace(name);
      this.#process.namespace = name;
    }
    return this.#process.openNamespace(network.namespace(this.#process.namespace));
  }

  #command(step: Step): Answer {
    this.#blocks = new Map();
    const size = step.size ?? attrSize;
    const attr = new Uint8Array(size);
    const outs: Uint8Array[] = [];
    if (!this.#fill(step, attr, outs)) return { result: -errnos['ECANCELED']! };
    for (const [offset, byte] of step.raw ?? []) if (offset < size) attr[offset] = byte;
    const { command } = step;
    const number =
      typeof command === 'number'
        ? command
        : enums.bpf_cmd[`BPF_${command!.toUpperCase()}` as keyof typeof enums.bpf_cmd];
    const result = bpfRaw(this.#process, this.#bpf, number, attr, size, this);
    return this.#answer(step, attr, outs, result);
  }

  #fill(step: Step, attr: Uint8Array, outs: Uint8Array[]): boolean {
    const view = new DataView(attr.buffer);
    for (const [member, value] of Object.entries(step.attr ?? {})) {
      const [offset, bytes] = attrMembers[member]!;
      if (offset + bytes > attr.length) continue;
      if (typeof value !== 'number' && bytes === 16) {
        attr.set(fromHex(value.hex!), offset);
        continue;
      }
      const number = typeof value === 'number' ? value : this.#numberOf(value, outs);
      if (number === undefined) return false;
      if (bytes === 8) view.setBigUint64(offset, BigInt(number), true);
      else view.setUint32(offset, Number(number), true);
    }
    return true;
  }

  #numberOf(value: Value, outs: Uint8Array[]): number | bigint | undefined {
    if (value.fd !== undefined) return this.#fds.get(value.fd);
    if (value.id !== undefined) return this.#ids.get(value.id);
    return this.#buffer(value, outs);
  }

  /** The address of new memory. */
  #buffer(value: Value, outs: Uint8Array[]): bigint | undefined {
    const { hex, text, size = 0, out } = value;
    const bytes =
      text === undefined
        ? hex === undefined
          ? new Uint8Array(size)
          : fromHex(hex)
        : new TextEncoder().encode(`${text}\0`);
    const address = this.#next;
    this.#next += BigInt(bytes.length + 0x1000);
    this.#blocks.set(address, bytes);
    if (out || (hex === undefined && text === undefined)) outs.push(bytes);
    const view = new DataView(bytes.buffer);
    for (const [offset, name] of Object.entries(value.fds ?? {})) {
      const fd = this.#fds.get(name);
      if (fd === undefined) return undefined;
      view.setUint32(Number(offset), fd, true);
    }
    for (const [offset, inner] of Object.entries(value.points ?? {})) {
      view.setBigUint64(Number(offset), this.#buffer(inner, outs)!, true);
    }
    return address;
  }

  #answer(step: Step, attr: Uint8Array, outs: readonly Uint8Array[], result: number): Answer {
    const gives = GIVES.test(String(step.command)) && result >= 0;
    if (gives && step.as) this.#fds.set(step.as, result);
    const answer: { result: number | 'fd'; out?: Record<string, number>; buffers?: string[] } = {
      result: gives ? 'fd' : result,
    };
    if (typeof step.command === 'number') return answer;
    const view = new DataView(attr.buffer);
    const out: Record<string, number> = {};
    for (const { key, out: written, offset, size } of byName.get(step.command!)!.members) {
      if (!written || offset + size > attr.length) continue;
      const value =
        size === 8 ? Number(view.getBigUint64(offset, true)) : view.getUint32(offset, true);
      if (key === 'nextId' && step.as && result === 0) this.#ids.set(step.as, value);
      if (OWN.has(key) || step.loose?.some((one) => camelCase(one) === key)) continue;
      out[key] = value;
    }
    if (Object.keys(out).length > 0) answer.out = out;
    if (step.same) answer.buffers = outs.map((bytes) => toHex(bytes));
    return answer;
  }
}

const camelCase = (member: string): string =>
  member.replace(/^.*\./, '').replace(/_(\w)/g, (_, letter: string) => letter.toUpperCase());

const fromHex = (hex: string): Uint8Array =>
  Uint8Array.from(hex.match(/../g) ?? [], (byte) => Number.parseInt(byte, 16));

const toHex = (bytes: Uint8Array): string =>
  Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');

/** What of an answer counts: all of it, but bytes that are hidden and buffers nobody looks at. */
export function visible({ same, hide = [] }: Step, { buffers, ...rest }: Answer): Answer {
  if (!same || !buffers) return rest;
  const shown = Array.isArray(same) ? buffers.filter((_, i) => same.includes(i)) : buffers;
  const masked = shown.map((hex) =>
    hide.reduce(
      (text, [from, to]) => text.slice(0, 2 * from) + '..'.repeat(to - from) + text.slice(2 * to),
      hex,
    ),
  );
  return { ...rest, buffers: masked };
}
