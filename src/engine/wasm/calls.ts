import {
  C_CPU,
  C_CTX,
  C_TAIL_CALLS,
  FAULT_HELPER_ARGUMENT,
  FAULT_NO_HELPER,
  G_CLOCK,
  M_MAGIC,
  M_MAX_ENTRIES,
  M_STRIDE,
  M_TYPE,
  M_VALUES,
  MAP_HEADER_SIZE,
  MAP_MAGIC,
  MAPS,
  MAX_MAPS,
  MAX_TAIL_CALLS,
} from '../../runtime/layout.ts';
import { emitPacketBounds, isProven } from './checks.ts';
import { I32, I64 } from './encoder.ts';
import type { Emitter } from './emitter.ts';
import type { ArgumentFacts, HelperFacts, MapFacts } from './facts.ts';
import { emitHashLookup } from './hash-lookup.ts';
import { emitHashDelete, emitHashUpdate, emitLruUpdate } from './hash-update.ts';
import { MAP_OPERATIONS } from './imports.ts';
import { inPlace, mapInVariable } from './in-place.ts';
import * as W from './opcodes.ts';
import { NONE } from './program.ts';
import { TAIL_CALL } from './subprograms.ts';
import { emitCommit, emitOutput, emitReserve } from './ring.ts';
import { CTX_TAG, MAP_HANDLE_TAG } from './tags.ts';
import { slotOf } from './transfer.ts';
import { isInWindow, setValue, V_CONST, V_CTX, V_UNKNOWN, WORDS } from './values.ts';

const KTIME_GET_NS = 5;
const GET_SMP_PROCESSOR_ID = 8;
const MAP_TYPE_PROG_ARRAY = 3;

/** Emits a helper call. `isMain`: the frame is the program's own, so a tail call may replace it. */
export function emitHelperCall(e: Emitter, i: number, base: number, frame: number): void {
  const id = e.program.code.imm[i];
  const facts = e.world.helper(id);
  if (id === TAIL_CALL) emitTailCall(e, i, base, frame);
  else if (facts === undefined) emitMissingHelper(e, i, id);
  else {
    emitArgumentCheck(e, i, base, facts);
    if (e.world.options.watch) e.module.emitWatch(e, i);
    if (facts.isRuntime && emitInlined(e, i, base, facts)) return;
    const map = MAP_OPERATIONS[id] && mapInVariable(e.analysis, e.state, base + 1);
    const operation =
      map === undefined
        ? undefined
        : e.module.imports.operation(e.world.mapAt(map)!, MAP_OPERATIONS[id].name);
    if (operation === undefined) emitPlainCall(e, base, frame, id, facts);
    else emitMapOperation(e, base, id, operation);
    e.set(base);
    if (e.world.options.watch) e.module.emitObtained(e, () => e.get(base));
    if (facts.changesPacket && e.world.checks) {
      e.module.callOpenPacket(e);
      emitPacketBounds(e);
    }
  }
}

function emitMissingHelper(e: Emitter, i: number, id: number): void {
  e.module.emitHelperFault(e, FAULT_NO_HELPER, i, id, 0, () => e.i64(0));
}

/** Checked code: the runtime proves the arguments against the helper's contract. */
function emitArgumentCheck(e: Emitter, i: number, base: number, facts: HelperFacts): void {
  const contract = e.module.imports.contract(e.program.code.imm[i]);
  if (contract === undefined || areArgumentsProven(e, base, facts)) return;
  e.needsRegions = true;
  e.with(W.GLOBAL_GET, contract);
  for (let k = 1; k <= 5; k++) {
    if (k <= facts.arity) e.get(base + k);
    else e.i64(0);
  }
  e.with(W.CALL, e.module.imports.checkCall);
  e.start(W.IF);
  e.module.emitArgumentFault(e, i);
  e.op(W.END);
}

/** Whether what is known of the argument registers satisfies the helper's contract. */
function areArgumentsProven(e: Emitter, base: number, facts: HelperFacts): boolean {
  const map = mapInVariable(e.analysis, e.state, base + 1);
  const mapFacts = map === undefined ? undefined : e.world.mapAt(map);
  return facts.args.every((argument, k) => {
    const pointer = base + 1 + k;
    switch (argument.kind) {
      case 'scalar':
        return true;
      case 'ctx':
        return e.kind(pointer) === V_CTX && e.word(pointer, 1) === 0;
      case 'map':
        return mapInVariable(e.analysis, e.state, pointer) !== undefined;
      case 'key':
        return isMemoryProven(e, pointer, mapFacts?.keySize, argument.write);
      case 'value':
        return isMemoryProven(e, pointer, mapFacts?.valueSize, argument.write);
      case 'memory':
        return isMemoryProven(e, pointer, knownSize(e, base, argument), argument.write);
      default:
        return false;
    }
  });
}

function knownSize(e: Emitter, base: number, argument: ArgumentFacts): number | undefined {
  if (argument.sizeFrom === undefined) return argument.size;
  const v = base + 1 + argument.sizeFrom;
  return e.kind(v) === V_CONST && e.word(v, 2) === 0 ? e.word(v, 1) : undefined;
}

function isMemoryProven(
  e: Emitter,
  pointer: number,
  size: number | undefined,
  write: boolean,
): boolean {
  if (size === undefined || size <= 0) return false;
  if (isInWindow(e.state, pointer, 0, size, write)) return true;
  return isProven(e, { pointer, off: 0, size, write, insn: 0 });
}

function emitPlainCall(e: Emitter, base: number, frame: number, id: number, facts: HelperFacts) {
  e.makesCalls = true;
  if (facts.callsBack) {
    e.saveFuel();
    e.lowerStackTop(e.graph.frames[frame].depth + 1);
  }
  for (let k = 1; k <= facts.arity; k++) e.get(base + k);
  e.with(W.CALL, e.module.imports.helper(id)!);
  if (!facts.callsBack) return;
  e.restoreStackTop();
  e.loadFuel();
}

/** A map operation on a known map goes straight to the map type's function. */
function emitMapOperation(e: Emitter, base: number, id: number, operation: number): void {
  MAP_OPERATIONS[id].params.forEach((type, k) => {
    if (type === I32) e.get32(base + 1 + k);
    else e.get(base + 1 + k);
  });
  e.with(W.CALL, operation);
}

/** Helpers whose whole body stands in the program; false if this call is none of them. */
function emitInlined(e: Emitter, i: number, base: number, facts: HelperFacts): boolean {
  const id = e.program.code.imm[i];
  if (id === KTIME_GET_NS) e.loadGlobal64(G_CLOCK);
  else if (id === GET_SMP_PROCESSOR_ID) {
    e.loadCpu(C_CPU);
    e.op(W.I64_EXTEND_I32_U);
  } else if (!emitInPlace(e, i, base, facts)) return false;
  e.set(base);
  return true;
}

/** Operations on maps. */
function emitInPlace(e: Emitter, i: number, base: number, facts: HelperFacts): boolean {
  const form = inPlace(e.analysis, e.state, i, base);
  if (form === undefined) return false;
  const callHelper = () => {
    for (let k = 1; k <= facts.arity; k++) e.get(base + k);
    e.with(W.CALL, e.module.imports.helper(e.program.code.imm[i])!);
  };
  switch (form.what) {
    case 'lookup':
      emitLookup(e, base, form.map);
      break;
    case 'update':
      if (form.map.hash!.lru) emitLruUpdate(e, base, form);
      else emitHashUpdate(e, base, form);
      break;
    case 'delete':
      emitHashDelete(e, base, form);
      break;
    case 'reserve':
      emitReserve(e, form);
      break;
    case 'commit':
      emitCommit(e, base, form, callHelper);
      break;
    case 'output':
      emitOutput(e, base, form);
  }
  return true;
}

function emitLookup(e: Emitter, base: number, map: MapFacts): void {
  if (map.hash === undefined) emitArrayLookup(e, base, map);
  else emitHashLookup(e, base, map, map.hash);
}

/** index < max_entries ? values + cpu * cpuStride + index * stride : 0 */
function emitArrayLookup(e: Emitter, base: number, map: MapFacts): void {
  const index = e.scratch32();
  const slot = slotOf(e.analysis, e.state, base + 2, 0, 4);
  if (slot !== NONE) e.get32(slot);
  else e.access(W.I32_LOAD, e.pushAddress(base + 2, 0));
  e.with(W.LOCAL_TEE, index);
  e.i32(map.maxEntries | 0);
  e.op(W.I32_LT_U);
  e.start(W.IF, I64);
  e.with(W.LOCAL_GET, index);
  if (map.stride !== 1) {
    e.i32(map.stride);
    e.op(W.I32_MUL);
  }
  if (map.cpuStride !== 0) {
    e.loadCpu(C_CPU);
    e.i32(map.cpuStride);
    e.op(W.I32_MUL);
    e.op(W.I32_ADD);
  }
  e.op(W.I64_EXTEND_I32_U);
  e.i64(map.values, map.valueTag);
  e.op(W.I64_ADD);
  e.op(W.ELSE);
  e.i64(0);
  e.op(W.END);
}

/** bpf_tail_call(ctx, prog_array, index): goes on behind the call when there is no program. */
function emitTailCall(e: Emitter, i: number, base: number, frame: number): void {
  e.makesCalls = true;
  if (e.world.checks) emitTailCallCheck(e, i, base);
  const slot = e.scratch32();
  const known = mapInVariable(e.analysis, e.state, base + 2);
  const facts = known === undefined ? undefined : e.world.mapAt(known);
  const field = (constant: number | undefined, offset: number) => {
    if (constant !== undefined) e.i32(constant);
    else {
      e.get32(base + 2);
      e.access(W.I32_LOAD, offset, 2);
    }
  };
  e.get32(base + 3);
  field(facts?.maxEntries, M_MAX_ENTRIES);
  e.op(W.I32_LT_U);
  e.loadCpu(C_TAIL_CALLS);
  e.i32(MAX_TAIL_CALLS);
  e.op(W.I32_LT_U);
  e.op(W.I32_AND);
  e.start(W.IF);
  field(facts?.values, M_VALUES);
  e.get32(base + 3);
  field(facts?.stride, M_STRIDE);
  e.op(W.I32_MUL);
  e.op(W.I32_ADD);
  e.access(W.I32_LOAD, 0);
  e.with(W.LOCAL_TEE, slot);
  e.start(W.IF);
  e.cpu();
  e.loadCpu(C_TAIL_CALLS);
  e.i32(1);
  e.op(W.I32_ADD);
  e.access(W.I32_STORE, C_TAIL_CALLS, 2);
  emitTailJump(e, base, frame, slot);
  e.op(W.END);
  e.op(W.END);
}

/** The target runs in this frame: same r10. Only the program itself can be replaced altogether. */
function emitTailJump(e: Emitter, base: number, frame: number, slot: number): void {
  const isMain = e.context !== NONE && frame === 0;
  const replaces = isMain && e.world.facts.tailCalls && e.result === NONE;
  if (!isMain) e.lowerStackTop(e.graph.frames[frame].depth);
  e.saveFuel();
  e.get32(base + 1);
  e.with(W.LOCAL_GET, slot);
  e.with(replaces ? W.RETURN_CALL : W.CALL, e.module.imports.tailCall);
  if (replaces) return;
  e.set(base);
  // What is known of r0 if the call fails is not what the target returned.
  const known = e.state.slice(base * WORDS, (base + 1) * WORDS);
  setValue(e.state, base, V_UNKNOWN);
  if (!isMain) e.restoreStackTop();
  e.get(base);
  e.finishRun();
  e.state.set(known, base * WORDS);
}

function emitTailCallCheck(e: Emitter, i: number, base: number): void {
  const refuse = (argument: number) => {
    e.start(W.IF);
    const address = () => e.get(base + argument);
    e.module.emitHelperFault(e, FAULT_HELPER_ARGUMENT, i, TAIL_CALL, argument, address);
    e.op(W.END);
  };
  if (!(e.kind(base + 1) === V_CTX && e.word(base + 1, 1) === 0)) {
    e.get(base + 1);
    e.loadCpu(C_CTX);
    e.op(W.I64_EXTEND_I32_U);
    e.i64(0, CTX_TAG);
    e.op(W.I64_OR);
    e.op(W.I64_NE);
    refuse(1);
  }
  const known = mapInVariable(e.analysis, e.state, base + 2);
  if (known !== undefined && e.world.mapAt(known)!.type === MAP_TYPE_PROG_ARRAY) return;
  emitIsProgramArray(e, base + 2);
  e.op(W.I32_EQZ);
  refuse(2);
}

/** Pushes whether variable `v` is the handle of a program array. */
function emitIsProgramArray(e: Emitter, v: number): void {
  const offset = e.scratch64();
  e.get(v);
  e.i64(MAPS, MAP_HANDLE_TAG);
  e.op(W.I64_SUB);
  e.with(W.LOCAL_TEE, offset);
  e.i64(MAX_MAPS * MAP_HEADER_SIZE);
  e.op(W.I64_LT_U);
  e.start(W.IF, I32);
  e.with(W.LOCAL_GET, offset);
  e.op(W.I32_WRAP_I64);
  e.i32(MAP_HEADER_SIZE - 1);
  e.op(W.I32_AND);
  e.op(W.I32_EQZ);
  for (const [field, value] of [
    [M_MAGIC, MAP_MAGIC],
    [M_TYPE, MAP_TYPE_PROG_ARRAY],
  ]) {
    e.get32(v);
    e.access(W.I32_LOAD, field, 0);
    e.i32(value);
    e.op(W.I32_EQ);
    e.op(W.I32_AND);
  }
  e.op(W.ELSE);
  e.i32(0);
  e.op(W.END);
}
