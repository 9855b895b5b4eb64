/** What `beeyard run` says of objects that programs made: drawings, and what leaked. */
import { MapOf } from '../client/index.ts';
import type { KernelMap, LiveObjects } from '../kernel/index.ts';
import type { ObjectFile } from '../object/index.ts';
import { usageError } from './exit.ts';
import type { Style } from './io.ts';
import type { RunMachine } from './lanes.ts';
import { drawOwners } from './owned-draw.ts';
import { mayOwn, ownersIn, type ShownValue } from './owned-value.ts';
import { didYouMean } from './suggest.ts';
import { grouped } from './table.ts';

/** Objects drawn of one list or tree where the user does not say. */
const DRAWN = 32;

/** A map that is to be drawn, with what its values own. */
export interface DrawnMap {
  readonly name: string;
  readonly values: readonly ShownValue[];
}

/** Throws for maps that are not there, and for those whose values cannot own anything. */
export function checkDrawn(names: readonly string[], maps: ReadonlyMap<string, KernelMap>): void {
  for (const name of names) {
    if (maps.has(name)) continue;
    throw usageError(`the object has no map '${name}'${didYouMean(name, [...maps.keys()])}`);
  }
}

export function drawnMaps(
  names: readonly string[],
  { maps, machine }: RunMachine,
  { btf }: ObjectFile,
): DrawnMap[] {
  return names.map((name) => {
    const map = maps.get(name)!;
    const keys = [...new MapOf(map, undefined, machine.cpus).rawKeys()];
    if (keys.length > 0 && !mayOwn(map, keys)) {
      throw usageError(`--draw ${name}: its values have no lists, trees or kptrs`);
    }
    return { name, values: ownersIn(map, btf, keys) };
  });
}

export function drawingText(
  drawn: readonly DrawnMap[],
  entries: number | undefined,
  width: number,
  style: Style,
): string {
  const canvas = { width, limit: entries ?? DRAWN, style };
  return drawn.map(({ name, values }) => drawOwners(name, values, canvas)).join('\n');
}

/** Gives the maps up; objects that are alive afterwards are owned by nobody. */
export function leakedObjects({ maps, machine, program }: RunMachine): readonly LiveObjects[] {
  // The program holds its maps too.
  program.close();
  for (const map of maps.values()) map.close();
  return machine.liveObjects();
}

export function leakText(leaked: readonly LiveObjects[], style: Style): string {
  if (leaked.length === 0) return '';
  const list = leaked.map(({ type, perCpu, count }) => {
    return `${grouped(count)} ${perCpu ? 'per-CPU ' : ''}${type}`;
  });
  const text = `${list.join(', ')}: no map owns them, and no program can free them any more`;
  return `\n${style.bad('leaked objects')} ${text}\n`;
}
