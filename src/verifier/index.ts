export { verify } from './verify.ts';
export type * from './types.ts';
export type { Message } from './messages/message.ts';
export { verifierInput } from './input.ts';
export { type Explanation, explain } from './explain/explain.ts';
export { explanationText } from './explain/render.ts';
export { contractOf as kfuncContract, type KfuncParam } from './call/kfunc-contract.ts';
