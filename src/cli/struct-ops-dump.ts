import type { CommandCall } from './command.ts';
import { EXIT } from './exit.ts';
import { readObject } from './files.ts';
import type { CliIo } from './io.ts';
import { kernelStruct, membersOf, type Table, takeTables } from './struct-ops-tables.ts';
import { toJson } from './values.ts';

/**
 * `beeyard struct_ops dump`: what the object puts into its tables. bpftool prints JSON here with
 * and without -j: for each table what is known of its map, then the table itself.
 */
export async function run(call: CommandCall, io: CliIo): Promise<number> {
  const object = readObject(call.operands[0]!, io);
  const tables = takeTables(object, call.operands.slice(1));
  const json = tables.flatMap((table) => [
    { bpf_map_info: infoOf(table) },
    { [kernelStruct(object, table.map)]: membersOf(object, table.map) },
  ]);
  io.out(`${toJson(json, !call.json || call.flag('pretty'))}\n`);
  return EXIT.ok;
}

/** Members of `struct bpf_map_info` that stand in the object. */
function infoOf({ id, map }: Table): object {
  return {
    type: map.typeId,
    id,
    key_size: map.keySize,
    value_size: map.valueSize,
    max_entries: map.maxEntries,
    map_flags: map.flags,
    name: map.name,
  };
}
