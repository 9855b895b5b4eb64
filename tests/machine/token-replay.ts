/** Steps of scripts/vm/token-cases.mjs, asked of the machine as scripts/vm/token.c asks Linux. */
import { bpfCommands, constants } from '../../src/abi/index.ts';
import { KernelError } from '../../src/base/index.ts';
import type { BpfSyscall } from '../../src/kernel/index.ts';
import { bpfSyscall, type Machine, type Process } from '../../src/machine/index.ts';
import * as mounting from '../../src/machine/bpf/mounting.ts';
import { writeUnprivilegedBpfDisabled } from '../../src/machine/bpf/sysctl.ts';
import { mountText } from '../../src/machine/bpffs/mount-options.ts';
import { parseCapabilities, tokenInfo } from '../../src/security/index.ts';

const USER = 1000;
/** A slot nothing was put into. */
const CLOSED = 900;
const { BPF_F_TOKEN_FD } = constants;

interface Actor {
  readonly process: Process;
  readonly bpf: BpfSyscall;
}

type Verb = (actor: Actor, words: readonly string[]) => number | string;

/** A case: its actors share file descriptors. */
export class TokenReplay {
  readonly #machine: Machine;
  readonly #actors = new Map<string, Actor>();
  readonly #slots = new Map<string, number>();

  constructor(machine: Machine) {
    this.#machine = machine;
    machine.users.create('web', { owner: USER });
    machine.users.create('below', { owner: USER, parent: machine.users.get('web') });
  }

  step(text: string): number | string {
    const [who, slot, verb, ...words] = text
      .replace(/\$(\w)/g, (_, name: string) => String(this.#slots.get(name) ?? CLOSED))
      .split(' ') as [string, string, string, ...string[]];
    const actor = this.#actor(who);
    const before = new Set(filesOf(actor.process));
    const answer = attempt(() => VERBS[verb]!(actor, words));
    const [opened] = filesOf(actor.process).filter((fd) => !before.has(fd));
    if (opened !== undefined) this.#share(actor, opened);
    if (slot !== '-') {
      this.#slots.set(slot, typeof answer === 'number' && answer >= 0 ? answer : CLOSED);
    }
    return typeof answer === 'number' ? Math.min(answer, 0) : answer;
  }

  /** The others get the new descriptor under the same number. */
  #share({ process }: Actor, fd: number): void {
    for (const other of this.#actors.values()) {
      if (other.process !== process) expectSame(other.process.receive(process, fd), fd);
    }
  }

  #actor(name: string): Actor {
    if (this.#actors.size === 0) for (const each of 'PCU') this.#actors.set(each, this.#make(each));
    return this.#actors.get(name)!;
  }

  #make(name: string): Actor {
    const who = { P: {}, C: { userns: 'web' }, U: { uid: USER } }[name]!;
    const process = this.#machine.process({ ...who, pid: 'PCU'.indexOf(name) + 2 });
    return { process, bpf: bpfSyscall(process) };
  }
}

const filesOf = (process: Process): number[] =>
  Array.from({ length: 256 }, (_, fd) => fd).filter((fd) => isOpen(process, fd));

function isOpen(process: Process, fd: number): boolean {
  try {
    process.close(process.dup(fd));
    return true;
  } catch {
    return false;
  }
}

function expectSame(got: number, wanted: number): void {
  if (got !== wanted) throw new Error(`descriptor ${got} instead of ${wanted}`);
}

function attempt(run: () => number | string): number | string {
  try {
    return run();
  } catch (error) {
    if (error instanceof KernelError) return -error.errno;
    throw error;
  }
}

const numbers = (words: readonly string[]): number[] => words.map(Number);
const flagOf = (token: string): number => (token === '-' ? 0 : BPF_F_TOKEN_FD);

const VERBS: Readonly<Record<string, Verb>> = {
  fsopen: ({ process }) => mounting.fsopen(process, 'bpf'),
  set({ process }, [fd, name, value = '']) {
    mounting.fsconfig(process, Number(fd), name!, value);
    return 0;
  },
  flag({ process }, [fd, name]) {
    mounting.fsconfig(process, Number(fd), name!);
    return 0;
  },
  create({ process }, [fd]) {
    mounting.fscreate(process, Number(fd));
    return 0;
  },
  fsmount: ({ process }, [fd]) => mounting.fsmount(process, Number(fd)),
  move({ process }, [fd, path]) {
    mounting.moveMount(process, Number(fd), path!);
    return 0;
  },
  mount({ process }, [path, text]) {
    mounting.mountBpffs(process, path!, text);
    return 0;
  },
  reopen: ({ process }, [fd]) => process.openDirectory('.', Number(fd)),
  open: ({ process }, [path]) => process.openDirectory(path!),
  options({ process }, [path]) {
    const mount = [...process.machine.files.mounts()].find((one) => one.path === path)!;
    const source = process.credentials.userns.name === '' ? 'bpf' : 'none';
    return `${source} ${path} bpf rw,relatime,${mountText(mount)} 0 0|`;
  },
  fdinfo: ({ process }, [fd]) =>
    tokenInfo(process.token(Number(fd)))
      .replaceAll('\n', '|')
      .replaceAll('\t', '>'),
  token: ({ bpf }, [fd, flags = 0]) =>
    bpf.tokenCreate({ bpffsFd: Number(fd), flags: Number(flags) }),
  map({ bpf }, [type, keySize, valueSize, maxEntries, flags, token]) {
    return bpf.mapCreate({
      mapType: Number(type),
      keySize: Number(keySize),
      valueSize: Number(valueSize),
      maxEntries: Number(maxEntries),
      mapFlags: Number(flags) | flagOf(token!),
      mapTokenFd: Number(token) || 0,
    });
  },
  btf: ({ bpf }, [token]) =>
    bpf.btfLoad({
      btf: INT_BTF,
      btfSize: INT_BTF.length,
      btfFlags: flagOf(token!),
      btfTokenFd: Number(token) || 0,
    }),
  prog({ bpf }, [type, attach, kind, token, flags = 0]) {
    const insns = program(kind!);
    return bpf.progLoad({
      progType: Number(type),
      expectedAttachType: Number(attach),
      insns,
      insnCnt: insns.length / 8,
      license: 'GPL',
      progFlags: Number(flags) | flagOf(token!),
      progTokenFd: Number(token) || 0,
    });
  },
  drop({ process }, [keep]) {
    const { credentials } = process;
    process.credentials = { ...credentials, capabilities: BigInt(keep!) };
    return 0;
  },
  unshare({ process }) {
    const userns = process.machine.users.get('below');
    const capabilities = parseCapabilities('all');
    process.credentials = { ...process.credentials, userns, capabilities };
    return 0;
  },
  nextid: ({ bpf }, [command]) => call(bpf, Number(command), { startId: 0 }),
  byid({ bpf }, [command, id]) {
    const key = ['progId', 'mapId', 'btfId', 'linkId'][[13, 14, 19, 30].indexOf(Number(command))]!;
    return call(bpf, Number(command), { [key]: Number(id) });
  },
  stats: ({ bpf }) => bpf.enableStats({ type: 0 }),
  query: ({ bpf }, words) => {
    const [attachType, targetFd] = numbers(words) as [number, number];
    return bpf.progQuery({ attachType, targetFd });
  },
  taskfd: ({ bpf, process }) => bpf.taskFdQuery({ pid: process.pid, fd: 0 }),
  attach: ({ bpf }, words) => {
    const [attachBpfFd, attachType] = numbers(words) as [number, number];
    return bpf.progAttach({ targetFd: 999, attachBpfFd, attachType });
  },
  link: ({ bpf }, words) => {
    const [progFd, attachType] = numbers(words) as [number, number];
    return bpf.linkCreate({ progFd, targetFd: 999, attachType });
  },
  info({ bpf, process }, [fd]) {
    const info = new Uint8Array(232);
    const memory = { at: () => undefined };
    const result = bpf.objGetInfoByFd({ bpfFd: Number(fd), info, infoLen: 228, memory });
    const isProgram = process.file(Number(fd))?.kind === 'prog';
    const told = isProgram && new DataView(info.buffer).getUint32(20, true) > 0;
    return result === 0 ? `xlated ${told ? 'yes' : 'no'}` : result;
  },
  pin: ({ bpf }, [fd, pathname]) => bpf.objPin({ bpfFd: Number(fd), pathname: pathname! }),
  get: ({ bpf }, [pathname, fileFlags]) =>
    bpf.objGet({ pathname: pathname!, fileFlags: Number(fileFlags) }),
  chmod({ process }, [path, mode]) {
    const inode = process.machine.files.find(path!);
    inode.mode = (inode.mode & ~0o7777) | Number.parseInt(mode!, 8);
    return 0;
  },
  sysctl({ process }, [value]) {
    writeUnprivilegedBpfDisabled(process, Number(value));
    return 0;
  },
};

function call(bpf: BpfSyscall, command: number, attr: object): number {
  const { name } = bpfCommands.get(command)!;
  const method = name.replace(/_(\w)/g, (_, letter: string) => letter.toUpperCase());
  return (bpf[method as keyof BpfSyscall] as (attr: object) => number)(attr);
}

const RETURN = [0x95, 0, 0, 0, 0, 0, 0, 0];
const number = (value: number, reg = 0): number[] => [0xb7, reg, 0, 0, value, 0, 0, 0];

/** The programs of token.c. */
function program(kind: string): Uint8Array {
  const ok = number(0);
  if (kind === 'empty') return new Uint8Array(0);
  if (kind === 'long') {
    return Uint8Array.from([...Array.from({ length: 5000 }, () => ok).flat(), ...RETURN]);
  }
  if (kind === 'leak') return Uint8Array.from([0xbf, 0xa0, 0, 0, 0, 0, 0, 0, ...RETURN]);
  const loop = [number(3, 1), [0x17, 1, 0, 0, 1, 0, 0, 0], [0x55, 1, 0xfe, 0xff, 0, 0, 0, 0]];
  const helper = Number(/^helper:(\d+)$/.exec(kind)?.[1] ?? 0);
  const calls = [...[1, 2, 3, 4, 5].map((reg) => number(0, reg)), [0x85, 0, 0, 0, helper, 0, 0, 0]];
  const before = kind === 'loop' ? loop : helper > 0 ? calls : [];
  return Uint8Array.from([...before.flat(), ...number(kind === 'pass' ? 2 : 0), ...RETURN]);
}

/** One type: an int of 4 bytes. */
export const INT_BTF = intBtf();

function intBtf(): Uint8Array {
  const words = [0x0001eb9f, 24, 0, 16, 16, 3, 1, 0x01000000, 4, 0x01000020];
  const bytes = new Uint8Array(43);
  words.forEach((word, i) => new DataView(bytes.buffer).setUint32(i * 4, word, true));
  bytes.set([0, 'i'.charCodeAt(0), 0], 40);
  return bytes;
}
