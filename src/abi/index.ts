export * from './calls.ts';
export { enums } from './generated/6.12/enums.ts';
export * as constants from './generated/6.12/constants.ts';
export { errnos } from './generated/6.12/errno.ts';
export { structs, type StructField } from './generated/6.12/structs.ts';
export { mapTypes } from './maps/index.ts';
export * from './names.ts';
export * from './programs/index.ts';
export type * from './types.ts';
