export { verify } from './verify.ts';
export type * from './types.ts';
export type { Message } from './messages/message.ts';
export { verifierInput } from './input.ts';
