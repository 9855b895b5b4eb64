/** A run that was recorded, looked at step by step, forwards and backwards. */
export { type Access, type Accesses, lastAccesses } from './accesses.ts';
export {
  type Breakpoint,
  breakpointAt,
  breakpointText,
  type WatchedMap,
  watchedMap,
} from './breakpoints.ts';
export { codeOf, linesOf } from './lines.ts';
export { type Pointed, pointed } from './pointer.ts';
export {
  DebugSession,
  type Direction,
  type Place,
  type StepKind,
  type StopReason,
} from './session.ts';
export {
  type RecordedFrame,
  type RecordedStep,
  type Recording,
  Stepper,
} from '../engine/interpreter/recording.ts';
export { keepingEngine, wasmFunctions } from '../engine/wasm/index.ts';
export { contextPacket, packetBounds, stackOf } from './memory.ts';
export {
  lookUp,
  opens,
  partsOf,
  type ReadMemory,
  textOf,
  type TypedValue,
  type ValueWords,
} from './typed.ts';
export { DebugInfo, programMemory, type VariableScope } from './variables.ts';
