import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { constants, enums } from '../../src/abi/index.ts';
import { KernelError } from '../../src/base/index.ts';
import type { BpfSyscall, ProgQueryAttr } from '../../src/kernel/index.ts';
import { bootMachine, bpfSyscall, type Machine, Process } from '../../src/machine/index.ts';

interface Step {
  readonly kind: 'attach' | 'link' | 'detach' | 'close' | 'detachLink' | 'update' | 'rmdir';
  readonly cgroup: number;
  readonly egress?: boolean;
  readonly program: number | null;
  readonly link: number;
  readonly old: number | null;
  readonly flags?: number;
  readonly replaces?: number;
  readonly revision?: number;
  readonly anchor?: { readonly of: 'program' | 'link'; readonly by: string } & (
    | { readonly wrong: true }
    | { readonly wrong?: undefined; readonly number: number }
  );
  readonly answer: { readonly result: number; readonly state: readonly string[] };
}

/** Directories of the tree, parents first. */
const TREE = ['', '/a', '/a/b', '/c'];
/** The last program is for XDP: it fits nowhere here. */
const SKB_PROGRAMS = 10;
const NO_FD = 60_000;
const NO_ID = 0x7ffffff0;
const ROOM = 64;
/** mov r0, 1; exit */
const PASS = Uint8Array.of(0xb7, 0, 0, 0, 1, 0, 0, 0, 0x95, 0, 0, 0, 0, 0, 0, 0);
const { BPF_CGROUP_INET_EGRESS: EGRESS, BPF_CGROUP_INET_INGRESS: INGRESS } = enums.bpf_attach_type;

/** One sequence of commands to bpf(2) of a machine. */
class Sequence {
  readonly #machine: Machine;
  readonly #process: Process;
  readonly #bpf: BpfSyscall;
  readonly #programs: readonly number[];
  readonly #cgroups: readonly number[];
  readonly #base: string;
  /** Descriptors, and ids, of links that were made, by number. */
  readonly #links = new Map<number, { readonly fd: number; readonly id: number }>();

  constructor(machine: Machine, process: Process, programs: readonly number[], number: number) {
    this.#machine = machine;
    this.#process = process;
    this.#bpf = bpfSyscall(process);
    this.#programs = programs;
    this.#base = `/s${number}`;
    this.#cgroups = TREE.map((name) => process.openCgroup(machine.cgroups.make(this.#base + name)));
  }

  run(step: Step): number {
    const link = this.#links.get(step.link)!;
    const attachType = step.egress ? EGRESS : INGRESS;
    switch (step.kind) {
      case 'attach':
        return this.#bpf.progAttach({ ...this.#request(step), attachType });
      case 'detach':
        return this.#bpf.progDetach({ ...this.#request(step), attachType });
      case 'link':
        return this.#link(step, attachType);
      case 'update':
        return this.#update(step, link.fd);
      case 'close':
        if (link) this.#process.close(link.fd);
        this.#links.delete(step.link);
        return 0;
      case 'detachLink':
        return this.#bpf.linkDetach({ linkFd: link.fd });
      case 'rmdir':
        return this.#rmdir(TREE[step.cgroup]!);
    }
  }

  #rmdir(name: string): number {
    const { cgroups } = this.#machine;
    try {
      const found = cgroups.find(this.#base + name);
      if (!found) return -2;
      found.remove();
      return 0;
    } catch (error) {
      return -(error as KernelError).errno;
    }
  }

  #request({ cgroup, program, flags = 0, replaces, revision = 0, anchor }: Step) {
    return {
      targetFd: this.#cgroups[cgroup]!,
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

  /** Ids of the cgroups of links, in the order they were made. */
  readonly ids: number[] = [];

  #link(step: Step, attachType: number): number {
    const { relativeFd = 0, expectedRevision, attachFlags, targetFd } = this.#request(step);
    const fd = this.#bpf.linkCreate({
      progFd: this.#programs[step.program!]!,
      targetFd,
      attachType,
      flags: attachFlags,
      cgroup: { relativeFd, expectedRevision },
    });
    if (fd < 0) return fd;
    const link = this.#process.get(fd, 'link');
    this.#links.set(step.link, { fd, id: link.id });
    this.ids.push(Number(link.info()['cgroup.cgroup_id']));
    return 0;
  }

  #update({ program, old }: Step, linkFd: number): number {
    return this.#bpf.linkUpdate({
      linkFd,
      newProgFd: this.#programs[program!]!,
      ...(old !== null && { flags: constants.BPF_F_REPLACE, oldProgFd: this.#programs[old]! }),
    });
  }

  /** What BPF_PROG_QUERY says of every cgroup: its own programs, and those that run. */
  state(): string[] {
    return this.#cgroups.flatMap((fd) => [this.#query(fd, 0), this.#query(fd, 1)]);
  }

  #query(targetFd: number, queryFlags: number): string {
    const progIds = new Uint8Array(4 * ROOM);
    const attr: ProgQueryAttr = {
      targetFd,
      attachType: EGRESS,
      queryFlags,
      progCnt: ROOM,
      progIds,
    };
    const result = this.#bpf.progQuery(attr);
    if (result !== 0) return `${result}`;
    const programs = this.#programs.map((one) => this.#process.get(one, 'prog').id);
    const view = new DataView(progIds.buffer);
    const order = Array.from({ length: attr.progCnt! }, (_, i) =>
      programs.indexOf(view.getUint32(4 * i, true)),
    );
    const list = order.join(' ');
    return queryFlags === 1 ? list : `${attr.attachFlags}@${attr.revision} ${list}`;
  }

  end(): void {
    for (const { fd } of this.#links.values()) this.#process.close(fd);
    for (const fd of this.#cgroups) this.#process.close(fd);
    this.#machine.cgroups.find(this.#base)?.free();
  }
}

function loadPrograms(bpf: BpfSyscall): number[] {
  const { BPF_PROG_TYPE_CGROUP_SKB, BPF_PROG_TYPE_XDP } = enums.bpf_prog_type;
  return Array.from({ length: SKB_PROGRAMS + 1 }, (_, i) => {
    const progType = i < SKB_PROGRAMS ? BPF_PROG_TYPE_CGROUP_SKB : BPF_PROG_TYPE_XDP;
    return bpf.progLoad({ progType, insnCnt: 2, insns: PASS, license: 'MIT' });
  });
}

const path = '../fixtures/oracle/cgroup-6.12.117.json.gz';
const { sequences } = JSON.parse(
  gunzipSync(readFileSync(new URL(path, import.meta.url))).toString(),
) as { sequences: readonly { steps: readonly Step[]; ids: readonly number[] }[] };

describe('programs of a tree of cgroups', () => {
  test('bpf(2) answers 400 random sequences as Linux: errno, flags, revision, order, ids', async () => {
    const { machine } = await bootMachine();
    const process = new Process(machine);
    const programs = loadPrograms(bpfSyscall(process));
    expect(programs.every((fd) => fd > 0)).toBe(true);
    // The machine that was asked made one before.
    machine.cgroups.make('/0');
    const differences: string[] = [];
    sequences.forEach(({ steps, ids }, number) => {
      const sequence = new Sequence(machine, process, programs, number);
      steps.forEach((step, i) => {
        const result = sequence.run(step);
        const ours = { result, state: sequence.state() };
        if (JSON.stringify(ours) !== JSON.stringify(step.answer)) {
          differences.push(`${number}.${i} ${JSON.stringify(step)}: ${JSON.stringify(ours)}`);
        }
      });
      expect(sequence.ids).toEqual(ids);
      sequence.end();
    });
    expect(sequences.length).toBe(400);
    expect(differences.slice(0, 10)).toEqual([]);
    // Of all programs only their descriptors are left.
    process.exit();
    expect([...machine.objects.links]).toEqual([]);
  });
});
