import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { constants, enums, errnos } from '../../src/abi/index.ts';
import type { BpfSyscall, ProgQueryAttr } from '../../src/kernel/index.ts';
import { bootMachine, bpfSyscall, Process } from '../../src/machine/index.ts';
import { MAX_PROGRAMS, OrderedPrograms } from '../../src/machine/mprog.ts';

interface Step {
  readonly kind: 'attach' | 'link' | 'detach' | 'close' | 'detachLink' | 'update';
  readonly program: number | null;
  readonly link: number;
  readonly old: number | null;
  readonly flags: number;
  readonly replaces?: number;
  readonly revision: number;
  readonly anchor?: { readonly of: 'program' | 'link'; readonly by: string } & (
    | { readonly wrong: true }
    | { readonly wrong?: undefined; readonly number: number }
  );
  readonly answer: { readonly result: number; readonly revision: number; readonly order: string };
}

/** The last program is for XDP: it fits nowhere here. */
const TC_PROGRAMS = 12;
const LOOPBACK = 1;
const NO_FD = 60_000;
const NO_ID = 0x7ffffff0;
const ROOM = 64;
/** mov r0, 0; exit */
const PASS = Uint8Array.of(0xb7, 0, 0, 0, 0, 0, 0, 0, 0x95, 0, 0, 0, 0, 0, 0, 0);
const attachType = enums.bpf_attach_type.BPF_TCX_INGRESS;
const no = (name: string): number => -errnos[name]!;

/** One sequence of commands to bpf(2) of a machine. */
class Tcx {
  readonly #process: Process;
  readonly #bpf: BpfSyscall;
  readonly #programs: readonly number[];
  /** Descriptors, and ids, of links that were made, by number. */
  readonly #links = new Map<number, { readonly fd: number; readonly id: number }>();

  constructor(process: Process, bpf: BpfSyscall, programs: readonly number[]) {
    this.#process = process;
    this.#bpf = bpf;
    this.#programs = programs;
  }

  run(step: Step): number {
    const link = this.#links.get(step.link)!;
    switch (step.kind) {
      case 'attach':
        return this.#bpf.progAttach({ ...this.#request(step), attachType });
      case 'detach':
        return this.#bpf.progDetach({ ...this.#request(step), attachType });
      case 'link':
        return this.#link(step);
      case 'update':
        return this.#update(step, link.fd);
      case 'close':
        if (link) this.#process.close(link.fd);
        this.#links.delete(step.link);
        return 0;
      case 'detachLink':
        return this.#bpf.linkDetach({ linkFd: link.fd });
    }
  }

  #request({ program, flags, replaces, revision, anchor }: Step) {
    return {
      targetFd: LOOPBACK,
      attachFlags: flags,
      expectedRevision: BigInt(revision),
      ...(program !== null && { attachBpfFd: this.#programs[program]! }),
      ...(replaces !== undefined && { replaceBpfFd: this.#programs[replaces]! }),
      ...(anchor && { relativeFd: this.#relative(anchor) }),
    };
  }

  #relative(anchor: NonNullable<Step['anchor']>): number {
    if (anchor.wrong) return anchor.by === 'id' ? NO_ID : NO_FD;
    if (anchor.of === 'link') {
      const link = this.#links.get(anchor.number)!;
      return anchor.by === 'id' ? link.id : link.fd;
    }
    const fd = this.#programs[anchor.number]!;
    return anchor.by === 'id' ? this.#process.get(fd, 'prog').id : fd;
  }

  #link(step: Step): number {
    const { relativeFd = 0, expectedRevision, attachFlags: flags } = this.#request(step);
    const fd = this.#bpf.linkCreate({
      progFd: this.#programs[step.program!]!,
      targetFd: LOOPBACK,
      attachType,
      flags,
      tcx: { relativeFd, expectedRevision },
    });
    if (fd < 0) return fd;
    this.#links.set(step.link, { fd, id: this.#process.get(fd, 'link').id });
    return 0;
  }

  #update({ program, old }: Step, linkFd: number): number {
    return this.#bpf.linkUpdate({
      linkFd,
      newProgFd: this.#programs[program!]!,
      ...(old !== null && { flags: constants.BPF_F_REPLACE, oldProgFd: this.#programs[old]! }),
    });
  }

  /** What BPF_PROG_QUERY says. */
  state(): { revision: number; order: string } {
    const progIds = new Uint8Array(4 * ROOM);
    const linkIds = new Uint8Array(4 * ROOM);
    const attr: ProgQueryAttr = { targetFd: LOOPBACK, attachType, progCnt: ROOM, progIds, linkIds };
    expect(this.#bpf.progQuery(attr)).toBe(0);
    const links = [...this.#links].map(([number, { id }]) => [id, number] as const);
    const numbers = new Map(links);
    const programs = this.#programs.map((fd) => this.#process.get(fd, 'prog').id);
    const order = Array.from({ length: attr.progCnt! }, (_, i) => {
      const program = programs.indexOf(new DataView(progIds.buffer).getUint32(4 * i, true));
      const link = numbers.get(new DataView(linkIds.buffer).getUint32(4 * i, true));
      return link === undefined ? `${program}` : `${program}/${link}`;
    });
    return { revision: Number(attr.revision), order: order.join(' ') };
  }

  end(): void {
    for (const { fd } of this.#links.values()) this.#process.close(fd);
    while (this.#bpf.progDetach({ targetFd: LOOPBACK, attachType }) === 0);
  }
}

function loadPrograms(bpf: BpfSyscall): number[] {
  const { BPF_PROG_TYPE_SCHED_CLS, BPF_PROG_TYPE_XDP } = enums.bpf_prog_type;
  return Array.from({ length: TC_PROGRAMS + 1 }, (_, i) => {
    const progType = i < TC_PROGRAMS ? BPF_PROG_TYPE_SCHED_CLS : BPF_PROG_TYPE_XDP;
    return bpf.progLoad({ progType, insnCnt: 2, insns: PASS, license: 'MIT' });
  });
}

const path = '../fixtures/oracle/mprog-6.12.117.json.gz';
const { sequences } = JSON.parse(
  gunzipSync(readFileSync(new URL(path, import.meta.url))).toString(),
) as { sequences: (readonly Step[])[] };

describe('programs in order at an attach point', () => {
  test('bpf(2) answers 1,000 random sequences as Linux: errno, revision, order', async () => {
    const { machine } = await bootMachine();
    const process = new Process(machine);
    const bpf = bpfSyscall(process);
    const programs = loadPrograms(bpf);
    expect(programs.every((fd) => fd > 0)).toBe(true);
    const differences: string[] = [];
    sequences.forEach((steps, sequence) => {
      const tcx = new Tcx(process, bpf, programs);
      steps.forEach((step, i) => {
        const result = tcx.run(step);
        const ours = { result, ...tcx.state() };
        if (JSON.stringify(ours) !== JSON.stringify(step.answer)) {
          differences.push(`${sequence}.${i} ${JSON.stringify(step)}: ${JSON.stringify(ours)}`);
        }
      });
      tcx.end();
    });
    expect(sequences.length).toBe(1000);
    expect(differences.slice(0, 10)).toEqual([]);
  });

  test('there is room for 63', () => {
    const point = new OrderedPrograms<number, never>();
    for (let program = 0; program < MAX_PROGRAMS; program++) {
      expect(point.attach({ program })).toBe(0);
    }
    expect(point.attach({ program: 63 })).toBe(no('ERANGE'));
    const flags = constants.BPF_F_REPLACE;
    expect(point.attach({ program: 63, replaces: 62, flags })).toBe(0);
    expect(point.members.at(-1)!.program).toBe(63);
  });
});
