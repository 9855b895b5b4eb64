export { kfunc, kfuncSpelling, operationsOf } from './kfunc.ts';
export { intSize, kfuncModule, programTypesOf } from './module.ts';
export type * from './types.ts';
