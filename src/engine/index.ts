export { BareFault, type BareProgram, type BareResult, runBare } from './bare.ts';
export { type CallbackOwner, callbackOwner } from './callbacks.ts';
export { usesTimers } from './callee.ts';
export * from './fault.ts';
export { ExtendedCode } from './extended.ts';
export { type KeyedBranch, SwitchedCode } from './generations.ts';
export { isRunning, restoreRun, saveRun } from './run-state.ts';
export * from './types.ts';
