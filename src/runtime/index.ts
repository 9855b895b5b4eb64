export { createRuntime } from './runtime.ts';
export type * from './types.ts';
