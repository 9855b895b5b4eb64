import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { attachTypeId, enums, errnos, programTypeId } from '../../src/abi/index.ts';
import { KernelError } from '../../src/base/index.ts';
import type { KernelSocket } from '../../src/kernel/index.ts';
import {
  bootMachine,
  bpfSyscall,
  type EngineName,
  type NetworkedMachine,
  Process,
} from '../../src/machine/index.ts';

interface Place {
  readonly ip: string;
  readonly port: number;
}

interface Step {
  readonly do: string;
  readonly as?: string;
  readonly on?: string;
  readonly to?: Place;
  readonly family?: 4 | 6;
  readonly type?: 'udp' | 'tcp';
  readonly program?: string;
  readonly cgroup?: string;
  readonly length?: number;
  readonly level?: number;
  readonly name?: number | string;
  readonly value?: string;
  readonly size?: number;
  readonly ms?: number;
  readonly answer: unknown;
}

interface Program {
  readonly type: string;
  readonly attach: string;
  readonly map: boolean;
  readonly code: string;
  readonly maps: readonly number[];
}

interface Case {
  readonly name: string;
  readonly programs: Readonly<Record<string, Program>>;
  readonly steps: readonly Step[];
}

const ENTRIES = 64;
/** Ports that the kernel chooses. */
const FIRST_CHOSEN = 32_768;
const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

/** One case: its programs, cgroups and sockets. */
class Replay {
  readonly #booted: NetworkedMachine;
  readonly #process: Process;
  readonly #bpf: ReturnType<typeof bpfSyscall>;
  readonly #cgroups: Readonly<Record<string, number>>;
  readonly #loaded = new Map<string, { fd: number; attachType: number; log: number }>();
  readonly #sockets = new Map<string, KernelSocket>();

  constructor(booted: NetworkedMachine, programs: Case['programs']) {
    const { machine } = booted;
    this.#booted = booted;
    this.#process = new Process(machine);
    this.#bpf = bpfSyscall(this.#process);
    const open = (path: string) => this.#process.openCgroup(machine.cgroups.make(path));
    this.#cgroups = { above: open('/above'), below: open('/above/below') };
    for (const [name, program] of Object.entries(programs)) {
      this.#loaded.set(name, this.#load(program));
    }
  }

  #load({ type, attach, map, code, maps }: Program) {
    const insns = Uint8Array.from(Buffer.from(code, 'hex'));
    const { BPF_MAP_TYPE_ARRAY: mapType } = enums.bpf_map_type;
    const sizes = { keySize: 4, valueSize: 8, maxEntries: ENTRIES };
    const log = map ? this.#bpf.mapCreate({ mapType, ...sizes }) : -1;
    for (const at of maps) new DataView(insns.buffer).setUint32(at, log, true);
    const attachType = attachTypeId(attach)!;
    const fd = this.#bpf.progLoad({
      progType: programTypeId(type)!,
      insnCnt: insns.length / 8,
      insns,
      license: 'GPL',
      expectedAttachType: attachType,
    });
    expect(fd).toBeGreaterThan(0);
    return { fd, attachType, log };
  }

  step(step: Step): unknown {
    try {
      return this.#booted.machine.cgroup('/above/below').run(() => this.#do(step));
    } catch (error) {
      if (error instanceof KernelError) return -error.errno;
      throw error;
    }
  }

  #do(step: Step): unknown {
    const { to } = step;
    const place = to && { address: to.ip, port: to.port };
    if (step.do === 'attach') return this.#attach(step);
    if (step.do === 'log') return this.#log(this.#loaded.get(step.program!)!.log);
    if (step.do === 'pause') return 0;
    if (step.do === 'sysctl') return this.#sysctl(step);
    if (step.do === 'socket') return this.#socket(step);
    const socket = this.#sockets.get(step.on ?? 's');
    if (!socket) return -errnos['EBADF']!;
    switch (step.do) {
      case 'bind':
        socket.bind(place!);
        return 0;
      case 'connect':
        socket.connect(place!);
        return 0;
      case 'listen':
        socket.listen(8);
        return 0;
      case 'accept':
        return this.#accept(socket, step.as!);
      case 'send':
        return socket.send('x'.repeat(step.length ?? 4), place);
      case 'receive':
        return this.#receive(socket);
      case 'local':
        return { result: 0, address: shown(socket.local) };
      case 'peer':
        if (!socket.remote || socket.state === 'close') return -errnos['ENOTCONN']!;
        return { result: 0, address: shown(socket.remote) };
      case 'set':
        socket.setOption(
          step.level!,
          step.name as number,
          Uint8Array.from(Buffer.from(step.value!, 'hex')),
        );
        return 0;
      case 'get': {
        const value = socket.getOption(step.level!, step.name as number, step.size ?? 4);
        return { result: 0, value: hex(value) };
      }
      default:
        socket.close();
        this.#sockets.delete(step.on ?? 's');
        return 0;
    }
  }

  #sysctl({ name, value }: Step): unknown {
    const text = this.#booted.machine.sysctl(name as string, value);
    return value === undefined ? text : 0;
  }

  #attach({ program, cgroup = 'below' }: Step): number {
    const { fd, attachType } = this.#loaded.get(program!)!;
    const targetFd = this.#cgroups[cgroup]!;
    return Math.min(0, this.#bpf.linkCreate({ progFd: fd, targetFd, attachType }));
  }

  #socket({ as, family, type }: Step): number {
    const options = { family: family!, type: type! };
    this.#sockets.set(as!, this.#booted.network.namespace('').socket(options));
    return 0;
  }

  #accept(socket: KernelSocket, as: string): number {
    const accepted = socket.accept();
    if (!accepted) return -errnos['EAGAIN']!;
    this.#sockets.set(as, accepted);
    return 0;
  }

  #receive(socket: KernelSocket): unknown {
    const got = socket.receive();
    if (!got) return -errnos['EAGAIN']!;
    // Of TCP, recvfrom(2) gives no address.
    const address = socket.type === 'tcp' ? '' : shown(got.from);
    return { result: got.data.length, address };
  }

  /** Numbers in the order they were noted. */
  #log(fd: number): string[] {
    const map = this.#process.get(fd, 'map');
    const value = new Uint8Array(8);
    const noted: string[] = [];
    for (let key = 1; key < ENTRIES; key++) {
      map.lookup(new Uint8Array(Uint32Array.of(key).buffer), value);
      const number = new DataView(value.buffer).getBigUint64(0, true);
      if (number !== 0n) noted.push(number.toString(16));
    }
    return noted;
  }

  end(): void {
    this.#process.exit();
    for (const socket of this.#sockets.values()) socket.close();
  }
}

const shown = ({ address, port }: { address: string; port: number }): string =>
  `${address} ${port >= FIRST_CHOSEN ? '*' : port}`;

const path = '../fixtures/oracle/cgroup-sockets-6.12.117.json.gz';
const { cases } = JSON.parse(
  gunzipSync(readFileSync(new URL(path, import.meta.url))).toString(),
) as { cases: readonly Case[] };

describe('sockets of a cgroup with programs', () => {
  test.each<EngineName>(['wasm', 'interpreter'])('are as on Linux (%s)', async (engine) => {
    const differences: string[] = [];
    const booted = await bootMachine({
      engine,
      devices: { lo: { addresses: ['127.0.0.1/8', '::1/128'] } },
    });
    for (const { name, programs, steps } of cases) {
      const replay = new Replay(booted, programs);
      for (const [i, step] of steps.entries()) {
        const ours = replay.step(step);
        if (JSON.stringify(ours) === JSON.stringify(step.answer)) continue;
        const { answer, ...asked } = step;
        differences.push(
          `${name}, ${i} ${JSON.stringify(asked)}: ${JSON.stringify(ours)}, not ${JSON.stringify(answer)}`,
        );
      }
      replay.end();
      // What waits for its time is over before the next case.
      booted.machine.advance(200e9);
    }
    expect(cases.length).toBeGreaterThan(130);
    expect(differences).toEqual([]);
  });
});
