import { KFUNC_ID } from '../../runtime/layout.ts';
import type { ProgramImage } from '../types.ts';

/**
 * How the imports and exports of a program are called in its module. Alone it has them for itself;
 * in a pack each program puts its number before its own, and functions that several call have the
 * name that the first of them gave: '0.12' is what number 12 is to program 0.
 */
export interface ImportNames {
  readonly counters: string;
  readonly thrown: string;
  slot(subprogram: number): string;
  callee(id: number): string;
  contract(id: number): string;
  exported(name: string): string;
}

const ALONE: ImportNames = {
  counters: 'counters',
  thrown: 'thrown',
  slot: String,
  callee: String,
  contract: String,
  exported: (name) => name,
};

/** What the number of a callee stands for: the same text, the same function. */
function meaning({ kfuncs, objectTypes, programType }: ProgramImage, id: number): string {
  const kfunc = kfuncs?.[id - KFUNC_ID];
  return kfunc ? `${kfunc.name} ${objectTypes}` : `${id} ${programType}`;
}

/** The names of each program of a module. */
export function namesFor(images: readonly ProgramImage[]): ImportNames[] {
  if (images.length === 1) return [ALONE];
  const given = new Map<string, string>();
  return images.map((image, k) => {
    const share = (key: string, id: number): string => {
      if (!given.has(key)) given.set(key, `${k}.${id}`);
      return given.get(key)!;
    };
    return {
      counters: `${k}.counters`,
      thrown: `${k}.thrown`,
      slot: (subprogram) => `${k}.${subprogram}`,
      callee: (id) => share(meaning(image, id), id),
      contract: (id) => share(`contract ${id} ${meaning(image, id)}`, id),
      exported: (name) => `${k}.${name}`,
    };
  });
}

/** Number of the program and the rest of a name that `namesFor` made. */
export function splitName(name: string): readonly [member: number, rest: string] {
  const dot = name.indexOf('.');
  return dot < 0 ? [0, name] : [Number(name.slice(0, dot)), name.slice(dot + 1)];
}
