/** Sequences of mprog-cases.mjs as bpf(2) calls of a plan, and what Linux answered beside them. */
import { load } from '../corpus/source.mjs';
import { PROGRAMS, TC_PROGRAMS } from './mprog-cases.mjs';

const { constants, enums } = await load('src/abi/index.ts');
const COMMAND = enums.bpf_cmd;
const TYPE = enums.bpf_prog_type;
const INGRESS = enums.bpf_attach_type.BPF_TCX_INGRESS;

const LOOPBACK = 1;
const NO_FD = 60_000;
const NO_ID = 0x7ffffff0;
const ROOM = 64;
/** The loader's answer where a file descriptor is missing. */
const NOT_ASKED = -125;
/** mov r0, 0; exit */
const PASS = Buffer.from('b7000000000000009500000000000000', 'hex');
const LICENSE = Buffer.from('MIT\0');

export class MprogQuestions {
  #plan;
  #programs = [];
  #infos = [];

  constructor(plan) {
    this.#plan = plan;
    for (let i = 0; i < PROGRAMS; i++) {
      this.#programs.push(
        this.#load(i < TC_PROGRAMS ? TYPE.BPF_PROG_TYPE_SCHED_CLS : TYPE.BPF_PROG_TYPE_XDP),
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

  /** The first bytes of an object's info: of programs type and id, of links type, id, program's id. */
  #info(object) {
    const attr = Buffer.alloc(16);
    attr.writeUInt32LE(16, 4);
    const of = [{ at: 0, command: object }];
    return this.#plan.syscall(COMMAND.BPF_OBJ_GET_INFO_BY_FD, attr, [{ at: 8, size: 16 }], of);
  }

  ask(steps) {
    const first = this.#plan.length;
    const links = [];
    const infos = [];
    const asked = steps.map((step) => {
      const command = this.#step(step, links);
      const number = step.kind === 'link' ? { link: links.length } : {};
      if (step.kind === 'link') {
        links.push(command);
        infos.push(this.#info(command));
      }
      return { step: { ...step, ...number }, command, query: this.#query() };
    });
    this.#plan.closeFrom(first);
    for (let i = 0; i < TC_PROGRAMS + 1; i++) this.#detachAny();
    return { asked, infos };
  }

  #step(step, links) {
    switch (step.kind) {
      case 'close':
        return this.#plan.closeFrom(links[step.link], links[step.link] + 1);
      case 'detachLink':
        return this.#syscall('BPF_LINK_DETACH', 4, {}, [{ at: 0, command: links[step.link] }]);
      case 'update':
        return this.#update(step, links);
      default:
        return this.#request(step, links);
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

  #request(step, links) {
    const isLink = step.kind === 'link';
    const at = isLink
      ? { program: 0, target: 4, relative: 16 }
      : { program: 4, target: 0, relative: 20 };
    const values = { [at.target]: LOOPBACK, 8: INGRESS, 12: step.flags, 24: step.revision };
    const references = [];
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
      references.push({
        at: at.relative,
        command,
        kind: anchor.by === 'id' ? 'objectId' : 'descriptor',
      });
    }
    const command = {
      attach: 'BPF_PROG_ATTACH',
      link: 'BPF_LINK_CREATE',
      detach: 'BPF_PROG_DETACH',
    };
    return this.#syscall(command[step.kind], 32, values, references);
  }

  #detachAny() {
    this.#syscall('BPF_PROG_DETACH', 32, { 0: LOOPBACK, 8: INGRESS });
  }

  #query() {
    const attr = Buffer.alloc(64);
    attr.writeUInt32LE(LOOPBACK, 0);
    attr.writeUInt32LE(INGRESS, 4);
    attr.writeUInt32LE(ROOM, 24);
    const buffers = [
      { at: 16, size: 4 * ROOM },
      { at: 40, size: 4 * ROOM },
    ];
    return this.#plan.syscall(COMMAND.BPF_PROG_QUERY, attr, buffers);
  }

  #syscall(name, size, values, references = []) {
    const attr = Buffer.alloc(size);
    for (const [at, value] of Object.entries(values)) attr.writeUInt32LE(value >>> 0, Number(at));
    return this.#plan.syscall(COMMAND[name], attr, [], references);
  }

  /**
   * Steps with results (those that name a link that was not made were not asked), and the order after
   * each: programs, with `/link` where one holds them.
   */
  answered({ asked, infos }, answers) {
    const links = ids(infos, answers);
    const programs = ids(this.#infos, answers);
    return asked.flatMap(({ step, command, query }) => {
      const result = command === undefined ? 0 : Math.min(0, answers.get(command).result);
      if (result === NOT_ASKED) return [];
      const { attr, buffers } = answers.get(query);
      const order = [];
      for (let i = 0; i < attr.readUInt32LE(24); i++) {
        const program = programs.indexOf(buffers[0].readUInt32LE(4 * i));
        const link = links.indexOf(buffers[1].readUInt32LE(4 * i));
        order.push(link < 0 ? `${program}` : `${program}/${link}`);
      }
      const revision = Number(attr.readBigUInt64LE(56));
      return { ...step, answer: { result, revision, order: order.join(' ') } };
    });
  }
}

/** The ids that the machine gave, undefined where there is no object. */
const ids = (infos, answers) =>
  infos.map((info) => {
    const { result, buffers } = answers.get(info);
    return result === 0 ? buffers[0].readUInt32LE(4) : undefined;
  });
