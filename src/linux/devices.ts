/** Network devices of this computer's namespace. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { KernelError } from '../base/index.ts';
import type { KernelDevice, KernelRdma, KernelXsk, ReceiveResult } from '../kernel/index.ts';

const CLASS = '/sys/class/net';

/** Throws KernelError ENODEV. */
export function ifindexOf(name: string): number {
  const file = join(CLASS, name, 'ifindex');
  if (existsSync(file)) return Number(readFileSync(file, 'utf8'));
  throw new KernelError('ENODEV', 19, `there is no network device '${name}'`);
}

/** Programs attach to it by its name; packets are the kernel's own. */
class LinuxDevice implements KernelDevice {
  readonly name: string;
  readonly sent = [];

  constructor(name: string) {
    this.name = name;
  }

  get ifindex(): number {
    return ifindexOf(this.name);
  }

  receive(): ReceiveResult {
    return this.#refuse('receives what the wire brings: use run() for packets of your own');
  }

  transmit(): ReceiveResult {
    return this.#refuse('sends what sockets give it: use run() for packets of your own');
  }

  rxe(): KernelRdma {
    return this.#refuse('has the RDMA devices that rdma(8) makes');
  }

  xsk(): KernelXsk {
    return this.#refuse('has AF_XDP sockets of other programs only');
  }

  #refuse(why: string): never {
    throw new KernelError('EOPNOTSUPP', 95, `device '${this.name}' of Linux ${why}`);
  }
}

/** Names of all of this network namespace. */
export const deviceNames = (): string[] =>
  readdirSync(CLASS).filter((name) => existsSync(join(CLASS, name, 'ifindex')));

/** All of this network namespace, by name. */
export const devices = (): (readonly [string, KernelDevice])[] =>
  deviceNames().map((name) => [name, new LinuxDevice(name)] as const);
