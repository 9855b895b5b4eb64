/** Steps of bpf-cases.mjs as commands of a plan, and the answers put beside them. */
import { load } from '../corpus/source.mjs';

const { attrSize, bpfCommands, enums } = await load('src/abi/index.ts');
const { attrMembers } = await load('src/abi/generated/6.12/commands.ts');

const byName = new Map([...bpfCommands.values()].map((command) => [command.name, command]));
/** Where the last member of each command ends. */
export const ENDS = Object.fromEntries([...byName].map(([name, { end }]) => [name, end]));
/** Commands that answer with a file descriptor. */
const GIVES_PATH = new Set(['open', 'file', 'unshare', 'home']);
const GIVES = /create|load|get_fd_by_id|obj_get$|enable_stats|tracepoint_open/;
/** What differs from machine to machine. */
const OWN = new Set(['nextId', 'progId', 'duration']);

/** Adds the steps to the plan: for each the place of its command. */
export function askSteps(plan, steps) {
  const places = new Map();
  let first = plan.length;
  let group = steps[0]?.group;
  return steps.map((step) => {
    if (step.group !== group) {
      plan.closeFrom(first);
      [group, first] = [step.group, plan.length];
    }
    const place = step.path ? plan.onPath(step.path, ...step.args) : addCommand(plan, step, places);
    if (step.as) places.set(`${step.group} ${step.as}`, place);
    return { step, place };
  });
}

function addCommand(plan, step, places) {
  const size = step.size ?? attrSize;
  const attr = Buffer.alloc(Math.max(size, 0));
  const buffers = [];
  const references = [];
  const at = (name) => places.get(`${step.group} ${name}`);
  for (const [member, value] of Object.entries(step.attr)) {
    const [offset, bytes] = attrMembers[member];
    if (offset + bytes > size) continue;
    if (typeof value === 'number') writeNumber(attr, offset, bytes, value);
    else if (value.fd) references.push({ at: offset, command: at(value.fd) });
    else if (value.id) references.push({ at: offset, command: at(value.id), kind: 'id' });
    else if (bytes === 16) attr.write(value.hex, offset, 'hex');
    else addBuffer(value, offset, { buffers, references, at });
  }
  for (const [offset, byte] of step.raw ?? []) if (offset < size) attr[offset] = byte;
  return plan.syscall(numberOf(step), attr, buffers, references);
}

const numberOf = ({ command }) =>
  typeof command === 'number' ? command : enums.bpf_cmd[`BPF_${command.toUpperCase()}`];

function writeNumber(attr, offset, bytes, value) {
  if (bytes === 8) attr.writeBigUInt64LE(BigInt(value), offset);
  else attr.writeUInt32LE(value, offset);
}

function addBuffer(value, offset, { buffers, references, at }) {
  const index = buffers.push(bufferOf(value, offset)) - 1;
  for (const [place, name] of Object.entries(value.fds ?? {})) {
    references.push({ at: Number(place), command: at(name), buffer: index });
  }
  for (const [place, inner] of Object.entries(value.points ?? {})) {
    const target = buffers.push(bufferOf(inner, undefined)) - 1;
    references.push({ at: Number(place), command: target, buffer: index, kind: 'address' });
  }
}

function bufferOf({ hex, text, size, out }, at) {
  if (text !== undefined) return { at, bytes: Buffer.from(`${text}\0`) };
  return hex === undefined ? { at, size } : { at, bytes: Buffer.from(hex, 'hex'), out };
}

/** What the kernel said to a step: its result, members it wrote, buffers. */
export function answerOf({ step, place }, answers) {
  const { result, attr, buffers } = answers.get(place);
  const gives = GIVES_PATH.has(step.path) || GIVES.test(String(step.command));
  const answer = { result: gives && result >= 0 ? 'fd' : result };
  if (step.path || typeof step.command === 'number') return answer;
  const out = {};
  for (const { key, out: written, offset, size } of byName.get(step.command).members) {
    if (!written || OWN.has(key) || offset + size > attr.length) continue;
    if (!step.loose?.some((one) => one.endsWith(snakeCase(key)))) {
      out[key] = size === 8 ? Number(attr.readBigUInt64LE(offset)) : attr.readUInt32LE(offset);
    }
  }
  if (Object.keys(out).length > 0) answer.out = out;
  if (step.same) answer.buffers = buffers.map((bytes) => bytes.toString('hex'));
  return answer;
}

const snakeCase = (key) => key.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
