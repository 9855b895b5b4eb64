export { counterexampleData, counterexampleText } from './report.ts';
export { findCounterexample } from './search.ts';
export type { Counterexample, RunInput, SearchOptions, Subject } from './types.ts';
