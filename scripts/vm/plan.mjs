/**
 * A plan: bpf(2) commands in order, with references between them, as the bytes that `loader.c` carries
 * out; and the answers that come back. A command is named by its place in the plan.
 */

const MAGIC = 0x4e4c5042;
const KIND = {
  syscall: 1,
  close: 2,
  capabilities: 3,
  dump: 4,
  records: 5,
  arena: 6,
  xlated: 7,
  file: 8,
  object: 9,
  path: 10,
  socket: 11,
  socketStep: 12,
  userRecords: 13,
};
const ON_PATH = {
  mkdir: 1,
  rmdir: 2,
  unlink: 3,
  rename: 4,
  open: 5,
  symlink: 6,
  file: 7,
  unshare: 8,
  home: 9,
};
const SOCKET_CALL = [
  'socket',
  'bind',
  'connect',
  'listen',
  'accept',
  'send',
  'receive',
  'local',
  'peer',
  'set',
  'get',
  'close',
  'join',
  'pause',
];
/** What a reference is. */
const REFERENCE = { descriptor: 0, id: 1, address: 2, objectId: 3 };
const SOCKET_STEP = {
  open: 1,
  bind: 2,
  listen: 3,
  connect: 4,
  accept: 5,
  send: 6,
  receive: 7,
  set: 8,
  shutdown: 9,
  error: 10,
  sendTo: 11,
  close: 12,
};
const OBJECT = { task: 1, inode: 2, socket: 3, cgroup: 4 };
const IN = 1;
const OUT = 2;
const TEXT = 4;
const NONE = 0xffffffff;
/** Of attr, where no command reads. */
const NO_PLACE = 8184;
const SKIP_ZEROS = 1;
const ALIGN = 8;
const SECTION = 12;

/** Capabilities by number (linux/capability.h) that a loader without privileges has not. */
const PRIVILEGES = [39, 38, 12, 21];

/** Collects commands. */
export class Plan {
  #parts = [];
  #size = 0;
  /** What is expected back, by command: how many buffers; undefined when nothing comes back. */
  #answers = [];

  get length() {
    return this.#answers.length;
  }

  /** Bytes so far. */
  get size() {
    return this.#size;
  }

  /**
   * A system call. `attr`: bytes; `buffers`: `{ at, bytes }` to be read by the kernel, `{ at, size }`
   * to be written (`text`: up to its first NUL; `sizeAt`: as many bytes as attr says there), each with
   * the offset in attr that gets its address (none: only references lead to it), `out`: it is written
   * all the same; `references`: `{ at, command, buffer, kind }`: the file descriptor that a command
   * gave (or its next_id, the id of the object it gave, the address of buffer number `command`) goes
   * to offset `at` of attr or of a buffer. `insteadOf`: a command that this one takes the place of
   * when it failed.
   */
  syscall(number, attr, buffers = [], references = [], insteadOf = NONE) {
    const counts = [attr.length, buffers.length, references.length];
    const parts = [words(number, ...counts, insteadOf, 0), padded(attr)];
    for (const { at, bytes, size, text, sizeAt, out } of buffers) {
      const flags = (bytes ? IN : 0) | (!bytes || out ? OUT : 0) | (text ? TEXT : 0);
      parts.push(words(at ?? NO_PLACE, bytes?.length ?? size, flags, sizeAt ?? NONE));
      if (bytes) parts.push(padded(bytes));
    }
    for (const { at, command, buffer, kind = 'descriptor' } of references) {
      parts.push(words(buffer ?? NONE, at, command, REFERENCE[kind]));
    }
    const out = buffers.filter(({ bytes, out: both }) => !bytes || both);
    return this.#add(KIND.syscall, parts, { attr: attr.length, buffers: out.length });
  }

  /** Closes what the commands from `first` up to here (or before `end`) gave. */
  closeFrom(first, end = this.length) {
    this.#add(KIND.close, [words(first, end)], undefined);
  }

  /**
   * mkdir, rmdir, unlink, rename, symlink, open of a directory or (`file`) of a file; `unshare`: into
   * a new network namespace, of which it gives a descriptor; `home`: back into the first one.
   */
  onPath(what, path, other = '') {
    const text = padded(Buffer.from(`${path}\0${other}\0`));
    return this.#add(KIND.path, [words(ON_PATH[what], 0), text], { buffers: 0 });
  }

  /** A file descriptor of a new file, bound UDP socket or cgroup, or of the loader's task. */
  open(kind) {
    return this.#add(KIND.object, [words(OBJECT[kind], 0)], { buffers: 0 });
  }

  /**
   * Something done with a socket (sockmap.c): `numbers` are what it needs, `on` the command that gave
   * it, `value` one whose descriptor is the second of the numbers.
   */
  socketStep(op, { on = NONE, numbers = [], value = NONE, data = Buffer.alloc(0) } = {}) {
    const four = [...numbers, 0, 0, 0, 0].slice(0, 4);
    const head = words(SOCKET_STEP[op], on, ...four, value, data.length);
    return this.#add(KIND.socketStep, [head, padded(data)], { buffers: 0 });
  }

  /**
   * A call on a socket that an earlier command gave (`fd`), with two numbers, an address and data as bytes;
   * `size`: room for what comes back, in place of data.
   */
  socketCall(
    what,
    { fd = -1, a = 0, b = 0, address = Buffer.alloc(0), data = Buffer.alloc(0), size } = {},
  ) {
    const numbers = [SOCKET_CALL.indexOf(what) + 1, fd, a, b, address.length, size ?? data.length];
    return this.#add(KIND.socket, [words(...numbers), padded(address), padded(data)], {
      buffers: 0,
    });
  }

  /** From here on: with all capabilities, or without those that BPF asks for. */
  privileged(all) {
    const dropped = [0, 0];
    for (const one of all ? [] : PRIVILEGES) dropped[one >> 5] |= 1 << (one & 31);
    this.#add(KIND.capabilities, [words(...dropped)], undefined);
  }

  /** Every key of a map with its value; without values that are zero in every byte, if asked. */
  dump(map, keySize, valueSize, { skipZeros = false } = {}) {
    const parts = [words(map, keySize, valueSize, skipZeros ? SKIP_ZEROS : 0)];
    return this.#add(KIND.dump, parts, { buffers: 0 });
  }

  /**
   * Maps an arena of so many pages into memory, at `address` unless that is 0n, and writes its
   * first bytes.
   */
  mapArena(map, pages, address, bytes = Buffer.alloc(0)) {
    const place = Buffer.alloc(8);
    place.writeBigUInt64LE(address);
    const contents = padded(Buffer.concat([words(bytes.length), bytes]));
    this.#add(KIND.arena, [words(map, pages), place, contents], undefined);
  }

  /** Records, headers and all, put into a new user ring buffer of `ringSize` bytes. */
  userRecords(map, ringSize, bytes) {
    const parts = [words(map, ringSize, bytes.length, 0), padded(bytes)];
    this.#add(KIND.userRecords, parts, undefined);
  }

  /** The records in a ring buffer of `size` bytes, as they are in its pages. */
  records(map, size) {
    return this.#add(KIND.records, [words(map, size)], { buffers: 0 });
  }

  /** A program's info: instructions as the kernel made them; see `readXlated`. */
  xlated(program) {
    return this.#add(KIND.xlated, [words(program, 0)], { buffers: 0 });
  }

  /** What is in a file of the machine. */
  file(path) {
    return this.#add(KIND.file, [padded(Buffer.from(`${path}\0`))], { buffers: 0 });
  }

  #add(kind, parts, answer) {
    const size = parts.reduce((sum, { length }) => sum + length, 0);
    this.#parts.push(words(kind, size), ...parts);
    this.#size += 8 + size;
    return this.#answers.push(answer) - 1;
  }

  /** The file. */
  bytes() {
    return Buffer.concat([words(MAGIC, this.length), ...this.#parts]);
  }

  /** What an answer's bytes are: the call's attr and its buffers, or `data`. */
  read(command, bytes) {
    const shape = this.#answers[command];
    if (shape?.attr === undefined) return { data: bytes };
    const buffers = [];
    let at = shape.attr;
    for (let i = 0; i < shape.buffers; i++) {
      const size = bytes.readUInt32LE(at);
      buffers.push(bytes.subarray(at + 4, at + 4 + size));
      at += 4 + size;
    }
    return { attr: bytes.subarray(0, shape.attr), buffers };
  }
}

/** The arrays in the answer to `Plan.xlated`: `{ insns, mapIds, functionInfo, lineInfo }`, as bytes. */
export function readXlated(data) {
  const arrays = [];
  for (let at = 0; at < data.length; ) {
    const size = data.readUInt32LE(at);
    arrays.push(data.subarray(at + 4, at + 4 + size));
    at += 4 + size;
  }
  const [insns, mapIds, functionInfo, lineInfo] = arrays;
  return { insns, mapIds, functionInfo, lineInfo };
}

/** Takes answers out of a stream of bytes. */
export class AnswerReader {
  #plan;
  #given;
  #chunks = [];
  #held = 0;
  /** The last answer came. */
  ended = false;
  /** The last command that was answered. */
  last = -1;

  /** `given(command, { result, attr, buffers } or { result, data })` */
  constructor(plan, given) {
    this.#plan = plan;
    this.#given = given;
  }

  push(chunk) {
    this.#chunks.push(chunk);
    this.#held += chunk.length;
    if (this.#held < SECTION || this.#held < this.#needed) return;
    const bytes = this.#chunks.length === 1 ? chunk : Buffer.concat(this.#chunks);
    const rest = this.#take(bytes);
    this.#chunks = rest.length > 0 ? [rest] : [];
    this.#held = rest.length;
  }

  #needed = 0;

  #take(bytes) {
    let at = 0;
    for (;;) {
      if (bytes.length - at < SECTION) {
        this.#needed = SECTION;
        break;
      }
      const size = bytes.readUInt32LE(at + 8);
      if (bytes.length - at < SECTION + size) {
        this.#needed = SECTION + size;
        break;
      }
      this.#answer(
        bytes.readUInt32LE(at),
        bytes.readInt32LE(at + 4),
        bytes.subarray(at + SECTION, at + SECTION + size),
      );
      at += SECTION + size;
    }
    return Buffer.from(bytes.subarray(at));
  }

  #answer(command, result, bytes) {
    if (command === this.#plan.length) {
      this.ended = true;
      return;
    }
    this.last = command;
    this.#given(command, { result, ...this.#plan.read(command, bytes) });
  }
}

function words(...numbers) {
  const bytes = Buffer.alloc(4 * numbers.length);
  numbers.forEach((number, index) => bytes.writeUInt32LE(number >>> 0, 4 * index));
  return bytes;
}

/** Filled up to the next multiple of 8. */
function padded(bytes) {
  const missing = -bytes.length & (ALIGN - 1);
  return missing === 0 ? bytes : Buffer.concat([bytes, Buffer.alloc(missing)]);
}
