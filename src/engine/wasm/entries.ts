import { C_BATCH_INDEX, C_FAULT_KIND, C_R0, C_STACK_TOP } from '../../runtime/layout.ts';
import { I32, I64 } from './encoder.ts';
import type { ModuleContext } from './module.ts';
import * as W from './opcodes.ts';
import { CodeWriter } from './writer.ts';

/** Packets that one call of a program expanded in the batch loop runs. */
const CHUNK = 64;

/** `run32(ctx) -> i32`: one run; all of r0 goes to C_R0. */
export function defineRun(module: ModuleContext): void {
  const { builder } = module;
  const index = builder.declare(builder.type([I32], [I32]), 'run32');
  const w = new CodeWriter(1);
  module.storeCpu(w, C_FAULT_KIND, () => w.i32(0));
  module.emitRunStart(w);
  module.storeCpu(
    w,
    C_R0,
    () => {
      w.with(W.LOCAL_GET, 0);
      w.with(W.CALL, module.entry);
    },
    W.I64_STORE,
  );
  module.loadCpu(w, C_R0);
  builder.define(index, w.finish());
  module.exportFunction('run32', index);
}

/**
 * `batch(contexts, stride, count, results, times) -> i32`: one run per context. It calls the
 * program (or `chunk`, which runs up to CHUNK of them) anew each time, so that it gets optimised
 * code as soon as there is some. It returns how many ran: where a timer is due it ends early.
 */
export function defineBatch(module: ModuleContext, chunk: Uint8Array | undefined): void {
  const { builder } = module;
  const chunkType = builder.type([I32, I32, I32, I32, I32, I32], []);
  const step =
    chunk === undefined ? defineStep(module, chunkType) : builder.declare(chunkType, 'chunk');
  if (chunk !== undefined) builder.define(step, chunk);
  const index = builder.declare(builder.type([I32, I32, I32, I32, I32], [I32]), 'batch');
  const w = new CodeWriter(5);
  const [contexts, stride, count, results, times] = [0, 1, 2, 3, 4];
  const i = w.addLocal(I32);
  const n = w.addLocal(I32);
  const scaled = (base: number, shift: number) => {
    w.with(W.LOCAL_GET, base);
    w.with(W.LOCAL_GET, i);
    w.i32(shift);
    w.op(W.I32_SHL);
    w.op(W.I32_ADD);
  };
  module.storeCpu(w, C_FAULT_KIND, () => w.i32(0));
  w.start(W.LOOP);
  w.with(W.LOCAL_GET, i);
  w.with(W.LOCAL_GET, count);
  w.op(W.I32_LT_U);
  w.start(W.IF);
  if (module.stopsForTimers) emitStop(module, w, times, () => scaled(times, 3), i);
  w.i32(chunk === undefined ? 1 : CHUNK);
  w.with(W.LOCAL_GET, count);
  w.with(W.LOCAL_GET, i);
  w.op(W.I32_SUB);
  w.with(W.LOCAL_TEE, n);
  w.i32(chunk === undefined ? 1 : CHUNK);
  w.with(W.LOCAL_GET, n);
  w.op(W.I32_LT_U);
  w.op(W.SELECT);
  w.with(W.LOCAL_SET, n);
  w.with(W.LOCAL_GET, contexts);
  w.with(W.LOCAL_GET, i);
  w.with(W.LOCAL_GET, stride);
  w.op(W.I32_MUL);
  w.op(W.I32_ADD);
  w.with(W.LOCAL_GET, stride);
  w.with(W.LOCAL_GET, n);
  scaled(results, 2);
  w.i32(0);
  scaled(times, 3);
  w.with(W.LOCAL_GET, times);
  w.op(W.I32_EQZ);
  w.op(W.SELECT);
  w.with(W.LOCAL_GET, i);
  w.with(W.CALL, step);
  if (module.stopsForTimers) {
    // A chunk may have ended early: it says at which packet.
    module.loadCpu(w, C_BATCH_INDEX);
    w.i32(1);
  } else {
    w.with(W.LOCAL_GET, i);
    w.with(W.LOCAL_GET, n);
  }
  w.op(W.I32_ADD);
  w.with(W.LOCAL_SET, i);
  w.with(W.BR, 1);
  w.op(W.END);
  w.op(W.END);
  w.with(W.LOCAL_GET, i);
  builder.define(index, w.finish());
  module.exportFunction('batch', index);
}

/** Leaves the batch before packet `i` if a timer is due first. `scaled`: where its time is. */
function emitStop(
  module: ModuleContext,
  w: CodeWriter,
  times: number,
  scaled: () => void,
  i: number,
): void {
  module.emitIsTimerDue(w, () => {
    w.i32(0);
    scaled();
    w.with(W.LOCAL_GET, times);
    w.op(W.I32_EQZ);
    w.op(W.SELECT);
  });
  w.start(W.IF);
  w.with(W.LOCAL_GET, i);
  w.op(W.RETURN);
  w.op(W.END);
}

/** A chunk of one packet, for programs that are called. */
function defineStep(module: ModuleContext, type: number): number {
  const index = module.builder.declare(type, 'step');
  const w = new CodeWriter(6);
  module.emitPacketStart(w, 5, 4);
  module.emitRunStart(w);
  w.with(W.LOCAL_GET, 3);
  w.with(W.LOCAL_GET, 0);
  w.with(W.CALL, module.entry);
  w.access(W.I64_STORE32, 0, 2);
  module.builder.define(index, w.finish());
  return index;
}

/**
 * The function others call through the table for callback `subprogram`: five arguments, a frame
 * from C_STACK_TOP down.
 */
export function defineCallback(module: ModuleContext, subprogram: number): void {
  const { builder } = module;
  const { start } = module.program.subprograms[subprogram];
  const callee = module.signature(subprogram);
  const type = builder.type([I64, I64, I64, I64, I64], [I64]);
  const index = builder.declare(type, `callback ${module.program.subprograms[subprogram].name}`);
  const w = new CodeWriter(5);
  if (module.world.checks) {
    module.emitPayFuel(w, start);
    module.emitDeeper(w, start);
  }
  for (const r of callee.args) w.with(W.LOCAL_GET, r - 1);
  if (callee.usesStack) module.loadCpu(w, C_STACK_TOP);
  w.with(W.CALL, callee.index);
  if (module.infos[subprogram].throws) module.emitUncaught(w);
  if (module.world.checks) module.emitDepth(w, -1);
  builder.define(index, w.finish());
  module.exportFunction(`callback${subprogram}`, index);
}
