/** Programs at hooks of the kernel this process runs on. */
import { closeSync, readSync } from 'node:fs';
import { succeed } from '../abi/index.ts';
import { joinBytes, KernelError } from '../base/index.ts';
import type { KernelLink, KernelProgram } from '../kernel/index.ts';
import { closeFd, Info, type System } from './system.ts';

const READ_SIZE = 1 << 16;

/** A link: BPF_LINK_CREATE or BPF_RAW_TRACEPOINT_OPEN made it. */
export class LinuxLink implements KernelLink {
  readonly id: number;
  readonly program: KernelProgram;
  readonly #system: System;
  /** What else ends with it: a perf event. */
  readonly #events: readonly number[];
  #fd: number;

  /** Takes the file descriptors over. */
  constructor(system: System, program: KernelProgram, fd: number, events: readonly number[] = []) {
    this.#system = system;
    this.program = program;
    this.#fd = fd;
    this.#events = events;
    this.id = new Info(system, fd, 'link').number('id');
  }

  /** -1 when it is closed. */
  get fd(): number {
    return this.#fd;
  }

  /** Off at once, also where others hold the link; without that command, when the last one goes. */
  detach(): void {
    if (this.#fd < 0) return;
    this.#system.bpf.linkDetach({ linkFd: this.#fd });
    for (const fd of [this.#fd, ...this.#events]) closeFd(this.#system, fd);
    this.#fd = -1;
  }

  read(): Uint8Array {
    return readIterator(this.#system, this.#fd);
  }

  [Symbol.dispose](): void {
    this.detach();
  }
}

/** What an iterator writes that a link is of: BPF_ITER_CREATE, then read(2) to the end. */
export function readIterator({ bpf }: System, linkFd: number): Uint8Array {
  const fd = succeed(bpf.iterCreate({ linkFd }), 'the link is not read');
  try {
    return readAll(fd);
  } finally {
    closeSync(fd);
  }
}

function readAll(fd: number): Uint8Array {
  const parts: Uint8Array[] = [];
  for (;;) {
    const part = new Uint8Array(READ_SIZE);
    const length = readSync(fd, part);
    if (length === 0) return joinBytes(parts);
    parts.push(part.subarray(0, length));
  }
}

/** A program at a hook without a link: BPF_PROG_ATTACH. */
export class LinuxAttachment implements KernelLink {
  readonly id = 0;
  readonly program: KernelProgram;
  readonly #detach: () => void;

  constructor(program: KernelProgram, detach: () => void) {
    this.program = program;
    this.#detach = detach;
  }

  detach(): void {
    this.#detach();
  }

  read(): Uint8Array {
    throw new KernelError('EINVAL', 22, 'only links of iterators are read');
  }

  [Symbol.dispose](): void {
    this.detach();
  }
}
