/** The cases of tests/fixtures/oracle/sockmap-*.json.gz, done with sockets of the machine. */
import { readFileSync } from 'node:fs';
import { errnos } from '../../src/abi/index.ts';
import { KernelError } from '../../src/base/index.ts';
import { type Host, type LoadedObject } from '../../src/index.ts';
import type { KernelSocket } from '../../src/kernel/index.ts';
import { type BpfSyscall, bpfSyscall, Process } from '../../src/machine/bpf/index.ts';
import type { Machine, MachineMap, MachineProgram } from '../../src/machine/index.ts';
import type { SocketHandle } from '../../src/machine/net/sockets/handle.ts';

export interface Answer {
  readonly result: number | 'fd';
  readonly text?: string;
  readonly key?: number;
  readonly count?: number;
  readonly id?: boolean;
  readonly link?: readonly (number | boolean)[];
  readonly seen?: Readonly<Record<string, number>>;
}

export interface Step {
  readonly does: string;
  readonly as?: string;
  readonly on?: string;
  readonly type?: 'tcp' | 'udp';
  readonly family?: 4 | 6;
  readonly reusePort?: boolean;
  readonly port?: number;
  readonly any?: boolean;
  readonly backlog?: number;
  readonly text?: string;
  readonly size?: number;
  readonly map?: string;
  readonly other?: string;
  readonly key?: number;
  readonly number?: number;
  readonly socket?: string;
  readonly flags?: number;
  readonly program?: string;
  readonly old?: string;
  readonly place?: string;
  readonly values?: Readonly<Record<string, number>>;
  readonly fields?: readonly string[];
  readonly answer?: Answer;
}

export interface Case {
  readonly name: string;
  readonly steps: readonly Step[];
}

const OBJECT = readFileSync(new URL('./programs/sockmap.bpf.o', import.meta.url));
const CFG =
  'verdict flags key apply cork pull_start pull_end push_at push_len pop_at pop_len parse mark room tail'.split(
    ' ',
  );
const SEEN = (
  'runs parses size visible first pull push pop room tail family local_port remote_port has_sock ' +
  'state select hash_set inany protocol eth migrating total'
).split(' ');
const PLACE: Readonly<Record<string, number>> = {
  msg_verdict: 7,
  stream_parser: 4,
  stream_verdict: 5,
  skb_verdict: 38,
};
const BPF_F_REPLACE = 4;
const LOOPBACK = { 4: '127.0.0.1', 6: '::1' } as const;
const ANY = { 4: '0.0.0.0', 6: '::' } as const;

const words = (...values: readonly number[]) => new Uint8Array(Int32Array.from(values).buffer);
const latin1 = (bytes: Uint8Array) => String.fromCharCode(...bytes);

interface Open {
  readonly handle: KernelSocket;
  readonly fd: number;
  readonly family: 4 | 6;
  /** What came and was not asked for yet. */
  unread: Uint8Array;
}

/** One case, in a machine of its own. */
export class SocketReplay {
  readonly #host: Host;
  readonly #process: Process;
  readonly #bpf: BpfSyscall;
  readonly #object: LoadedObject;
  readonly #sockets = new Map<string, Open>();
  readonly #links = new Map<string, number>();
  readonly #fds = new Map<object, number>();

  static async begin(host: Host): Promise<SocketReplay> {
    return new SocketReplay(host, await host.load(OBJECT));
  }

  private constructor(host: Host, object: LoadedObject) {
    this.#host = host;
    this.#process = new Process(host.kernel as unknown as Machine);
    this.#bpf = bpfSyscall(this.#process);
    this.#object = object;
  }

  /** Undefined: nothing is compared. */
  do(step: Step): Answer | undefined {
    try {
      return this.#does[step.does]!(step);
    } catch (error) {
      if (error instanceof KernelError) return { result: -error.errno };
      throw error;
    }
  }

  #map(name: string): number {
    const map = this.#object.maps[name]!.kernelMap as MachineMap;
    const file = { kind: 'map', object: map, read: true, write: true, release() {} } as const;
    return this.#fdOf(map, () => this.#process.open(file));
  }

  #program(name: string): number {
    const program = this.#object.programs[name]!.kernelProgram as MachineProgram;
    const file = { kind: 'prog', object: program, read: true, write: true, release() {} } as const;
    return this.#fdOf(program, () => this.#process.open(file));
  }

  #fdOf(object: object, open: () => number): number {
    let fd = this.#fds.get(object);
    if (fd === undefined) this.#fds.set(object, (fd = open()));
    return fd;
  }

  #add(name: string, handle: KernelSocket, family: 4 | 6): Answer {
    const { owner } = (handle as SocketHandle).socket;
    const fd = this.#process.open({
      kind: 'owner',
      object: owner,
      read: true,
      write: true,
      release: () => handle.close(),
    });
    this.#sockets.set(name, { handle, fd, family, unread: new Uint8Array(0) });
    return { result: 'fd' };
  }

  #on({ on }: Step): Open {
    return this.#sockets.get(on!)!;
  }

  #element({ map, key = 0, flags = 0 }: Step, value: Uint8Array) {
    return { mapFd: this.#map(map!), key: words(key), value, flags };
  }

  readonly #does: Readonly<Record<string, (step: Step) => Answer | undefined>> = {
    open: ({ as, type, family = 4, reusePort = false }) => {
      const socket = this.#host.namespaces['']!.socket({ type: type!, family, reusePort });
      return this.#add(as!, socket, family);
    },
    bind: (step) => {
      const { handle, family } = this.#on(step);
      handle.bind({ address: (step.any ? ANY : LOOPBACK)[family], port: step.port! });
      return { result: 0 };
    },
    listen: (step) => {
      this.#on(step).handle.listen(step.backlog);
      return { result: 0 };
    },
    connect: (step) => {
      const { handle, family } = this.#on(step);
      handle.connect({ address: LOOPBACK[family], port: step.port! });
      return { result: 0 };
    },
    accept: (step) => {
      const { handle, family } = this.#on(step);
      const accepted = handle.accept();
      return accepted ? this.#add(step.as!, accepted, family) : { result: -errnos['EAGAIN']! };
    },
    send: (step) => ({ result: this.#on(step).handle.send(step.text!) }),
    sendTo: (step) => {
      const { handle, family } = this.#on(step);
      const to = { address: LOOPBACK[family], port: step.port! };
      return { result: handle.send(step.text!, to) };
    },
    receive: (step) => this.#receive(this.#on(step), step.size!),
    shutdown: (step) => {
      this.#on(step).handle.shutdown();
      return { result: 0 };
    },
    error: (step) => {
      const word = this.#on(step).handle.takeError();
      return { result: word === undefined ? 0 : errnos[word]! };
    },
    close: (step) => {
      this.#process.close(this.#on(step).fd);
      return { result: 0 };
    },
    choose: (step) => {
      this.#on(step).handle.reuseport.attach(this.#object.programs[step.program!]!);
      return { result: 0 };
    },
    unchoose: (step) => {
      this.#on(step).handle.reuseport.detach();
      return { result: 0 };
    },
    filter: (step) => {
      const { handle } = this.#on(step);
      if (!step.program && !handle.filter) return { result: -errnos['ENOENT']! };
      handle.filter = step.program ? this.#object.programs[step.program]!.kernelProgram : undefined;
      return { result: 0 };
    },
    put: (step) => {
      const socket = this.#sockets.get(step.socket!);
      return { result: this.#bpf.mapUpdateElem(this.#element(step, words(socket!.fd, 0))) };
    },
    putNumber: (step) => ({
      result: this.#bpf.mapUpdateElem(this.#element(step, words(step.number!, 0))),
    }),
    putMap: (step) => ({
      result: this.#bpf.mapUpdateElem(this.#element(step, words(this.#map(step.other!), 0))),
    }),
    remove: (step) => ({
      result: this.#bpf.mapDeleteElem(this.#element(step, new Uint8Array(0))),
    }),
    look: (step) => ({ result: this.#bpf.mapLookupElem(this.#element(step, new Uint8Array(8))) }),
    next: ({ map, key }) => {
      const nextKey = new Uint8Array(4);
      const given = key === undefined ? {} : { key: words(key) };
      const result = this.#bpf.mapGetNextKey({ mapFd: this.#map(map!), ...given, nextKey });
      return result < 0
        ? { result }
        : { result, key: new DataView(nextKey.buffer).getUint32(0, true) };
    },
    cfg: ({ values }) => {
      const value = words(...CFG.map((name) => values![name] ?? 0));
      return { result: this.#bpf.mapUpdateElem(this.#element({ does: '', map: 'config' }, value)) };
    },
    seen: ({ fields }) => {
      const value = new Uint8Array(4 * SEEN.length);
      const element = this.#element({ does: '', map: 'report' }, value);
      const result = this.#bpf.mapLookupElem(element);
      const view = new DataView(value.buffer);
      const all = fields!.map((field) => [field, view.getInt32(4 * SEEN.indexOf(field), true)]);
      return { result, seen: Object.fromEntries(all) };
    },
    attach: (step) => ({ result: this.#bpf.progAttach(this.#attachment(step)) }),
    detach: (step) => ({ result: this.#bpf.progDetach(this.#attachment(step)) }),
    query: ({ map, place }) => {
      const progIds = new Uint8Array(4);
      const attr = { targetFd: this.#map(map!), attachType: PLACE[place!]!, progCnt: 1, progIds };
      const result = this.#bpf.progQuery(attr);
      return result < 0 ? { result } : { result, count: attr.progCnt, id: progIds.some(Boolean) };
    },
    link: ({ as, program, map, place, flags = 0 }) => {
      const result = this.#bpf.linkCreate({
        progFd: this.#program(program!),
        targetFd: this.#map(map!),
        attachType: PLACE[place!]!,
        flags,
      });
      this.#links.set(as!, result);
      return { result: result < 0 ? result : 'fd' };
    },
    update: ({ on, program, old }) => ({
      result: this.#bpf.linkUpdate({
        linkFd: this.#links.get(on!)!,
        newProgFd: this.#program(program!),
        ...(old ? { flags: BPF_F_REPLACE, oldProgFd: this.#program(old) } : {}),
      }),
    }),
    unlink: ({ on }) => ({ result: this.#bpf.linkDetach({ linkFd: this.#links.get(on!)! }) }),
    info: ({ on }) => {
      const info = new Uint8Array(64);
      const attr = { bpfFd: this.#links.get(on!)!, infoLen: 64, info };
      const result = this.#bpf.objGetInfoByFd(attr);
      const view = new DataView(info.buffer);
      const at = (offset: number) => view.getUint32(offset, true);
      return result < 0 ? { result } : { result, link: [at(0), at(16) !== 0, at(20)] };
    },
    closeLink: ({ on }) => {
      this.#process.close(this.#links.get(on!)!);
      return undefined;
    },
  };

  #attachment({ program, map, place, flags = 0 }: Step) {
    return {
      targetFd: this.#map(map!),
      attachBpfFd: this.#program(program!),
      attachType: PLACE[place!]!,
      attachFlags: flags,
    };
  }

  #receive(open: Open, size: number): Answer {
    if (open.unread.length === 0) {
      const got = open.handle.receive();
      if (!got) return { result: -errnos['EAGAIN']! };
      open.unread = got.data;
    }
    const piece = open.unread.subarray(0, size);
    open.unread = open.unread.subarray(size);
    return { result: piece.length, text: latin1(piece) };
  }
}
