import { sameBytes } from '../base/index.ts';
import { helperContract, helperId } from '../abi/index.ts';
import type { ProgramImage } from '../engine/index.ts';
import type { ReadRegister, RecordedStep, Recording } from '../engine/interpreter/recording.ts';
import {
  BPF_ABS,
  BPF_ATOMIC,
  BPF_IND,
  BPF_LD,
  BPF_LDX,
  BPF_PSEUDO_CALL,
  BPF_ST,
  BPF_STX,
  CALL,
  classOf,
} from '../isa/index.ts';
import type { Runtime } from '../runtime/index.ts';
import { M_KEY_SIZE, M_VALUE_SIZE } from '../runtime/layout.ts';
import { codeOf } from './lines.ts';
import { packetBounds } from './memory.ts';

/** A step that read or wrote bytes of memory. */
export interface Access extends RecordedStep {
  readonly step: number;
}

/** The last steps that did. */
export interface Accesses {
  readonly read?: Access | undefined;
  readonly written?: Access | undefined;
}

interface Range {
  readonly address: number;
  readonly size: number;
}

/** Steps gone through at once on the way back. */
const WINDOW = 1 << 16;
/** Bytes by the size bits of loads and stores. */
const SIZES = [4, 2, 1, 8];
const MODE = 0xe0;
/** Helpers that copy from the packet: offset and length are their second and fourth argument. */
const PACKET_READERS = ['skb_load_bytes', 'xdp_load_bytes'].map((name) => helperId(name)!);

/**
 * Which steps before `before` last read and last wrote any of `size` bytes at `address` of linear
 * memory. Instructions are found by their address, reads of helpers by their contract, writes of
 * helpers and kernel functions by what they changed: one that wrote what was there is not seen.
 * Memory is at another step afterwards.
 */
export function lastAccesses(
  recording: Recording,
  runtime: Runtime,
  range: Range,
  before: number,
): Accesses {
  let found: Accesses = {};
  for (let to = before; to > 0 && !(found.read && found.written); to -= WINDOW) {
    const inside = accessesIn(recording, runtime, range, Math.max(0, to - WINDOW), to);
    found = { read: found.read ?? inside.read, written: found.written ?? inside.written };
  }
  return found;
}

function accessesIn(
  recording: Recording,
  runtime: Runtime,
  range: Range,
  from: number,
  to: number,
): Accesses {
  const { address, size } = range;
  const bytes = () => runtime.u8().slice(address, address + size);
  let read: number | undefined;
  let written: number | undefined;
  let called: { readonly step: number; readonly bytes: Uint8Array } | undefined;
  // One step more: what the last call did is seen behind it.
  recording.scan(from, Math.min(to + 1, recording.length), (step, register) => {
    if (called && !sameBytes(called.bytes, bytes())) written = called.step;
    called = undefined;
    if (step >= to) return true;
    const { image, insn } = recording.step(step);
    const code = codeOf(image);
    const op = code.op[insn]!;
    if (op === CALL) {
      if (code.src[insn] === BPF_PSEUDO_CALL) return false;
      called = { step, bytes: bytes() };
      if (code.src[insn] === 0 && helperReads(runtime, image, code.imm[insn]!, register, range)) {
        read = step;
      }
      return false;
    }
    const does = insnAccess(runtime, image, insn, register, range);
    if (does & READS) read = step;
    if (does & WRITES) written = step;
    return false;
  });
  const access = (step: number | undefined): Access | undefined =>
    step === undefined ? undefined : { ...recording.step(step), step };
  return { read: access(read), written: access(written) };
}

const READS = 1;
const WRITES = 2;

function insnAccess(
  runtime: Runtime,
  image: ProgramImage,
  insn: number,
  register: ReadRegister,
  range: Range,
): number {
  const code = codeOf(image);
  const op = code.op[insn]!;
  const size = SIZES[(op >> 3) & 3]!;
  const at = (r: number) => Number(register(r) & 0xffff_ffffn) + code.off[insn]!;
  switch (classOf(op)) {
    case BPF_LDX:
      return touches(range, at(code.src[insn]!), size) ? READS : 0;
    case BPF_ST:
      return touches(range, at(code.dst[insn]!), size) ? WRITES : 0;
    case BPF_STX:
      if (!touches(range, at(code.dst[insn]!), size)) return 0;
      return (op & MODE) === BPF_ATOMIC ? READS | WRITES : WRITES;
    case BPF_LD: {
      const mode = op & MODE;
      if (mode !== BPF_ABS && mode !== BPF_IND) return 0;
      const start = packetBounds(runtime, image)?.start ?? 0;
      const index = mode === BPF_IND ? Number(BigInt.asIntN(32, register(code.src[insn]!))) : 0;
      return touches(range, start + index + code.imm[insn]!, size) ? READS : 0;
    }
    default:
      return 0;
  }
}

function helperReads(
  runtime: Runtime,
  image: ProgramImage,
  id: number,
  register: ReadRegister,
  range: Range,
): boolean {
  const low = (i: number) => Number(register(i + 1) & 0xffff_ffffn);
  if (PACKET_READERS.includes(id)) {
    const start = packetBounds(runtime, image)?.start ?? 0;
    if (touches(range, start + low(1), low(3))) return true;
  }
  const ofMap = (field: number) => runtime.u32()[(low(0) + field) >>> 2]!;
  return (helperContract(id)?.args ?? []).some(({ kind, access, sizeFrom, size, uninit }, i) => {
    if (access === 'write' || uninit) return false;
    if (kind === 'mem')
      return touches(range, low(i), sizeFrom === undefined ? size! : low(sizeFrom));
    if (kind === 'map_key') return touches(range, low(i), ofMap(M_KEY_SIZE));
    return kind === 'map_value' && touches(range, low(i), ofMap(M_VALUE_SIZE));
  });
}

const touches = (range: Range, address: number, size: number): boolean =>
  address < range.address + range.size && address + size > range.address;
