/** DWARF 4 and 5: what compilers tell debuggers of variables, functions and types. */
export { evaluate, type Surroundings } from './expression.ts';
export { expressionAt, rangesOf } from './lists.ts';
export { type Dwarf, parseDwarf } from './parse.ts';
export { attributeOf, type FunctionScope, functionsOf, nameOf, scopesAt } from './scopes.ts';
export { dwarfSections } from './sections.ts';
export type * from './types.ts';
