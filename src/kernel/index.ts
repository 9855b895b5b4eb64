export type * from './commands.ts';
export type * from './types.ts';
