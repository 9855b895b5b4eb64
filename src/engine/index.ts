export * from './fault.ts';
export { type KeyedBranch, SwitchedCode } from './generations.ts';
export * from './types.ts';
