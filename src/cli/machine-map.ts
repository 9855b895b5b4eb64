import { programTypeName, succeed } from '../abi/index.ts';
import type { Machine, MachineMap } from '../machine/index.ts';
import { openMap, READ_WRITE } from '../machine/bpf/files.ts';
import { pinObject } from '../machine/bpffs/pins.ts';
import type { CommandCall } from './command.ts';
import { usageError } from './exit.ts';
import type { CliIo } from './io.ts';
import { pinsOf, takeObject } from './machine-choice.ts';
import { onMachine, type Output, type Session } from './machine-file.ts';
import { showObjects } from './machine-show.ts';
import {
  entriesOutput,
  entryJson,
  entryText,
  mapAttr,
  mapText,
  nextKeyOutput,
  type ShownMap,
  takeBytes,
  takeUpdateFlags,
  valueOutput,
} from './map-words.ts';

/** `map show --machine` */
export function show(call: CommandCall, io: CliIo): Promise<number> {
  return showObjects(call, io, 'map', mapJson, mapText);
}

/** bpftool's keys and order (show_map_close_json). */
function mapJson(machine: Machine, map: MachineMap): ShownMap {
  const { spec, owner } = map;
  const pinned = pinsOf(machine, map);
  return {
    id: map.id,
    type: spec.type ?? spec.typeId,
    ...(spec.name !== '' && { name: spec.name.slice(0, 15) }),
    flags: map.flags,
    bytes_key: spec.keySize,
    bytes_value: spec.valueSize,
    max_entries: spec.maxEntries,
    ...(owner && { owner_prog_type: programTypeName(owner.type), owner_jited: false }),
    frozen: map.frozen ? 1 : 0,
    ...(map.btf && { btf_id: map.btf.id }),
    ...(pinned.length > 0 && { pinned }),
  };
}

/** A command on one map: `MAP …`. */
function onMap(
  changes: boolean,
  work: (session: Session & { map: MachineMap; mapFd: number }, words: string[]) => Output,
) {
  return (call: CommandCall, io: CliIo): Promise<number> =>
    onMachine(call, io, {
      changes,
      run(session) {
        const words = [...call.operands];
        const map = takeObject(session.machine, 'map', words);
        const mapFd = openMap(session.process, map, READ_WRITE);
        const output = work({ ...session, map, mapFd }, words);
        if (words.length > 0) throw usageError(`'${words[0]}' is one word too many`);
        return output;
      },
    });
}

/** `map dump --machine` */
export const dump = onMap(false, ({ bpf, map, mapFd }) => {
  const entries: [Uint8Array, Uint8Array][] = [];
  let key: Uint8Array | undefined;
  const nextKey = new Uint8Array(map.spec.keySize);
  while (bpf.mapGetNextKey({ mapFd, key, nextKey }) === 0) {
    key = nextKey.slice();
    const value = new Uint8Array(map.userValueSize);
    const result = bpf.mapLookupElem({ mapFd, key, value });
    if (result === 0) entries.push([key, value]);
  }
  return entriesOutput(map, entries);
});

/** `map lookup MAP key DATA` */
export const lookup = onMap(false, ({ bpf, map, mapFd }, words) => {
  const key = takeBytes(words, 'key', map.spec.keySize);
  const value = new Uint8Array(map.userValueSize);
  succeed(bpf.mapLookupElem({ mapFd, key, value }), 'the key was not found');
  return { json: entryJson(map, key, value), text: entryText(map, key, value) };
});

/** `map update MAP key DATA value DATA|MAP|PROG [any|exist|noexist]` */
export const update = onMap(true, ({ bpf, map, mapFd, machine, process }, words) => {
  const key = takeBytes(words, 'key', map.spec.keySize);
  const { valueIs } = map.facts;
  let value: Uint8Array;
  if (valueIs === 'map' || valueIs === 'program') {
    if (words.shift() !== 'value') throw usageError("'value' is missing");
    const kind = valueIs === 'map' ? 'map' : 'prog';
    const object = takeObject(machine, kind, words);
    const release = (): void => object.drop();
    const fd = process.open({
      kind,
      object: object.hold() as never,
      read: true,
      write: true,
      release,
    });
    value = Uint8Array.of(fd & 255, fd >> 8, 0, 0);
  } else value = perCpu(map, takeBytes(words, 'value', map.spec.valueSize), machine.cpus);
  const flags = takeUpdateFlags(words);
  succeed(bpf.mapUpdateElem({ mapFd, key, value, flags }), 'the map was not updated');
  return {};
});

/** The same value for every CPU. */
function perCpu(map: MachineMap, value: Uint8Array, cpus: number): Uint8Array {
  if (!map.perCpu) return value;
  const all = new Uint8Array(map.userValueSize);
  for (let cpu = 0; cpu < cpus; cpu++) all.set(value, (cpu * all.length) / cpus);
  return all;
}

/** `map delete MAP key DATA` */
export const remove = onMap(true, ({ bpf, map, mapFd }, words) => {
  const key = takeBytes(words, 'key', map.spec.keySize);
  succeed(bpf.mapDeleteElem({ mapFd, key }), 'the key was not deleted');
  return {};
});

/** `map push MAP value DATA`, `map enqueue`: of stacks and queues, which have no keys. */
export const push = onMap(true, ({ bpf, map, mapFd }, words) => {
  const value = takeBytes(words, 'value', map.spec.valueSize);
  succeed(bpf.mapUpdateElem({ mapFd, value, flags: 0 }), 'the value was not put in');
  return {};
});

/** `map pop MAP`, `map dequeue`. */
export const pop = onMap(true, ({ bpf, map, mapFd }) => {
  const value = new Uint8Array(map.userValueSize);
  succeed(bpf.mapLookupAndDeleteElem({ mapFd, value }), 'no value was taken out');
  return valueOutput(map, value);
});

/** `map peek MAP` */
export const peek = onMap(false, ({ bpf, map, mapFd }) => {
  const value = new Uint8Array(map.userValueSize);
  succeed(bpf.mapLookupElem({ mapFd, value }), 'there is no value');
  return valueOutput(map, value);
});

/** `map getnext MAP [key DATA]` */
export const getnext = onMap(false, ({ bpf, map, mapFd }, words) => {
  const key = words.length > 0 ? takeBytes(words, 'key', map.spec.keySize) : undefined;
  const nextKey = new Uint8Array(map.spec.keySize);
  succeed(bpf.mapGetNextKey({ mapFd, key, nextKey }), 'there is no next key');
  return nextKeyOutput(key, nextKey);
});

/** `map pin MAP PATH` */
export const pin = onMap(true, ({ machine, map }, words) => {
  pinObject(machine.files, words.shift() ?? '', 'map', map);
  return {};
});

/** `map freeze MAP` */
export const freeze = onMap(true, ({ bpf, mapFd }) => {
  succeed(bpf.mapFreeze({ mapFd }), 'the map was not frozen');
  return {};
});

/** `map create PATH type T key N value N entries N name NAME [flags N] [inner_map MAP]` */
export function create(call: CommandCall, io: CliIo): Promise<number> {
  return onMachine(call, io, {
    changes: true,
    run({ machine, process, bpf }) {
      const [path, ...words] = call.operands;
      const attr = mapAttr(words, () =>
        openMap(process, takeObject(machine, 'map', words), READ_WRITE),
      );
      const bpfFd = succeed(bpf.mapCreate(attr), `map '${attr.mapName}' was not created`);
      succeed(bpf.objPin({ bpfFd, pathname: path! }), `map '${attr.mapName}' was not pinned`);
      return {};
    },
  });
}
