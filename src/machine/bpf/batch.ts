import { mapRules } from '../../abi/index.ts';
import type { BatchCommand, MapBatch, MapBatchAttr } from '../../kernel/index.ts';
import { refuse } from '../errno.ts';
import type { MachineMap } from '../map.ts';
import { readable, updateElement, writable } from './maps.ts';
import type { Process } from './process.ts';
import { flagsOf, userBytes } from './values.ts';

/** BPF_MAP_{LOOKUP,LOOKUP_AND_DELETE,UPDATE,DELETE}_BATCH. */
export function mapBatch(process: Process, command: BatchCommand, attr: MapBatchAttr): number {
  const file = process.fileOf(attr.mapFd, 'map');
  const reads = command.startsWith('lookup');
  if (reads) readable(file);
  if (command !== 'lookup') writable(file);
  const map = file.object;
  if (!mapRules(map.spec.typeId)?.batch[command]) refuse('ENOTSUPP');
  return reads ? lookupBatch(map, command, attr) : changeBatch(process, map, command, attr);
}

/** Reads into room of its own, so that a caller's short buffer is an errno. */
function lookupBatch(map: MachineMap, command: BatchCommand, attr: MapBatchAttr): number {
  const { keySize, maxEntries } = map.spec;
  const count = Math.min(attr.count ?? 0, maxEntries + 1);
  const bucketed = mapRules(map.spec.typeId)!.batchBuckets;
  const batch: MapBatch = {
    keys: new Uint8Array(count * keySize),
    values: new Uint8Array(count * map.userValueSize),
    count,
    ...(attr.inBatch && { start: userBytes(attr.inBatch, bucketed ? 4 : keySize).slice() }),
    next: new Uint8Array(Math.max(keySize, 4)),
    elemFlags: flagsOf(attr.elemFlags),
    flags: flagsOf(attr.flags),
  };
  const result = map.batch(command, batch);
  if (count === 0) return result;
  const refused = result !== 0 && batch.count === count && result !== ENOENT && result !== ENOSPC;
  if (refused) return result;
  attr.count = 0;
  copyOut(attr.keys, batch.keys, batch.count * keySize);
  copyOut(attr.values, batch.values!, batch.count * map.userValueSize);
  if (batch.count > 0) copyOut(attr.outBatch, batch.next!, bucketed ? 4 : keySize);
  attr.count = batch.count;
  return result;
}

const ENOENT = -2;
const ENOSPC = -28;

function copyOut(to: Uint8Array | undefined, from: Uint8Array, size: number): void {
  userBytes(to, size).set(from.subarray(0, size));
}

function changeBatch(
  process: Process,
  map: MachineMap,
  command: BatchCommand,
  attr: MapBatchAttr,
): number {
  const wanted = attr.count ?? 0;
  const probe: MapBatch = {
    keys: new Uint8Array(0),
    count: 0,
    elemFlags: flagsOf(attr.elemFlags),
  };
  // Flags and rights are the map's to judge; no element is touched yet.
  const refused = map.batch(command, probe);
  if (refused !== 0 || wanted === 0) return refused;
  const { keySize } = map.spec;
  const size = map.userValueSize;
  for (attr.count = 0; attr.count < wanted; attr.count++) {
    const at = attr.count;
    const key = userBytes(attr.keys?.subarray(at * keySize), keySize);
    const result =
      command === 'delete'
        ? map.delete(key)
        : updateElement(
            process,
            map,
            key,
            userBytes(attr.values?.subarray(at * size), size),
            probe.elemFlags!,
          );
    if (result !== 0) return result;
  }
  return 0;
}
