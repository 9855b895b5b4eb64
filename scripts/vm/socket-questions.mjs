/** Cases of socket-cases.mjs as commands of a plan, and what Linux answered beside them. */
import { load } from '../corpus/source.mjs';

const { enums, helperId, attachTypeId, programTypeId } = await load('src/abi/index.ts');
const { assemble, encodeCode } = await load('src/isa/index.ts');
const { formatAddress, parseAddress } = await load('src/packet/index.ts');
const COMMAND = enums.bpf_cmd;
const LICENSE = Buffer.from('GPL\0');
const FAMILY = { 4: 2, 6: 10 };
const TYPE = { tcp: 1, udp: 2 };
const ENTRIES = 64;
/** Ports that the kernel chooses; clocks and the like would say nothing either. */
const FIRST_CHOSEN = 32_768;
const PSEUDO_MAP_FD = 1;
const ABOVE = '/cgroups/above';
const BELOW = `${ABOVE}/below`;

/** The instructions of a program, and where map descriptors go. */
export function programBytes({ text }) {
  const helper = (name) => helperId(name.replace(/^bpf_/, ''));
  const bytes = Buffer.from(encodeCode(assemble(text, { helper }).code));
  const maps = [];
  for (let at = 0; at < bytes.length; at += 8) {
    if (bytes[at] !== 0x18) continue;
    bytes[at + 1] |= PSEUDO_MAP_FD << 4;
    maps.push(at + 4);
    at += 8;
  }
  return { bytes, maps };
}

export class SocketQuestions {
  #plan;
  #cgroups;

  constructor(plan) {
    this.#plan = plan;
    plan.open('cgroup');
    for (const path of [ABOVE, BELOW]) plan.onPath('mkdir', path);
    this.#cgroups = { above: plan.onPath('open', ABOVE), below: plan.onPath('open', BELOW) };
    plan.socketCall('join', { data: Buffer.from(`${BELOW}\0`) });
  }

  ask({ name, programs, steps }) {
    const first = this.#plan.length;
    const made = new Map();
    const bytes = {};
    for (const [word, program] of Object.entries(programs)) {
      bytes[word] = programBytes(program);
      made.set(word, this.#load(program, bytes[word]));
    }
    const sockets = new Map();
    const asked = steps.map((step) => ({ step, command: this.#step(step, made, sockets) }));
    this.#plan.closeFrom(first);
    const codes = Object.entries(programs).map(([word, { type, attach, map }]) => {
      const { bytes: code, maps } = bytes[word];
      return [word, { type, attach, map: map ?? false, code: code.toString('hex'), maps }];
    });
    return { name, programs: Object.fromEntries(codes), asked, loads: [...made.values()] };
  }

  #load({ type, attach, map }, { bytes, maps }) {
    const log = map ? this.#map() : undefined;
    const attr = Buffer.alloc(144);
    attr.writeUInt32LE(programTypeId(type), 0);
    attr.writeUInt32LE(bytes.length / 8, 4);
    attr.writeUInt32LE(attachTypeId(attach), 68);
    const buffers = [
      { at: 8, bytes },
      { at: 16, bytes: LICENSE },
    ];
    const references = maps.map((at) => ({ at, command: log, buffer: 0 }));
    const program = this.#plan.syscall(COMMAND.BPF_PROG_LOAD, attr, buffers, references);
    return { program, attach: attachTypeId(attach), log };
  }

  #map() {
    const attr = Buffer.alloc(72);
    [enums.bpf_map_type.BPF_MAP_TYPE_ARRAY, 4, 8, ENTRIES].forEach((value, i) => {
      attr.writeUInt32LE(value, 4 * i);
    });
    return this.#plan.syscall(COMMAND.BPF_MAP_CREATE, attr);
  }

  #step(step, made, sockets) {
    const plan = this.#plan;
    const fd = sockets.get(step.on ?? 's');
    switch (step.do) {
      case 'attach': {
        const { program, attach } = made.get(step.program);
        const attr = Buffer.alloc(32);
        attr.writeUInt32LE(attach, 8);
        return plan.syscall(
          COMMAND.BPF_LINK_CREATE,
          attr,
          [],
          [
            { at: 0, command: program },
            { at: 4, command: this.#cgroups[step.cgroup ?? 'below'] },
          ],
        );
      }
      case 'log':
        return plan.dump(made.get(step.program).log, 4, 8, { skipZeros: true });
      case 'socket':
        sockets.set(
          step.as,
          plan.socketCall('socket', { a: FAMILY[step.family], b: TYPE[step.type] }),
        );
        return sockets.get(step.as);
      case 'accept':
        sockets.set(step.as, plan.socketCall('accept', { fd }));
        return sockets.get(step.as);
      case 'listen':
        return plan.socketCall('listen', { fd, a: 8 });
      case 'sysctl': {
        const writes = step.value !== undefined;
        const data = Buffer.from(`${step.name}\0${step.value ?? ''}`, 'latin1');
        return plan.socketCall('sysctl', { a: writes ? 1 : 0, data });
      }
      case 'pause':
        return plan.socketCall('pause', { a: step.ms });
      case 'send':
        return plan.socketCall('send', {
          fd,
          data: Buffer.alloc(step.length ?? 4, 120),
          ...(step.to && { address: sockaddr(step.to) }),
        });
      case 'set':
        return plan.socketCall('set', {
          fd,
          a: step.level,
          b: step.name,
          data: Buffer.from(step.value, 'hex'),
        });
      case 'get':
        return plan.socketCall('get', { fd, a: step.level, b: step.name, size: step.size ?? 4 });
      case 'bind':
      case 'connect':
        return plan.socketCall(step.do, { fd, address: sockaddr(step.to) });
      default:
        return plan.socketCall(step.do, { fd });
    }
  }

  answered({ name, programs, asked, loads }, answers) {
    for (const { program } of loads) {
      const { result } = answers.get(program);
      if (result < 0) throw new Error(`${name}: a program does not load: ${result}`);
    }
    const steps = asked.map(({ step, command }) => ({
      ...step,
      answer: this.#answer(step, answers.get(command)),
    }));
    return { name, programs, steps };
  }

  #answer(step, { result, data }) {
    if (step.do === 'log') return logOf(data);
    if (result < 0) return result;
    if (['receive', 'local', 'peer'].includes(step.do)) {
      return { result: step.do === 'receive' ? result : 0, address: addressIn(data) };
    }
    if (step.do === 'sysctl') {
      // What write(2) returns says nothing: it may be less than was given.
      return step.value === undefined ? data.toString('latin1') : 0;
    }
    if (step.do === 'get') return { result: 0, value: data.toString('hex') };
    return step.do === 'send' ? result : 0;
  }
}

/** Numbers in the order they were noted. */
function logOf(data) {
  const entries = new Map();
  for (let at = 0; at + 12 <= data.length; at += 12) {
    entries.set(data.readUInt32LE(at), data.readBigUInt64LE(at + 4));
  }
  return [...entries]
    .filter(([key]) => key > 0)
    .sort(([one], [other]) => one - other)
    .map(([, value]) => value.toString(16));
}

function sockaddr({ ip, port }) {
  const address = Buffer.from(parseAddress(ip, ip.includes(':') ? 16 : 4));
  const four = address.length === 4;
  const bytes = Buffer.alloc(four ? 16 : 28);
  bytes.writeUInt16LE(four ? FAMILY[4] : FAMILY[6], 0);
  bytes.writeUInt16BE(port, 2);
  address.copy(bytes, four ? 4 : 8);
  return bytes;
}

function addressIn(bytes) {
  if (bytes.length < 8) return '';
  const four = bytes.readUInt16LE(0) === FAMILY[4];
  const port = bytes.readUInt16BE(2);
  const ip = formatAddress(new Uint8Array(bytes.subarray(four ? 4 : 8, four ? 8 : 24)));
  return `${ip} ${port >= FIRST_CHOSEN ? '*' : port}`;
}
