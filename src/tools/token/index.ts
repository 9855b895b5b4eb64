/** BPF tokens: what an object needs of one, and what its holder can do. */
export { explainToken, type TokenExplanation } from './explain.ts';
export { bitWords, type TokenNeed } from './needs.ts';
export { type LoadablePrograms, type TokenScope, tokenScope, type UselessBit } from './scope.ts';
