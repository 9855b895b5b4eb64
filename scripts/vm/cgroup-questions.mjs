/** Sequences of cgroup-cases.mjs as commands of a plan, and what Linux answered beside them. */
import { load } from '../corpus/source.mjs';
import { PROGRAMS, SKB_PROGRAMS, TREE } from './cgroup-cases.mjs';

const { constants, enums } = await load('src/abi/index.ts');
const COMMAND = enums.bpf_cmd;
const TYPE = enums.bpf_prog_type;
const { BPF_CGROUP_INET_EGRESS: EGRESS, BPF_CGROUP_INET_INGRESS: INGRESS } = enums.bpf_attach_type;

const NO_FD = 60_000;
const NO_ID = 0x7ffffff0;
const ROOM = 64;
/** The loader's answer where a file descriptor is missing. */
const NOT_ASKED = -125;
/** mov r0, 1; exit */
const PASS = Buffer.from('b7000000010000009500000000000000', 'hex');
const LICENSE = Buffer.from('MIT\0');
/** Where the loader mounts the hierarchy for the first cgroup it is asked for. */
const MOUNT = '/cgroups';

export class CgroupQuestions {
  #plan;
  #programs = [];
  #infos = [];
  #sequences = 0;

  constructor(plan) {
    this.#plan = plan;
    plan.open('cgroup');
    for (let i = 0; i < PROGRAMS; i++) {
      const isSkb = i < SKB_PROGRAMS;
      this.#programs.push(
        this.#load(isSkb ? TYPE.BPF_PROG_TYPE_CGROUP_SKB : TYPE.BPF_PROG_TYPE_XDP),
      );
    }
    this.#infos = this.#programs.map((program) => this.#info(program));
  }

  #load(type) {
    const attr = Buffer.alloc(144);
    attr.writeUInt32LE(type, 0);
    attr.writeUInt32LE(PASS.length / 8, 4);
    const buffers = [
      { at: 8, bytes: PASS },
      { at: 16, bytes: LICENSE },
    ];
    return this.#plan.syscall(COMMAND.BPF_PROG_LOAD, attr, buffers);
  }

  /** The first bytes of an object's info: of links type, id, program's id, cgroup's id, attach type. */
  #info(object) {
    const attr = Buffer.alloc(16);
    attr.writeUInt32LE(32, 4);
    const of = [{ at: 0, command: object }];
    return this.#plan.syscall(COMMAND.BPF_OBJ_GET_INFO_BY_FD, attr, [{ at: 8, size: 32 }], of);
  }

  ask(steps) {
    const base = `${MOUNT}/s${this.#sequences++}`;
    const paths = TREE.map((name) => (name === '' ? base : `${base}/${name}`));
    const first = this.#plan.length;
    for (const path of paths) this.#plan.onPath('mkdir', path);
    const cgroups = paths.map((path) => this.#plan.onPath('open', path));
    const made = { cgroups, paths, links: [], infos: [] };
    const asked = steps.map((step) => {
      const command = this.#step(step, made);
      const number = step.kind === 'link' ? { link: made.links.length } : {};
      if (step.kind === 'link') {
        made.links.push(command);
        made.infos.push(this.#info(command));
      }
      const queries = cgroups.flatMap((cgroup) => [this.#query(cgroup, 0), this.#query(cgroup, 1)]);
      return { step: { ...step, ...number }, command, queries };
    });
    this.#plan.closeFrom(first);
    for (const path of paths.toReversed()) this.#plan.onPath('rmdir', path);
    return { asked, infos: made.infos };
  }

  #step(step, made) {
    const { links } = made;
    switch (step.kind) {
      case 'rmdir':
        return this.#plan.onPath('rmdir', made.paths[step.cgroup]);
      case 'close':
        return this.#plan.closeFrom(links[step.link], links[step.link] + 1);
      case 'detachLink':
        return this.#syscall('BPF_LINK_DETACH', 4, {}, [{ at: 0, command: links[step.link] }]);
      case 'update':
        return this.#update(step, links);
      default:
        return this.#request(step, made);
    }
  }

  #update({ link, program, old }, links) {
    const references = [
      { at: 0, command: links[link] },
      { at: 4, command: this.#programs[program] },
    ];
    if (old !== null) references.push({ at: 12, command: this.#programs[old] });
    const flags = old === null ? 0 : constants.BPF_F_REPLACE;
    return this.#syscall('BPF_LINK_UPDATE', 16, { 8: flags }, references);
  }

  #request(step, { cgroups, links }) {
    const isLink = step.kind === 'link';
    const at = isLink
      ? { program: 0, target: 4, relative: 16 }
      : { program: 4, target: 0, relative: 20 };
    const values = { 8: step.egress ? EGRESS : INGRESS, 12: step.flags, 24: step.revision };
    const references = [{ at: at.target, command: cgroups[step.cgroup] }];
    if (step.program !== null) {
      references.push({ at: at.program, command: this.#programs[step.program] });
    }
    if (step.replaces !== undefined) {
      references.push({ at: 16, command: this.#programs[step.replaces] });
    }
    const { anchor } = step;
    if (anchor?.wrong) values[at.relative] = anchor.by === 'id' ? NO_ID : NO_FD;
    else if (anchor) {
      const command = (anchor.of === 'link' ? links : this.#programs)[anchor.number];
      const kind = anchor.by === 'id' ? 'objectId' : 'descriptor';
      references.push({ at: at.relative, command, kind });
    }
    const command = {
      attach: 'BPF_PROG_ATTACH',
      link: 'BPF_LINK_CREATE',
      detach: 'BPF_PROG_DETACH',
    };
    return this.#syscall(command[step.kind], 32, values, references);
  }

  #query(cgroup, flags) {
    const attr = Buffer.alloc(64);
    attr.writeUInt32LE(EGRESS, 4);
    attr.writeUInt32LE(flags, 8);
    attr.writeUInt32LE(ROOM, 24);
    const of = [{ at: 0, command: cgroup }];
    return this.#plan.syscall(COMMAND.BPF_PROG_QUERY, attr, [{ at: 16, size: 4 * ROOM }], of);
  }

  #syscall(name, size, values, references = []) {
    const attr = Buffer.alloc(size);
    for (const [at, value] of Object.entries(values)) attr.writeUInt32LE(value >>> 0, Number(at));
    return this.#plan.syscall(COMMAND[name], attr, [], references);
  }

  /**
   * Steps with results (those that name a link that was not made were not asked), and after each of
   * every cgroup: `flags@revision programs` and `programs` that run; or the errno of the query.
   */
  answered({ asked, infos }, answers) {
    const programs = this.#infos.map((info) => idOf(answers.get(info)));
    const made = infos.map((info) => answers.get(info)).filter(({ result }) => result === 0);
    const ids = made.map(({ buffers }) => Number(buffers[0].readBigUInt64LE(16)));
    const steps = asked.flatMap(({ step, command, queries }) => {
      const result = command === undefined ? 0 : Math.min(0, answers.get(command).result);
      if (result === NOT_ASKED) return [];
      const state = queries.map((query, i) => shown(answers.get(query), programs, i % 2 === 1));
      return { ...step, answer: { result, state } };
    });
    return { steps, ids };
  }
}

function shown({ result, attr, buffers }, programs, effective) {
  if (result !== 0) return `${result}`;
  const count = attr.readUInt32LE(24);
  const order = Array.from({ length: count }, (_, i) =>
    programs.indexOf(buffers[0].readUInt32LE(4 * i)),
  );
  const list = order.join(' ');
  return effective ? list : `${attr.readUInt32LE(12)}@${attr.readBigUInt64LE(56)} ${list}`;
}

/** The id that the machine gave, undefined where there is no object. */
const idOf = ({ result, buffers }) => (result === 0 ? buffers[0].readUInt32LE(4) : undefined);
