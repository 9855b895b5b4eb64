import type { MapSpec } from '../object/index.ts';
import { type CommandCall, soleOperand } from './command.ts';
import { EXIT } from './exit.ts';
import { readObject } from './files.ts';
import { type CliIo, styleFor } from './io.ts';
import { formatTable, grouped } from './table.ts';
import { toJson } from './values.ts';

const COLUMNS = [
  { head: 'name' },
  { head: 'type' },
  { head: 'key', right: true },
  { head: 'value', right: true },
  { head: 'max entries', right: true },
  { head: 'flags', right: true },
  { head: 'inner map' },
];

/** `beeyard map show`. */
export async function run(call: CommandCall, io: CliIo): Promise<number> {
  if (call.text('machine') !== undefined) return (await import('./machine-map.ts')).show(call, io);
  const object = readObject(soleOperand(call), io);
  if (call.json) {
    const json = object.maps.map((map, i) => ({ id: i + 1, ...mapJson(map) }));
    io.out(`${toJson(json, call.flag('pretty'))}\n`);
    return EXIT.ok;
  }
  const rows = object.maps.map((one) => [
    one.name,
    one.type ?? `type ${one.typeId}`,
    `${one.keySize} B`,
    `${one.valueSize} B`,
    grouped(one.maxEntries),
    `0x${one.flags.toString(16)}`,
    one.inner?.type ?? '',
  ]);
  if (rows.length > 0) io.out(formatTable(COLUMNS, rows, io.columns, styleFor(io.color).dim, 0));
  else io.err('the object has no maps\n');
  return EXIT.ok;
}

/** bpftool's keys, and the template of inner maps. */
function mapJson(map: MapSpec): object {
  return {
    type: map.type ?? map.typeId,
    name: map.name,
    flags: map.flags,
    bytes_key: map.keySize,
    bytes_value: map.valueSize,
    max_entries: map.maxEntries,
    frozen: map.dataSection === 'rodata' ? 1 : 0,
    inner_map: map.inner && mapJson(map.inner),
  };
}
