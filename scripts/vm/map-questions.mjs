/** Cases of map-cases.mjs as bpf(2) calls of a plan, and the answers put beside them. */
import { load } from '../corpus/source.mjs';

const { BtfBuilder } = await load('src/btf/index.ts');
const { enums, loadKernelProfile } = await load('src/abi/index.ts');

const COMMAND = {
  create: 0,
  lookup: 1,
  update: 2,
  delete: 3,
  next: 4,
  progLoad: 5,
  btfLoad: 18,
  take: 21,
  freeze: 22,
  lookup_batch: 24,
  lookup_and_delete_batch: 25,
  update_batch: 26,
  delete_batch: 27,
};
const CREATE_SIZE = 80;
const ELEMENT_SIZE = 32;
const BATCH_SIZE = 56;
const SOCKET_FILTER = 1;
const kernel = (await loadKernelProfile()).btf();

/** mov r0, 0; exit */
const EMPTY_PROGRAM = Buffer.from('b7000000000000009500000000000000', 'hex');

/** An answer that is no number of ours to know: the id of a map or program, a socket's cookie. */
const HIDDEN = new Set(['map', 'program', 'socket', 'cgroup']);

export class MapQuestions {
  #plan;
  #btf;
  #types = {};

  constructor(plan) {
    this.#plan = plan;
    const builder = new BtfBuilder();
    const add = (name, type) => (this.#types[name] = builder.add(type));
    const int = { kind: 'int', bitOffset: 0, signed: true, char: false, bool: false };
    add('int', { ...int, name: 'int', size: 4, bits: 32 });
    add('long', { ...int, name: 'long', size: 8, bits: 64 });
    const member = (memberName, type, bitOffset) => ({
      name: memberName,
      type,
      bitOffset,
      bitSize: 0,
    });
    const struct = (name, size, members) => add(name, { kind: 'struct', name, size, members });
    struct('bpf_spin_lock', 4, [member('val', this.#types.int, 0)]);
    struct('locked', 16, [
      member('first', this.#types.long, 0),
      member('lock', this.#types.bpf_spin_lock, 64),
      member('last', this.#types.int, 96),
    ]);
    const bytes = Buffer.from(builder.toBytes());
    const attr = Buffer.alloc(ELEMENT_SIZE);
    attr.writeUInt32LE(bytes.length, 16);
    this.#btf = plan.syscall(COMMAND.btfLoad, attr, [{ at: 0, bytes }]);
  }

  /** A definition with the numbers of types that stand in it by name. */
  definition({ kernelType, ...usual }) {
    const struct = kernelType && kernel.find('struct', kernelType);
    return {
      ...usual,
      ...(kernelType === null && { kernelType }),
      ...(kernelType && { kernelType, kernelSize: struct ? kernel.sizeOf(struct) : 0 }),
    };
  }

  create(type, usual, changes) {
    const first = this.#plan.length;
    const command = this.#create(type, { ...usual, ...changes });
    this.#plan.closeFrom(first);
    return { changes, command };
  }

  #create(type, asked) {
    const references = [];
    const { inner, keyType, valueType, kernelType, extra = 0 } = asked;
    const attr = Buffer.alloc(CREATE_SIZE);
    const word = (at, value) => attr.writeUInt32LE(value >>> 0, at);
    const struct = kernelType ? (kernel.find('struct', kernelType) ?? 0) : 0;
    const valueSize =
      asked.valueSize || (struct && type === 'struct_ops' ? kernel.sizeOf(struct) : 0);
    if (inner)
      references.push({
        at: 20,
        command: this.#create('array', { keySize: 4, valueSize: 8, maxEntries: 4, flags: 0 }),
      });
    else word(20, 60000);
    word(0, enums.bpf_map_type[`BPF_MAP_TYPE_${type.toUpperCase()}`]);
    word(4, asked.keySize);
    word(8, valueSize);
    word(12, asked.maxEntries);
    word(16, asked.flags);
    word(52, keyType ? this.#types[keyType] : 0);
    word(56, valueType ? this.#types[valueType] : 0);
    word(60, struct);
    attr.writeBigUInt64LE(BigInt(extra), 64);
    if (keyType || valueType || struct) references.push({ at: 48, command: this.#btf });
    return this.#plan.syscall(COMMAND.create, attr, [], references);
  }

  created({ changes, command }, answers) {
    const told = Object.fromEntries(
      Object.entries(changes).map(([key, value]) => [key, value ?? null]),
    );
    return [this.definition(told), Math.min(0, answers.get(command).result)];
  }

  /** A run: its map, the objects that `$n` in keys and `@n` in values mean, its steps. */
  run(type, usual, { name, changes = {}, steps }) {
    const first = this.#plan.length;
    const definition = { ...usual, ...changes };
    const context = { type, ...definition, objects: this.#objects(definition) };
    if (type === 'struct_ops')
      context.valueSize = kernel.sizeOf(kernel.find('struct', usual.kernelType));
    context.map = this.#create(type, definition);
    let previous;
    const commands = steps.map((step) => {
      const command = this.#step(context, step, previous);
      previous = command;
      return command;
    });
    this.#plan.closeFrom(first);
    return { name, changes, steps, commands, map: context.map, holds: usual.holds };
  }

  #objects({ holds, owner }) {
    const kind = owner ?? holds;
    const one = () => {
      if (kind === 'map')
        return this.#create('array', { keySize: 4, valueSize: 8, maxEntries: 4, flags: 0 });
      return kind === 'program' ? this.#program() : this.#plan.open(kind);
    };
    return owner || HIDDEN.has(holds) ? [one(), one(), one()] : [];
  }

  #program() {
    const attr = Buffer.alloc(144);
    attr.writeUInt32LE(SOCKET_FILTER, 0);
    attr.writeUInt32LE(EMPTY_PROGRAM.length / 8, 4);
    const buffers = [
      { at: 8, bytes: EMPTY_PROGRAM },
      { at: 16, bytes: Buffer.from('GPL\0') },
    ];
    return this.#plan.syscall(COMMAND.progLoad, attr, buffers);
  }

  #step(context, step, previous) {
    if (step.op === 'close') {
      const object = context.objects[step.object];
      this.#plan.closeFrom(object, object + 1);
      return undefined;
    }
    if (step.op.endsWith('_batch')) return this.#batch(context, step, previous);
    if (step.op === 'freeze') {
      return this.#plan.syscall(
        COMMAND.freeze,
        Buffer.alloc(4),
        [],
        [{ at: 0, command: context.map }],
      );
    }
    return this.#element(context, step);
  }

  #element(context, { op, key, value, flags = 0 }) {
    const attr = Buffer.alloc(ELEMENT_SIZE);
    if (flags) attr.writeBigUInt64LE(BigInt(flags), 24);
    const parts = new Parts(context, attr, context.map, 0);
    if (key) parts.put(8, [key], context.keySize);
    if (op === 'update') parts.put(16, [value], userSize(context));
    else if (op === 'lookup' && context.type === 'bloom_filter')
      parts.put(16, [value], userSize(context));
    else if (op === 'lookup' || op === 'take') parts.get(16, userSize(context));
    else if (op === 'next') parts.get(16, context.keySize);
    return this.#plan.syscall(COMMAND[op], attr, parts.buffers, parts.references);
  }

  #batch(context, { op, keys, values, count, elemFlags, flags, start }) {
    const attr = Buffer.alloc(BATCH_SIZE);
    attr.writeUInt32LE(count, 32);
    attr.writeBigUInt64LE(BigInt(elemFlags), 40);
    attr.writeBigUInt64LE(BigInt(flags), 48);
    const parts = new Parts(context, attr, context.map, 36);
    const room = Math.max(count, 1);
    if (op.startsWith('lookup')) {
      if (start) parts.put(0, [START], Math.max(4, context.keySize));
      parts.get(8, Math.max(4, context.keySize));
      parts.get(16, room * context.keySize);
      parts.get(24, room * userSize(context));
    } else {
      parts.put(16, keys, context.keySize);
      if (op === 'update_batch') parts.put(24, values, userSize(context));
    }
    return this.#plan.syscall(COMMAND[op], attr, parts.buffers, parts.references);
  }

  answered({ name, changes, steps, commands, map, holds }, answers) {
    const made = Math.min(0, answers.get(map).result);
    const results = steps.map((step, index) => answerOf(step, answers.get(commands[index]), holds));
    const told = steps.map((step, index) => [step, ...results[index]]);
    return {
      name,
      changes,
      made,
      steps: made < 0 ? [] : told.filter(([, result]) => result !== NOT_ASKED),
    };
  }
}

/** The position a second lookup begins at: the second bucket, or after the first key. */
const START = '01000000';

/** One value as bpf(2) sees it on a machine with one CPU. */
const userSize = ({ type, valueSize }) =>
  type.includes('percpu') ? (valueSize + 7) & ~7 : valueSize;

/** Collects the buffers of a call, and the places that file descriptors go to. */
class Parts {
  buffers = [];
  references;
  #objects;

  constructor({ objects }, _attr, map, at) {
    this.#objects = objects;
    this.references = [{ at, command: map }];
  }

  put(at, items, size) {
    const bytes = Buffer.alloc(items.length * size);
    items.forEach((item, index) => {
      if (/^[$@]/.test(item)) {
        const command = this.#objects[Number(item.slice(1))];
        this.references.push({ at: index * size, command, buffer: this.buffers.length });
      } else bytes.write(item, index * size, 'hex');
    });
    this.buffers.push({ at, bytes });
  }

  get(at, size) {
    this.buffers.push({ at, size });
  }
}

/** ECANCELED: the loader had nothing open to ask with. */
const NOT_ASKED = -125;

const MAY_NUMBER = new Set(['lookup', 'take', 'lookup_batch', 'lookup_and_delete_batch']);

/** `[result]`, `[result, bytes]`, or for batches `[result, count, next, keys, values]`. */
function answerOf(step, answer, holds) {
  if (!answer) return [0];
  const { result, attr, buffers } = answer;
  const hidden = HIDDEN.has(holds) && MAY_NUMBER.has(step.op);
  const text = (bytes) => bytes.toString('hex');
  if (step.op.endsWith('_batch')) {
    const count = attr.readUInt32LE(32);
    if (!step.op.startsWith('lookup')) return [result, count];
    const [next, keys, values] = buffers;
    const room = Math.max(step.count, 1);
    const used = result === 0 || result === -2 ? count : 0;
    const part = (bytes) => text(bytes.subarray(0, (bytes.length / room) * used));
    return [result, count, text(next), part(keys), hidden ? null : part(values)];
  }
  if (result !== 0 || buffers.length === 0) return [result];
  return [result, hidden ? null : text(buffers[0])];
}
