/**
 * A machine that runs BPF code by the model: slow, small, and written without a look at the engines.
 * Knows one memory block (r1), the stack and bpf-to-bpf calls; enough to referee random programs.
 */
import { type Code, type InsnInfo, insnInfo } from '../../src/isa/index.ts';
import { arithmetic, atomic, byteOrder, extend, jumps, signExtend, u64 } from './model.ts';

const MEMORY = 0x10_0000_0000n;
const STACK = 0x20_0000_0000n;
const FRAME = 512n;
const STACK_SIZE = 8n * FRAME;

export interface ReferenceResult {
  readonly r0: bigint;
  readonly memory: Uint8Array;
}

interface Frame {
  readonly back: number;
  readonly saved: readonly bigint[];
}

class Reference {
  readonly code: Code;
  readonly memory: Uint8Array;
  readonly stack = new Uint8Array(Number(STACK_SIZE));
  readonly frames: Frame[] = [];
  reg: bigint[] = Array.from({ length: 11 }, () => 0n);

  constructor(code: Code, memory: Uint8Array) {
    this.code = code;
    this.memory = memory;
    this.reg[1] = MEMORY;
    this.reg[2] = BigInt(memory.length);
    this.reg[10] = STACK + STACK_SIZE;
  }

  view(address: bigint, size: number): DataView {
    const [bytes, base] =
      address >= STACK ? ([this.stack, STACK] as const) : ([this.memory, MEMORY] as const);
    const offset = Number(address - base);
    return new DataView(bytes.buffer, bytes.byteOffset + offset, size);
  }

  load(address: bigint, bits: number): bigint {
    const view = this.view(address, bits / 8);
    let value = 0n;
    for (let i = bits / 8 - 1; i >= 0; i--) value = (value << 8n) | BigInt(view.getUint8(i));
    return value;
  }

  store(address: bigint, bits: number, value: bigint): void {
    const view = this.view(address, bits / 8);
    for (let i = 0; i < bits / 8; i++) view.setUint8(i, Number((value >> BigInt(8 * i)) & 0xffn));
  }

  run(limit: number): ReferenceResult {
    let pc = 0;
    for (let steps = 0; steps < limit; steps++) {
      const next = this.step(pc);
      if (next === undefined) return { r0: this.reg[0]!, memory: this.memory };
      pc = next;
    }
    throw new Error(`the reference made ${limit} steps without an end`);
  }

  /** Executes slot `pc`; the next slot, or undefined at the end. */
  step(pc: number): number | undefined {
    const { op, dst, src, off, imm } = this.code;
    const info = insnInfo(op[pc]!, off[pc]!, src[pc]!, imm[pc]!);
    if (info === undefined) throw new Error(`no instruction at ${pc}`);
    switch (info.kind) {
      case 'ja':
        return pc + 1 + (info.off === 'jump' ? off[pc]! : imm[pc]!);
      case 'jump':
        return pc + 1 + (this.taken(info, pc) ? off[pc]! : 0);
      case 'call_local':
        this.frames.push({ back: pc + 1, saved: this.reg.slice(6) });
        this.reg[10] = this.reg[10]! - FRAME;
        return pc + 1 + imm[pc]!;
      case 'exit':
        return this.leave();
      case 'ld_imm64':
        this.reg[dst[pc]!] = u64((BigInt(imm[pc + 1]!) << 32n) | BigInt(imm[pc]! >>> 0));
        return pc + 2;
      default:
        this.execute(info, pc);
        return pc + 1;
    }
  }

  leave(): number | undefined {
    const frame = this.frames.pop();
    if (frame) this.reg.splice(6, 5, ...frame.saved);
    return frame?.back;
  }

  operand(info: InsnInfo, pc: number): bigint {
    return info.src === 'reg' ? this.reg[this.code.src[pc]!]! : extend(this.code.imm[pc]!);
  }

  taken(info: InsnInfo, pc: number): boolean {
    const dst = this.reg[this.code.dst[pc]!]!;
    return jumps(info.operation, info.bits, dst, this.operand(info, pc));
  }

  execute(info: InsnInfo, pc: number): void {
    const dst = this.code.dst[pc]!;
    const value = this.reg[dst]!;
    const source = this.reg[this.code.src[pc]!]!;
    const offset = BigInt(this.code.off[pc]!);
    switch (info.kind) {
      case 'alu':
        this.reg[dst] = arithmetic(info.operation, info.bits, value, this.operand(info, pc));
        return;
      case 'neg':
        this.reg[dst] = arithmetic('-', info.bits, 0n, value);
        return;
      case 'movsx':
        this.reg[dst] = signExtend(info.bits, this.code.off[pc]!, source);
        return;
      case 'end':
        this.reg[dst] = byteOrder(info.operation, info.bits, value);
        return;
      case 'load':
        this.reg[dst] = this.load(source + offset, info.bits);
        return;
      case 'load_sx':
        this.reg[dst] = signExtend(64, info.bits, this.load(source + offset, info.bits));
        return;
      case 'store_imm':
        this.store(value + offset, info.bits, extend(this.code.imm[pc]!));
        return;
      case 'store_reg':
        this.store(value + offset, info.bits, source);
        return;
      case 'atomic':
        this.atomic(info, pc, value + offset, source);
        return;
      default:
        throw new Error(`the reference does not know ${info.name}`);
    }
  }

  atomic(info: InsnInfo, pc: number, address: bigint, source: bigint): void {
    const old = this.load(address, info.bits);
    const { memory, register } = atomic(info.operation, info.bits, old, source, this.reg[0]!);
    this.store(address, info.bits, memory);
    this.reg[info.operation === 'cmpxchg' ? 0 : this.code.src[pc]!] = register;
  }
}

/** Runs `code` with r1 = a copy of `memory` and r2 = its length. */
export function runReference(code: Code, memory: Uint8Array, limit = 100_000): ReferenceResult {
  return new Reference(code, memory.slice()).run(limit);
}
