import type { CommandCall } from './command.ts';
import { EXIT } from './exit.ts';
import { readObject } from './files.ts';
import { type CliIo, styleFor } from './io.ts';
import { kernelStruct, takeTables } from './struct-ops-tables.ts';
import { formatTable } from './table.ts';
import { toJson } from './values.ts';

const COLUMNS = [
  { head: 'id', right: true },
  { head: 'name' },
  { head: 'kernel struct_ops' },
  { head: 'programs' },
];

/** `beeyard struct_ops show`: the tables of an object, which bpftool lists once they are loaded. */
export async function run(call: CommandCall, io: CliIo): Promise<number> {
  const object = readObject(call.operands[0]!, io);
  const tables = takeTables(object, call.operands.slice(1));
  if (call.json) {
    const json = tables.map(({ id, map }) => ({
      id,
      name: map.name,
      kernel_struct_ops: kernelStruct(object, map),
    }));
    io.out(`${toJson(json, call.flag('pretty'))}\n`);
    return EXIT.ok;
  }
  const rows = tables.map(({ id, map }) => {
    const programs = (map.initialSlots ?? []).map(({ name }) => name);
    return [String(id), map.name, kernelStruct(object, map), programs.join(' ')];
  });
  if (rows.length > 0) io.out(formatTable(COLUMNS, rows, io.columns, styleFor(io.color).dim, 0));
  else io.err('the object has no struct_ops\n');
  return EXIT.ok;
}
