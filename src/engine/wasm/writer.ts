import { ByteSink } from './encoder.ts';
import * as W from './opcodes.ts';

/** Where the code of one WebAssembly function is written, and its locals. */
export class CodeWriter {
  sink = new ByteSink(1024);
  private readonly types: number[] = [];
  private readonly params: number;
  private nesting = 0;

  constructor(params: number) {
    this.params = params;
  }

  addLocal(type: number): number {
    return this.params + this.types.push(type) - 1;
  }

  /** Blocks, loops and ifs open around the next instruction. */
  get depth(): number {
    return this.nesting;
  }

  op(opcode: number): void {
    this.sink.byte(opcode);
    if (opcode === W.END) this.nesting--;
  }

  /** An instruction with one unsigned operand: a local, label, function or global. */
  with(opcode: number, operand: number): void {
    this.sink.byte(opcode);
    this.sink.u32(operand);
  }

  i32(value: number): void {
    this.sink.byte(W.I32_CONST);
    this.sink.s32(value);
  }

  i64(low: number, high = low >> 31): void {
    this.sink.byte(W.I64_CONST);
    this.sink.s64(low, high);
  }

  /** A load or store; `align` = log2 of the alignment promised (0 = none). */
  access(opcode: number, offset: number, align = 0): void {
    this.sink.byte(opcode);
    this.sink.u32(align);
    this.sink.u32(offset);
  }

  start(opcode: number, type = W.VOID): void {
    this.sink.byte(opcode);
    this.sink.byte(type);
    this.nesting++;
  }

  /** Branches out to the end of what `start` opened when the depth became `depth`. */
  branch(depth: number): void {
    this.with(W.BR, this.nesting - depth);
  }

  /** Adds to an i32 local what `push` pushes. */
  addTo(local: number, push: () => void): void {
    this.with(W.LOCAL_GET, local);
    push();
    this.op(W.I32_ADD);
    this.with(W.LOCAL_SET, local);
  }

  /** Local declarations followed by the code. */
  finish(): Uint8Array {
    this.sink.byte(W.END);
    const runs = new ByteSink(16);
    let count = 0;
    for (let k = 0; k < this.types.length; ) {
      let end = k;
      while (end < this.types.length && this.types[end] === this.types[k]) end++;
      runs.u32(end - k);
      runs.byte(this.types[k]);
      count++;
      k = end;
    }
    const body = new ByteSink(this.sink.length + runs.length + 8);
    body.u32(count);
    body.append(runs.finish());
    body.append(this.sink.finish());
    return body.finish();
  }
}
